package assist

import (
	"context"
	"strings"
	"testing"
)

// TestLinks: names in brackets lead to their pages where they have one.
func TestLinks(t *testing.T) {
	a := online(t)
	for _, c := range []struct{ code, part string }{
		{"strings.Builder‸{}", "using [Builder.Write](https://pkg.go.dev/strings#Builder.Write) methods"},
		{"http.Client‸{}", "([DefaultClient](https://pkg.go.dev/net/http#DefaultClient))"},
		{"http‸.Get", "[Get](https://pkg.go.dev/net/http#Get)"},
		{"new(graph.Graph).Executable‸", "returns the [compute.Executable](https://pkg.go.dev/github.com/gomlx/compute#Executable) associated"},
		{"chart‸.Mask", "Charts are a Figure or an Animation."}, // a module without pages
		{"// half has [str.Cut] and [double].\nfunc half() {}\nhal‸f()", "half has [str.Cut](https://pkg.go.dev/strings#Cut) and \\[double]."},
	} {
		got, _, ok := a.Inspect(context.Background(), strings.Replace(c.code, "‸", "", 1), strings.Index(c.code, "‸"))
		if text := got.Markdown(); !ok || !strings.Contains(text, c.part) {
			t.Errorf("%s: %q is not in %s", c.code, c.part, text)
		}
	}
}
