package shell

import "testing"

func TestStatus(t *testing.T) {
	s := &Shell{}
	for _, test := range []struct{ text, status, indent string }{
		{"x := 1", "complete", ""},
		{"for i := range 3 {\n\tif i > 1 {", "incomplete", "\t\t"},
		{"f(1,", "incomplete", "\t"},
		{"x := `a\n(", "incomplete", ""},
		{"/* (", "incomplete", ""},
		{"x +", "incomplete", ""},
		{"x := )", "invalid", ""},
		{"x ?? y", "invalid", ""},
		{"%who", "complete", ""},
		{" \n", "unknown", ""},
	} {
		if status, indent := s.Status(test.text); status != test.status || indent != test.indent {
			t.Errorf("%q: %q %q, want %q %q", test.text, status, indent, test.status, test.indent)
		}
	}
}
