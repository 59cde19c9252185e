package session

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/covey-p2p/covey/consensus"
)

// The rows of a session. Load needs all of them but history; of envelopes and
// message ids it needs the keys alone (KeyOnly).
const (
	rowMeta = "meta"
	rowRoot = "root" // consensus.Epoch the tree starts from
	// rowReadmit is a request to be let in again, with its private half.
	rowReadmit = "readmit"
	// rowKept is the key package by which this device came in.
	rowKept = "kept"
	// rowOwed are the messages whose receipts are not sent yet.
	rowOwed = "owed"
	// rowTellings are the read receipts that their authors have not answered.
	rowTellings = "tellings"
	// rowNews is who was heard, lately, to have read messages of mine.
	rowNews = "news"
)

// epochCell and keyCells are the engine's names (Cell).
func epochCell(c Core) string         { return "epoch/" + hex.EncodeToString(c[:]) }
func keyCells(c Core) string          { return "keys/" + hex.EncodeToString(c[:]) + "/" }
func rowBranch(id EpochID) string     { return "branch/" + hex.EncodeToString(id[:]) }
func rowLine(id EpochID) string       { return "line/" + hex.EncodeToString(id[:]) }
func rowCandidate(id CommitID) string { return "commit/" + hex.EncodeToString(id[:]) }
func rowOwn(parent EpochID) string    { return "own/" + hex.EncodeToString(parent[:]) }
func rowWelcome(id CommitID) string   { return "welcome/" + hex.EncodeToString(id[:]) }
func rowAnchor(id EpochID) string     { return "anchor/" + hex.EncodeToString(id[:]) }
func rowWish(id IntentID) string      { return "wish/" + hex.EncodeToString(id[:]) }
func rowPool(id IntentID) string      { return "pool/" + hex.EncodeToString(id[:]) }
func rowOut(id MessageID) string      { return "out/" + hex.EncodeToString(id[:]) }
func rowUnread(id EnvelopeID) string  { return "unread/" + hex.EncodeToString(id[:]) }
func rowStance(d Device) string       { return "stance/" + hex.EncodeToString(d[:]) }
func rowHistory(seq uint64) string    { return fmt.Sprintf("log/%016x", seq) }

func rowVote(a Account, d Device, seq uint64, head EpochID) string {
	return fmt.Sprintf("vote/%x/%016x/%x/%x", a[:8], seq, d[:8], head[:8])
}

// The key of an envelope says all that is kept of it in memory.
func rowEnvelope(id EnvelopeID, l logged) string {
	var n [4]byte
	key := append(make([]byte, 0, 96), "e/"...)
	binary.BigEndian.PutUint32(n[:], l.order)
	key = append(hex.AppendEncode(key, n[:]), '/')
	key = append(hex.AppendEncode(key, id[:]), '/')
	binary.BigEndian.PutUint32(n[:], l.size)
	key = hex.AppendEncode(key, n[1:]) // maxEnvelopeBytes is less
	if l.control {
		key = append(key, keyControl...)
	}
	return string(key)
}

// keyControl ends the key of an envelope of the control plane.
const keyControl = "/c"

func parseEnvelopeRow(key string) (id EnvelopeID, l logged, ok bool) {
	var raw []byte
	key, l.control = strings.CutSuffix(key, keyControl)
	n, err := fmt.Sscanf(key, "e/%8x/%64x/%6x", &l.order, &raw, &l.size)
	if err != nil || n != 3 || len(raw) != len(id) {
		return id, l, false
	}
	return EnvelopeID(raw), l, true
}

// The key of a message's name says whether this device wrote it.
func rowMessage(order uint32, id MessageID, mine bool) string {
	key := fmt.Sprintf("m/%08x/%x", order, id[:])
	if mine {
		key += keyMine
	}
	return key
}

// keyMine ends the key of the name of a message of mine.
const keyMine = "/mine"

// RowKind says what Load needs of a stored row.
type RowKind uint8

const (
	RowWhole   RowKind = iota // key and value
	RowKeyOnly                // the key; the value may be left out
	RowUnread                 // nothing: history, for faces
)

// KindOfRow says what Load needs of a row with this key.
func KindOfRow(key string) RowKind {
	switch {
	case strings.HasPrefix(key, "log/"):
		return RowUnread
	case strings.HasPrefix(key, "m/"), strings.HasPrefix(key, "e/"):
		return RowKeyOnly
	default:
		return RowWhole
	}
}

// History is one message as it stands in the rows under HistoryPrefix, in the
// order of their keys.
type History struct {
	Seq     uint64    `cbor:"1,keyasint"`
	At      Time      `cbor:"2,keyasint"`
	Message MessageID `cbor:"3,keyasint"`
	Account Account   `cbor:"4,keyasint"`
	Device  Device    `cbor:"5,keyasint"`
	Epoch   EpochID   `cbor:"6,keyasint"`
	Body    []byte    `cbor:"7,keyasint"`
}

// HistoryPrefix begins the keys of history rows.
const HistoryPrefix = "log/"

// HistoryKey is the key of one history row.
func HistoryKey(seq uint64) string { return rowHistory(seq) }

// DecodeHistory reads a history row.
func DecodeHistory(b []byte) (History, error) {
	var h History
	err := decode(b, &h)
	return h, err
}

// savedLine is what stays of an epoch when its secrets are gone: a tag by
// which envelopes of it are known, and my leaf in it.
type savedLine struct {
	Parent EpochID  `cbor:"1,keyasint"`
	Commit CommitID `cbor:"2,keyasint"`
	Number uint64   `cbor:"3,keyasint"`
	Tag    Tag      `cbor:"4,keyasint"`
	Stamp  [32]byte `cbor:"5,keyasint"`
	Since  Time     `cbor:"6,keyasint"`
	Past   Time     `cbor:"7,keyasint"`
	Core   Core     `cbor:"8,keyasint"`
}

// savedCandidate is a row of a commit in the tree.
type savedCandidate struct {
	Cand    consensus.Candidate `cbor:"1,keyasint"`
	Intents []intent            `cbor:"2,keyasint,omitempty"`
	Exit    bool                `cbor:"3,keyasint,omitempty"` // it takes this device out
	Shut    bool                `cbor:"4,keyasint,omitempty"` // its path cannot be opened here
	Newer   bool                `cbor:"5,keyasint,omitempty"` // its policy is of a version not known here
	Delta   delta               `cbor:"6,keyasint"`           // of its epoch, from the parent
}

// Load takes up a session from its rows, in any order.
func Load(cfg Config, now Time, rows []Row) (*Session, Effects, error) {
	byKey := make(map[string][]byte, len(rows))
	var keys []string
	for _, r := range rows {
		if _, dup := byKey[r.Key]; !dup {
			keys = append(keys, r.Key)
		}
		byKey[r.Key] = r.Value
	}
	slices.Sort(keys)
	l := loader{keys: keys, rows: byKey}
	var m meta
	l.read(rowMeta, &m)
	switch {
	case l.err != nil || m.Device != cfg.Self.Device:
		return nil, Effects{}, fmt.Errorf("%w: no session of this device", ErrRows)
	case m.Version != metaVersion:
		return nil, Effects{}, fmt.Errorf("%w: they are of version %d, and this program reads %d: the group has to be founded anew", ErrRows, m.Version, metaVersion)
	}
	s := newSession(cfg, m.Group, now)
	s.meta = m
	s.now, s.skew = m.Clock, max(0, m.Clock-now)
	if s.now < now {
		s.now = now
	}
	s.woke = s.now
	if s.load(&l); l.err != nil {
		return nil, Effects{}, fmt.Errorf("%w: %w", ErrRows, l.err)
	}
	s.begin(now)
	if cfg.Restored != "" { // before anything is said again
		s.grewStale(cfg.Restored)
	}
	if h := s.head(); (h == nil || h.epoch == nil) && s.active() {
		s.grewStale("the keys of the epoch it is in were erased since")
	}
	s.resume()
	return s, s.finish(), nil
}

// loader walks sorted rows, keeping its first error.
type loader struct {
	keys []string
	rows map[string][]byte
	err  error
}

func (l *loader) read(key string, v any) {
	if l.err == nil {
		if err := decode(l.rows[key], v); err != nil {
			l.err = fmt.Errorf("row %s: %w", strings.SplitN(key, "/", 2)[0], err)
		}
	}
}

// each calls f for every key under a prefix, in order.
func (l *loader) each(prefix string, f func(key string)) {
	i, _ := slices.BinarySearch(l.keys, prefix)
	for ; i < len(l.keys) && strings.HasPrefix(l.keys[i], prefix) && l.err == nil; i++ {
		f(l.keys[i])
	}
}

// id reads hex at the end of a key into b.
func (l *loader) id(key string, b []byte) {
	part := key[strings.LastIndexByte(key, '/')+1:]
	if raw, err := hex.DecodeString(part); err != nil || len(raw) != len(b) {
		l.err = fmt.Errorf("key %q", strings.SplitN(key, "/", 2)[0])
	} else {
		copy(b, raw)
	}
}
