package notebook

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far a notebook has run: as a bar on a terminal, as lines elsewhere.
type progress struct {
	to    io.Writer
	name  string
	total int
	bar   *progressbar.ProgressBar
}

func newProgress(opt Options, name string, total int) *progress {
	p := &progress{to: opt.Progress, name: name, total: total}
	if opt.Terminal {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(opt.Progress), progressbar.OptionSetDescription(name),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionFullWidth(), progressbar.OptionSetRenderBlankState(true))
	}
	return p
}

// done reports that a code cell has ended.
func (p *progress) done(cell int, took time.Duration) {
	if p.bar != nil {
		p.bar.Set(cell) // a closed terminal shows no progress
		return
	}
	fmt.Fprintf(p.to, "%s: code cell %d of %d: %.1f s\n", p.name, cell, p.total, took.Seconds())
}

// failed reports an error that does not end the run.
func (p *progress) failed(cell int, err error) {
	if p.bar != nil {
		p.bar.Clear()
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	fmt.Fprintf(p.to, "%s: code cell %d: %s (allowed)\n", p.name, cell, first)
}

func (p *progress) end() {
	if p.bar != nil {
		p.bar.Exit()
		fmt.Fprintln(p.to)
	}
}
