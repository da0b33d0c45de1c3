// Widgets of gonbui: a script in the page talks to the kernel through Jupyter's comms.

package jupyter

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gsmlab/kernel/engine"
)

const (
	widgetTarget = "gsmlab.widgets"
	maxHeld      = 1000             // messages for a browser that has not connected yet
	readTime     = 10 * time.Second // how long a browser may take to answer

	// part of the addresses at which gonbui's dom.GetInnerHtml waits for one answer
	innerHTML = "/inner_html/"
)

// widgetScript makes the object by which gonbui's widgets talk from a page; %q is the kernel's id.
//
//go:embed widgets.js
var widgetScript string

// comms are the open comms: the channels between widgets in the pages of front ends and the kernel.
type comms struct {
	mu    sync.Mutex
	open  map[string]bool
	held  []widgetMessage
	asked map[string]int // addresses on which a cell waits
}

// widgetMessage is the data of a comm_msg, in both directions.
type widgetMessage struct {
	Address string `json:"address"`
	Value   any    `json:"value,omitempty"`
	Read    bool   `json:"read,omitempty"` // asks the page to send the value
}

type commContent struct {
	ID     string          `json:"comm_id"`
	Target string          `json:"target_name"`
	Data   json.RawMessage `json:"data"`
}

// kernelID is the name that a Jupyter server gave the kernel. The name of the connection file
// contains it.
func kernelID(connectionFile string) string {
	id, ok := strings.CutPrefix(filepath.Base(connectionFile), "kernel-")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(id, ".json")
}

func (k *kernel) commInfo(m *message) (map[string]any, error) {
	var req commContent
	if err := m.decode(&req); err != nil {
		return nil, err
	}
	k.comms.mu.Lock()
	defer k.comms.mu.Unlock()
	list := map[string]any{}
	for id := range k.comms.open {
		if req.Target == "" || req.Target == widgetTarget {
			list[id] = map[string]any{"target_name": widgetTarget}
		}
	}
	return map[string]any{"comms": list}, nil
}

func (k *kernel) commOpen(m *message) (map[string]any, error) {
	var req commContent
	if err := m.decode(&req); err != nil {
		return nil, err
	}
	if req.Target != widgetTarget {
		k.publish(m, "comm_close", map[string]any{"comm_id": req.ID, "data": emptyObject})
		return nil, fmt.Errorf("comm_open was refused: the target %q is unknown", req.Target)
	}
	k.comms.mu.Lock()
	if k.comms.open == nil {
		k.comms.open = map[string]bool{}
	}
	k.comms.open[req.ID] = true
	held := k.comms.held
	k.comms.held = nil
	k.comms.mu.Unlock()
	for _, w := range held {
		k.publish(m, "comm_msg", map[string]any{"comm_id": req.ID, "data": w})
	}
	return nil, nil
}

// commMessage takes a value that a page sent.
func (k *kernel) commMessage(m *message) (map[string]any, error) {
	var req commContent
	var w widgetMessage
	err := m.decode(&req)
	if err == nil && len(req.Data) > 0 {
		err = json.Unmarshal(req.Data, &w)
	}
	k.comms.mu.Lock()
	known := k.comms.open[req.ID]
	delete(k.comms.asked, w.Address)
	k.comms.mu.Unlock()
	sh := k.shellNow()
	if err != nil || !known || sh == nil {
		return nil, err
	}
	return nil, sh.Comm(w.Address, w.Value)
}

func (k *kernel) commClose(m *message) (map[string]any, error) {
	var req commContent
	err := m.decode(&req)
	k.comms.mu.Lock()
	defer k.comms.mu.Unlock()
	delete(k.comms.open, req.ID)
	return nil, err
}

var _ engine.Widgets = (*publisher)(nil)

// Comm implements engine.Widgets. Messages for a page wait until one has connected.
func (o *publisher) Comm(op engine.CommOp, address string, value any) {
	asks := op == engine.CommRead || op == engine.CommSubscribe && strings.HasPrefix(address, innerHTML)
	if o.k.id == "" || o.req.Silent {
		if asks {
			go o.k.sh.Comm(address, "") // not while the engine is calling us
		} else if op == engine.CommSubscribe {
			go o.k.sh.Comm(address, nil)
		}
		return
	}
	o.mu.Lock()
	first := !o.widgets
	o.widgets = true
	o.mu.Unlock()
	if first {
		o.k.installWidgets(o)
	}
	switch {
	case op == engine.CommRead:
		o.k.toPages(o.m, widgetMessage{Address: address, Read: true})
		o.k.expect(address)
	case asks: // a script that the cell shows next sends the answer
		o.k.expect(address)
	case op == engine.CommSubscribe:
		o.k.expectPage(address)
	case op == engine.CommSend && !strings.HasPrefix(address, "#"):
		// other addresses are gonbui's own
		o.k.toPages(o.m, widgetMessage{Address: address, Value: value})
	}
}

// installWidgets runs our script in the pages that show the cell; where it already runs, it does
// nothing. The notebook should not keep the script, so it is replaced at once.
func (k *kernel) installWidgets(o *publisher) {
	script := strings.Replace(widgetScript, "%q", fmt.Sprintf("%q", k.id), 1)
	shown := map[string]any{"display_id": "gsmlab-widgets-" + o.m.ID}
	o.show("display_data", map[string]any{"data": map[string]any{"text/html": "<script>" + script + "</script>"}, "metadata": emptyObject, "transient": shown})
	o.show("update_display_data", map[string]any{"data": map[string]any{"text/html": ""}, "metadata": emptyObject, "transient": shown})
}

func (k *kernel) toPages(m *message, w widgetMessage) {
	k.comms.mu.Lock()
	defer k.comms.mu.Unlock()
	if len(k.comms.open) == 0 {
		if len(k.comms.held) < maxHeld {
			k.comms.held = append(k.comms.held, w)
		}
		return
	}
	for id := range k.comms.open {
		k.publish(m, "comm_msg", map[string]any{"comm_id": id, "data": w})
	}
}

// expectPage tells a cell that waits for values if no page has connected that could send them.
func (k *kernel) expectPage(address string) {
	time.AfterFunc(readTime, func() {
		k.comms.mu.Lock()
		nobody := len(k.comms.open) == 0
		k.comms.mu.Unlock()
		if nobody {
			k.sh.Comm(address, nil)
		}
	})
}

// expect ends a cell's wait for a page that does not answer, with an empty value.
func (k *kernel) expect(address string) {
	k.comms.mu.Lock()
	defer k.comms.mu.Unlock()
	if k.comms.asked == nil {
		k.comms.asked = map[string]int{}
	}
	k.comms.asked[address]++
	turn := k.comms.asked[address]
	time.AfterFunc(readTime, func() {
		k.comms.mu.Lock()
		waits := k.comms.asked[address] == turn
		k.comms.mu.Unlock()
		if waits {
			k.sh.Comm(address, "")
		}
	})
}
