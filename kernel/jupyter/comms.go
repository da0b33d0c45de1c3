package jupyter

import (
	"encoding/json"
	"fmt"
	"sync"
)

// comms are the open comms: the channels between widgets in the front end and the kernel.
type comms struct {
	mu   sync.Mutex
	open map[string]string // id -> target
}

type commContent struct {
	ID     string          `json:"comm_id"`
	Target string          `json:"target_name"`
	Data   json.RawMessage `json:"data"`
}

func (k *kernel) commInfo(m *message) (map[string]any, error) {
	var req struct {
		Target string `json:"target_name"`
	}
	if err := m.decode(&req); err != nil {
		return nil, err
	}
	k.comms.mu.Lock()
	defer k.comms.mu.Unlock()
	list := map[string]any{}
	for id, target := range k.comms.open {
		if req.Target == "" || req.Target == target {
			list[id] = map[string]any{"target_name": target}
		}
	}
	return map[string]any{"comms": list}, nil
}

// commOpen refuses: no target of the kernel's waits for front ends to open comms.
func (k *kernel) commOpen(m *message) (map[string]any, error) {
	var req commContent
	if err := m.decode(&req); err != nil {
		return nil, err
	}
	k.publish(m, "comm_close", map[string]any{"comm_id": req.ID, "data": emptyObject})
	return nil, fmt.Errorf("comm_open was refused: the target %q is unknown", req.Target)
}

func (k *kernel) commMessage(m *message) (map[string]any, error) {
	return nil, nil
}

func (k *kernel) commClose(m *message) (map[string]any, error) {
	return nil, nil
}
