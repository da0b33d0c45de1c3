// A benchmark of the same cells in gocell and in this engine, in turns.

package engine

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// prompt is a kernel's prompt that is fed through a pipe, a cell a line.
type prompt struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	cells int
	begin time.Time
}

// startPrompt starts a kernel's program. It answers cells from then on.
func startPrompt(b *testing.B, program string, env ...string) *prompt {
	b.Helper()
	p := &prompt{cmd: exec.Command(program), begin: time.Now()}
	p.cmd.Env = append(os.Environ(), env...)
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return p
}

// ask runs a cell and returns how long its answer took.
func (p *prompt) ask(b *testing.B, cell string) time.Duration {
	b.Helper()
	p.cells++
	mark := fmt.Sprintf("answer %d", p.cells)
	start := time.Now()
	fmt.Fprintf(p.in, "%s; fmt.Println(\"answer\", %d)\n", cell, p.cells)
	for {
		line, err := p.out.ReadString('\n')
		if strings.Contains(line, mark) {
			return time.Since(start)
		}
		if err != nil {
			b.Fatalf("%s: no answer to %q: %v", p.cmd.Path, cell, err)
		}
	}
}

// again runs the latest cell once more, whose answer is then the same.
func (p *prompt) again(b *testing.B, cell string) time.Duration {
	p.cells--
	return p.ask(b, cell)
}

// rss is the resident memory in KB of the kernel and of its worker, if it has one.
func (p *prompt) rss() (kb int) {
	out, err := exec.Command("ps", "-o", "rss=", "-p", fmt.Sprint(p.cmd.Process.Pid), "--ppid", fmt.Sprint(p.cmd.Process.Pid)).Output()
	if err != nil {
		return 0
	}
	for _, field := range strings.Fields(string(out)) {
		var one int
		fmt.Sscan(field, &one)
		kb += one
	}
	return kb
}

func (p *prompt) stop() {
	p.in.Close()
	io.Copy(io.Discard, p.out)
	p.cmd.Wait()
}

// BenchmarkGocell runs the same cells at the prompts of gocell and of this kernel, in turns.
// $GSM_GOCELL names a checkout of github.com/alexispires/gocell, which the module proxy does not
// have everywhere: `GSM_GOCELL=DIR go test -run XXX -bench Gocell -benchtime 1x -timeout 1h
// ./kernel/engine`.
//
// first: from the start of the program to the answer of its first cell; warm: a cell that is new;
// again: the cell before, unchanged, for the third time; reopened: a cell of a notebook that
// another process ran before; RSS: what a cell adds to the memory of kernel and worker, over 100
// cells.
func BenchmarkGocell(b *testing.B) {
	theirs := os.Getenv("GSM_GOCELL")
	if theirs == "" {
		b.Skip("GSM_GOCELL names no checkout of gocell")
	}
	dir := b.TempDir()
	for _, program := range []struct{ folder, pkg, name string }{{theirs, "./cmd/gocell-repl", "gocell"}, {".", "gsmlab/kernel", "gsmlab"}} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, program.name), program.pkg)
		build.Dir = program.folder
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("%s: %v\n%s", program.name, err, out)
		}
	}
	names := []string{"gocell", "gsmlab"}
	open := func(name string) *prompt {
		return startPrompt(b, filepath.Join(dir, name), "GOCELL_MODULE_ROOT="+theirs)
	}
	for _, name := range names { // fills caches of packages
		p := open(name)
		p.ask(b, "_ = 0")
		p.stop()
	}
	for b.Loop() {
		stamp := time.Now().UnixNano() // no cache has these cells
		cell := func(i int) string { return fmt.Sprintf("x%d := %d + %d; _ = x%d", i, stamp, i, i) }
		first, warm, again, reopened := map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]time.Duration{}
		grown := map[string]int{}
		prompts := map[string]*prompt{}
		for range 3 {
			for _, name := range names {
				p := open(name)
				p.ask(b, "_ = 0")
				first[name] = append(first[name], time.Since(p.begin))
				if prompts[name] != nil {
					p.stop()
				} else {
					prompts[name] = p
				}
			}
		}
		const cells = 100
		before := map[string]int{}
		for i := range cells {
			for _, name := range names {
				if i == 5 { // the first ones fill what every session has once
					before[name] = prompts[name].rss()
				}
				warm[name] = append(warm[name], prompts[name].ask(b, cell(i)))
				if i < 20 {
					// the second run builds once more in gocell, where := becomes =
					prompts[name].again(b, cell(i))
					again[name] = append(again[name], prompts[name].again(b, cell(i)))
				}
			}
		}
		for _, name := range names {
			grown[name] = prompts[name].rss() - before[name]
			prompts[name].stop()
			prompts[name] = open(name)
			prompts[name].ask(b, "_ = 0")
		}
		for i := range 20 {
			for _, name := range names {
				prompts[name].cells = i // the texts of the notebook before
				if i == 0 {
					continue
				}
				reopened[name] = append(reopened[name], prompts[name].ask(b, cell(i-1)))
			}
		}
		for _, name := range names {
			prompts[name].stop()
			for what, times := range map[string][]time.Duration{"first": first[name], "warm": warm[name], "again": again[name], "reopened": reopened[name]} {
				b.ReportMetric(median(times), name+"-"+what+"-ms")
			}
			b.ReportMetric(float64(grown[name])/1024/(cells-5), name+"-RSS-MB/cell")
		}
	}
}
