package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Now, as the cursor to watch from, asks for what is still to come only.
const Now = ^uint64(0)

// WatchOptions narrows a watch.
type WatchOptions struct {
	// From is the cursor after which to begin: 0 for everything kept, Now for
	// what is still to come.
	From uint64
	// Types and Group, where set, let only such events through.
	Types []EventType
	Group string
	// Once ends the watch where the past ends.
	Once bool
	// NoRetry ends the watch when the stream breaks, instead of resuming it.
	NoRetry bool
}

// Watch yields events until the context ends or the loop is left. A stream
// that breaks is resumed after the last event yielded, so that none is missed
// and none comes twice. Only an error that retrying does not mend is yielded,
// as the last thing.
func (c *Client) Watch(ctx context.Context, o WatchOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		pause := firstPause
		for {
			before := o.From
			more, err := c.watchOnce(ctx, &o, yield)
			if !more || ctx.Err() != nil {
				return
			}
			if e, ok := errors.AsType[*Error](err); o.NoRetry || ok && !e.Retryable {
				yield(Event{}, err)
				return
			}
			if o.From != before {
				pause = firstPause
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, lastPause)
		}
	}
}

// The first and the longest pause before a broken stream is resumed: a daemon
// that restarts is back within a second.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// watchOnce reads one stream, moving o.From along. It reports whether the
// caller wants more.
func (c *Client) watchOnce(ctx context.Context, o *WatchOptions, yield func(Event, error) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	address, err := c.url([]string{"events"}, o.query())
	if err != nil {
		return true, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return true, err
	}
	req.Header.Set("Accept", "application/x-ndjson")
	resp, err := c.send(req)
	if err != nil {
		return true, err
	}
	defer resp.Body.Close()
	silence := time.AfterFunc(3*HeartbeatEvery, cancel)
	defer silence.Stop()
	lines := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			if o.Once && errors.Is(err, io.EOF) {
				return false, nil
			}
			return true, NewError(CodeStopped, "The event stream broke off.", "It resumes by itself once the node is back.")
		}
		silence.Reset(3 * HeartbeatEvery)
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue // a heartbeat
		}
		var e struct {
			Event
			Error *Error `json:"error"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return true, NewError(CodeVersion, fmt.Sprintf("An event cannot be read: %v.", err), "Run the same version of covey on both sides.")
		}
		if e.Error != nil {
			return true, e.Error
		}
		o.From = e.Cursor
		if e.Type == eventMark {
			continue // where the stream stands; nothing happened
		}
		if !yield(e.Event, nil) {
			return false, nil
		}
	}
}

// eventMark is a line that only moves the cursor: sent first to a watch from
// Now, and instead of events that a filter held back.
const eventMark EventType = "mark"

func (o *WatchOptions) query() url.Values {
	q := url.Values{"from": {"now"}}
	if o.From != Now {
		q.Set("from", strconv.FormatUint(o.From, 10))
	}
	if len(o.Types) > 0 {
		types := make([]string, len(o.Types))
		for i, t := range o.Types {
			types[i] = string(t)
		}
		q.Set("types", strings.Join(types, ","))
	}
	if o.Group != "" {
		q.Set("group", o.Group)
	}
	if o.Once {
		q.Set("once", "true")
	}
	return q
}
