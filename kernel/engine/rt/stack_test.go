package rt

import (
	"strings"
	"testing"
	"time"
)

func TestParseStack(t *testing.T) {
	for _, test := range []struct{ text, id, state string }{
		{"goroutine 7 [running]:\nmain.f()", "7", "running"},
		{"goroutine 12 [chan receive, 2 minutes]:\nmain.f()", "12", "chan receive"},
		{"goroutine 1 gp=0xc000002380 m=0 mp=0x5f [syscall, locked to thread]:\nmain.f()", "1", "syscall"},
		{"", "", ""},
	} {
		id, state, frames := parseStack(test.text)
		if id != test.id || state != test.state || test.id != "" && frames != "main.f()" {
			t.Errorf("%q: %q, %q, %q", test.text, id, state, frames)
		}
	}
	stack, state := goroutine(goroutineID())
	if blocked(state) || !strings.Contains(stack, "TestParseStack") {
		t.Errorf("own stack: %s, %s", state, stack)
	}
	held, id := make(chan bool), make(chan string)
	go func() { id <- goroutineID(); <-held }()
	other := <-id
	for !func() bool { _, state := goroutine(other); return blocked(state) }() {
		// until it has come to its receive
		time.Sleep(time.Millisecond)
	}
	close(held)
}
