package bench

import "fmt"

// Protocol makes groups of one design.
type Protocol interface {
	// Name is a word for legends and files.
	Name() string
	// New returns a group of one member, number 0.
	New() (Group, error)
}

// Group is all members of one group, run by one caller. Members are numbered
// in the order in which they came. Methods that make bytes return them; those
// that read take them. Nothing is sent.
type Group interface {
	// Size is how many members there are.
	Size() int
	// Add brings in that many members at once, by member 0, and lets everybody
	// who was there before, and everybody who came, take it in.
	Add(n int) (Cost, error)
	// Remove takes out the newest member, by member 0, likewise.
	Remove() (Cost, error)
	// Rotate renews a member's keys, so that what was stolen from it is worth
	// nothing once everybody has taken it in.
	Rotate(member int) (Cost, error)
	// Send encrypts a message once, however many ciphertexts that takes.
	Send(member int, text []byte) (Sealed, error)
	// Read decrypts it as one member. It fails for one who must not.
	Read(member int, s Sealed) ([]byte, error)
}

// Sealed is what one Send put on the wire: one ciphertext for all, or one for
// each reader.
type Sealed struct {
	From int
	All  []byte
	Each map[int][]byte
}

// Bytes is the size of what the sender uploads.
func (s Sealed) Bytes() int {
	n := len(s.All)
	for _, c := range s.Each {
		n += len(c)
	}
	return n
}

// Cost is what a change of the group took, beside its time.
type Cost struct {
	Messages int // handed to the network
	Bytes    int // of them, as uploaded
}

func (c *Cost) add(n int) {
	c.Messages++
	c.Bytes += n
}

// Protocols returns the three, MLS first.
func Protocols() []Protocol { return []Protocol{MLS{}, Pairwise{}, SenderKeys{}} }

func noMember(i int) error { return fmt.Errorf("there is no member %d", i) }
