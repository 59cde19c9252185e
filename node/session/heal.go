package session

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// When the rule names a branch that this device is not on and cannot enter:
//
//	removed    the branch took this device out: by a commit that is here, or by
//	           headers where the state it parts from is erased. Where that state
//	           is here, a header is believed in nothing: it may lie
//	divided    its commit is missing or cannot be opened yet: what I would say
//	           now would have to be said again, so sends and commits wait
//	shut out   its commit can be opened by few, this device not among them: they
//	           make another beside it (nack.go)
//	stranded   the state it parts from is erased here: beyond the window. This
//	           device publishes a Readmit, a request to be taken out and let in
//	           again by a fresh key package, bound to an epoch both sides share;
//	           whoever leads on the winning branch does all of them in one commit
//	stale      these rows are an old copy: read only, until added anew
//	dissolved  I left, and nobody else was in it: there is nothing to enter

// standing decides which of these holds.
func (s *Session) standing() {
	d, diverged := s.chain.Diverged()
	s.divided = diverged && d.Weight > s.against(d)
	switch {
	case s.meta.Status == statusStale, s.dissolved():
		return
	case !diverged:
		s.belong()
		return
	}
	if s.pacing.unrest != 0 || s.pacing.settled != s.chain.Head() {
		return // not quiet yet
	}
	at, believed := s.held[d.At], s.believed(d)
	switch {
	case s.exits[d.Rival.ID]:
		s.takenOut(s.chain.Best())
	case s.newerThan[d.Rival.ID]:
		if s.meta.Status != statusOutdated {
			s.become(statusOutdated, "the group now follows rules that this version does not know: update it")
			s.notify(Notice{Kind: NoticeTrouble, Reason: s.meta.Why})
		}
	case at != nil && at.epoch != nil && !s.unopenable[d.Rival.ID]:
		if into, _ := s.chain.Into(s.chain.Opened()); s.exits[into.ID] { // whatever else is claimed
			s.takenOut(into.Child.ID)
			return
		}
		if s.meta.Status == statusRemoved {
			s.belong()
		}
		if s.divided || s.now < s.pacing.quiet+askFor { // else it may well be a lie
			s.goOnAsking()
		}
	case s.outside(believed):
		s.takenOut(believed)
	case s.meta.Status == statusMember && s.another(d):
	case s.meta.Status == statusMember:
		s.become(statusStranded, "the group went on without this side for longer than its old keys are kept")
		s.notify(Notice{Kind: NoticeStranded, Epoch: s.chain.Best(), Number: d.Rival.Child.Number, Count: d.Weight, Of: d.Of,
			Reason: s.meta.Why + "; it has asked to be let in again"})
		s.readmit(d)
	default:
		s.readmit(d)
	}
}

// belong finds that this device is a member, where it was not before.
func (s *Session) belong() {
	if s.meta.Status == statusMember {
		return
	}
	s.become(statusMember, "")
	s.notify(Notice{Kind: NoticeJoined, Epoch: s.chain.Head()})
	if h := s.head(); h != nil { // what the branch that took me out had done is undone
		s.tellEpoch(h)
		s.review(h)
	}
}

// against is how many stand against what the rule prefers and this device cannot
// enter: on the branch it is on, or, where the two part at the head, at the head
// itself. One member can sign a header of nothing there, and weighs one; had
// nobody to be outnumbered, it would silence the group.
func (s *Session) against(d consensus.Divergence) int {
	if d.Ours.ID != (CommitID{}) {
		return d.Own
	}
	stand, _ := s.chain.Agreed(d.At)
	return stand - d.Weight
}

// believed is how far up a rival's branch, which is known by headers, at least as
// many stand at each of its commits as stay below: one member can sign headers of
// nothing on top of it, and weighs one.
func (s *Session) believed(d consensus.Divergence) EpochID {
	at := d.Rival.Child.ID
	above, _ := s.chain.Path(at, s.chain.Best())
	for _, id := range above.Redo {
		c, _ := s.chain.Get(id)
		if stand, _ := s.chain.Agreed(at); 2*s.chain.Weight(id) < stand {
			break
		}
		at = c.Child.ID
	}
	return at
}

// outside reports that my account is not in a state.
func (s *Session) outside(id EpochID) bool {
	e, ok := s.chain.Epoch(id)
	_, in := slices.BinarySearchFunc(e.Roster, s.cfg.Self.Account, compareAccount)
	return ok && !in
}

func (s *Session) become(st status, why string) {
	s.meta.Status, s.meta.Why = st, why
	s.saveMeta()
}

// askAll opens an exchange with every peer, each at most so often.
func (s *Session) askAll() {
	for _, p := range sortedPeers(s.peers) {
		s.askAround(p)
	}
}

// goOnAsking asks all for what is missing, the more seldom the longer it is: it
// may be that nobody has it.
func (s *Session) goOnAsking() {
	every := min(max(offerAgain, (s.now-s.pacing.quiet)/4), offerEvery)
	if s.now >= s.pacing.asked+every {
		s.pacing.asked = s.now
		s.askAll()
	}
	s.wake(s.pacing.asked + every)
}

func sortedPeers(m map[Peer]*peer) []Peer {
	out := make([]Peer, 0, len(m))
	for p := range m {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// readmission is a Readmit as it stands in a row: with the private halves. Whoever
// does one may be a liar and keep the Welcome: then this device's leaf has changed,
// and it cannot tell. So where none has come for a while there is a new one, by a
// fresh key package, and it is bound to each leaf that may be this device's by now.
type readmission struct {
	Intents  []intent   `cbor:"1,keyasint"` // the same, but for the leaf it replaces
	Packages []Package  `cbor:"2,keyasint"` // pledged, the latest last
	Stamps   [][32]byte `cbor:"5,keyasint"` // of the leaves they would make
	Said     Time       `cbor:"3,keyasint"`
	At       EpochID    `cbor:"4,keyasint"` // the last epoch both sides share
	Since    Time       `cbor:"6,keyasint"` // first said
}

// plea is a Readmit as it is published, on the control plane.
type plea struct {
	Request request `cbor:"1,keyasint"`
	// Proofs show to have been in an epoch that both sides share: for each
	// anchor, the hash of a secret of it with the intent.
	Proofs []proof `cbor:"2,keyasint"`
}

type proof struct {
	Anchor EpochID  `cbor:"1,keyasint"`
	MAC    [32]byte `cbor:"2,keyasint"`
}

func prove(a *anchor, in *intent) proof {
	h := sha256.New()
	h.Write([]byte("covey readmit"))
	h.Write(a.Proof[:])
	h.Write(encode(in))
	return proof{a.ID, [32]byte(h.Sum(nil))}
}

// readmit asks the winning branch to let this device in again.
func (s *Session) readmit(d consensus.Divergence) {
	at := s.held[d.At]
	if at == nil {
		return
	}
	best, _ := s.chain.Epoch(s.chain.Best())
	r := s.readmission
	fresh := r == nil || r.At != d.At || r.Intents[0].Until < best.Number || s.now >= r.Since+r.patience()
	if !fresh && s.now < r.again() {
		s.wake(r.again())
		return
	}
	if fresh && !s.askAnew(at, best.Number+intentEpochs) {
		return
	}
	r = s.readmission
	r.Said = s.now
	s.save(rowReadmit, encode(r), EpochID{})
	for i := range r.Intents {
		p := plea{Request: request{r.Intents[i], [][]byte{r.Packages[len(r.Packages)-1].Public}}}
		for _, a := range s.anchorsOf(s.head()) {
			p.Proofs = append(p.Proofs, prove(a, &r.Intents[i]))
		}
		s.publishOwn(s.sealControl(s.state(controlReadmit, p)))
	}
	s.wake(r.again())
}

// patience is how long a Welcome is waited for: twice as long each time. again is
// when the Readmit is said again, the more seldom the longer it is: all keep what
// is said, and it may be that nobody who could do it is there.
func (r *readmission) patience() Time { return welcomeWait << (len(r.Packages) - 1) }
func (r *readmission) again() Time    { return r.Said + max(pleaAgain, (r.Said-r.Since)/4) }

// askAnew makes a readmission that holds until an epoch, by a fresh key package.
func (s *Session) askAnew(at *held, until uint64) bool {
	pkg, err := s.cfg.Engine.NewKeyPackage(s.cfg.Self, s.wall, s.cfg.Rand)
	if err != nil {
		return false
	}
	leaf, err := s.cfg.Engine.ReadKeyPackage(pkg.Public, s.wall)
	if err != nil {
		return false
	}
	r := &readmission{At: at.id, Since: s.now}
	if old := s.readmission; old != nil {
		n := max(0, len(old.Packages)-maxPledged)
		r.Packages, r.Stamps = old.Packages[n:], old.Stamps[n:]
	}
	for _, stamp := range append([][32]byte{at.stamp}, r.Stamps...) {
		in := intent{Op: opReadmit, Author: s.cfg.Self.Device, Account: s.cfg.Self.Account, Device: s.cfg.Self.Device,
			Leaves: []pledge{{leaf.Device, leaf.Stamp}}, Guard: readmitGuard(s.cfg.Self.Device, stamp), Until: until}
		s.random(in.ID[:])
		in.Signature = s.cfg.Engine.Sign(s.cfg.Self.Secret, intentLabel, in.signed(s.group))
		r.Intents = append(r.Intents, in)
	}
	r.Packages, r.Stamps = append(r.Packages, pkg), append(r.Stamps, leaf.Stamp)
	s.readmission = r
	return true
}

// readmitted is when this device saw another let in again on the way to h, in the
// last window.
func (s *Session) readmitted(h *held, d Device) Time {
	id := h.id
	for range window {
		into, ok := s.chain.Into(id)
		if !ok {
			break
		}
		let := slices.ContainsFunc(s.carriedBy[into.ID], func(in intent) bool { return in.Op == opReadmit && in.Device == d })
		if at := s.held[id]; let && at != nil {
			return at.since
		}
		id = into.Parent
	}
	return -vouchEvery
}

// readmitGuard binds a Readmit to the leaf it replaces.
func readmitGuard(d Device, stamp [32]byte) [32]byte {
	return sha256.Sum256(slices.Concat([]byte("covey readmit guard"), d[:], stamp[:]))
}

// takePlea takes another device's Readmit. That the device is in the group is
// judged when it is to be committed; here, that it was in an epoch of ours.
func (s *Session) takePlea(c *control) outcome {
	var p plea
	if decode(c.Body, &p) != nil || len(p.Proofs) > maxWraps {
		s.count(DropControl)
		return outRefused
	}
	in := &p.Request.Intent
	if in.Op != opReadmit || in.Author != c.Device || in.Device != c.Device || len(in.Leaves) != 1 || !s.authentic(in) || !s.fits(&p.Request) {
		s.count(DropIntent)
		return outRefused
	}
	shared := slices.ContainsFunc(p.Proofs, func(x proof) bool {
		a := s.anchors[x.Anchor]
		return a != nil && s.chain.Within(s.chain.Head(), a.ID) && prove(a, in) == x
	})
	if !shared || c.Device == s.cfg.Self.Device {
		return outLogged // perhaps for another branch
	}
	s.intoPool(&p.Request)
	return outLogged
}

// welcomed takes a Welcome to a group that is here already. It replaces what
// is here only where that is of no more use, and, for the stranded, only where
// it leads on from an epoch both sides share along headers that are known.
func (s *Session) welcomed(e Welcomed) {
	packages := e.Packages
	if s.readmission != nil {
		packages = append(slices.Clone(packages), s.readmission.Packages...)
	}
	if s.kept != nil {
		packages = append(slices.Clone(packages), s.kept.Packages...)
	}
	ep, side, used, err := s.openInvitation(e.Bytes, packages)
	if err != nil {
		s.count(DropWelcome)
		return
	}
	if slices.Contains(s.meta.Entered, ep.ID()) {
		s.count(DropWelcome)
		return
	}
	switch s.meta.Status {
	case statusMember: // or so I believe: word of my removal may be on its way
		s.await(e)
		return
	case statusStranded:
		asked := s.readmission != nil && s.chain.Within(side.into().Parent, s.readmission.At)
		if !asked && !s.chain.Within(s.chain.Best(), ep.ID()) {
			s.await(e) // no header here shows yet that it leads to where the group is
			return
		}
	}
	s.rejoin(ep, side, packages[used])
}

// await keeps a Welcome that may be of use when more is known, and lets go of
// the oldest where there are too many.
func (s *Session) await(e Welcomed) {
	if len(s.early) >= maxEarly {
		s.early = s.early[1:]
		s.count(DropWelcome)
	}
	s.early = append(s.early, e)
}

// again looks once more at Welcomes that came before they could be used.
func (s *Session) again() {
	if s.meta.Status == statusMember {
		return
	}
	early := s.early
	s.early = nil
	for _, e := range early {
		s.welcomed(e)
	}
}

// rejoin starts over in another branch, with the history, what I asked for and
// what I have to say.
func (s *Session) rejoin(e Epoch, side sidecar, by Package) {
	if _, err := s.view(e, side.into().Parent, side.into().ID); err != nil {
		s.count(DropWelcome)
		return
	}
	if s.meta.Status == statusRemoved { // what asked for just that is done, and must not happen again
		for _, id := range sortedIDs(s.wishes) {
			if in := &s.wishes[id].Intent; in.Op == opRemove && in.Account == s.cfg.Self.Account {
				s.conclude(id, s.wishes[id], StateFinal, "")
			}
		}
	}
	if s.meta.Status == statusStale {
		s.meta.Stated += lostStatements
	}
	heard := s.chain.Snapshot()
	s.forget()
	s.become(statusMember, "")
	var pledged []Package
	if s.readmission != nil {
		pledged = slices.DeleteFunc(slices.Clone(s.readmission.Packages), func(p Package) bool { return bytes.Equal(p.Public, by.Public) })
	}
	s.readmission = nil
	s.drop(rowReadmit)
	if err := s.join(e, side); err != nil {
		s.notify(Notice{Kind: NoticeTrouble, Reason: "the group let this device in again, but not for itself: " + err.Error()})
	}
	s.recall(heard)
	if _, diverged := s.chain.Diverged(); !diverged && s.meta.Probation {
		// No newcomer: by all it heard before, this branch is the group's. And
		// its old vote weighs on the other, until it says so.
		s.meta.Probation = false
		s.saveMeta()
	}
	s.keepPackages(by, pledged)
	h := s.head()
	s.unparkAll()
	s.askAll()
	for _, id := range sortedIDs(s.wishes) {
		w := s.wishes[id]
		w.Said = EpochID{} // whether it has landed on this branch too, review finds
		if w.Intent.Op == opAdd {
			w.Packages, w.Intent.Signature = nil, nil // may have been used meanwhile: others are looked for
		}
	}
	s.review(h)
}

// recall tells the new tree what was heard of it before: the envelopes that
// brought it are logged, so nobody will bring it again.
func (s *Session) recall(heard consensus.Snapshot) {
	for _, e := range heard.Evidence {
		s.chain.Convict(e)
	}
	for _, c := range heard.Candidates {
		_, known := s.chain.Get(c.ID)
		if _, ok := s.chain.Epoch(c.Parent); ok && !known {
			c.Header, c.Opened = true, c.Opened || !c.Header
			s.saveCandidate(savedCandidate{Cand: c})
			s.propose(c)
		}
	}
	for _, v := range heard.Votes {
		s.hear(v)
	}
}

// forget erases all that belongs to the branch left behind.
func (s *Session) forget() {
	for _, id := range sortedIDs(s.held) {
		h := s.held[id]
		if h.epoch != nil {
			s.eraseEpoch(h)
		}
		if h.keys == nil {
			s.drop(rowLine(id))
			delete(s.held, id)
			delete(s.tags, h.tag)
			continue
		}
		if h.past == 0 { // messages from there may still be on their way
			h.past = s.now + readKeep
			s.saveLine(h)
		}
	}
	d, diverged := s.chain.Diverged()
	for _, id := range s.outOrder(all) {
		if diverged {
			s.shutOut(s.outbox[id], d.At)
		}
		if m := s.outbox[id]; m.Epoch != (EpochID{}) {
			m.Epoch, m.Final = EpochID{}, false // whoever has it already knows its id
			s.saveSent(id, m)
		}
	}
	for _, id := range sortedIDs(s.anchors) {
		a := s.anchors[id]
		s.erase(rowAnchor(id), a.wrapName())
	}
	for _, id := range sortedIDs(s.own) {
		s.drop(rowOwn(id))
	}
	for _, id := range sortedIDs(s.welcomes) {
		s.drop(rowWelcome(id))
	}
	for _, key := range slices.Sorted(maps.Keys(s.treeRows)) {
		s.drop(key)
	}
	for _, id := range sortedIDs(s.pool) {
		s.drop(rowPool(id))
	}
	for _, id := range sortedIDs(s.crowds) {
		s.seek(id)
	}
	n := newSession(s.cfg, s.group, s.wall)
	s.anchors, s.hints = n.anchors, n.hints
	s.own, s.pool, s.carriers, s.carriedBy, s.exits = n.own, n.pool, n.carriers, n.carriedBy, n.exits
	s.welcomes, s.lastVote, s.unopenable, s.newerThan = n.welcomes, n.lastVote, n.unopenable, n.newerThan
	s.voteRows, s.met = n.voteRows, n.met
	s.gaps, s.headless = n.gaps, n.headless
	s.pacing = pacing{}
	s.meta.Voted = EpochID{}
	s.meta.Turn++
}

// grewStale finds that this device's rows are an old copy: something that only
// this device can have made is not remembered here. Going on would use message
// keys twice and sign two commits on one parent, so from here on it only reads.
func (s *Session) grewStale(why string) {
	if s.meta.Status == statusStale {
		return
	}
	s.become(statusStale, "this device was restored from an old copy: it reads, but does not write, until it is removed and added again ("+why+")")
	// The later copy may have entered epochs by these; a second time, message
	// keys would be used twice there.
	s.dropPackage()
	if s.readmission != nil {
		s.readmission = nil
		s.drop(rowReadmit)
	}
	s.notify(Notice{Kind: NoticeTrouble, Reason: s.meta.Why})
}
