package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// watcher is one event stream: where it begins, what it lets through, and how
// it is written.
type watcher struct {
	server *Server
	from   uint64
	until  uint64 // last cursor of a stream that ends; 0 for one that does not
	types  map[EventType]bool
	group  string // id
	token  *Token
	sse    bool
}

// watch checks a request for the event log.
func (s *Server) watch(ctx context.Context, in *inEvents) (*watcher, error) {
	w := &watcher{server: s, sse: strings.Contains(in.Accept, "text/event-stream")}
	status, err := s.backend.Status(ctx)
	if err != nil {
		return nil, err
	}
	switch from := cmp.Or(in.LastID, in.From); from {
	case "", "now":
		w.from = status.Cursor
	default:
		if w.from, err = strconv.ParseUint(from, 10, 64); err != nil {
			return nil, NewError(CodeUsage, "The cursor "+Quote(from)+" is no number.", "Give the cursor of the last event handled, 0 for everything, or now.")
		}
	}
	if in.Once {
		w.until = status.Cursor
	}
	if in.Types != "" {
		w.types = make(map[EventType]bool)
		for t := range strings.SplitSeq(in.Types, ",") {
			is := EventType(strings.TrimSpace(t))
			if !slices.Contains(EventTypes, is) {
				return nil, NewError(CodeUsage, "There is no event of type "+Quote(string(is))+".", "There are "+strings.Trim(fmt.Sprint(EventTypes), "[]")+".")
			}
			w.types[is] = true
		}
	}
	if in.Group != "" {
		if w.group, err = s.backend.GroupID(ctx, in.Group); err != nil {
			return nil, err
		}
	}
	if token, ok := ctx.Value(tokenInContext{}).(Token); ok {
		w.token = &token
	}
	return w, nil
}

// run writes the stream until the caller is gone or too slow. One goroutine
// reads the backend's log; it ends with the context.
func (w *watcher) run(ctx context.Context, rw http.ResponseWriter) {
	select {
	case w.server.watchers <- struct{}{}:
		defer func() { <-w.server.watchers }()
	default:
		writeError(rw, NewError(CodeBusy, fmt.Sprintf("There are %d event streams already.", MaxWatchers), "Close one."))
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rw.Header().Set("Content-Type", "application/x-ndjson")
	if w.sse {
		rw.Header().Set("Content-Type", "text/event-stream")
	}
	type item struct {
		event Event
		err   error
	}
	items := make(chan item)
	if w.until == 0 || w.from < w.until {
		go func() {
			defer close(items)
			for e, err := range w.server.backend.Events(ctx, w.from) {
				select {
				case items <- item{e, err}:
				case <-ctx.Done():
					return
				}
			}
		}()
	} else {
		close(items)
	}
	control := http.NewResponseController(rw)
	write := func(e Event) bool {
		control.SetWriteDeadline(time.Now().Add(WriteTimeout)) // not every transport can; then the kernel's own applies
		return w.write(rw, e) == nil && control.Flush() == nil
	}
	if !write(mark(w.from)) {
		return
	}
	beat := time.NewTicker(HeartbeatEvery)
	defer beat.Stop()
	for at := w.from; ; {
		select {
		case <-beat.C:
			if !write(mark(at)) {
				return
			}
		case it, open := <-items:
			switch {
			case !open:
				return
			case it.err != nil:
				w.fail(rw, AsError(it.err))
				return
			case w.wants(it.event) && !write(it.event):
				return
			}
			if at = it.event.Cursor; w.until != 0 && at >= w.until {
				write(mark(at))
				return
			}
		}
	}
}

func mark(cursor uint64) Event {
	return Event{Cursor: cursor, At: time.Now().UTC(), Type: eventMark}
}

// wants applies the filters. A token sees only events of its groups.
func (w *watcher) wants(e Event) bool {
	if w.token != nil && (e.Group == "" || !may(*w.token, e.Group, reading)) {
		return false
	}
	return (w.types == nil || w.types[e.Type]) && (w.group == "" || w.group == e.Group)
}

// write writes one event. A mark becomes, for a browser, a block with an id
// and no data: it moves Last-Event-ID and wakes nobody.
func (w *watcher) write(out io.Writer, e Event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	switch {
	case !w.sse:
		_, err = fmt.Fprintf(out, "%s\n", b)
	case e.Type == eventMark:
		_, err = fmt.Fprintf(out, "id: %d\n\n", e.Cursor)
	default:
		_, err = fmt.Fprintf(out, "id: %d\nevent: %s\ndata: %s\n\n", e.Cursor, e.Type, b)
	}
	return err
}

// fail ends a stream with a line that says why.
func (w *watcher) fail(out io.Writer, e *Error) {
	b, _ := json.Marshal(map[string]*Error{"error": e})
	if w.sse {
		fmt.Fprintf(out, "event: error\ndata: %s\n\n", b)
		return
	}
	fmt.Fprintf(out, "%s\n", b)
}
