// A cell's output, as messages of the iopub socket, in the order in which it was made.

package jupyter

import (
	"context"
	"fmt"
	"html"
	"strings"
	"sync"
	"time"

	"gsmlab/internal/utf8tail"
	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
)

const (
	batchTime = 8 * time.Millisecond // how long printed text waits for more
	batchSize = 64 << 10
)

// publisher takes the outputs of an execute_request. Goroutines may send outputs after it has
// ended.
type publisher struct {
	k     *kernel
	m     *message
	req   executeRequest
	count int

	mu       sync.Mutex
	printed  [2]strings.Builder // text for stdout and stderr that is not published yet
	timer    *time.Timer
	ended    bool
	widgets  bool // the script for widgets has been sent
	pages    []engine.Bundle
	progress bool   // a note of Progress is shown
	result   string // the plain text of the result, for the history
}

var streams = [2]string{"stdout", "stderr"}

func newPublisher(k *kernel, m *message, req executeRequest, count int) *publisher {
	return &publisher{k: k, m: m, req: req, count: count}
}

func (o *publisher) Stdout(text string) { o.print(0, text) }
func (o *publisher) Stderr(text string) { o.print(1, text) }

func (o *publisher) print(stream int, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.printed[stream].WriteString(text)
	switch {
	case o.printed[stream].Len() >= batchSize:
		o.flush(false)
	case o.timer == nil:
		o.timer = time.AfterFunc(batchTime, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.timer = nil
			o.flush(o.ended)
		})
	}
}

// flush publishes the printed text, stdout first. Each stream has its own pipe, so it is not known
// which was printed to first within such a short time. A character whose last bytes are still
// missing waits for them, unless all is set.
func (o *publisher) flush(all bool) {
	for i := range o.printed {
		text, rest := o.printed[i].String(), ""
		if !all {
			cut := len(text) - utf8tail.Cut(text)
			text, rest = text[:cut], text[cut:]
		}
		o.printed[i].Reset()
		o.printed[i].WriteString(rest)
		if text != "" {
			o.publish("stream", map[string]any{"name": streams[i], "text": text})
		}
	}
}

func (o *publisher) publish(kind string, content any) {
	if !o.req.Silent {
		o.k.publish(o.m, kind, content)
	}
}

// show publishes output other than text, after all text printed before it.
func (o *publisher) show(kind string, content any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush(true)
	o.publish(kind, content)
}

func (o *publisher) Result(value engine.Bundle) {
	o.mu.Lock()
	o.result = value.Text()
	o.mu.Unlock()
	o.show("execute_result", map[string]any{"execution_count": o.count, "data": present.Data(value), "metadata": emptyObject})
}

func (o *publisher) Display(d engine.Display) {
	kind := "display_data"
	if d.Update {
		kind = "update_display_data"
	}
	transient := map[string]any{}
	if d.ID != "" {
		transient["display_id"] = d.ID
	}
	var metadata any = emptyObject
	if len(d.Metadata) > 0 {
		metadata = d.Metadata
	}
	o.show(kind, map[string]any{"data": present.Data(d.Data), "metadata": metadata, "transient": transient})
}

func (o *publisher) Clear(wait bool) { o.show("clear_output", map[string]any{"wait": wait}) }

// Note shows a line that is not the cell's own output and looks different.
func (o *publisher) Note(text string) { o.show("display_data", note(text, emptyObject)) }

func note(text string, transient any) map[string]any {
	return map[string]any{
		"data": map[string]any{
			"text/plain": "note: " + text,
			"text/html":  `<div style="opacity: 0.7"><i>note: ` + html.EscapeString(text) + "</i></div>",
		},
		"metadata": emptyObject, "transient": transient,
	}
}

// Progress shows a note that is updated.
func (o *publisher) Progress(text string) {
	kind := "display_data"
	if o.progress {
		kind = "update_display_data"
	}
	o.progress = true
	o.show(kind, note(text, map[string]any{"display_id": fmt.Sprintf("gsmlab-progress-%d", o.count)}))
}

func (o *publisher) Page(text engine.Bundle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pages = append(o.pages, text)
}

// payload is the paged text, as one text, because clients show a single pager.
func (o *publisher) payload() []any {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pages) == 0 {
		return []any{}
	}
	page := engine.Bundle{}
	var texts []string
	for _, p := range o.pages {
		texts = append(texts, p.Text())
		for mime, value := range p {
			page[mime] = value
		}
	}
	if len(o.pages) > 1 {
		page = engine.Bundle{"text/plain": strings.Join(texts, "\n")}
	}
	return []any{map[string]any{"source": "page", "data": present.Data(page), "start": 0}}
}

// end publishes what is left. From now on, what goroutines print is shown as it comes.
func (o *publisher) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.flush(true)
}

// Input asks the client that sent the request.
func (o *publisher) Input(ctx context.Context, prompt string, secret bool) (string, error) {
	o.mu.Lock()
	ended := o.ended
	o.flush(true)
	o.mu.Unlock()
	if !o.req.AllowStdin || ended {
		return "", engine.ErrNoInput
	}
	return o.k.ask(ctx, o.m, prompt, secret)
}

// ask sends an input_request and waits for the answer to it.
func (k *kernel) ask(ctx context.Context, m *message, prompt string, secret bool) (string, error) {
	k.asking.Lock() // one question at a time
	defer k.asking.Unlock()
	client := k.stdin.Peer(m.from.Identity())
	if client == nil {
		return "", engine.ErrNoInput
	}
	for len(k.answers) > 0 { // answers to earlier questions, which were abandoned
		<-k.answers
	}
	frames, id, err := k.codec.build(nil, "input_request", m, map[string]any{"prompt": prompt, "password": secret})
	if err == nil {
		err = client.Send(frames)
	}
	if err != nil {
		return "", engine.ErrNoInput
	}
	for {
		select {
		case answer := <-k.answers:
			var got struct {
				Value string `json:"value"`
			}
			// not all clients say which question they answer
			stale := answer.parent.ID != "" && answer.parent.ID != id
			if answer.from.Identity() != client.Identity() || stale || answer.decode(&got) != nil {
				continue
			}
			return got.Value, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}
