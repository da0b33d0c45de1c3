package jupyter

import "gsmlab/kernel/present"

const keptCells = 1000 // cells whose text tracebacks can show

// cells are the texts of the session by number. Cells without a number of their own (silent ones
// and the like) take the number of the one before them.
type cells struct {
	count int
	code  map[int]string
}

func newCells() *cells { return &cells{code: map[int]string{}} }

// failure is the content of an error: its name, its message and where it happened.
func (c *cells) failure(err error) map[string]any {
	delete(c.code, c.count-keptCells)
	return map[string]any{"ename": present.Name(err), "evalue": present.Message(err), "traceback": present.Traceback(err, c.source)}
}

func (c *cells) source(cell int) (text string, known bool) {
	text, known = c.code[cell]
	return text, known
}
