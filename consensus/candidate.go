package consensus

// EpochID names one state of a group: a hash over its GroupContext and its
// confirmation tag, so over its whole history and its secrets. An epoch number
// names nothing once a group has forked.
type EpochID [32]byte

// CommitID names one commit on one parent: a hash over both. The rule never
// decides by it: any member can frame another's signed commit anew, so the
// same commit may arrive under two of them. See Rank 4 in doc.go.
type CommitID [32]byte

// Account is a person's public account key; accounts vote, devices do not.
type Account [32]byte

// Device is the signature key of one device of an account.
type Device [32]byte

// Class orders what a commit does; the lower class wins (doc.go, Rank 1).
type Class uint8

const (
	ClassRemove   Class = iota // takes out a leaf of another account
	ClassChange                // adds, context extensions, PSK, ReInit
	ClassMaintain              // empty, path only, updates
	ClassResync                // external commit that replaces its own old leaf
	ClassJoin                  // external commit that joins
)

// Role is what an account may do; the higher role wins between two removals.
type Role uint8

const (
	RoleMember Role = iota
	RoleAdmin
	RoleOwner
)

// Epoch is what the rule needs to know of a state. A Chain keeps the slices it
// is given; nobody may change them afterwards.
type Epoch struct {
	ID     EpochID
	Number uint64    // MLS epoch number; names nothing, feeds slots and text
	Roster []Account // the accounts in it, each once, sorted

	// Voters are the accounts that vote on its children, each once, sorted, at
	// most Params.Committee of them: see Committee. Nil means all of Roster.
	Voters []Account

	// Trail is what the cool-down must know of the commits that led here,
	// newest first. It is read only of a root: below one the Chain knows.
	Trail []Step
}

// Step is one commit of a Trail.
type Step struct {
	Author Account
	Class  Class
}

// Candidate is a commit whose validity on its parent has been established, or,
// where Header is set, one known only by its signed header.
type Candidate struct {
	ID      CommitID
	Parent  EpochID
	Child   Epoch // of a Header, Roster may be nil: the parent's is then taken
	Author  Account
	Class   Class
	Role    Role   // of the author, in the parent
	Slot    uint32 // of the author's leaf, in the parent: see Slots
	Carries bool   // carries another account's intent: exempt from the cool-down
	Header  bool   // not materialised here: counts for weight, cannot be entered
	Opened  bool   // the commit was opened here, so that a Header, too, is known to be true
	Signed  Word   // its header, as its author signed it
}

// opened says that k is no hearsay.
func (k *Candidate) opened() bool { return k.Opened || !k.Header }

// Word is a statement as it was signed. The rule does not read it: it goes
// along, so that evidence has with it what shows it to others. It is a string to
// be comparable, and bytes wherever it is encoded.
type Word string

// MarshalBinary returns the bytes of w.
func (w Word) MarshalBinary() ([]byte, error) { return []byte(w), nil }

// UnmarshalBinary takes bytes of any kind.
func (w *Word) UnmarshalBinary(b []byte) error { *w = Word(b); return nil }

// Vote says which state an account holds to be the head. Its signature has
// been checked before it comes here, and that Device is one of Account's.
//
// Seq orders the votes of an account: a device votes with more than it has
// seen of any device of its account. Chain.NextSeq picks it.
type Vote struct {
	Account Account
	Device  Device
	Seq     uint64
	Head    EpochID
	Signed  Word
}

// Move is how the head moved: from From, back over Undo (newest first), then
// forward over Redo. Both lists are empty where it stayed.
type Move struct {
	From, To EpochID
	Undo     []CommitID
	Redo     []CommitID
}

// Stayed reports that the head did not move.
func (m Move) Stayed() bool { return m.From == m.To }
