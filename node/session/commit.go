package session

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// From what I ask for to a commit:
//
//	wish      an event becomes a durable intent, or a renewal of my keys
//	announce  the intent goes to the others, so that whoever commits next does it
//	work      what may be committed on this head: mine and theirs, in one order
//	turn      members commit in the order of their slots: who is ahead and seen
//	          online gets a head start, so that one commit does everybody's work
//	commit    made on the head, durable, admitted like any other, published

// wish is something this device asked for, until it is over.
type wish struct {
	Intent   intent   `cbor:"1,keyasint"`
	Packages [][]byte `cbor:"2,keyasint,omitempty"`
	Refresh  bool     `cbor:"3,keyasint,omitempty"` // renew my keys: no intent
	State    State    `cbor:"4,keyasint"`
	Landed   CommitID `cbor:"5,keyasint"` // in the head's history, or zero
	Base     EpochID  `cbor:"6,keyasint"` // Refresh: made when this was the head
	Said     EpochID  `cbor:"7,keyasint"` // the head it was announced on
	Since    Time     `cbor:"8,keyasint"`
	Fetching bool     `cbor:"9,keyasint,omitempty"`
	// Made are commits of mine that renew my keys (Refresh).
	Made []CommitID `cbor:"10,keyasint,omitempty"`
	// Silent: not asked for by a person, so none is told.
	Silent bool `cbor:"11,keyasint,omitempty"`
}

// pooled is an intent of another device, as it was signed for one head and then
// for others. They come in any order and the head may be any of theirs, so each
// is kept: the guard tells which one to do.
type pooled struct {
	Versions []request `cbor:"1,keyasint"` // in the order they came
	Since    Time      `cbor:"3,keyasint"`
}

// due is the version that holds on h, or nil.
func (p *pooled) due(s *Session, h *held) *request {
	for i := range p.Versions {
		if s.meet(&p.Versions[i].Intent, h) == fateHolds {
			return &p.Versions[i]
		}
	}
	return nil
}

// until is the last epoch number at which any version may be committed.
func (p *pooled) until() (n uint64) {
	for i := range p.Versions {
		n = max(n, p.Versions[i].Intent.Until)
	}
	return n
}

// request is an intent as it is announced.
type request struct {
	Intent   intent   `cbor:"1,keyasint"`
	Packages [][]byte `cbor:"2,keyasint,omitempty"`
}

// wish takes an event that asks for a change.
func (s *Session) wish(ev Event) {
	w := &wish{State: StateQueued, Since: s.now}
	in := &w.Intent
	switch e := ev.(type) {
	case Invite:
		in.ID, in.Op, in.Account = e.ID, opAdd, e.Account
		w.Packages = e.KeyPackages
		w.Fetching = len(e.KeyPackages) == 0
	case Remove:
		in.ID, in.Op, in.Account = e.ID, opRemove, e.Account
	case RemoveDevice:
		in.ID, in.Op, in.Account, in.Device = e.ID, opDevice, s.cfg.Self.Account, e.Device
	case Leave:
		if h := s.head(); h != nil && s.active() && len(h.roster.leaves) == 1 {
			s.dissolve()
			return
		}
		in.ID, in.Op, in.Account = e.ID, opRemove, s.cfg.Self.Account
	case Refresh:
		in.ID, in.Op, in.Account = e.ID, opRenew, s.cfg.Self.Account
		w.Refresh, w.Base = true, s.chain.Head()
	case SetRole:
		in.ID, in.Op, in.Account, in.Role = e.ID, opRole, e.Account, e.Role
	case Configure:
		in.ID, in.Op, in.Name = e.ID, opName, e.Name
	default:
		return
	}
	if s.wishes[in.ID] != nil {
		return // asked before: one intent
	}
	if given := len(w.Packages); given > 0 && given <= maxPackages {
		if w.Packages = s.packagesOf(in.Account, w.Packages); len(w.Packages) == 0 {
			s.conclude(in.ID, w, StateDenied, "no key package that was given is of that account")
			return
		}
	}
	if s.meta.Status == statusStale {
		s.conclude(in.ID, w, StateDenied, s.meta.Why)
		return
	}
	if len(s.wishes) >= maxWishes || len(w.Packages) > maxPackages || in.Name != nil && len(*in.Name) > maxNameBytes {
		s.conclude(in.ID, w, StateDenied, "too much at once")
		return
	}
	s.wishes[in.ID] = w
	if w.Fetching {
		s.fx.Fetch = append(s.fx.Fetch, Fetch{in.Account})
	}
	s.saveWish(w)
	s.notify(Notice{Kind: NoticeIntent, ID: in.ID, State: StateQueued})
	if h := s.head(); h != nil {
		s.reconsider(in.ID, w, h)
	}
}

// fetched gives wishes that waited for key packages what was found.
func (s *Session) fetched(e Fetched) {
	for _, id := range sortedIDs(s.wishes) {
		w := s.wishes[id]
		if !w.Fetching || w.Intent.Account != e.Account {
			continue
		}
		w.Fetching = false
		w.Packages = s.packagesOf(e.Account, e.KeyPackages[:min(len(e.KeyPackages), maxPackages)])
		s.pacing.packed = s.now
		if len(w.Packages) == 0 {
			s.conclude(id, w, StateExpired, "no key package of theirs could be found")
			continue
		}
		s.saveWish(w)
		if h := s.head(); h != nil {
			s.reconsider(id, w, h)
		}
	}
}

// packagesOf leaves out the key packages that are not of an account: a commit
// that adds one is refused by all, and with it whatever else it does.
func (s *Session) packagesOf(a Account, packages [][]byte) (good [][]byte) {
	for _, b := range packages {
		l, err := s.cfg.Engine.ReadKeyPackage(b, s.wall)
		if err == nil {
			if c, err := s.certificate(l); err == nil && c.Account == a {
				good = append(good, b)
				continue
			}
		}
		s.count(DropIntent)
	}
	return good
}

func (s *Session) saveWish(w *wish) { s.save(rowWish(w.Intent.ID), encode(w), EpochID{}) }

// conclude ends a wish with its terminal notice.
func (s *Session) conclude(id IntentID, w *wish, state State, why string) {
	w.State = state
	if s.wishes[id] == w {
		delete(s.wishes, id)
		s.drop(rowWish(id))
	}
	s.tell(w, id, why)
}

// tell says how far a wish has come.
func (s *Session) tell(w *wish, id IntentID, why string) {
	if !w.Silent {
		s.notify(Notice{Kind: NoticeIntent, ID: id, State: w.State, Reason: why})
	}
}

// progress tells the faces that a wish moved on.
func (s *Session) progress(w *wish, state State) {
	if w.State != state {
		w.State = state
		s.tell(w, w.Intent.ID, "")
	}
	s.saveWish(w)
}

// sign makes an intent one for the present head.
func (s *Session) sign(w *wish, h *held) {
	in := &w.Intent
	in.Author = s.cfg.Self.Device
	in.Leaves = nil
	for _, p := range w.Packages {
		if l, err := s.cfg.Engine.ReadKeyPackage(p, s.wall); err == nil {
			in.Leaves = append(in.Leaves, pledge{l.Device, l.Stamp})
		}
	}
	in.Guard = in.guard(h.policy, h.roster)
	in.Until = h.number + intentEpochs
	if in.Op == opRenew { // after a window of others' commits nobody has to wait
		in.Until = h.number + window
	}
	in.Signature = s.cfg.Engine.Sign(s.cfg.Self.Secret, intentLabel, in.signed(s.group))
}

// review looks at every wish on a head that has just become the head.
func (s *Session) review(h *held) {
	for _, id := range sortedIDs(s.wishes) {
		w := s.wishes[id]
		// Who carried it is forgotten by a device that was let in again, and the
		// commit may be of this branch: it is not to be done twice.
		if c, ok := s.landed(id, append(slices.Clone(w.Made), w.Landed)); ok {
			if w.Landed = c; w.Intent.Op == opAdd && w.State != StateLanded {
				s.passOn(h)
			}
			s.progress(w, StateLanded)
			continue
		}
		if w.Landed != (CommitID{}) { // its branch lost: ask again
			w.Landed = CommitID{}
			s.progress(w, StateQueued)
		}
		s.reconsider(id, w, h)
	}
	for _, id := range sortedIDs(s.pool) {
		if p := s.pool[id]; p.until()+window < h.number && p.due(s, h) == nil {
			delete(s.pool, id)
			s.drop(rowPool(id))
		}
	}
}

// landed reports the commit on the head's path that carries an intent, or is
// one of made.
func (s *Session) landed(id IntentID, made []CommitID) (CommitID, bool) {
	for _, c := range slices.Concat(s.carriers[id], made) {
		if s.onPath(c) {
			return c, true
		}
	}
	return CommitID{}, false
}

// reconsider judges one wish of mine on the head, signing it anew where its
// guard is of another state.
func (s *Session) reconsider(id IntentID, w *wish, h *held) {
	if w.Fetching || w.Refresh || !s.active() {
		return
	}
	in := &w.Intent
	if in.Op == opRenew && !s.chain.Cooling(h.id, in.Account) { // my word is not needed any more
		s.conclude(id, w, StateSuperseded, "")
		return
	}
	if in.Op == opAdd {
		if good := s.packagesOf(in.Account, w.Packages); len(good) < len(w.Packages) { // they ran out
			w.Packages, in.Signature = good, nil
		}
		if len(w.Packages) == 0 {
			w.Fetching = true
			s.fx.Fetch = append(s.fx.Fetch, Fetch{in.Account})
			s.saveWish(w)
			return
		}
	}
	if in.Signature == nil {
		s.sign(w, h)
	}
	f := s.meet(in, h)
	if f == fateStale || f == fateExpired || f == fateUnfounded {
		s.sign(w, h)
		f = s.meet(in, h)
	}
	switch f {
	case fateDone:
		why := "somebody did it already"
		if in.Op == opRole && !h.roster.has(in.Account) {
			why = "they are not in the group any more"
		}
		s.conclude(id, w, StateSuperseded, why)
	case fateDenied, fateUnfounded:
		s.conclude(id, w, StateDenied, "the group's rules do not allow it")
	default:
		s.saveWish(w)
	}
}

// announce tells the others what I want on a settled head, as much of it as one
// commit can carry: who lets a thousand in would else tell all of them on each
// of a dozen heads. Alone there is nobody to tell.
func (s *Session) announce(h *held) {
	if s.alone() {
		return
	}
	var open []*wish
	size, asked := 0, false // one commit renews for all who wish it
	for _, id := range sortedIDs(s.wishes) {
		w := s.wishes[id]
		switch {
		case w.Fetching || w.Landed != (CommitID{}):
		case w.Said == h.id:
			size += w.cost()
			asked = asked || w.Refresh
		case w.Refresh && s.chain.Cooling(h.id, s.cfg.Self.Account) || !w.Refresh && w.Intent.Signature != nil:
			open = append(open, w)
		}
	}
	slices.SortStableFunc(open, func(a, b *wish) int { return cmp.Compare(a.urgency(), b.urgency()) })
	for _, w := range open {
		if w.Refresh {
			if w.Said == (EpochID{}) {
				s.tell(w, w.Intent.ID, "these keys were renewed a short while ago: again needs a minute and another member who is there")
			}
			s.sign(w, h)
		}
		if size += w.cost(); size > maxBatchBytes && w.urgency() > 0 {
			return
		}
		w.Said = h.id
		s.saveWish(w)
		if w.Refresh && asked {
			continue
		}
		asked = asked || w.Refresh
		body := s.state(controlIntent, request{w.Intent, w.Packages})
		s.publishOwn(s.sealOn(h, innerControl, body))
	}
}

// cost is how many bytes of a commit a request takes.
func (r *request) cost() int {
	n := len(encode(r.Intent))
	for _, p := range r.Packages {
		n += len(p)
	}
	return n
}

func (w *wish) cost() int { return (&request{w.Intent, w.Packages}).cost() }

// urgency orders what is to be announced: removals and renewals, of which there
// are few, then what nobody was told yet.
func (w *wish) urgency() int {
	switch {
	case w.Refresh || w.Intent.Op == opRemove:
		return 0
	case w.Said == EpochID{}:
		return 1
	}
	return 2
}

// sealOn makes a branch envelope of an epoch.
func (s *Session) sealOn(h *held, inner byte, body []byte) []byte {
	return s.sealMarked(h, s.noise(), inner, body)
}

func (s *Session) sealMarked(h *held, m mark, inner byte, body []byte) []byte {
	return sealBranch(s.cfg.Engine, s.cfg.Rand, h.number, h.tag, h.branch, m, inner, body)
}

// takeIntent takes another device's request.
func (s *Session) takeIntent(c *control) outcome {
	var r request
	if decode(c.Body, &r) != nil || r.Intent.Author != c.Device || !r.Intent.sound() || !s.authentic(&r.Intent) || !s.fits(&r) {
		s.count(DropIntent)
		return outRefused
	}
	if c.Device == s.cfg.Self.Device {
		return outLogged
	}
	s.intoPool(&r)
	return outLogged
}

// intoPool keeps a request until it is done or beyond its time.
func (s *Session) intoPool(r *request) {
	p := s.pool[r.Intent.ID]
	fresh := p == nil
	if fresh && len(s.pool) >= maxPool {
		s.count(DropPool)
		return
	}
	if fresh {
		p = &pooled{Since: s.now}
		s.pool[r.Intent.ID] = p
	}
	if slices.ContainsFunc(p.Versions, func(v request) bool { return bytes.Equal(v.Intent.Signature, r.Intent.Signature) }) {
		return
	}
	p.Versions = append(p.Versions, *r)
	p.Versions = p.Versions[max(0, len(p.Versions)-maxVersions):]
	agenda := s.agenda
	s.save(rowPool(r.Intent.ID), encode(p), EpochID{})
	if h := s.head(); h != nil && h.id == agenda.on && fresh && r.Intent.Op != opRenew { // one more: the others are as they were
		if j, ok := s.job(h, &p.Versions[0].Intent, p.Versions[0].Packages); ok {
			at, _ := slices.BinarySearchFunc(agenda.jobs, j, compareJobs)
			agenda.jobs = slices.Insert(agenda.jobs, at, j)
		}
		s.agenda = agenda
	}
}

// fits reports whether the key packages beside an intent are those it pledges.
func (s *Session) fits(r *request) bool {
	if len(r.Packages) != len(r.Intent.Leaves) || len(r.Packages) > maxPackages {
		return false
	}
	for i, b := range r.Packages {
		l, err := s.cfg.Engine.ReadKeyPackage(b, s.wall)
		if err != nil || (pledge{l.Device, l.Stamp}) != r.Intent.Leaves[i] {
			return false
		}
		if c, err := s.certificate(l); err != nil || c.Account != r.Intent.Account {
			return false
		}
	}
	return true
}

// job is one intent that may be committed now.
type job struct {
	in       *intent
	packages [][]byte
	class    consensus.Class
	slot     uint32
}

// agenda is what work found on an epoch. It follows from that epoch and from
// rows of wishes, requests and commits alone, so it holds until one of those is
// written (save): most Steps of a large group change none.
type agenda struct {
	on      EpochID
	jobs    []job
	refresh bool
	asked   []petition // to be vouched for (vouch.go)
}

// todo announces what is to be, and says what may be committed, on h.
func (s *Session) todo(h *held) ([]job, bool) {
	if s.readmitAt != 0 && s.readmitAt <= s.now {
		s.readmitAt, s.agenda = 0, agenda{}
	}
	if s.readmitAt != 0 {
		s.wake(s.readmitAt)
	}
	if s.agenda.on != h.id {
		s.announce(h)
		jobs, refresh := s.work(h)
		s.agenda = agenda{h.id, jobs, refresh, s.unvouched(h)}
	}
	return s.agenda.jobs, s.agenda.refresh
}

// work lists what may be committed on h by this device: removals first, then
// by the author's slot, then by id, so that whoever leads the next epoch finds
// the same order.
func (s *Session) work(h *held) (jobs []job, refresh bool) {
	consider := func(in *intent, packages [][]byte) {
		if j, ok := s.job(h, in, packages); ok {
			jobs = append(jobs, j)
		}
	}
	for _, id := range sortedIDs(s.wishes) {
		w := s.wishes[id]
		switch {
		case w.Landed != (CommitID{}) || w.Fetching:
		case w.Refresh:
			refresh = true
		default:
			consider(&w.Intent, w.Packages)
		}
	}
	for _, id := range sortedIDs(s.pool) {
		if r := s.pool[id].due(s, h); r != nil {
			consider(&r.Intent, r.Packages)
		}
	}
	if refresh && s.chain.Cooling(h.id, s.cfg.Self.Account) {
		in := s.voucher(h)
		if refresh = in != nil; refresh {
			i, _ := h.roster.device(in.Author)
			jobs = append(jobs, job{in, nil, consensus.ClassMaintain, s.slots(h)[i]})
		}
	}
	slices.SortFunc(jobs, compareJobs)
	return jobs, refresh
}

// job is what an intent comes to on h, if this device may commit it there.
func (s *Session) job(h *held, in *intent, packages [][]byte) (job, bool) {
	i, ok := h.roster.device(in.Author)
	if !ok || s.meet(in, h) != fateHolds {
		return job{}, false
	}
	if _, done := s.landed(in.ID, nil); done {
		return job{}, false
	}
	if in.Op == opRenew || in.Op == opRemove && in.Account == s.cfg.Self.Account || (in.Op == opReadmit || in.Op == opDevice) && in.Device == s.cfg.Self.Device {
		return job{}, false // everybody renews their own, and nobody can take out themselves
	}
	if in.Op == opReadmit {
		if at := s.readmitted(h, in.Device) + vouchEvery; s.now < at { // whoever pleads all the time makes epochs
			if s.readmitAt == 0 || at < s.readmitAt {
				s.readmitAt = at
			}
			return job{}, false
		}
	}
	j := job{in, packages, consensus.ClassChange, s.slots(h)[i]}
	if in.Op == opRemove || in.Op == opReadmit || in.Op == opDevice {
		j.class = consensus.ClassRemove
	}
	return j, true
}

func compareJobs(a, b job) int {
	return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.slot, b.slot), bytes.Compare(a.in.ID[:], b.in.ID[:]))
}

// commitIfDue commits on the settled head when there is work and it is this
// device's turn.
func (s *Session) commitIfDue() {
	h := s.head()
	if h == nil || h.epoch == nil || !s.active() || s.divided || s.pacing.settled != h.id || s.pacing.unrest != 0 {
		return
	}
	if _, made := s.own[h.id]; made {
		return // one commit of mine on it lost already, or is invalid: wait for others
	}
	jobs, refresh := s.todo(h)
	refresh = refresh || s.beside == h.id && !s.chain.Cooling(h.id, s.cfg.Self.Account)
	s.vouch(h)
	if len(jobs) == 0 && !refresh || !s.chain.May(s.cfg.Self.Account) {
		return
	}
	if s.now < s.shyUntil {
		s.wake(s.shyUntil)
		return
	}
	if s.pacing.on != h.id || s.pacing.work == 0 {
		s.pacing.on, s.pacing.work, s.pacing.wait = h.id, s.now, 0
	}
	if s.pacing.work+s.pacing.wait <= s.now { // before that, the same would be ahead
		s.pacing.wait = s.turn(h)
	}
	wait := s.pacing.wait
	if s.alone() {
		wait = max(0, s.company()-s.pacing.work)
	}
	if len(jobs) > 0 && jobs[0].class == consensus.ClassRemove && jobs[0].in.Author == s.cfg.Self.Device {
		wait = min(wait, s.pace.SlotDelay)
	}
	if at := s.pacing.work + wait; s.now < at {
		s.wake(at)
		return
	}
	s.commit(h, jobs, refresh)
}

// turn is how long this device lets others go first on h: a hop for each ahead
// in slot order who took part lately, and a fraction for each who did not. Who
// woke lately cannot tell the two apart and takes all for online. Both are
// capped, and those beyond the caps would go all at once, in a large group
// hundreds: they are spread by their slots, the wider the more often this device
// lost. A wrong guess costs a rival or a wait, never agreement.
func (s *Session) turn(h *held) Time {
	if s.alone() {
		return 0
	}
	slots := s.slots(h)
	at, _ := h.roster.leaf(h.self)
	online, silent := s.pacing.losses/2, 0
	for i, slot := range slots {
		if slot >= slots[at] {
			continue
		}
		if t, ok := s.lastHeard[h.roster.leaves[i].Device]; ok && s.now < t.last+onlineFor || s.now < s.woke+onlineFor {
			online++
		} else {
			silent++
		}
	}
	wait := gather + Time(min(online, slotAhead))*s.pace.SlotDelay + Time(min(silent, silentAhead))*s.pace.SlotDelay/8
	beyond := max(0, online-slotAhead) + max(0, silent-silentAhead)
	spread := slotAhead * s.pace.SlotDelay * Time(1+min(s.pacing.losses, maxSpread))
	return wait + spread*Time(beyond)/Time(len(slots))
}

// company is until when this device, alone, waits for the key packages of those
// it invited at the same time: as long as some still come. Once the first is in,
// a second commit has to wait until that epoch is settled: no longer than this.
func (s *Session) company() (until Time) {
	for _, w := range s.wishes {
		if w.Fetching {
			until = max(until, max(w.Since, s.pacing.packed)+s.pace.SettleAfter)
		}
	}
	return until
}

// commit makes one commit of as many jobs as go together. Where none does, and
// my keys need no renewal, there is nothing to commit: an empty commit would
// only make an epoch in which the same jobs fail again.
func (s *Session) commit(h *held, jobs []job, refresh bool) {
	edit, intents := s.plan(h, jobs)
	edit.Now = s.wall
	if len(intents) == 0 && !refresh {
		for _, id := range sortedIDs(s.wishes) { // key packages may have run out meanwhile
			if w := s.wishes[id]; w.Intent.Op == opAdd && w.Landed == (CommitID{}) {
				s.reconsider(id, w, h)
			}
		}
		return
	}
	if len(intents) > 0 {
		edit.Data = encode(carried{Version: 1, Intents: intents})
	}
	built, err := h.epoch.Commit(edit, s.cfg.Rand)
	if err != nil {
		s.notify(Notice{Kind: NoticeTrouble, Reason: "a change could not be made: " + err.Error()})
		s.own[h.id] = CommitID{}
		return
	}
	made := commitID(h.id, built.Commit)
	v, err := s.judge(h, made, built.Applied)
	if err != nil {
		s.notify(Notice{Kind: NoticeTrouble, Reason: "a change of mine would be refused: " + err.Error()})
		s.own[h.id] = CommitID{}
		return
	}
	header := s.state(controlHeader, s.headingOf(&v))
	v.cand.Signed = consensus.Word(header)
	raw := s.sealOn(h, innerCommit, encode(announced{built.Commit, header}))
	if len(raw) > maxEnvelopeBytes {
		s.notify(Notice{Kind: NoticeTrouble, Reason: "a change is too large to send"})
		s.own[h.id] = CommitID{}
		return
	}
	s.own[h.id] = made
	s.save(rowOwn(h.id), encode(journal{Commit: made, Envelope: raw}), EpochID{})
	s.meta.Renewed = s.now
	s.saveMeta()
	e, _ := parseEnvelope(raw)
	s.admit(h, &v, built.Applied, e.id())
	if built.Welcome != nil {
		s.holdWelcome(made, built)
	}
	first := IntentID{}
	if len(intents) > 0 {
		first = intents[0].ID
	}
	s.logEnvelope(e.id(), &e)
	s.publish(raw, first)
	if _, ok := s.chain.Get(made); ok && !s.alone() {
		s.publishOwn(s.sealControl(header))
	}
	for _, id := range sortedIDs(s.wishes) {
		w := s.wishes[id]
		if w.Refresh && w.Landed == (CommitID{}) { // every commit renews its maker's keys
			w.Made = append(w.Made, made)
		} else if !slices.ContainsFunc(intents, func(in intent) bool { return in.ID == id }) {
			continue
		}
		s.progress(w, StateBound)
	}
}

// journal is a commit of mine as it was published.
type journal struct {
	Commit   CommitID `cbor:"1,keyasint"`
	Envelope []byte   `cbor:"2,keyasint"`
}
