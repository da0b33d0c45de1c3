package rt

// Expr is an expression that the worker evaluates by reflection, so that a cell which only looks at
// values needs no build. The engine has type-checked it; which types constants and nil take is told by
// what they meet, or by Type.
type Expr struct {
	Op   string  `json:"op"`             // one of the constants below
	Name string  `json:"name,omitempty"` // OpName, OpMethod: the built name; OpUnary, OpBinary: the operator
	Cell int     `json:"cell,omitempty"` // OpName: where it was declared; 0: the cell's context
	Type string  `json:"type,omitempty"` // OpConst, OpConvert: a predeclared type
	Text string  `json:"text,omitempty"` // OpConst: the value; strings are quoted
	Path []int   `json:"path,omitempty"` // OpField: through embedded structs
	Args []*Expr `json:"args,omitempty"`
}

// The operations of an Expr.
const (
	OpName    = "name"
	OpConst   = "const"
	OpNil     = "nil"
	OpField   = "field"
	OpIndex   = "index"
	OpSlice   = "slice" // missing bounds are nil
	OpDeref   = "deref"
	OpAddr    = "addr"
	OpLen     = "len"
	OpCap     = "cap"
	OpMethod  = "method"
	OpCall    = "call"   // Args[0] is what is called
	OpSpread  = "spread" // a call f(x...)
	OpUnary   = "unary"
	OpBinary  = "binary"
	OpConvert = "convert"
)
