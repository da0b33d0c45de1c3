package rt

import (
	"encoding/json"
	"sync/atomic"

	"gsmlab/kernel/engine/wire"
)

var (
	onComm atomic.Value // func(address string, value any)
	onCell atomic.Value // func()
)

// OnCell sets what is called before each cell.
func OnCell(f func()) { onCell.Store(f) }

// OnComm sets what gets the values that a browser sends to the widgets of cells.
func OnComm(f func(address string, value any)) { onComm.Store(f) }

// Comm tells the browser about a widget.
func Comm(op wire.CommOp, address string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		data = nil // NaN, for example, which no browser could read
	}
	server.send(wire.Event{Kind: wire.EventComm, Comm: op, Text: address, Value: data})
}

func received(c wire.Command) {
	var value any
	if f, ok := onComm.Load().(func(string, any)); ok && json.Unmarshal([]byte(c.Value), &value) == nil {
		f(c.Name, value)
	}
}
