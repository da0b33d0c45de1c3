package wire

// Expr is an expression that the worker evaluates by reflection, so that a cell which only looks at
// values needs no build. The engine has type-checked it. Constants and nil take the type of what
// they meet, or Type.
type Expr struct {
	Op Op `json:"op"`
	// OpName: the built name; OpMethod: the name; OpUnary, OpBinary: the operator
	Name string  `json:"name,omitempty"`
	Cell int     `json:"cell,omitempty"` // OpName: where it was declared; 0: the cell's context
	Type string  `json:"type,omitempty"` // OpConst, OpConvert: a predeclared type
	Text string  `json:"text,omitempty"` // OpConst: the value; strings are quoted
	Path []int   `json:"path,omitempty"` // OpField: through embedded structs; OpLocal: its number
	Args []*Expr `json:"args,omitempty"`
}

// Op is an operation of an Expr.
type Op string

// The operations.
const (
	OpName    Op = "name"
	OpLocal   Op = "local" // a variable of the stopped frame
	OpConst   Op = "const"
	OpNil     Op = "nil"
	OpField   Op = "field"
	OpIndex   Op = "index"
	OpSlice   Op = "slice" // missing bounds are nil
	OpDeref   Op = "deref"
	OpAddr    Op = "addr"
	OpLen     Op = "len"
	OpCap     Op = "cap"
	OpMethod  Op = "method"
	OpCall    Op = "call"   // Args[0] is the function
	OpSpread  Op = "spread" // a call f(x...)
	OpUnary   Op = "unary"
	OpBinary  Op = "binary"
	OpConvert Op = "convert"
)
