package assist

import (
	"context"
	"strings"
	"testing"
	"time"

	"gsmlab/kernel/engine/wire"
)

// inspections are cells with the cursor at ‸ and what is expected there: a part of each field (""
// for none at all), and whether the worker can be asked for a value.
var inspections = []struct {
	code, name, kind, signature, doc string
	value                            bool
}{
	{"origin‸", "origin", "var", "var origin point", "", true},
	{"rate‸ * 2", "rate", "var", "var rate float64", "rate is how fast to learn.", true},
	{"origin.La‸bel", "Label", "field", "field Label string", "", true},
	{"nodes‸", "nodes", "var", "var nodes map[string][]*named", "", true},
	{"nodes[\"a\"][0].na‸me", "name", "field", "field name string", "", true},
	{"origin.norm‸(2)", "norm", "method", "func (point) norm(scale float64) float64", "norm says how far it is.", false},
	{"double(‸", "double", "func", "func double(x float64) float64", "double is twice x.", false},
	{"double(1, ‸)", "double", "func", "func double(x float64) float64", "", false},
	{"fmt.Println(origin.x, ‸)", "fmt.Println", "func", "func fmt.Println(a ...any) (n int, err error)", "Println formats using the default formats", false},
	{"fmt.Println(\"a‸\")", "fmt.Println", "func", "func fmt.Println(a ...any) (n int, err error)", "", false},
	{"fmt.Printl‸n", "fmt.Println", "func", "func fmt.Println(a ...any)", "Println formats", false},
	{"fmt‸", "fmt", "package", "package fmt // import \"fmt\"", "Package fmt implements formatted I/O", false},
	{"str‸.ToUpper(\"\")", "strings", "package", "package strings", "Package strings implements", false},
	{"poi‸nt{}", "point", "type", "type point struct{ x, y int; Label string }\n\nfunc (*point) move(dx int)\nfunc (point) norm(scale float64) float64", "point is where something is.", false},
	{"time.Second‸", "time.Second", "const", "const time.Second time.Duration = 1000000000", "Common durations", false},
	{"time.Duration‸(1)", "time.Duration", "type", "type Duration int64\n\nfunc (time.Duration) Abs() time.Duration", "A Duration represents the elapsed time", false},
	{"strings.Builder‸{}", "strings.Builder", "type", "type Builder struct {\n}\n\nfunc (*strings.Builder) Cap() int", "A Builder is used", false},
	{"gsm.Config‸{}", "gsm.Config", "type", "type Config struct {\n\t// Name tells", "Config says", false},
	{"gsm.Config{Compression‸: 2}", "Compression", "field", "field Compression float64", "Compression C", false},
	{"len‸", "len", "func", "func len(v T) int", "The len built-in function", false},
	{"limit‸", "limit", "const", "const limit untyped int = 10", "", false},
	{"graph.MatMul‸", "graph.MatMul", "func", "func graph.MatMul(", "MatMul", false},
	{"// helper helps.\nfunc helper() {}\n// n counts.\nn := 1 // not this\nhel‸per()", "helper", "func", "func helper()", "helper helps.", false},
	{"// n counts.\nn := 1\nn‸", "n", "var", "var n int", "n counts.", false},
	{"rate := 0.7 // new\nrate‸", "rate", "var", "var rate float64", "new", true},
	{"func f(param int) { para‸m", "param", "var", "var param int", "", false},
	{"st.items‸", "items", "field", "field items []point", "", true},
	{"ctx‸", "ctx", "var", "var ctx context.Context", "", true},
	{"error‸", "error", "type", "type error interface", "The error built-in interface", false},
	{"unknown‸", "", "", "", "", false},
	{"for‸", "", "", "", "", false},
	{"‸", "", "", "", "", false},
	{"// rate‸", "", "", "", "", false},
	{"1‸", "", "", "", "", false},
	{"x := \"rate‸\"", "", "", "", "", false},
}

func TestInspect(t *testing.T) {
	a := online(t)
	for _, c := range inspections {
		code := strings.Replace(c.code, "‸", "", 1)
		start := time.Now()
		got, value, ok := a.Inspect(context.Background(), code, strings.Index(c.code, "‸"))
		if took := time.Since(start); took > 5*time.Millisecond {
			t.Log(c.code, took)
		}
		if ok != (c.name != "") || got.Name != c.name || got.Kind != c.kind || !strings.HasPrefix(got.Signature, c.signature) || !strings.HasPrefix(got.Doc, c.doc) || (value != nil) != c.value {
			t.Errorf("%s: %v %+v, a value %v", c.code, ok, got, value != nil)
		}
		if strings.Contains(got.Signature+got.Doc, wire.Tick) {
			t.Errorf("%s: %+v", c.code, got)
		}
	}
}

func TestUnwrapped(t *testing.T) {
	const source = "type T struct {\n\t// A is the first,\n\t// and more.\n\t//\n\t// Then:\n\t//   - one\n\t//   - two\n\tA int\n\tB int // not\n\t// joined\n\tC int\n}"
	const want = "type T struct {\n\t// A is the first, and more.\n\t//\n\t// Then:\n\t//   - one\n\t//   - two\n\tA int\n\tB int // not\n\t// joined\n\tC int\n}"
	if got := unwrapped(source); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
