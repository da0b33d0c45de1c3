package engine

import (
	"fmt"
	"sync"
	"time"
)

// buildShown is how often a cell shows how far the build of what it imports is. A build that takes
// less shows nothing.
const buildShown = 3 * time.Second

// building shows how far the build of the packages that a cell imports is. say takes the steps;
// done, with what the build returned, ends that.
func (d *delivery) building() (say func(Step), done func(error)) {
	var (
		mu    sync.Mutex
		step  Step
		start time.Time
		shows sync.WaitGroup
		shown bool
	)
	ended := make(chan struct{})
	show := func(text string) {
		d.output(func(o Outputs) { o.Progress(text) })
		shown = true
	}
	say = func(s Step) {
		mu.Lock()
		defer mu.Unlock()
		step = s
		if !start.IsZero() {
			return
		}
		start = time.Now()
		shows.Go(func() {
			for {
				select {
				case <-time.After(buildShown):
				case <-ended:
					return
				}
				mu.Lock()
				text := step.String()
				mu.Unlock()
				show(text)
			}
		})
	}
	return say, func(err error) {
		close(ended)
		shows.Wait()
		if shown && err == nil {
			show(fmt.Sprintf("built what the cell imports: %v", time.Since(start).Round(time.Second)))
		}
	}
}
