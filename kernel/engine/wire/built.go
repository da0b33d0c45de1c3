package wire

import "fmt"

// Names that the code of cells, the packages built from them, and the worker share.
const (
	// Tick begins the names that built code has beside those of its cell.
	Tick = "Ꞌ"

	// CellModule begins the import paths of built cells.
	CellModule = "gsmcell/"

	RuntimePath = "gsmlab/kernel/engine/rt"
	CallsPath   = RuntimePath + "/cell" // what cells call
	LoaderPath  = RuntimePath + "/loader"
	KeepPath    = RuntimePath + "/keep" // saves tensors
	WorkerPath  = "gsmlab/kernel/engine/worker"
)

// What a plugin offers the worker.
const (
	SymbolRun   = Tick + Tick + "Run"   // func(): the cell's statements
	SymbolGone  = Tick + Tick + "Gone"  // atomic.Bool: the cell was given up
	SymbolTable = Tick + Tick + "Table" // func(name string) any: pointers to what the cell declares
	// cell.Unit: in packages that were built for debugging
	SymbolUnit = Tick + Tick + "Unit"
)

// CellPackage is the import path of the package that is built from cell n.
func CellPackage(n int) string { return fmt.Sprintf("%sc%d", CellModule, n) }

// CellFile is the file name that positions in cell n have: a place in it reads cell[3]:1.
func CellFile(n int) string { return fmt.Sprintf("cell[%d]", n) }
