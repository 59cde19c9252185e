package mailbox

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/covey-p2p/covey/mls"
)

// Recipient is whom an item is for: the Ed25519 key of a device.
type Recipient [32]byte

type slotID [32]byte

// itemID names a sealed item: its hash.
type itemID [32]byte

// protocol is the name under which node/mesh serves this.
const protocol = "mailbox"

const version = 1

type op uint8

const (
	opPut op = iota + 1
	opGet
	opAck
)

// request is one question to a holder. Only the fields of its Op are set.
type request struct {
	Version uint8 `cbor:"1,keyasint"`
	Op      op    `cbor:"2,keyasint"`

	// Put.
	Slot slotID `cbor:"3,keyasint,omitempty"`
	Day  uint32 `cbor:"4,keyasint,omitempty"` // since 1970, of the slot
	Keep uint8  `cbor:"5,keyasint,omitempty"` // days
	Item []byte `cbor:"6,keyasint,omitempty"`
	Work uint64 `cbor:"7,keyasint,omitempty"` // nonce

	// Get, Ack.
	Recipient Recipient `cbor:"8,keyasint,omitempty"`
	Days      []uint32  `cbor:"9,keyasint,omitempty"`
	After     itemID    `cbor:"10,keyasint,omitempty"` // Get: only larger ids
	IDs       []itemID  `cbor:"11,keyasint,omitempty"` // Ack
	Holder    []byte    `cbor:"12,keyasint,omitempty"` // peer id of who is asked
	Time      int64     `cbor:"13,keyasint,omitempty"` // Unix milliseconds
	Signature []byte    `cbor:"14,keyasint,omitempty"`
}

// status is a holder's answer in short.
type status uint8

const (
	statusOK    status = iota + 1
	statusFull         // no room in the slot or at the holder
	statusQuota        // the depositor has had its share of the day
	statusWork         // more work is asked for: Bits
	statusBad          // malformed, or not signed by whom it names
)

type answer struct {
	Version uint8    `cbor:"1,keyasint"`
	Status  status   `cbor:"2,keyasint"`
	Bits    uint8    `cbor:"3,keyasint,omitempty"`
	Items   [][]byte `cbor:"4,keyasint,omitempty"`
	Last    itemID   `cbor:"5,keyasint,omitempty"` // of Items
	More    bool     `cbor:"6,keyasint,omitempty"` // beyond Last
}

var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  4,
		MaxArrayElements: 1 << 10,
		MaxMapPairs:      32,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // only for options the library does not know
	}
	return v
}

func encode(v any) []byte {
	b, err := encMode.Marshal(v)
	if err != nil {
		panic(err) // our own structs always encode
	}
	return b
}

// slot is where a recipient's items of a day lie.
func slot(to Recipient, day uint32) slotID {
	h := sha256.New()
	h.Write([]byte("covey/mailbox/1\x00"))
	h.Write(binary.BigEndian.AppendUint32(nil, day))
	h.Write(to[:])
	return slotID(h.Sum(nil))
}

func dayOf(t time.Time) uint32 { return uint32(t.Unix() / (24 * 60 * 60)) }

// pastDays are the days whose slots may hold something for a recipient: of all
// that may be kept, and tomorrow's, for clocks that are ahead.
func pastDays(now time.Time, n int) []uint32 {
	today := dayOf(now)
	days := []uint32{today + 1}
	for i := range uint32(n) {
		days = append(days, today-i)
	}
	return days
}

// signed is what a recipient signs of a request.
func (r request) signed() []byte {
	r.Signature = nil
	return encode(r)
}

const signLabel = "covey mailbox request"

// sign makes a request the recipient's, for one holder.
func (r *request) sign(key *mls.SigningKey, holder []byte, now time.Time) {
	r.Version, r.Recipient, r.Holder, r.Time = version, Recipient(key.Public()), holder, now.UnixMilli()
	r.Signature = mls.Sign(key, signLabel, r.signed())
}

func (r *request) verify(holder []byte, now time.Time) bool {
	off := now.Sub(time.UnixMilli(r.Time))
	return off < clockSkew && off > -clockSkew && string(r.Holder) == string(holder) &&
		mls.Verify(r.Recipient[:], signLabel, r.signed(), r.Signature)
}

// workDone is how many leading zero bits the proof of a deposit has.
func workDone(slot slotID, id itemID, nonce uint64) int {
	var b [len("covey/mailbox/1 work") + 32 + 32 + 8]byte
	n := copy(b[:], "covey/mailbox/1 work")
	n += copy(b[n:], slot[:])
	n += copy(b[n:], id[:])
	binary.BigEndian.PutUint64(b[n:], nonce)
	h := sha256.Sum256(b[:])
	return bits.LeadingZeros64(binary.BigEndian.Uint64(h[:]))
}

// work finds a nonce of that many bits, unless stop says so now and then.
func work(slot slotID, id itemID, want int, stop func() bool) (uint64, bool) {
	for nonce := uint64(0); ; nonce++ {
		if workDone(slot, id, nonce) >= want {
			return nonce, true
		}
		if nonce%4096 == 4095 && stop() {
			return 0, false
		}
	}
}
