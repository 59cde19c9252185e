package session

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session/reconcile"
)

// GroupID is the group's MLS group id: 32 random bytes that only members know.
// Drivers keep it out of logs and file names.
type GroupID [32]byte

// Config is what a session needs from outside itself.
type Config struct {
	Engine Engine
	Self   Identity
	Rand   io.Reader
	Pace   Pace // the zero value is the defaults of limits.go
	// Restored, where set, says why the rows handed to Load are an older copy,
	// put back: the session only reads until it is let in anew.
	Restored string
	// Rule is zero but where another rule is measured: see consensus.Rule.
	Rule consensus.Rule
	// Commons is shared with other sessions of the process, or nil. Spared, where
	// set, is told how many certificates need not be verified thanks to it.
	Commons *Commons
	Spared  func(certificates int)
}

// Pace overrides local timing, in milliseconds, for measurements. None of it
// is read by a decision about commits.
type Pace struct {
	SettleAfter, SettleCap, SlotDelay Time
	Window                            uint64 // epochs a fork can be entered for
}

func (p Pace) orDefault() Pace {
	return Pace{
		SettleAfter: cmp.Or(p.SettleAfter, settleAfter), SettleCap: cmp.Or(p.SettleCap, settleCap),
		SlotDelay: cmp.Or(p.SlotDelay, slotDelay), Window: cmp.Or(p.Window, window),
	}
}

// ErrRows says that durable rows are not those of a session: it does not
// start rather than guess.
var ErrRows = errors.New("session: rows cannot be read")

// Session is one member's view of one group. It is advanced by Step alone and
// is owned by one goroutine.
//
// Invariants: (1) held has the head, with its epoch, unless removed; (2) every
// commit, own or foreign, entered by admit; (3) what a Step changed and a
// restart needs is in that Step's Save.
type Session struct {
	cfg   Config
	pace  Pace
	group GroupID

	wall Time // the driver's clock in this Step
	now  Time // the same, never going back: wall + skew
	skew Time
	woke Time // when it was made or loaded
	fx   Effects
	// metaChanged: meta's row is written at the end of this Step.
	metaChanged bool

	chain   *consensus.Chain
	held    map[EpochID]*held
	tags    map[Tag]EpochID
	certs   map[certKey]Certificate
	anchors map[EpochID]*anchor
	hints   map[[4]byte][]EpochID

	log       map[EnvelopeID]logged
	set       reconcile.Set
	controls  *reconcile.Set // those of the control plane, once somebody asked who left
	logBytes  int
	logSizes  map[uint32]int        // by order
	unread    map[EnvelopeID]uint32 // in the log, by order: no key here opened them
	cutting   bool                  // the log has more below its floor than one Step cuts
	trimmed   Time                  // when trim last looked
	parked    parking
	ahead     ahead
	refused   memory[EnvelopeID]
	peers     map[Peer]*peer
	asked     map[EnvelopeID]question
	compared  Time // when the first exchange was opened
	lastHeard map[Device]hearing
	live      bool // what is taken in comes by gossip

	own             map[EpochID]CommitID // by parent: never two commits of mine on one
	wishes          map[IntentID]*wish
	pool            map[IntentID]*pooled
	carriers        map[IntentID][]CommitID
	carriedBy       map[CommitID][]intent
	exits           map[CommitID]bool // commits that take this device out
	lastVote        map[Account]consensus.Vote
	stances         map[Device]stance
	turned          uint64                // how often a turn was taken, or a device came or went
	toldTurns       uint64                // of those, what this device has said takes in
	ackAt           Time                  // when what I have seen of the others is said; zero: it is said
	voteRows        map[Account][]string  // durable rows of votes, oldest first
	met             map[*Account]*mention // rosters of the tree, by where they begin
	headless        map[CommitID]bool     // commits whose headers nobody said yet (header.go)
	unopenable      map[CommitID]bool     // commits whose path this device cannot open
	proofs          map[Account]*charge   // of whom two things were read that it signed (proof.go)
	nacks           map[Account][]EpochID // what they say they cannot open (nack.go)
	blamed          map[Account]bool      // whose commits the faces were told of so
	beside          EpochID               // another commit is to be made on it, whatever there is to do
	shyUntil        Time                  // this device makes no commit before
	accused         int                   // of how many the proofs were looked for
	crowds          map[EpochID]*crowd    // by child: commits turned away (crowd.go)
	newerThan       map[CommitID]bool     // commits whose policy is of a version not known here
	treeRows        map[string]bool       // durable rows of commits and votes
	raced           []CommitID            // of this Step: commits that have rivals
	divided         bool                  // the rule prefers, by votes, what cannot be entered here
	readmitAt       Time                  // when somebody let in lately may be let in again
	readmission     *readmission
	stirred         bool    // a vote, commit or receipt came since the last reap
	drained         EpochID // down to where requests done were last forgotten
	reapAt          Time    // when it is done anyway
	kept            *keptPackages
	gone            map[Device]departure // devices that left (gone.go)
	early           []Welcomed           // Welcomes that came before the headers they need
	unpublished     [][]byte             // own commits that a crash may have kept in
	welcomes        map[CommitID]*heldWelcome
	outbox          map[MessageID]*sent
	unsaid          bool // some of it may wait to be protected
	mids            map[MessageID]uint32
	lately          []seen             // the two latest messages
	arrivals        []arrival          // of this Step
	owed            []MessageID        // receipts not sent yet
	owedAt          Time               // when they are to be
	receiptNext     Time               // none before
	owing           bool               // owed has changed in this Step
	said            said               // my receipts that the next one stands for
	runs            map[run][]placed   // of everybody's receipts in the log
	mine            map[MessageID]bool // of mids
	shown           memory[MessageID]  // what a person has read, and its author is told of
	tellings        []*telling         // words whose authors have not answered, oldest first
	tellAt          Time               // when those that wait are said
	tellNext        Time               // none before
	toldHead        EpochID            // the head at which they were looked through
	tellingsChanged bool
	news            []reader           // of this Step
	newsKept        bool               // and that of one before is in a row
	pressAt         Time               // when press looks at the outbox; zero: nothing to look for
	gaps            map[MessageID]Time // messages that others have seen and I lack

	meta   meta
	pacing pacing
	agenda agenda
	counts Counts
}

// meta is the one row of small facts.
type meta struct {
	Version uint8   `cbor:"1,keyasint"`
	Group   GroupID `cbor:"2,keyasint"`
	Device  Device  `cbor:"3,keyasint"`
	Clock   Time    `cbor:"4,keyasint"`  // now, when last saved
	Floor   uint32  `cbor:"5,keyasint"`  // orders below are not mine to have
	Closed  uint32  `cbor:"17,keyasint"` // up to here, what has no key of mine never will
	History uint64  `cbor:"6,keyasint"`  // last Seq given
	Read    uint64  `cbor:"7,keyasint"`
	Voted   EpochID `cbor:"8,keyasint"` // the head my last vote names
	Status  status  `cbor:"9,keyasint"`
	Why     string  `cbor:"10,keyasint,omitempty"`
	VoteSeq uint64  `cbor:"11,keyasint"`
	Turn    uint64  `cbor:"20,keyasint"` // how often my votes left a line
	Stated  uint64  `cbor:"18,keyasint"` // statements of mine so far
	Head    EpochID `cbor:"15,keyasint"` // as the faces were told
	Sent    uint64  `cbor:"14,keyasint"` // messages of mine so far
	Renewed Time    `cbor:"21,keyasint"` // when my keys were made, by my commit or by joining
	Joined  EpochID `cbor:"12,keyasint"` // the epoch this device began with
	// Entered are the epochs entered by a Welcome: never twice, as the second
	// time their message keys would be used again.
	Entered []EpochID `cbor:"16,keyasint,omitempty"`
	// Probation: let in lately, not yet sure that this branch is the group's.
	Probation bool `cbor:"13,keyasint"`
	// Inviter asked for this device's account to be let in; zero: not known.
	Inviter Account `cbor:"19,keyasint"`
}

// status is whether this device takes part.
type status uint8

const (
	statusMember   status = iota
	statusRemoved         // the head's branch took me out
	statusStale           // an old copy: receives, never signs (heal.go)
	statusStranded        // my branch lost beyond the window
	statusOutdated        // the group's policy is of a version not known here
)

// metaVersion is of the rows as a whole. In those of version 1 commits had no
// signed headers: nobody would take them any more, so such a group is founded anew.
const metaVersion = 2

func newSession(cfg Config, group GroupID, now Time) *Session {
	return &Session{
		cfg: cfg, pace: cfg.Pace.orDefault(), group: group, wall: now, now: now, woke: now,
		held: map[EpochID]*held{}, tags: map[Tag]EpochID{}, certs: map[certKey]Certificate{},
		anchors: map[EpochID]*anchor{}, hints: map[[4]byte][]EpochID{},
		log: map[EnvelopeID]logged{}, logSizes: map[uint32]int{}, unread: map[EnvelopeID]uint32{}, peers: map[Peer]*peer{}, asked: map[EnvelopeID]question{}, lastHeard: map[Device]hearing{},
		own: map[EpochID]CommitID{}, wishes: map[IntentID]*wish{}, pool: map[IntentID]*pooled{},
		carriers: map[IntentID][]CommitID{}, carriedBy: map[CommitID][]intent{}, exits: map[CommitID]bool{},
		lastVote: map[Account]consensus.Vote{}, stances: map[Device]stance{}, toldTurns: math.MaxUint64, voteRows: map[Account][]string{}, met: map[*Account]*mention{}, unopenable: map[CommitID]bool{}, headless: map[CommitID]bool{}, newerThan: map[CommitID]bool{}, crowds: map[EpochID]*crowd{}, proofs: map[Account]*charge{}, nacks: map[Account][]EpochID{}, blamed: map[Account]bool{}, treeRows: map[string]bool{}, gaps: map[MessageID]Time{}, welcomes: map[CommitID]*heldWelcome{},
		outbox: map[MessageID]*sent{}, mids: map[MessageID]uint32{}, mine: map[MessageID]bool{}, runs: map[run][]placed{}, shown: newMemory[MessageID](maxShown), gone: map[Device]departure{},
		parked: newParking(), ahead: newAhead(), refused: newMemory[EnvelopeID](maxRefused), counts: Counts{},
		meta: meta{Version: metaVersion, Group: group, Device: cfg.Self.Device, Renewed: now},
	}
}

// Create founds a group with the given name, of which the account behind
// cfg.Self is the owner.
func Create(cfg Config, now Time, name string) (*Session, Effects, error) {
	if len(name) > maxNameBytes {
		return nil, Effects{}, fmt.Errorf("session: a group's name is at most %d bytes", maxNameBytes)
	}
	var group GroupID
	if _, err := io.ReadFull(cfg.Rand, group[:]); err != nil {
		return nil, Effects{}, err
	}
	policy := newPolicy(cfg.Self.Account, name)
	e, err := cfg.Engine.Create(cfg.Self, group[:], encode(policy), cfg.Rand)
	if err != nil {
		return nil, Effects{}, err
	}
	s := newSession(cfg, group, now)
	s.begin(now)
	root, err := s.view(e, EpochID{}, CommitID{})
	if err != nil {
		return nil, Effects{}, err
	}
	s.plant(s.ruleEpoch(root, nil))
	s.enter(root)
	s.meta.Head = root.id
	s.saveMeta()
	s.notify(Notice{Kind: NoticeJoined, Epoch: root.id})
	return s, s.finish(), nil
}

// Step takes one event and says what is to be done about it. It never fails:
// what the network sends is used or counted (Counts). The driver performs the
// effects in field order before the next Step.
func (s *Session) Step(now Time, ev Event) Effects {
	s.begin(now)
	switch e := ev.(type) {
	case Received:
		s.live = true
		s.receive(e.From, e.Envelope)
		s.live = false
	case Frame:
		s.frame(e)
	case PeerUp:
		s.peerUp(e.Peer)
	case PeerDown:
		delete(s.peers, e.Peer)
	case Welcomed:
		s.welcomed(e)
	case Send:
		s.send(e)
	case Handed:
		s.handed(e)
	case Read:
		s.read(e)
	case Fetched:
		s.fetched(e)
	case Tick:
	default:
		s.wish(ev)
	}
	return s.finish()
}

// begin opens a Step. Time for us only goes forward: where the driver's clock
// jumps back, the difference is added from then on.
func (s *Session) begin(wall Time) {
	s.fx = Effects{}
	s.wall = wall
	if wall+s.skew < s.now {
		s.skew = s.now - wall
	}
	s.now = wall + s.skew
}

// finish does what follows from whatever changed, once, however many
// envelopes a Step brought: no flicker through abandoned branches.
func (s *Session) finish() Effects {
	s.arrange()
	for range maxRounds {
		before := s.pacing
		s.moved()
		s.settle()
		s.standing()
		s.again()
		s.renewIfDue()
		s.commitIfDue()
		if s.pacing == before {
			break
		}
	}
	s.moved()
	s.tellRaces()
	s.flushOutbox()
	s.releaseWelcomes()
	s.receipts()
	s.words()
	s.chase()
	s.press()
	s.acknowledge()
	s.accuse()
	s.reap()
	s.trim()
	s.remind()
	if s.metaChanged {
		s.metaChanged = false
		s.save(rowMeta, encode(s.meta), EpochID{})
	}
	fx := s.fx
	s.fx = Effects{}
	fx.Save = Latest(fx.Save)
	return fx
}

// Group is the group's id.
func (s *Session) Group() GroupID { return s.group }

// head is the state I act in; nil where it cannot be read, as in an old copy
// whose keys have been erased since.
func (s *Session) head() *held {
	if h := s.held[s.chain.Head()]; h != nil && h.roster != nil {
		return h
	}
	return nil
}

// active reports whether this device may sign anything.
func (s *Session) active() bool { return s.meta.Status == statusMember }

func (s *Session) random(b []byte) { must(io.ReadFull(s.cfg.Rand, b)) }

func (s *Session) save(key string, value []byte, wrap EpochID) {
	if wrap != (EpochID{}) && len(value) > 0 { // erased after all is saved: it would take this with it
		s.fx.Erase = slices.DeleteFunc(s.fx.Erase, func(id EpochID) bool { return id == wrap })
	}
	switch kind, _, _ := strings.Cut(key, "/"); kind {
	case "commit", "vote":
		if s.treeRows[key] = true; value == nil {
			delete(s.treeRows, key)
		}
		if kind == "commit" {
			s.agenda = agenda{}
		}
	case "wish", "pool":
		s.agenda = agenda{}
	}
	if s.fx.Save == nil {
		s.fx.Save = make([]Row, 0, 8) // as many as an envelope takes
	}
	s.fx.Save = append(s.fx.Save, Row{Key: key, Value: value, Wrap: wrap})
}

// drop deletes a row.
func (s *Session) drop(key string) { s.save(key, nil, EpochID{}) }

// erase deletes a row and ends the wrapping key it was stored under.
func (s *Session) erase(key string, wrap EpochID) {
	s.drop(key)
	s.fx.Erase = append(s.fx.Erase, wrap)
}

// saveMeta has the step end with the session's own row.
func (s *Session) saveMeta() {
	s.meta.Clock = s.now
	s.metaChanged = true
}

func (s *Session) notify(n Notice) {
	n.At = s.wall
	s.fx.Notify = append(s.fx.Notify, n)
}

func (s *Session) publish(envelope []byte, id IntentID) {
	s.fx.Publish = append(s.fx.Publish, Outgoing{Envelope: envelope, ID: id})
}

// wake asks for a Tick at t, in our time.
func (s *Session) wake(t Time) {
	t = max(t-s.skew, s.wall+1)
	if s.fx.Wake == 0 || t < s.fx.Wake {
		s.fx.Wake = t
	}
}

// sortedIDs are a map's keys in order.
func sortedIDs[K interface {
	~[16]byte | ~[32]byte
	comparable
}, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b K) int {
		for i := range len(a) {
			if c := cmp.Compare(a[i], b[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	return keys
}
