package session

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// A Welcome lets a joiner into one branch. It leaves only when that branch is
// settled on and most agree (RFC 9420 §14), so that hardly anybody is let into
// a branch that loses; and it brings, sealed for the new epoch, what the tree
// looks like just above, so that a joiner can tell if it did lose.

// heldWelcome waits for its commit to be agreed on.
type heldWelcome struct {
	Commit  CommitID `cbor:"1,keyasint"`
	Child   EpochID  `cbor:"2,keyasint"`
	Welcome []byte   `cbor:"3,keyasint"`
	To      []Device `cbor:"4,keyasint"` // who has not been heard in the group yet
	Since   Time     `cbor:"5,keyasint"`
	Body    []byte   `cbor:"6,keyasint,omitempty"` // as it was sent
	Sent    Time     `cbor:"7,keyasint"`
	Tries   int      `cbor:"8,keyasint"`
}

// invitation is the body of a DirectWelcome.
type invitation struct {
	Version uint8   `cbor:"1,keyasint"`
	Group   GroupID `cbor:"2,keyasint"` // a joiner learns it from the Welcome anyway
	Welcome []byte  `cbor:"3,keyasint"`
	Sidecar []byte  `cbor:"4,keyasint"` // sealed under an exporter of the epoch
}

// sidecar is what a joiner must know beside the state. Its tree begins where a
// fork can still begin, a window before the epoch entered, and as far before that
// as the cool-down looks back: one that began at the epoch itself could not show
// that it is on a branch that lost. Whoever makes it may lie, so the tree and the
// votes are others' statements as they were signed; doc.go says what is left.
type sidecar struct {
	Trail    [][]byte     `cbor:"1,keyasint"`           // headers, down to that of the epoch entered
	Voters   []Account    `cbor:"2,keyasint,omitempty"` // of where they begin, where they are drawn
	Anchors  []anchor     `cbor:"3,keyasint"`
	Votes    [][]byte     `cbor:"4,keyasint"`           // the last of each that votes on its children, and on the parent's of the epoch entered
	Asked    []intent     `cbor:"5,keyasint,omitempty"` // for whom the commit let somebody in
	Evidence []conviction `cbor:"6,keyasint,omitempty"`
	root     consensus.Epoch
	trail    []stride
}

// stride is one commit of a trail.
type stride struct {
	cand  consensus.Candidate
	delta delta
}

// into is the candidate by which the joiner enters.
func (c *sidecar) into() *consensus.Candidate { return &c.trail[len(c.trail)-1].cand }

// readTrail reads the headers, and reports whether each is signed and follows
// from the one before it.
func (s *Session) readTrail(c *sidecar) bool {
	if len(c.Trail) == 0 || len(c.Trail) > maxTrail {
		return false
	}
	for i, signed := range c.Trail {
		st, ok := s.readControl(signed)
		account, known := s.speaker(&st, nil)
		var d heading
		if !ok || !known || st.Kind != controlHeader || decode(st.Body, &d) != nil || !d.fits() || d.Number == 0 {
			return false
		}
		if i == 0 {
			c.root = consensus.Epoch{ID: d.Parent, Number: d.Number - 1, Voters: c.Voters}
		} else if up := c.into().Child; d.Parent != up.ID || d.Number != up.Number+1 {
			return false
		}
		k := d.candidate(account, signed)
		k.Header = false
		c.trail = append(c.trail, stride{k, delta{d.In, d.Out}})
	}
	return true
}

// people says who was in each epoch of the trail, from who is in the last, and
// reports whether that can be: whoever made a commit was there.
func (c *sidecar) people(last []Account, shared *Commons) bool {
	at := last
	for i := len(c.trail) - 1; i >= 0; i-- {
		if d := &c.trail[i].delta; len(d.In)+len(d.Out) > 0 {
			at = plus(minus(at, d.In), d.Out)
		}
	}
	up := &c.root
	up.Roster = shared.accounts(up.ID, at)
	for i := range c.trail {
		k := &c.trail[i].cand
		if _, in := slices.BinarySearchFunc(up.Roster, k.Author, compareAccount); !in {
			return false
		}
		c.trail[i].delta.fill(&k.Child, *up)
		k.Child.Roster = shared.accounts(k.Child.ID, k.Child.Roster)
		up = &k.Child
	}
	return slices.Equal(up.Roster, last)
}

const invitationVersion = 2

// ErrWelcome says that a Welcome does not let this device in.
var ErrWelcome = errors.New("session: not a welcome for this device")

var errSidecar = fmt.Errorf("%w: what came with it does not fit", ErrWelcome)

// WelcomeGroup reads which group a DirectWelcome is for, so that the driver
// can tell a new group from one it has: for the latter, Step a Welcomed.
func WelcomeGroup(b []byte) (GroupID, error) {
	var in invitation
	if err := decode(b, &in); err != nil || in.Version != invitationVersion {
		return GroupID{}, ErrWelcome
	}
	return in.Group, nil
}

// holdWelcome keeps a Welcome until its commit is agreed on.
func (s *Session) holdWelcome(id CommitID, b Built) {
	w := &heldWelcome{Commit: id, Child: b.Applied.Next.ID(), Welcome: b.Welcome, Since: s.now}
	for _, l := range b.Applied.Added {
		w.To = append(w.To, l.Device)
	}
	s.welcomes[id] = w
	s.saveWelcome(w)
}

// next is when a Welcome is sent again.
func (w *heldWelcome) next() Time {
	if w.Sent == 0 {
		return 0
	}
	return w.Sent + welcomeAgain<<min(w.Tries-1, 10)
}

func (s *Session) saveWelcome(w *heldWelcome) { s.save(rowWelcome(w.Commit), encode(w), EpochID{}) }

func (s *Session) dropWelcome(id CommitID) {
	delete(s.welcomes, id)
	s.drop(rowWelcome(id))
}

// arrived notes that a device spoke of an epoch: a Welcome into that epoch or
// one before it has done its work. (What a device says that was a member once
// before, and does not know yet that it was taken out, shows nothing.)
func (s *Session) arrived(d Device, at EpochID) {
	for _, id := range sortedIDs(s.welcomes) {
		w := s.welcomes[id]
		if i := slices.Index(w.To, d); i >= 0 && s.chain.Within(at, w.Child) {
			if w.To = slices.Delete(w.To, i, i+1); len(w.To) == 0 {
				s.dropWelcome(id)
			} else {
				s.saveWelcome(w)
			}
		}
	}
}

// releaseWelcomes lets go those whose commit is settled on and which either
// most accounts voted for or which waited long enough. They are sent again,
// each time after a longer wait, until the joiner is heard.
func (s *Session) releaseWelcomes() {
	for _, id := range sortedIDs(s.welcomes) {
		w := s.welcomes[id]
		if s.now > w.Since+forkKeep || w.Body == nil && !s.canInvite(w) {
			s.dropWelcome(id)
			continue
		}
		// Whoever was taken out since still lets in whom it let in before.
		if !s.active() && s.meta.Status != statusRemoved || w.Body == nil && !s.agreedEnough(w) {
			continue
		}
		if at := w.next(); s.now < at {
			s.wake(at)
			continue
		}
		if w.Body == nil {
			w.Body = s.invite(s.held[w.Child], w)
		}
		for _, d := range w.To {
			s.fx.Direct = append(s.fx.Direct, Direct{Device: d, Kind: DirectWelcome, Bytes: w.Body})
		}
		w.Sent = s.now
		w.Tries++
		s.saveWelcome(w)
		s.wake(w.next())
	}
}

// canInvite reports that a Welcome never sent can still be completed.
func (s *Session) canInvite(w *heldWelcome) bool {
	h := s.held[w.Child]
	return h != nil && h.epoch != nil
}

// agreedEnough reports that the commit of a Welcome is the group's, as far as
// can be told by now.
func (s *Session) agreedEnough(w *heldWelcome) bool {
	if !s.onPath(w.Commit) || s.pacing.unrest != 0 {
		return false
	}
	p, _ := s.chain.Epoch(s.held[w.Child].parent)
	if 2*s.chain.Weight(w.Commit) > voters(p) || s.now >= w.Since+welcomeCap {
		return true
	}
	s.wake(w.Since + welcomeCap)
	return false
}

func voters(e consensus.Epoch) int {
	if e.Voters != nil {
		return len(e.Voters)
	}
	return len(e.Roster)
}

func (s *Session) invite(h *held, w *heldWelcome) []byte {
	var side sidecar
	root, ok := s.chain.Ancestor(w.Child, s.pace.Window+uint64(consensus.V1().CoolDown))
	if !ok {
		root = s.chain.Root().ID
	}
	from, _ := s.chain.Epoch(root)
	side.Voters = from.Voters
	for at := w.Child; at != root; {
		k, _ := s.chain.Into(at)
		side.Trail = append(side.Trail, []byte(k.Signed))
		at = k.Parent
	}
	slices.Reverse(side.Trail)
	for _, a := range s.anchorsOf(h) {
		side.Anchors = append(side.Anchors, *a)
	}
	into, _ := s.chain.Get(w.Commit)
	for _, a := range plus(s.chain.Electors(root), s.chain.Electors(into.Parent)) {
		if v := s.lastVote[a]; v.Signed != "" && len(side.Votes) < maxWelcomeVotes {
			side.Votes = append(side.Votes, []byte(v.Signed))
		}
	}
	side.Evidence = s.proofsFor(from.Roster, h)
	for _, in := range s.carriedBy[w.Commit] {
		if in.Op == opAdd {
			side.Asked = append(side.Asked, in)
		}
	}
	key := Key(h.epoch.Export("covey sidecar", 32))
	sealed := must(s.cfg.Engine.Seal(key, s.group[:], encode(side), s.cfg.Rand))
	return encode(invitation{Version: invitationVersion, Group: s.group, Welcome: w.Welcome, Sidecar: sealed})
}

// Join enters a group by the body of a DirectWelcome. packages are the key
// packages this device has given out; Effects.Spent names the one used.
func Join(cfg Config, now Time, welcome []byte, packages []Package) (*Session, Effects, error) {
	group, err := WelcomeGroup(welcome)
	if err != nil {
		return nil, Effects{}, err
	}
	s := newSession(cfg, group, now)
	s.begin(now)
	e, side, used, err := s.openInvitation(welcome, packages)
	if err != nil {
		return nil, Effects{}, err
	}
	if err := s.join(e, side); err != nil {
		return nil, Effects{}, err
	}
	s.keepPackages(packages[used], nil)
	return s, s.finish(), nil
}

// keptPackages are the key package by which this device came in, and those by
// which it asked to be let in again beside that one. A rival commit may let the
// device in by the same, and if that commit wins, its Welcome is the way over: so
// they are kept until the entry is final. And what it asked for beside may be done
// later: as long as its leaf is the one it came in with.
type keptPackages struct {
	Packages []Package `cbor:"1,keyasint"`
	Joined   EpochID   `cbor:"2,keyasint"`
	Since    Time      `cbor:"3,keyasint"`
	Stamp    [32]byte  `cbor:"4,keyasint"`
}

func (s *Session) keepPackages(used Package, others []Package) {
	s.dropPackage()
	s.kept = &keptPackages{Packages: append(slices.Clone(others), used), Joined: s.meta.Joined, Since: s.now}
	if h := s.head(); h != nil {
		s.kept.Stamp = h.stamp
	}
	s.fx.Spent = append(s.fx.Spent, used.Public)
	s.save(rowKept, encode(s.kept), s.kept.wrapName())
}

func (s *Session) dropPackage() {
	if s.kept != nil {
		s.erase(rowKept, s.kept.wrapName())
		s.kept = nil
	}
}

// pledged reports that a request beside the one by which the device came in may
// still be done on an epoch.
func (k *keptPackages) pledged(h *held) bool {
	return len(k.Packages) > 1 && h != nil && h.stamp == k.Stamp
}

func (k *keptPackages) wrapName() EpochID {
	return sha256.Sum256(append([]byte("covey kept"), k.Joined[:]...))
}

// openInvitation reads the body of a DirectWelcome to this group.
func (s *Session) openInvitation(b []byte, packages []Package) (e Epoch, side sidecar, used int, err error) {
	var in invitation
	if decode(b, &in) != nil || in.Version != invitationVersion || in.Group != s.group {
		return nil, side, 0, ErrWelcome
	}
	eng := s.cfg.Engine
	if e, used, err = eng.Join(s.cfg.Self, in.Welcome, packages); err != nil {
		return nil, side, 0, fmt.Errorf("%w: %w", ErrWelcome, err)
	}
	plain, ok := eng.Open(Key(e.Export("covey sidecar", 32)), in.Group[:], in.Sidecar)
	if !ok || decode(plain, &side) != nil || !slices.Equal(e.Group(), in.Group[:]) || !s.readTrail(&side) {
		return nil, side, 0, errSidecar
	}
	if e.Follow(side.into().Parent); side.into().Child.ID != e.ID() || side.into().Child.Number != e.Number() {
		return nil, side, 0, errSidecar
	}
	return e, side, used, nil
}

// join plants the tree that came with a Welcome, and enters.
func (s *Session) join(e Epoch, side sidecar) error {
	into := side.into()
	h, err := s.view(e, into.Parent, into.ID)
	if err != nil {
		return err
	}
	if i, ok := h.roster.leaf(h.self); !ok || h.roster.leaves[i].Device != s.cfg.Self.Device {
		return fmt.Errorf("%w: the leaf is another device's", ErrWelcome)
	}
	if !side.people(h.roster.accounts, s.cfg.Commons) {
		return errSidecar
	}
	s.meta.Closed = uint32(into.Child.Number - 1)
	if s.meta.Joined == (EpochID{}) && s.chain == nil {
		s.meta.Floor = uint32(side.root.Number)
	}
	s.meta.Joined, s.meta.Renewed = h.id, s.now
	s.meta.Entered = append(s.meta.Entered[max(0, len(s.meta.Entered)-maxEntered+1):], h.id)
	for _, a := range side.Anchors {
		s.keepAnchor(a)
	}
	s.plant(side.root)
	s.enter(h)
	s.reread(0, math.MaxUint32) // the anchors that came with it open what older ones did not
	into.Child = s.ruleEpoch(h, nil)
	for _, k := range side.trail {
		s.saveCandidate(savedCandidate{Cand: k.cand})
		s.propose(k.cand)
	}
	if s.chain.Head() != h.id {
		return fmt.Errorf("%w: what came with it does not lead there", ErrWelcome)
	}
	s.believe(&side)
	p, _ := s.chain.Epoch(into.Parent)
	s.meta.Probation = 2*s.chain.Weight(into.ID) <= voters(p)
	s.meta.Head = s.chain.Head()
	s.meta.Inviter = s.inviter(h, side.Asked)
	s.saveMeta()
	s.notify(Notice{Kind: NoticeJoined, Epoch: h.id, Number: h.number, Of: len(h.roster.accounts)})
	s.sayHave(h, nil) // a receipt for nothing: I am here
	return nil
}

// believe takes in what others signed of what came with a Welcome.
func (s *Session) believe(side *sidecar) {
	for i := range side.Evidence[:min(len(side.Evidence), maxEvidence)] {
		if a, ok := s.convict(&side.Evidence[i]); ok {
			s.keepProof(a, &charge{Proof: side.Evidence[i], Said: true})
		} else {
			s.count(DropControl)
		}
	}
	for _, a := range sortedIDs(s.proofs) { // of before it was let in again
		s.convict(&s.proofs[a].Proof)
	}
	for _, signed := range side.Votes[:min(len(side.Votes), maxWelcomeVotes)] {
		c, ok := s.readControl(signed)
		account, known := s.speaker(&c, nil)
		if !ok || !known || c.Kind != controlVote || !s.everMet(account) {
			s.count(DropControl)
			continue
		}
		s.takeVote(account, &c, signed)
	}
}

// inviter is the account that asked for this one to be let in, whoever made the
// commit: it has signed so. Zero where nobody in the epoch has.
func (s *Session) inviter(h *held, asked []intent) Account {
	for i := range asked {
		in := &asked[i]
		at, ok := h.roster.device(in.Author)
		if ok && in.Op == opAdd && in.Account == s.cfg.Self.Account && s.authentic(in) {
			return h.roster.account[at]
		}
	}
	return Account{}
}
