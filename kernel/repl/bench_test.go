package repl

import (
	"context"
	"path/filepath"
	"testing"

	"gsmlab/internal/ptyscreen"
	"gsmlab/kernel/shell"
)

// BenchmarkPrompt is the time until a user can type, if the kernel starts behind the prompt and if
// it starts before.
func BenchmarkPrompt(b *testing.B) {
	for _, behind := range []bool{true, false} {
		b.Run(map[bool]string{true: "behind", false: "before"}[behind], func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				screen := ptyscreen.New(b, 80, 24)
				history, err := shell.OpenHistory(filepath.Join(b.TempDir(), "history.jsonl"))
				if err != nil {
					b.Fatal(err)
				}
				opt := Options{In: screen.TTY, Out: screen.TTY, Err: screen.TTY, History: history, Getenv: environment(nil)}
				ended := make(chan error, 1)
				b.StartTimer()
				if !behind {
					sh, err := shell.New(context.Background(), shell.Options{History: history})
					if err != nil {
						b.Fatal(err)
					}
					opt.Start = func(context.Context, shell.Options) (*shell.Shell, error) { return sh, nil }
				}
				go func() { ended <- Run(context.Background(), opt) }()
				screen.Ends("In[1]:")
				b.StopTimer()
				screen.Type("1\r") // waits for the kernel
				screen.Ends("In[2]:")
				screen.Type("\x04")
				if err := <-ended; err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
