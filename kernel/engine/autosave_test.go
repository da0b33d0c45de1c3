// Tests of automatic checkpoints: workers killed at random moments, and what comes back.

package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// savedAfter waits until the session has taken a checkpoint after a cell.
func savedAfter(t *testing.T, s *Engine, cell int) kept {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		s.auto.mu.Lock()
		k := s.auto.latest
		s.auto.mu.Unlock()
		if k.path != "" && k.cell >= cell {
			return k
		}
	}
	t.Fatalf("no checkpoint after cell %d", cell)
	return kept{}
}

// kill ends the worker like the system does when memory runs out.
func kill(s *Engine) { syscall.Kill(s.process.cmd.Process.Pid, syscall.SIGKILL) }

// crashes runs a cell on a worker that has ended or ends during the cell, and returns the error.
func crashes(t *testing.T, s *Engine, code string) *CellError {
	t.Helper()
	var cell *CellError
	if err := s.Execute(context.Background(), code, &transcript{}); !errors.As(err, &cell) || cell.Kind != KindCrash {
		t.Fatalf("%s: %v, not a crash", code, err)
	}
	return cell
}

func TestWhatACrashTookComesBack(t *testing.T) {
	s := newTestSession(t)
	for _, code := range []string{
		"type point struct{ x, y int }\nfunc (p point) sum() int { return p.x + p.y }\nimport \"os\"",
		"p, text, list, by := point{1, 2}, \"kept\", []float64{1, 2}, map[string]*point{\"a\": {3, 4}}",
		"var any1 any = p\nf := func() int { return 1 }\nch := make(chan int)\nstore := tensors.FromValue([]float32{1, 2, 3})",
		"func total() int { return p.sum() + len(list) }",
	} {
		execute(t, s, code)
	}
	k := savedAfter(t, s, 4)
	if !slices.Equal(k.names, []string{"any1", "by", "list", "p", "store", "text"}) {
		t.Errorf("the checkpoint has %v", k.names)
	}
	execute(t, s, "list = append(list, 3); late := 5") // may or may not be saved
	kill(s)
	<-s.process.dead
	err := crashes(t, s, "1")
	if !slices.Contains(err.Kept, "p") || slices.Contains(err.Kept, "f") || !slices.Contains(err.Lost, "f") {
		t.Errorf("lost %v, kept %v", err.Lost, err.Kept)
	}
	for name, kept := range map[string]bool{"p": true, "f": false} {
		var cell *CellError
		err := s.Execute(context.Background(), name, &transcript{})
		if !errors.As(err, &cell) || !strings.Contains(cell.Msg, "undefined: "+name+" (it was lost when the worker ended, in cell 5)") || slices.Contains(cell.Kept, name) != kept {
			t.Errorf("%s: %v", name, err)
		}
	}
	execute(t, s, `text := "newer"`)
	s.Forget("text", "ch") // one that exists again, and one that does not
	for _, name := range []string{"text", "ch"} {
		if got := shows(s, name); strings.Contains(got, "lost") || !strings.Contains(got, "undefined: "+name) {
			t.Errorf("after %%rm %s: %s", name, got)
		}
	}
	execute(t, s, `text := "newer"`)
	loaded, e := s.Restore(context.Background())
	if e != nil || !slices.Contains(loaded.Names, "p") || slices.Contains(loaded.Names, "text") {
		t.Fatalf("%+v, %v", loaded, e)
	}
	for code, want := range map[string]string{
		"total() >= 5":           "= true\n",
		"text":                   "= \"newer\"\n",
		"by[\"a\"].sum()":        "= 7\n",
		"any1.(point).x":         "= 1\n",
		"store.Value()":          "= [1 2 3]\n",
		"fmt.Sprint(p, list[0])": "= \"{1 2} 1\"\n",
	} {
		if got := execute(t, s, code); got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
	if err := s.Restart(context.Background()); err != nil || s.Lost() {
		t.Errorf("after a restart: %v, %v", s.Lost(), err)
	}
}

// TestKills ends the worker at random moments. The session continues, and what was saved is there
// again, as it was after one of the cells. GSM_KILLS says how often; the suite does it a few times.
func TestKills(t *testing.T) {
	times, _ := strconv.Atoi(os.Getenv("GSM_KILLS"))
	if times == 0 {
		times = 3
	}
	s := besideOthers(t)
	execute(t, s, "var a, b = 0, []int{0}\nfunc step(n int) { for range 50 { a, b = n, []int{n}; time.Sleep(time.Millisecond) } }")
	savedAfter(t, s, 1)
	random := rand.New(rand.NewPCG(3, 4))
	last := 0
	for i := range times {
		die := time.AfterFunc(time.Duration(random.IntN(800))*time.Millisecond, func() { kill(s) })
		for n := last + 1; ; n++ {
			err := s.Execute(context.Background(), fmt.Sprintf("step(%d)", n), &transcript{})
			if err == nil {
				time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
				continue
			}
			if KindOf(err) != KindCrash {
				t.Fatalf("%d: %v", i, err)
			}
			last = n
			break
		}
		die.Stop()
		loaded, err := s.Restore(context.Background())
		if err != nil || !slices.Equal(loaded.Names, []string{"a", "b"}) {
			t.Fatalf("%d: %+v, %v", i, loaded, err)
		}
		got := execute(t, s, "fmt.Println(a == b[0], a)")
		if !strings.HasPrefix(got, "true ") {
			t.Errorf("%d: %s", i, got)
		}
		if n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(got, "true "))); n > last {
			t.Errorf("%d: %s of a cell that did not run", i, got)
		}
		savedAfter(t, s, s.shown)
	}
}

// TestACellDoesNotWait runs cells while a checkpoint is taken that they can stop.
func TestACellDoesNotWait(t *testing.T) {
	s := newTestSession(t)
	execute(t, s, "large := make([][]float64, 50)\nfor i := range large { large[i] = make([]float64, 1<<17) }\nmany := make([]map[int]string, 40)\nfor i := range many { many[i] = map[int]string{}; for k := range 2000 { many[i][k] = \"a text\" } }\none, two, three := many, many, many")
	savedAfter(t, s, 1)
	s.auto.mu.Lock()
	cost, quickest := s.auto.cost, time.Hour
	s.auto.mu.Unlock()
	for range 2 {
		s.auto.mu.Lock()
		s.auto.cost = 0 // so that the next begins soon
		s.auto.mu.Unlock()
		execute(t, s, "len(large)")
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
			s.auto.mu.Lock()
			taking := s.auto.cancel != nil
			s.auto.mu.Unlock()
			if taking {
				break
			}
		}
		start := time.Now()
		execute(t, s, "len(large)")
		quickest = min(quickest, time.Since(start))
	}
	t.Logf("a checkpoint: %v, a look-up that stops one: %v", cost, quickest)
	if quickest > cost/2 {
		t.Errorf("a look-up waited %v for a checkpoint that takes %v", quickest, cost)
	}
}

// TestCellsWithoutAPauseAreSaved: cells that follow each other at once leave no time to save, so
// one of them waits.
func TestCellsWithoutAPauseAreSaved(t *testing.T) {
	s := besideOthers(t)
	execute(t, s, "n := 0\nfunc work() { time.Sleep(100 * time.Millisecond); n++ }")
	for range 24 {
		execute(t, s, "work()")
	}
	s.auto.mu.Lock()
	k := s.auto.latest
	s.auto.mu.Unlock()
	if !slices.Equal(k.names, []string{"n"}) || k.cell < 2 {
		t.Errorf("the checkpoint: %+v", k)
	}
}
