package engine

import (
	"context"
	"strings"
	"testing"
	"time"
)

// inspections are cells with the cursor at ‸ and what is said there: a part of each field, "" for none at all.
var inspections = []struct{ code, name, kind, signature, doc, value string }{
	{"origin‸", "origin", "var", "var origin point", "", "{x:0 y:0 Label:}"},
	{"rate‸ * 2", "rate", "var", "var rate float64", "rate is how fast to learn.", "0.5"},
	{"origin.La‸bel", "Label", "field", "field Label string", "", `""`},
	{"nodes‸", "nodes", "var", "var nodes map[string][]*named", "", "map[]"},
	{"nodes[\"a\"][0].na‸me", "name", "field", "field name string", "", ""},
	{"origin.norm‸(2)", "norm", "method", "func (point) norm(scale float64) float64", "norm says how far it is.", ""},
	{"double(‸", "double", "func", "func double(x float64) float64", "double is twice x.", ""},
	{"double(1, ‸)", "double", "func", "func double(x float64) float64", "", ""},
	{"fmt.Println(origin.x, ‸)", "fmt.Println", "func", "func fmt.Println(a ...any) (n int, err error)", "Println formats using the default formats", ""},
	{"fmt.Println(\"a‸\")", "fmt.Println", "func", "func fmt.Println(a ...any) (n int, err error)", "", ""},
	{"fmt.Printl‸n", "fmt.Println", "func", "func fmt.Println(a ...any)", "Println formats", ""},
	{"fmt‸", "fmt", "package", "package fmt // import \"fmt\"", "Package fmt implements formatted I/O", ""},
	{"str‸.ToUpper(\"\")", "strings", "package", "package strings", "Package strings implements", ""},
	{"poi‸nt{}", "point", "type", "type point struct{ x, y int; Label string }\n\nfunc (*point) move(dx int)\nfunc (point) norm(scale float64) float64", "point is where something is.", ""},
	{"time.Second‸", "time.Second", "const", "const time.Second time.Duration = 1000000000", "Common durations", ""},
	{"time.Duration‸(1)", "time.Duration", "type", "type Duration int64\n\nfunc (time.Duration) Abs() time.Duration", "A Duration represents the elapsed time", ""},
	{"strings.Builder‸{}", "strings.Builder", "type", "type Builder struct {\n}\n\nfunc (*strings.Builder) Cap() int", "A Builder is used", ""},
	{"gsm.Config‸{}", "gsm.Config", "type", "type Config struct {\n\t// Compression C", "Config says", ""},
	{"gsm.Config{Compression‸: 2}", "Compression", "field", "field Compression float64", "Compression C", ""},
	{"len‸", "len", "func", "func len(v T) int", "The len built-in function", ""},
	{"limit‸", "limit", "const", "const limit untyped int = 10", "", ""},
	{"graph.MatMul‸", "graph.MatMul", "func", "func graph.MatMul(", "MatMul", ""},
	{"// helper helps.\nfunc helper() {}\n// n counts.\nn := 1 // not this\nhel‸per()", "helper", "func", "func helper()", "helper helps.", ""},
	{"// n counts.\nn := 1\nn‸", "n", "var", "var n int", "n counts.", ""},
	{"rate := 0.7 // new\nrate‸", "rate", "var", "var rate float64", "new", "0.5"},
	{"func f(param int) { para‸m", "param", "var", "var param int", "", ""},
	{"st.items‸", "items", "field", "field items []point", "", "[]"},
	{"ctx‸", "ctx", "var", "var ctx context.Context", "", "context"},
	{"error‸", "error", "type", "type error interface", "The error built-in interface", ""},
	{"unknown‸", "", "", "", "", ""},
	{"for‸", "", "", "", "", ""},
	{"‸", "", "", "", "", ""},
	{"// rate‸", "", "", "", "", ""},
	{"1‸", "", "", "", "", ""},
	{"x := \"rate‸\"", "", "", "", "", ""},
}

// TestInspectionDoesNotWaitForAValue inspects a value whose String blocks until it is interrupted.
func TestInspectionDoesNotWaitForAValue(t *testing.T) {
	s := completeSession(t)
	run := func(code string) string {
		var seen transcript
		if err := s.Execute(context.Background(), code, &seen); err != nil {
			return err.Error()
		}
		return seen.String()
	}
	run("type slow struct{}\nfunc (slow) String() string { <-ctx.Done(); return \"\" }\nv := slow{}\nm := map[int]int{}\nfor i := range 2000 { m[i] = i }\nn := 1")
	if got, _ := s.Inspect("m", 1); got.Value != "map[int]int of 2000 elements" {
		t.Errorf("a big map: %+v", got)
	}
	if got, ok := s.Inspect("v", 1); !ok || got.Value != "" || got.Signature != "var v slow" {
		t.Errorf("a value that blocks: %+v", got)
	}
	s.Interrupt() // as for a cell
	if got := run("n"); got != "= 1\n" {
		t.Errorf("after it: %s", got)
	}
}

func TestInspect(t *testing.T) {
	s := completeSession(t)
	for _, c := range inspections {
		code := strings.Replace(c.code, "‸", "", 1)
		start := time.Now()
		got, ok := s.Inspect(code, strings.Index(c.code, "‸"))
		if took := time.Since(start); took > 5*time.Millisecond {
			t.Log(c.code, took)
		}
		if ok != (c.name != "") || got.Name != c.name || got.Kind != c.kind || !strings.HasPrefix(got.Signature, c.signature) || !strings.HasPrefix(got.Doc, c.doc) || !strings.HasPrefix(got.Value, c.value) || c.value == "" && got.Value != "" {
			t.Errorf("%s: %v %+v", c.code, ok, got)
		}
		if strings.Contains(got.Signature+got.Doc+got.Value, tick) {
			t.Errorf("%s: %+v", c.code, got)
		}
	}
}
