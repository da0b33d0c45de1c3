// Tests of the debugger, by its API: steps, conditions, goroutines, panics, values, interrupts.

package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// bench is a session whose debugger a test drives.
type bench struct {
	*testing.T
	s      *Engine
	d      *Debugger
	events chan DebugEvent
	out    *transcript
	ended  chan error
}

func newBench(t *testing.T, s *Engine) *bench {
	t.Helper()
	b := &bench{T: t, s: s, d: s.Debugger(), events: make(chan DebugEvent, 100)}
	stop := b.d.Listen(func(e DebugEvent) {
		if e.Bound == nil {
			b.events <- e
		}
	})
	b.d.Switch(true)
	t.Cleanup(func() {
		stop()
		b.d.Clear()
		b.d.StopAtPanics(false)
		b.d.Switch(false)
	})
	return b
}

// cell runs a cell to its end.
func (b *bench) cell(code string) string {
	b.Helper()
	b.begin(code)
	return b.end()
}

// begin starts a cell.
func (b *bench) begin(code string) {
	b.out, b.ended = &transcript{}, make(chan error, 1)
	out, ended := b.out, b.ended
	go func() { ended <- b.s.Execute(context.Background(), code, out) }()
}

// end waits for the end of the cell and returns what it showed.
func (b *bench) end() string {
	b.Helper()
	select {
	case err := <-b.ended:
		if err != nil {
			return b.out.String() + "! " + err.Error() + "\n"
		}
		return b.out.String()
	case <-time.After(2 * time.Minute):
		b.Fatalf("the cell does not end; it showed %q", b.out.String())
	}
	return ""
}

// stop waits until a goroutine stops.
func (b *bench) stop() Stop {
	b.Helper()
	for {
		select {
		case e := <-b.events:
			if e.Stopped != nil {
				return *e.Stopped
			}
		case err := <-b.ended:
			b.Fatalf("the cell ended instead: %v, %q", err, b.out.String())
		case <-time.After(2 * time.Minute):
			b.Fatal("nothing stops")
		}
	}
}

// at is the place of a stop, its reason and the variables there.
func (b *bench) at(s Stop) string {
	b.Helper()
	vars, err := b.d.Locals(At{Goroutine: s.Goroutine})
	if err != nil {
		b.Fatal(err)
	}
	return fmt.Sprintf("%s %d:%d %s%s", s.Frame.Func, s.Frame.Place.Cell, s.Frame.Place.Line, s.Reason, listed(vars))
}

func listed(vars []Value) string {
	text := ""
	for _, v := range vars {
		text += " " + v.Name + "=" + v.Text
	}
	return text
}

// resume lets the goroutine of a stop go on, and says where it stops next.
func (b *bench) resume(s Stop, step StepKind) (Stop, string) {
	b.Helper()
	if err := b.d.Resume(s.Goroutine, step); err != nil {
		b.Fatal(err)
	}
	next := b.stop()
	return next, b.at(next)
}

func (b *bench) is(got, want string) {
	b.Helper()
	if got != want {
		b.Errorf("got  %s\nwant %s", got, want)
	}
}

func (b *bench) brk(p Breakpoint) Breakpoint {
	b.Helper()
	set, err := b.d.Break(p)
	if err != nil {
		b.Fatal(err)
	}
	return set
}

const sumCell = `func sum(n int) int {
	total := 0
	for i := range n {
		total += i
	}
	return total
}`

func TestDebuggerSteps(t *testing.T) {
	b := newBench(t, newTestSession(t))
	b.cell(sumCell)
	p := b.brk(Breakpoint{Cell: 1, Line: 4})
	if p.Bound != 4 || p.Why != "" {
		t.Errorf("%+v", p)
	}
	b.begin("x := 1\ny := sum(2)\nfmt.Println(x, y)")
	s := b.stop()
	b.is(b.at(s), "sum 1:4 breakpoint i=0 n=2 total=0")
	frames, more, err := b.d.Stack(s.Goroutine)
	if err != nil || more != 0 || len(frames) != 2 || frames[1].Func != "cell 2" || frames[1].Place.Line != 2 {
		t.Errorf("%+v %d %v", frames, more, err)
	}
	for _, c := range []struct{ code, want string }{
		{"total + i*2 + n", "2"}, {"total == 0", "true"}, {"sum(4)", "6"}, {"x + n", "3"}, {"math.Pi * 2", "6.283185307179586"},
		{"total = 100", "100"}, {"total", "100"}, {"nix", "! undefined: nix"}, {"total = \"a\"", "! a string cannot be assigned to a int"},
		{"[]int{1}", "! []int{…} has to be built, and the debugger only looks: at names, fields and elements, by arithmetic and comparisons, and by calls of methods and of functions of cells"},
		{"n / (n - 2)", "! runtime error: integer divide by zero"}, {"if x", `! "if x" is neither an expression nor an assignment: the debugger evaluates no other Go`},
		{"total = 1.5", "! the constant 1.5 does not fit into int"},
	} {
		v, err := b.d.Evaluate(At{Goroutine: s.Goroutine}, c.code)
		got := v.Text
		if err != nil {
			got = "! " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.code, got, c.want)
		}
	}
	s, at := b.resume(s, StepNext)
	b.is(at, "sum 1:4 breakpoint i=1 n=2 total=100")
	b.d.Clear(p.ID)
	s, at = b.resume(s, StepNext)
	b.is(at, "sum 1:6 step n=2 total=101")
	s, at = b.resume(s, StepOut)
	b.is(at, "cell 2 2:3 step")
	if err := b.d.Resume(s.Goroutine, StepNone); err != nil {
		t.Fatal(err)
	}
	b.is(b.end(), "1 101\n")
	if got := b.d.Stopped(); len(got) != 0 {
		t.Errorf("stopped: %+v", got)
	}

	b.brk(Breakpoint{Cell: 3, Line: 1})
	b.begin("a := 1\nb := sum(a)\nc := a + b")
	s = b.stop()
	b.is(b.at(s), "cell 3 3:1 breakpoint")
	s, at = b.resume(s, StepIn)
	b.is(at, "cell 3 3:2 step")
	s, at = b.resume(s, StepIn)
	b.is(at, "sum 1:2 step n=1")
	s, at = b.resume(s, StepOut)
	b.is(at, "cell 3 3:3 step")
	b.d.Resume(s.Goroutine, StepNext) // the cell ends
	b.is(b.end(), "")
}

func TestDebuggerConditions(t *testing.T) {
	b := newBench(t, newTestSession(t))
	b.cell(sumCell)
	for _, c := range []struct {
		p     Breakpoint
		stops string
		out   string
		why   string
	}{
		{p: Breakpoint{Line: 4, Condition: "i == 2 && n > 1"}, stops: "i=2"},
		{p: Breakpoint{Line: 4, Hits: "3"}, stops: "i=2"},
		{p: Breakpoint{Line: 4, Hits: ">= 3"}, stops: "i=2 i=3"},
		{p: Breakpoint{Line: 4, Hits: "% 2"}, stops: "i=1 i=3"},
		{p: Breakpoint{Line: 4, Condition: "i > 0", Hits: "< 3"}, stops: "i=1 i=2"},
		{p: Breakpoint{Line: 4, Log: "i is {i}, {total} so far"}, out: "i is 0, 0 so far\ni is 1, 0 so far\ni is 2, 1 so far\ni is 3, 3 so far\n"},
		{p: Breakpoint{Line: 4, Condition: "i"}, why: "the condition i is not a bool"},
		{p: Breakpoint{Line: 4, Condition: "nix == 1"}, why: "the condition: undefined: nix"},
		{p: Breakpoint{Line: 99}, why: "no statement begins in line 99 of cell 1 or below"},
		{p: Breakpoint{Line: 4, Condition: "1/(i-1) < 5", Hits: "2"}, stops: "i=1 i=2"},
	} {
		b.d.Clear()
		c.p.Cell = 1
		set := b.brk(c.p)
		b.is(set.Why, c.why)
		b.begin("sum(4)")
		var stops []string
		out := ""
		for done := false; !done; {
			select {
			case e := <-b.events:
				if e.Stopped != nil {
					v, _ := b.d.Evaluate(At{Goroutine: e.Stopped.Goroutine}, "i")
					stops = append(stops, "i="+v.Text)
					b.d.Resume(e.Stopped.Goroutine, StepNone)
				}
			case err := <-b.ended:
				b.ended <- err
				out, done = b.end(), true
			}
		}
		b.is(strings.Join(stops, " "), c.stops)
		b.is(out, c.out+"= 6\n")
	}
	for _, bad := range []Breakpoint{{Line: 1, Hits: "often"}, {Line: 1, Log: "{"}, {Line: 1, Condition: "i =="}} {
		if _, err := b.d.Break(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestDebuggerSwitch: what cells have declared before is built anew, and again when it is over.
func TestDebuggerSwitch(t *testing.T) {
	s := newTestSession(t)
	execute(t, s, "type point struct{ x, y int }\nfunc (p point) norm() int { n := p.x*p.x; return n + p.y*p.y }\nfunc twice(p point) int {\n\treturn 2 * p.norm()\n}")
	execute(t, s, "p := point{3, 4}\nq := &p")
	b := newBench(t, s)
	set := b.brk(Breakpoint{Cell: 1, Line: 4})
	b.is(set.Why, "what cell 1 declared is built for debugging when the next cell runs")
	b.begin("twice(p)")
	stop := b.stop()
	b.is(b.at(stop), "twice 1:4 breakpoint p={x:3 y:4}")
	stop, at := b.resume(stop, StepIn)
	b.is(at, "point.norm 1:2 step p={x:3 y:4}")
	b.d.Resume(stop.Goroutine, StepNone)
	b.is(b.end(), "note: point, twice: built anew to be debugged\n= 50\n")
	b.is(b.cell("q.x = 0; p.norm()"), "= 16\n")
	b.d.Clear()
	b.d.Switch(false)
	b.is(b.cell("twice(p)"), "note: point, twice: built anew, without the debugger\n= 32\n")
}

func TestDebuggerGoroutines(t *testing.T) {
	b := newBench(t, newTestSession(t))
	b.cell("var beats atomic.Int64\nfunc work(id int, out chan<- int) {\n\tn := id * 10\n\tout <- n\n}")
	b.brk(Breakpoint{Cell: 1, Line: 4, Condition: "id == 1"})
	b.begin("out := make(chan int)\ngo work(1, out)\ngo work(2, out)\ngo func() {\n\tfor ctx.Err() == nil {\n\t\tbeats.Add(1)\n\t\ttime.Sleep(time.Millisecond)\n\t}\n}()\nfmt.Println(<-out)\nfmt.Println(<-out)")
	s := b.stop()
	b.is(b.at(s), "work 1:4 breakpoint id=1 out="+value(b, s, "out")+" n=10")
	all, err := b.d.Goroutines()
	if err != nil {
		t.Fatal(err)
	}
	stopped := 0
	for _, g := range all {
		if g.Stopped {
			stopped++
		}
	}
	if len(all) < 3 || stopped != 1 {
		t.Errorf("goroutines: %+v", all)
	}
	// the others run
	before := value(b, s, "beats.Load()")
	for deadline := time.Now().Add(time.Minute); value(b, s, "beats.Load()") == before; {
		if time.Now().After(deadline) {
			t.Fatal("the other goroutines stand")
		}
	}
	value(b, s, "n = 7")
	b.d.Resume(s.Goroutine, StepNone)
	b.is(b.end(), "20\n7\n")
}

func value(b *bench, s Stop, code string) string {
	b.Helper()
	v, err := b.d.Evaluate(At{Goroutine: s.Goroutine}, code)
	if err != nil {
		b.Errorf("%s: %v", code, err)
	}
	return v.Text
}

func TestDebuggerPause(t *testing.T) {
	b := newBench(t, newTestSession(t))
	b.begin("n := 0\nfor n < 1<<62 {\n\tn++\n}\nn")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if all, err := b.d.Goroutines(); err == nil && len(all) == 1 {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("the cell does not start")
		}
	}
	if err := b.d.Pause(0); err != nil {
		t.Fatal(err)
	}
	s := b.stop()
	b.is(b.at(s), "cell 1 1:3 pause")
	value(b, s, "n = 1 << 62")
	s, at := b.resume(s, StepNext)
	b.is(at, "cell 1 1:5 step")
	b.d.Resume(s.Goroutine, StepNone)
	b.is(b.end(), "= 4611686018427387905\n")
}

func TestDebuggerPanics(t *testing.T) {
	b := newBench(t, newTestSession(t))
	b.cell("func div(a, b int) int {\n\tq := 7\n\tq = a / b\n\treturn q\n}\nfunc safe() (s string) {\n\tdefer func() { s = fmt.Sprint(recover()) }()\n\tdiv(1, 0)\n\treturn\n}")
	// without a breakpoint the frames can be seen afterwards
	b.is(b.cell("div(5, 0)"), "! cell[1]:3: panic: runtime error: integer divide by zero\n")
	frames, _, err := b.d.Stack(Fallen)
	if err != nil || len(frames) != 1 || frames[0].Func != "div" || frames[0].Place.Line != 3 {
		t.Fatalf("%+v, %v", frames, err)
	}
	vars, err := b.d.Locals(At{Goroutine: Fallen})
	if err != nil {
		t.Fatal(err)
	}
	b.is(listed(vars), " a=5 b=0 q=7")
	v, err := b.d.Evaluate(At{Goroutine: Fallen}, "a + q")
	b.is(fmt.Sprint(v.Text, err), "12<nil>")
	// a panic that is recovered is none
	b.is(b.cell("s := safe(); s"), "= \"runtime error: integer divide by zero\"\n")
	if _, _, err := b.d.Stack(Fallen); err == nil {
		t.Error("a panic that was recovered is shown as one that ended the cell")
	}
	b.d.StopAtPanics(true)
	b.begin("safe()")
	s := b.stop()
	b.is(b.at(s), "div 1:3 panic a=1 b=0 q=7")
	b.is(s.Text, "runtime error: integer divide by zero")
	b.d.Resume(s.Goroutine, StepNone)
	b.is(b.end(), "= \"runtime error: integer divide by zero\"\n")
}

// TestDebuggerInterrupts: an interrupt ends what is stopped, and a crash does.
func TestDebuggerInterrupts(t *testing.T) {
	b := newBench(t, newTestSession(t))
	b.cell(sumCell)
	b.brk(Breakpoint{Cell: 1, Line: 4})
	b.begin("keep := 5\nsum(3)\nkeep = 6")
	b.stop()
	b.s.Interrupt()
	b.is(b.end(), "! cell[1]:4: interrupted\n")
	if got := b.d.Stopped(); len(got) != 0 {
		t.Errorf("stopped: %+v", got)
	}
	b.begin("keep")
	b.is(b.end(), "= 5\n")
	b.begin("go sum(3)\nselect {}")
	b.stop()
	b.s.Interrupt()
	if got := b.end(); !strings.HasSuffix(got, "interrupted\n") {
		t.Error(got)
	}

	b.begin("sum(3)")
	b.stop()
	b.s.process.kill()
	if got := b.end(); !strings.Contains(got, "the worker was killed") {
		t.Error(got)
	}
	if got := b.d.Stopped(); len(got) != 0 {
		t.Errorf("stopped: %+v", got)
	}
	b.begin("sum(2)") // it was built for debugging again
	s := b.stop()
	b.is(b.at(s), "sum 1:4 breakpoint i=0 n=2 total=0")
	b.d.Switch(false)
	b.is(b.end(), "= 1\n")
	if err := b.s.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestDebuggerValues(t *testing.T) {
	b := newBench(t, newTestSession(t))
	b.cell("type node struct {\n\tname string\n\tkids []*node\n\tany any\n}\ntree := &node{\"root\", []*node{{name: \"leaf\"}}, map[string]int{\"b\": 2, \"a\": 1}}\nlong := make([]int, 1000)\nvar none *node\nfunc here(v any) {\n\tpoint := struct{ x, y float64 }{1, 2}\n\t_ = point\n}")
	session, err := b.d.Session()
	if err != nil {
		t.Fatal(err)
	}
	b.is(fmt.Sprint(session[0].Name, session[0].Len, session[0].Ref > 0, session[0].Type, session[1], session[2].Name), "long1000 true[]int{none *main.node <nil> 0 0 false}tree")
	kids := func(ref int) []Value {
		t.Helper()
		all, err := b.d.Children(ref, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	fields := kids(session[2].Ref)
	b.is(fmt.Sprint(fields[0].Name, fields[0].Text, fields[1].Len, fields[2].Type), `name"root"1interface {}(map[string]int)`)
	b.is(listed(kids(fields[2].Ref)), ` "a"=1 "b"=2`)
	b.is(listed(kids(kids(fields[1].Ref)[0].Ref)), ` name="leaf" kids=[] any=nil`)
	all := kids(session[0].Ref)
	b.is(fmt.Sprint(len(all), all[100].Name, all[100].Text), "101…900 more")
	part, err := b.d.Children(session[0].Ref, 998, 10)
	b.is(listed(part)+fmt.Sprint(err), " 998=0 999=0<nil>")
	if _, err := b.d.SetChild(At{}, session[0].Ref, "999", "5+1"); err != nil {
		t.Error(err)
	}
	if _, err := b.d.SetChild(At{}, fields[2].Ref, `"a"`, "11"); err != nil {
		t.Error(err)
	}
	b.is(b.cell(`fmt.Println(long[999], tree.any)`), "6 map[a:11 b:2]\n")
	if _, err := b.d.Children(session[0].Ref, 0, 0); err == nil {
		t.Error("a reference outlives the cell")
	}

	b.brk(Breakpoint{Cell: 1, Line: 11})
	b.begin("here(tree)\nfmt.Println(point, moved)")
	b.is(b.end(), "! cell[3]:2:13: undefined: point; did you mean print?\ncell[3]:2:20: undefined: moved\n")
	b.begin("here(tree)")
	s := b.stop()
	vars, _ := b.d.Locals(At{Goroutine: s.Goroutine})
	b.is(vars[1].Name+vars[1].Text, "point{x:1 y:2}")
	if _, err := b.d.SetChild(At{Goroutine: s.Goroutine}, vars[1].Ref, "y", "x"); err == nil {
		t.Error("x is no variable here")
	}
	if v, err := b.d.SetChild(At{Goroutine: s.Goroutine}, vars[1].Ref, "y", "point.x + 9"); err != nil || v.Text != "10" {
		t.Error(v, err)
	}
	if err := b.d.CopyToSession(context.Background(), At{Goroutine: s.Goroutine}, "point", "moved"); err != nil {
		t.Error(err)
	}
	b.d.Resume(s.Goroutine, StepNone)
	b.is(b.end(), "")
	b.is(b.cell("moved.y"), "= 10\n")
}

// TestDebuggerLeavesProgramsAsTheyAre runs what the calls of the debugger could disturb.
func TestDebuggerLeavesProgramsAsTheyAre(t *testing.T) {
	b := newBench(t, newTestSession(t))
	for _, c := range []struct{ code, want string }{
		{"func fact(n int) (r int) {\n\tdefer func() { r *= 2 }()\n\tif n == 0 { return 1 } else if k := n - 1; k == 0 {\n\t\treturn 1\n\t} else if k > 100 { return -1 }\n\treturn n * fact(n-1)\n}\nfact(3)", "= 48\n"},
		{"func loop() (out []int) {\nouter:\n\tfor i := 0; ; i++ {\n\t\tfor j := range 3 {\n\t\t\tswitch {\n\t\t\tcase j == 1: continue outer\n\t\t\tcase i > 2: break outer\n\t\t\tdefault:\n\t\t\t\tout = append(out, i*10+j)\n\t\t\t\tfallthrough\n\t\t\tcase false:\n\t\t\t}\n\t\t}\n\t}\n\treturn\n}\nloop()", "= [0 10 20]\n"},
		{"func gos(n int) int {\nagain:\n\tif n < 5 {\n\t\tn++\n\t\tgoto again\n\t}\n\treturn n\n}\ngos(0)", "= 5\n"},
		{"func keys[K comparable, V any](m map[K]V) iter.Seq[K] {\n\treturn func(yield func(K) bool) {\n\t\tfor k := range m {\n\t\t\tif !yield(k) { return }\n\t\t}\n\t}\n}\nn := 0\nfor k := range keys(map[string]int{\"a\": 1, \"b\": 2}) {\n\tn += len(k)\n}\nn", "= 2\n"},
		{"type flag bool\nfunc ok(f flag) int {\n\tif false {\n\t} else if f {\n\t\treturn 1\n\t}\n\treturn 0\n}\nok(true)", "= 1\n"},
		{"func kind(v any) string {\n\tswitch v := v.(type) {\n\tcase int, string:\n\t\treturn fmt.Sprint(v)\n\tcase error:\n\t\treturn v.Error()\n\t}\n\treturn \"?\"\n}\nkind(3) + kind(io.EOF)", "= \"3EOF\"\n"},
		{"func again() (s string) {\n\tdefer func() {\n\t\tif r := recover(); r != nil {\n\t\t\ts = fmt.Sprint(\"caught \", r)\n\t\t}\n\t}()\n\tpanic(\"it\")\n}\nagain()", "= \"caught it\"\n"},
		{"func selects() int {\n\tc := make(chan int, 1)\n\tc <- 4\n\tselect {\n\tcase v, ok := <-c:\n\t\tif ok { return v }\n\tdefault:\n\t}\n\treturn 0\n}\nselects()", "= 4\n"},
		{"func deep(n int) int { if n == 0 { return 0 }; return 1 + deep(n-1) }\ndeep(10000)", "= 10000\n"},
		{"var a, c = 2, a + 1\nfmt.Println(a, c)\nfor i := 0; i < 2; i++ { a += i }\na", "2 3\n= 3\n"},
		{"func init() { fmt.Println(\"init\") }\nfmt.Println(\"after\")", "init\nafter\n"},
	} {
		b.is(b.cell(c.code), c.want)
	}
}

// BenchmarkDebugger times a tight loop of a cell, without the debugger, after it was on, and with
// it: `go test -run XXX -bench Debugger -benchtime 20x ./kernel/engine`.
func BenchmarkDebugger(b *testing.B) {
	s := newTestSession(b)
	run := func(code string) {
		if err := s.Execute(context.Background(), code, &transcript{}); err != nil {
			b.Fatal(err)
		}
	}
	run("func spin() (n int) {\n\tfor i := range 10_000_000 {\n\t\tn += i & 3\n\t}\n\treturn n\n}")
	for _, mode := range []struct {
		name string
		on   bool
	}{{"never", false}, {"on", true}, {"off again", false}} {
		b.Run(mode.name, func(b *testing.B) {
			s.Debugger().Switch(mode.on)
			run("spin()")
			var ran, total []time.Duration
			for b.Loop() {
				start := time.Now()
				run("spin()")
				total = append(total, time.Since(start))
				ran = append(ran, s.Times().Run)
			}
			b.ReportMetric(median(ran), "run-ms")
			b.ReportMetric(median(total)-median(ran), "around-ms")
		})
	}
}
