package people

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// Stamp is proof of work for one hello: its hash over both accounts, the time
// and the nonce begins with StampBits zero bits.
type Stamp struct {
	Time  int64  `cbor:"1,keyasint"` // Unix seconds
	Nonce uint64 `cbor:"2,keyasint"`
}

// Work makes a stamp; it takes about a second of one core. give is asked now
// and then whether to give up.
func Work(from, to session.Account, now time.Time, give func() bool) (Stamp, bool) {
	s := Stamp{Time: now.Unix()}
	for ; ; s.Nonce++ {
		if s.bits(from, to) >= StampBits {
			return s, true
		}
		if s.Nonce&0xffff == 0 && give != nil && give() {
			return Stamp{}, false
		}
	}
}

func (s Stamp) bits(from, to session.Account) int {
	const label = "covey stamp"
	var b [len(label) + 32 + 32 + 8 + 8]byte
	n := copy(b[:], label)
	n += copy(b[n:], from[:])
	n += copy(b[n:], to[:])
	binary.BigEndian.PutUint64(b[n:], uint64(s.Time))
	binary.BigEndian.PutUint64(b[n+8:], s.Nonce)
	h := sha256.Sum256(b[:])
	return bits.LeadingZeros64(binary.BigEndian.Uint64(h[:8]))
}

// Spend accepts a stamp for this account once.
func (b *Book) Spend(s *Stamp, from session.Account, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spend(s, from, now)
}

func (b *Book) spend(s *Stamp, from session.Account, now time.Time) bool {
	if s == nil || s.bits(from, b.self) < StampBits {
		return false
	}
	age := now.Sub(time.Unix(s.Time, 0))
	if age > stampLife || age < -stampLife {
		return false
	}
	for old, until := range b.spent {
		if until < now.Unix() {
			delete(b.spent, old)
		}
	}
	if _, again := b.spent[*s]; again || len(b.spent) >= MaxContacts {
		return false
	}
	b.spent[*s] = time.Unix(s.Time, 0).Add(stampLife).Unix()
	return true
}
