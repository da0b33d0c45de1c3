// Requests that are answered at once, even while a cell runs.

package jupyter

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"gsmlab/kernel/shell"
)

// handlers answer all requests but executions. A handler without a reply type answers nothing.
var handlers = map[string]struct {
	reply  string
	handle func(k *kernel, m *message) (map[string]any, error)
}{
	"kernel_info_request": {"kernel_info_reply", (*kernel).kernelInfo},
	"is_complete_request": {"is_complete_reply", (*kernel).isComplete},
	"complete_request":    {"complete_reply", (*kernel).complete},
	"inspect_request":     {"inspect_reply", (*kernel).inspect},
	"history_request":     {"history_reply", (*kernel).historyOf},
	"comm_info_request":   {"comm_info_reply", (*kernel).commInfo},
	"comm_open":           {"", (*kernel).commOpen},
	"comm_msg":            {"", (*kernel).commMessage},
	"comm_close":          {"", (*kernel).commClose},
	"connect_request":     {"connect_reply", (*kernel).ports},
	"interrupt_request":   {"interrupt_reply", (*kernel).interrupted},
	"shutdown_request":    {"shutdown_reply", (*kernel).shutdown},
	"debug_request":       {"debug_reply", (*kernel).debugRequest},
}

// handle answers a request at once, with busy before the reply and idle after it.
func (k *kernel) handle(m *message) {
	k.status(m, "busy")
	defer k.status(m, "idle")
	h, known := handlers[m.Type]
	if !known {
		k.log.print(fmt.Sprintf("a message was refused: the type %q is unknown", m.Type))
		if name, isRequest := strings.CutSuffix(m.Type, "_request"); isRequest {
			k.reply(m, name+"_reply", failure("UnknownRequest", fmt.Errorf("%s is not supported", m.Type)))
		}
		return
	}
	var answer map[string]any
	err := guarded(func() (err error) {
		answer, err = h.handle(k, m)
		return err
	})
	if h.reply == "" {
		if err != nil {
			k.log.print(err.Error())
		}
		return
	}
	if err != nil {
		answer = failure("BadRequest", err)
	} else if _, has := answer["status"]; !has && m.Type != "debug_request" {
		answer["status"] = "ok"
	}
	k.reply(m, h.reply, answer)
}

// guarded turns a panic into an error: a bug in the code that reads a cell must not cost the user's
// variables.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a mistake in the kernel, please report it: %v\n%s", r, debug.Stack())
		}
	}()
	return f()
}

func (k *kernel) kernelInfo(*message) (map[string]any, error) {
	version := strings.TrimPrefix(runtime.Version(), "go")
	return map[string]any{
		"protocol_version":       protocolVersion,
		"implementation":         defaultName,
		"implementation_version": implementationVersion,
		"language_info":          shell.LanguageInfo(),
		"banner":                 "gsmlab: live Go " + version + ". Cells are compiled and keep their values; %help lists the commands.",
		"help_links": []map[string]string{
			{"text": "Go", "url": "https://go.dev/doc/"},
			{"text": "Go packages", "url": "https://pkg.go.dev/std"},
			{"text": "GoMLX", "url": "https://github.com/gomlx/gomlx"},
		},
		"debugger":           true,
		"supported_features": []string{"debugger"},
	}, nil
}

func (k *kernel) isComplete(m *message) (map[string]any, error) {
	var req struct{ Code string }
	if err := m.decode(&req); err != nil {
		return nil, err
	}
	sh := k.shellNow()
	if sh == nil {
		return map[string]any{"status": "unknown"}, nil
	}
	status, indent := sh.Status(req.Code)
	answer := map[string]any{"status": status}
	if status == "incomplete" {
		// because jupyter console shows a tab as ^I
		answer["indent"] = strings.ReplaceAll(indent, "\t", "    ")
	}
	return answer, nil
}

func (k *kernel) historyOf(m *message) (map[string]any, error) {
	req := struct {
		Output, Unique       bool
		Access               string `json:"hist_access_type"`
		Session, Start, Stop int
		N                    int
		Pattern              string
	}{Pattern: "*"}
	if err := m.decode(&req); err != nil {
		return nil, err
	}
	var entries []shell.Entry
	switch req.Access {
	case "tail":
		entries = k.history.Tail(req.N)
	case "range":
		entries = k.history.Range(req.Session, req.Start, req.Stop)
	case "search":
		entries = k.history.Search(req.Pattern, req.N, req.Unique)
	default:
		return nil, fmt.Errorf("hist_access_type %q: it must be tail, range or search", req.Access)
	}
	list := []any{}
	for _, e := range entries {
		var what any = e.Input
		if req.Output {
			what = []any{e.Input, nil}
			if e.Output != "" {
				what = []any{e.Input, e.Output}
			}
		}
		list = append(list, []any{e.Session, e.Line, what})
	}
	return map[string]any{"history": list}, nil
}

func (k *kernel) ports(*message) (map[string]any, error) {
	c := k.connection
	return map[string]any{"shell_port": c.Shell, "iopub_port": c.IOPub, "stdin_port": c.Stdin, "control_port": c.Control, "hb_port": c.Heartbeat}, nil
}

// interrupted only answers an interrupt. onControl and onShell have already passed it on, before
// anything could wait.
func (k *kernel) interrupted(*message) (map[string]any, error) { return map[string]any{}, nil }

func (k *kernel) shutdown(m *message) (map[string]any, error) {
	var req struct{ Restart bool }
	if err := m.decode(&req); err != nil {
		return nil, err
	}
	return map[string]any{"restart": req.Restart}, nil
}
