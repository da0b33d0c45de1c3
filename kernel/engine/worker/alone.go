package worker

// Widgets of gonbui without a browser. Nobody can move them; whoever listens to one gets the value
// that it shows, once.

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "unsafe" // for go:linkname

	_ "github.com/janpfeifer/gonb/gonbui/comms" // whose subscriptions are read here
)

//go:linkname subscriptions github.com/janpfeifer/gonb/gonbui/comms.subscriptions
var subscriptions map[string][]subscription

//go:linkname subscribing github.com/janpfeifer/gonb/gonbui/comms.muSubscriptions
var subscribing sync.Mutex

// subscription has the fields of one of gonbui's.
type subscription struct {
	id       int
	callback func(address string, value any)
}

var (
	alone struct {
		mu     sync.Mutex
		shows  map[string]float64 // what widgets show, by their names in HTML
		values map[string]float64 // the same by their addresses
		lonely map[string]bool    // addresses for which there is no browser
		served map[int]bool       // subscriptions that got the value
	}
	startServing sync.Once
)

func init() {
	alone.shows, alone.values, alone.lonely, alone.served = map[string]float64{}, map[string]float64{}, map[string]bool{}, map[int]bool{}
}

// serveEvery is how soon somebody who listens gets the value.
const serveEvery = 50 * time.Millisecond

// What gonbui's widgets say of themselves.
var (
	sliderShows = regexp.MustCompile(`<input type="range" id="([^"]+)"[^>]* value="(-?\d+)"`)
	selectShows = regexp.MustCompile(`(?s)<select id="([^"]+)">(.*?)</select>`)
	selected    = regexp.MustCompile(`<option value="(\d+)" selected>`)
	scriptNames = regexp.MustCompile(`(?s)getElementById\("([^"]+)"\)`)
	scriptTalks = regexp.MustCompile(`newSyncedVariable\("([^"]+)"`)
)

// ofWidget says whether an address is one that gonbui makes for its widgets.
func ofWidget(address string) bool {
	return strings.HasPrefix(address, "/select/") || strings.HasPrefix(address, "/button/")
}

// noteWidget reads what a widget shows from its HTML, and its address from its script.
func noteWidget(html string) {
	if !strings.Contains(html, "<input") && !strings.Contains(html, "<select") && !strings.Contains(html, "newSyncedVariable") {
		return
	}
	alone.mu.Lock()
	defer alone.mu.Unlock()
	for _, m := range sliderShows.FindAllStringSubmatch(html, -1) {
		alone.shows[m[1]], _ = strconv.ParseFloat(m[2], 64) // digits
	}
	for _, m := range selectShows.FindAllStringSubmatch(html, -1) {
		if s := selected.FindStringSubmatch(m[2]); s != nil {
			alone.shows[m[1]], _ = strconv.ParseFloat(s[1], 64) // digits
		}
	}
	name, address := scriptNames.FindStringSubmatch(html), scriptTalks.FindStringSubmatch(html)
	if name != nil && address != nil {
		alone.values[address[1]] = alone.shows[name[1]]
	}
}

// moved notes that a cell has moved a widget.
func moved(address string, value any) {
	alone.mu.Lock()
	defer alone.mu.Unlock()
	if v, ok := value.(int); ok && ofWidget(address) {
		alone.values[address] = float64(v)
	}
}

// leaveAlone notes that there is no browser for a widget.
func leaveAlone(address string) {
	alone.mu.Lock()
	defer alone.mu.Unlock()
	alone.lonely[address] = true
	startServing.Do(func() {
		go func() {
			for range time.Tick(serveEvery) {
				serve()
			}
		}()
	})
}

// serve gives those who listen to a widget its value.
func serve() {
	alone.mu.Lock()
	defer alone.mu.Unlock()
	subscribing.Lock()
	defer subscribing.Unlock()
	for address := range alone.lonely {
		value, ok := alone.values[address]
		for _, s := range subscriptions[address] {
			if ok && !alone.served[s.id] {
				alone.served[s.id] = true
				time.AfterFunc(settleTime, func() { s.callback(address, value) })
			}
		}
	}
}
