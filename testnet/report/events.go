package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Event is one line of a trace, as far as a report shows it. testnet/sim says
// what the kinds are.
type Event struct {
	T      int64  `json:"t"` // nanoseconds
	Kind   string `json:"k"`
	Node   string `json:"n,omitempty"`
	Peer   string `json:"p,omitempty"`
	Group  string `json:"g,omitempty"`
	ID     string `json:"id,omitempty"`
	Epoch  string `json:"e,omitempty"`
	Number uint64 `json:"num,omitempty"`
	Size   int    `json:"size,omitempty"`
	Count  int    `json:"count,omitempty"`
	Text   string `json:"text,omitempty"`
}

// maxLine bounds one line of a trace: an event with a long text, many times.
const maxLine = 1 << 20

// ReadEvents reads a trace. A last line that was cut short is left out; any
// other that cannot be read is an error that names it.
func ReadEvents(path string) ([]Event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Event
	var bad error
	s := bufio.NewScanner(f)
	s.Buffer(nil, maxLine)
	for n := 1; s.Scan(); n++ {
		if bad != nil {
			return nil, bad
		}
		var e Event
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			bad = fmt.Errorf("%s:%d: %w", path, n, err)
			continue
		}
		out = append(out, e)
	}
	if len(out) == 0 && bad != nil {
		return nil, bad
	}
	return out, s.Err()
}

// Compare says where two traces part, or that they do not.
func Compare(a, b []Event) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("the same for %d events, until %v; then\n  %s\n  %s", i, time.Duration(a[i].T), describe(a[i]), describe(b[i]))
		}
	}
	if len(a) != len(b) {
		return fmt.Sprintf("the same for %d events, then one ends; the other has %d", min(len(a), len(b)), max(len(a), len(b)))
	}
	return fmt.Sprintf("the same, all %d events", len(a))
}

func describe(e Event) string {
	b, err := json.Marshal(e)
	if err != nil {
		return e.Kind
	}
	return string(b)
}
