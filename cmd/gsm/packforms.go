package main

import "fmt"

// forms are what `gsm pack --as` can write.
func forms() []string { return []string{"gsm"} }

// write writes the network in a form.
func (p *packed) write(as, out string) error {
	switch as {
	case "gsm":
		return write("-o", out, p.file)
	}
	return fmt.Errorf("pack: --as %s: not known", as)
}
