package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// Entry is one line of a trace: what happened, when, to whom. A field that its
// kind does not name is left out of the line.
//
//	verb    a line of the script took effect             Text
//	up down a node started, stopped or crashed           Node Text
//	step    a session took an event                      Node Group Text(event)
//	save    a batch became durable                       Node Group Count Size
//	erase   an epoch's wrapping key was destroyed        Node Group Epoch
//	publish an envelope was handed to the overlay        Node Group ID Size
//	hop     a neighbour got it                           Node Group Peer ID
//	direct  a frame left for one peer                    Node Group Peer Size
//	lost    the network or a fault took something        Node Peer Text(why)
//	born    an epoch was derived for the first time      Group Epoch ID(parent) Number Text
//	notice  a session told its faces something           Node Group Text and more
//	fault   the harness did harm                         Node Text
//	broken  an invariant does not hold                   Node Group Text
type Entry struct {
	At     time.Duration // since the world began
	Kind   string
	Node   string
	Peer   string
	Group  string
	ID     string // of a post, an intent or a message
	Epoch  string // first bytes of an EpochID, hexadecimal
	Number uint64 // its epoch number
	Size   int    // bytes
	Count  int
	Text   string
}

// appendJSON writes the entry as one line. The field order is fixed.
func (e *Entry) appendJSON(b []byte) []byte {
	b = append(b, `{"t":`...)
	b = strconv.AppendInt(b, int64(e.At), 10)
	b = appendField(b, "k", e.Kind)
	b = appendField(b, "n", e.Node)
	b = appendField(b, "p", e.Peer)
	b = appendField(b, "g", e.Group)
	b = appendField(b, "id", e.ID)
	b = appendField(b, "e", e.Epoch)
	b = appendNumber(b, "num", e.Number)
	b = appendNumber(b, "size", uint64(e.Size))
	b = appendNumber(b, "count", uint64(e.Count))
	b = appendField(b, "text", e.Text)
	return append(b, '}', '\n')
}

func appendNumber(b []byte, name string, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendUint(b, v, 10)
}

func appendField(b []byte, name, v string) []byte {
	if v == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":"`...)
	for _, c := range v {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return append(b, '"')
}

// trace numbers, hashes and hands on entries. Nobody pays for a trace that
// nobody reads: on is false then.
type trace struct {
	on     bool
	out    io.Writer
	watch  []func(*Entry)
	digest hash.Hash
	count  int
	buf    []byte
	err    error // first failure of out
}

func newTrace(out io.Writer, digest bool) trace {
	t := trace{on: digest || out != nil, out: out}
	if t.on {
		t.digest = sha256.New()
	}
	return t
}

func (t *trace) add(e Entry) {
	if !t.on {
		return
	}
	t.count++
	if t.digest != nil {
		t.buf = e.appendJSON(t.buf[:0])
		t.digest.Write(t.buf)
		if t.out != nil && t.err == nil {
			_, t.err = t.out.Write(t.buf)
		}
	}
	for _, f := range t.watch {
		f(&e)
	}
}

// Digest names the run so far: two runs with the same digest had the same
// trace, byte for byte. It is empty in a world that keeps no trace.
func (w *World) Digest() string {
	if w.trace.digest == nil {
		return ""
	}
	return hex.EncodeToString(w.trace.digest.Sum(nil)[:16])
}

// Watch calls f with every entry from now on, in order. The entry is f's only
// until it returns.
func (w *World) Watch(f func(*Entry)) {
	w.trace.on = true
	w.trace.watch = append(w.trace.watch, f)
}
