package mls

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
	"pgregory.net/rapid"
)

// Random histories of groups of up to forty, in which everything happens that
// the protocol knows, on several branches at once. Beside the group goes a
// model so simple that it cannot be wrong: who sits where. After each commit
// all members are held to the model and to each other; whoever was removed is
// shown everything the others saw, and must get nothing out of it; and epochs
// that were left behind long ago go on when somebody comes back to them.

const crowd = 40 // members at most

// stage is one epoch as all its members hold it. Only message keys in it change.
type stage struct {
	w      *world
	in     []*member
	seats  map[LeafIndex]string // the model
	gone   []*member            // removed by the commit that led here
	spoken []line               // not yet read by all
	closed bool                 // by a ReInit
	past   []past               // resumption secrets on the way here
}

type line struct {
	message []byte
	text    string
	left    []string // who has not read it
}

// past is what a resumption PSK refers to.
type past struct {
	group  string
	epoch  uint64
	secret Secret
}

// story is a history as it is made.
type story struct {
	*rapid.T
	stages []*stage
	named  int
}

// tape lets the helpers of this package report to rapid, which replays.
type tape struct {
	testing.TB
	t *rapid.T
}

func (p tape) Helper()                   {}
func (p tape) Fatal(args ...any)         { p.t.Fatal(args...) }
func (p tape) Fatalf(f string, a ...any) { p.t.Fatalf(f, a...) }
func (p tape) Errorf(f string, a ...any) { p.t.Errorf(f, a...) }
func (p tape) Error(args ...any)         { p.t.Error(args...) }

func TestModel(t *testing.T) {
	for _, id := range []CipherSuite{X25519AES128SHA256Ed25519, P256AES128SHA256P256} {
		t.Run(fmt.Sprint("suite ", id), rapid.MakeCheck(func(r *rapid.T) {
			h := &story{T: r}
			h.found(newWorld(tape{t, r}, id))
			for range rapid.IntRange(3, 14).Draw(r, "steps") {
				h.step()
			}
			for _, st := range h.stages {
				h.hold(st)
				h.readAll(st)
			}
		}))
	}
}

// chance is one in n.
func (h *story) chance(n int, what string) bool { return rapid.IntRange(0, n-1).Draw(h.T, what) == 0 }

// other is the other suite of the test.
func other(id CipherSuite) CipherSuite {
	if id == P256AES128SHA256P256 {
		return X25519AES128SHA256Ed25519
	}
	return P256AES128SHA256P256
}

func (h *story) found(w *world) {
	w.client = func(c *Client) { c.Capabilities.Extensions = append(c.Capabilities.Extensions, 0xff01) }
	n := rapid.SampledFrom([]int{2, 2, 3, 5, 8, 9, 17, 30}).Draw(h.T, "members")
	founder := h.newcomer(w)
	first := &stage{w: w, in: []*member{w.create(founder, GroupOptions{})}, seats: map[LeafIndex]string{0: founder.name}}
	var o CommitOptions
	var joiners []*person
	for range n - 1 {
		p := h.newcomer(w)
		joiners = append(joiners, p)
		o.Proposals = append(o.Proposals, &Add{KeyPackage: p.pack.KeyPackage})
	}
	h.stages = []*stage{first}
	h.commit(first, 0, o, nil, joiners, nil)
}

func (h *story) newcomer(w *world) *person {
	h.named++
	return w.person(fmt.Sprintf("p%d", h.named))
}

// step does one thing, mostly to the newest stage, at times to an old one.
func (h *story) step() {
	at := len(h.stages) - 1
	if h.chance(4, "elsewhere") {
		at = rapid.IntRange(0, at).Draw(h.T, "stage")
	}
	st := h.stages[at]
	what := rapid.SampledFrom([]string{
		"commit", "commit", "commit", "commit", "commit", "rivals", "speak", "speak", "restart", "join", "resync", "branch", "close",
	}).Draw(h.T, "what")
	if st.closed && what != "restart" {
		what = "succeed"
	}
	by := rapid.IntRange(0, len(st.in)-1).Draw(h.T, "by")
	switch what {
	case "commit":
		h.drawCommit(st, by)
	case "rivals":
		h.drawCommit(st, by)
		h.drawCommit(st, rapid.IntRange(0, len(st.in)-1).Draw(h.T, "rival"))
	case "speak":
		h.speak(st, by)
	case "restart":
		h.restart(st, by)
	case "join":
		if len(st.in) < crowd {
			h.enter(st, by, h.newcomer(st.w), false)
		}
	case "resync":
		h.enter(st, by, rapid.SampledFrom(st.in).Draw(h.T, "who").person, true)
	case "branch":
		h.branch(st, by)
	case "close":
		h.close(st, by)
	case "succeed":
		h.succeed(st, by)
	}
}

// drawCommit has some members propose, and member by commit that and more.
func (h *story) drawCommit(st *stage, by int) {
	var (
		o       = CommitOptions{Padding: rapid.IntRange(0, 50).Draw(h.T, "padding")}
		sent    []*SentProposal
		joiners []*person
		keys    = map[string]*SigningKey{} // new ones, by name
		free    = crowd - len(st.in)
	)
	if h.chance(2, "public") {
		o.WireFormat = WirePublicMessage
	}
	newcomer := func() *Add {
		p := h.newcomer(st.w)
		joiners = append(joiners, p)
		free--
		return &Add{KeyPackage: p.pack.KeyPackage}
	}
	// What happens to whom: at most one thing to each.
	var adds []Proposal
	for i, m := range st.in {
		if i == by {
			continue
		}
		switch rapid.IntRange(0, 3+len(st.in)).Draw(h.T, "fate") {
		case 0:
			var change *LeafChange
			if h.chance(3, "new key") {
				keys[m.name] = must(GenerateSigningKey(st.w.rand, st.w.id))(st.w)
				change = &LeafChange{SigningKey: keys[m.name]}
			}
			sent = append(sent, must(m.ProposeUpdate(st.w.rand, m.key, change, h.how()))(st.w))
		case 1:
			o.Proposals = append(o.Proposals, &Remove{Removed: m.Self()})
		case 2:
			from := st.in[(i+1)%len(st.in)]
			sent = append(sent, must(from.Propose(st.w.rand, from.key, &Remove{Removed: m.Self()}, h.how()))(st.w))
		}
	}
	// Adds by reference come before those by value, in the commit and so among
	// the seats.
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(h.T, "adds proposed") {
		if from := st.in[rapid.IntRange(0, len(st.in)-1).Draw(h.T, "from")]; free > 0 {
			sent = append(sent, must(from.Propose(st.w.rand, from.key, newcomer(), h.how()))(st.w))
		}
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 1, 2, 5}).Draw(h.T, "adds") {
		if free > 0 {
			adds = append(adds, newcomer())
		}
	}
	o.Proposals = append(o.Proposals, adds...)
	h.drawRest(st, &o)
	if h.chance(6, "new leaf") {
		extension := Extensions{{Type: 0xff01, Data: []byte{byte(h.named)}}}
		o.Leaf = &LeafChange{Extensions: &extension}
		if h.chance(2, "new key") {
			keys[st.in[by].name] = must(GenerateSigningKey(st.w.rand, st.w.id))(st.w)
			o.Leaf.SigningKey = keys[st.in[by].name]
		}
	} else {
		o.NoPath = h.chance(2, "no path")
	}
	h.commit(st, by, o, sent, joiners, keys)
}

func (h *story) how() ProposeOptions {
	if h.chance(2, "public") {
		return ProposeOptions{WireFormat: WirePublicMessage, Now: now}
	}
	return ProposeOptions{Now: now}
}

// drawRest adds what concerns nobody in particular.
func (h *story) drawRest(st *stage, o *CommitOptions) {
	if h.chance(5, "extensions") {
		o.Proposals = append(o.Proposals, &GroupContextExtensions{Extensions: Extensions{{Type: 0xff01, Data: []byte{byte(h.named)}}}})
	}
	if h.chance(5, "external psk") {
		o.Proposals = append(o.Proposals, &PreSharedKey{PSK: PreSharedKeyID{Type: ExternalPSK, ID: []byte("known to all")}})
	}
	if len(st.past) > 0 && h.chance(5, "resumption psk") {
		p := rapid.SampledFrom(st.past).Draw(h.T, "past")
		o.Proposals = append(o.Proposals, &PreSharedKey{PSK: PreSharedKeyID{
			Type: ResumptionPSK, Usage: UsageApplication, GroupID: []byte(p.group), Epoch: p.epoch,
		}})
	}
}

// psks finds what a commit on the stage may refer to.
func (st *stage) psks(id PreSharedKeyID) (Secret, bool) {
	if id.Type == ExternalPSK {
		return Secret("an external secret"), string(id.ID) == "known to all"
	}
	for _, p := range st.past {
		if p.group == string(id.GroupID) && p.epoch == id.Epoch {
			return p.secret.Clone(), true
		}
	}
	return nil, false
}

// commit makes a commit and takes everybody along: who follows, who is removed,
// who joins.
func (h *story) commit(st *stage, by int, o CommitOptions, sent []*SentProposal, joiners []*person, keys map[string]*SigningKey) *stage {
	w := st.w
	heard := h.hear(st, sent)
	o.References, o.PSKs = heard[by], st.psks
	before := snapshot(st.in[by : by+1])
	c := w.commit(st.in[by], o)
	if !bytes.Equal(before[0], snapshot(st.in[by : by+1])[0]) {
		h.Fatalf("committing changed the epoch")
	}
	next := h.take(st, c, func(i int) *Candidate {
		if i == by {
			return c
		}
		return must(st.in[i].Process(c.Message, Received{Proposals: heard[i], PSKs: st.psks}))(w)
	})
	for _, m := range next.in {
		if key := keys[m.name]; key != nil {
			m.person = &person{m.name, key, m.pack}
		}
	}
	for i, at := range c.Added {
		p := joiners[i]
		if seat := next.sit(p.name); seat != at {
			h.Fatalf("%s sits at %d, the model says %d", p.name, at, seat)
		}
		e := must(Join(&w.config, p.pack, c.Welcome, JoinOptions{Now: now, PSKs: st.psks}))(w)
		next.in = append(next.in, &member{p, e})
	}
	if len(c.Added) != len(joiners) {
		h.Fatalf("%d added, %d expected", len(c.Added), len(joiners))
	}
	h.stages = append(h.stages, next)
	h.hold(next)
	h.shutOut(st, c, next)
	return next
}

// hear gives every member the proposals, as they come to it.
func (h *story) hear(st *stage, sent []*SentProposal) [][]*Proposed {
	heard := make([][]*Proposed, len(st.in))
	for i, m := range st.in {
		for _, p := range sent {
			c, _, err := m.Keys().Unprotect(p.Message)
			switch {
			case errors.Is(err, ErrOwn):
				heard[i] = append(heard[i], p.Proposed)
			case err != nil:
				h.Fatalf("%s hearing a proposal: %v", m.name, err)
			default:
				heard[i] = append(heard[i], c.Proposed)
			}
		}
	}
	return heard
}

// take moves the members of a stage on and keeps the books.
func (h *story) take(st *stage, c *Candidate, of func(i int) *Candidate) *stage {
	next := &stage{w: st.w, seats: map[LeafIndex]string{}, past: slices.Clone(st.past), closed: c.ReInit != nil}
	for at, name := range st.seats {
		if !slices.Contains(c.Removed, at) {
			next.seats[at] = name
		}
	}
	for i, m := range st.in {
		got := of(i)
		if got.ID != c.ID || got.Next.ID() != c.Next.ID() || !slices.Equal(got.Added, c.Added) || !slices.Equal(got.Removed, c.Removed) || got.Committer != c.Committer {
			h.Fatalf("%s sees %s, its author %s", m.name, got.Describe(), c.Describe())
		}
		if removed := slices.Contains(c.Removed, m.Self()); removed != got.RemovesMe() {
			h.Fatalf("%s thinks that it is removed: %v", m.name, !removed)
		} else if removed {
			next.gone = append(next.gone, &member{m.person, got.Next})
			continue
		}
		next.in = append(next.in, &member{m.person, got.Next})
	}
	next.past = append(next.past, past{string(st.in[0].GroupID()), st.in[0].Number(), must(st.in[0].ResumptionPSK())(st.w)})
	return next
}

// sit gives the model's leftmost free seat away.
func (st *stage) sit(name string) LeafIndex {
	for at := LeafIndex(0); ; at++ {
		if _, taken := st.seats[at]; !taken {
			st.seats[at] = name
			return at
		}
	}
}

// hold compares all members with each other and with the model.
func (h *story) hold(st *stage) {
	st.w.same(st.in...)
	first := must(st.in[0].Export("model", []byte("context"), 16))(st.w)
	for _, m := range st.in {
		if got := must(m.Export("model", []byte("context"), 16))(st.w); !bytes.Equal(got, first) {
			h.Fatalf("%s exports another secret", m.name)
		}
		if st.seats[m.Self()] != m.name {
			h.Fatalf("%s sits at %d, the model says %v", m.name, m.Self(), st.seats)
		}
		if !bytes.Equal(m.RatchetTree(), st.in[0].RatchetTree()) {
			h.Fatalf("%s has another tree", m.name)
		}
	}
	n := 0
	for at, l := range st.in[0].Members() {
		if n++; st.seats[at] != string(l.Credential.Identity) {
			h.Fatalf("%q sits at %d, the model says %v", l.Credential.Identity, at, st.seats)
		}
	}
	if n != len(st.seats) || n != st.in[0].Len() || n != len(st.in) {
		h.Fatalf("%d members, %d counted, %d in the model", n, st.in[0].Len(), len(st.seats))
	}
}

// shutOut shows those who were removed what they could have seen, and wants
// them to get nothing out of it: no private key that they hold opens any path
// secret, and no message of the next epoch opens.
func (h *story) shutOut(st *stage, c *Candidate, next *stage) {
	for _, gone := range next.gone {
		if gone.Member() || gone.Keys() != nil {
			h.Fatalf("%s is removed and still a member", gone.name)
		}
		if _, err := gone.Export("model", nil, 16); CheckOf(err) != CheckRemoved {
			h.Fatalf("%s exports: %v", gone.name, err)
		}
		at := slices.IndexFunc(st.in, func(m *member) bool { return m.name == gone.name })
		h.breakIn(st.in[at], c)
	}
	if len(next.gone) == 0 || next.closed {
		return
	}
	speaker := next.in[0]
	message, _, err := speaker.Keys().Protect(next.w.rand, speaker.key, Outgoing{Data: []byte("without you")})
	if err != nil {
		h.Fatalf("%s cannot speak: %v", speaker.name, err)
	}
	for _, gone := range next.gone {
		at := slices.IndexFunc(st.in, func(m *member) bool { return m.name == gone.name })
		if _, _, err := st.in[at].Keys().Unprotect(message); !errors.Is(err, ErrWrongEpoch) {
			h.Fatalf("%s reads on: %v", gone.name, err)
		}
	}
}

// breakIn tries every private key of a removed member on every ciphertext of
// the path that removed it. Paths that travelled encrypted are as good, but the
// key to look at them is used up.
func (h *story) breakIn(m *member, c *Candidate) {
	s, w := m.suite, tape{t: h.T}
	message := must(ParseMessage(c.Message))(w)
	if message.Public == nil {
		return
	}
	path := message.Public.Content.Commit.Path
	if path == nil {
		h.Fatalf("%s was removed without a path", m.name)
	}
	context := c.Next.Context()
	context.ConfirmedTranscriptHash = m.Context().ConfirmedTranscriptHash
	info := s.Info("UpdatePathNode", wire.Marshal(&context))
	r := wire.NewReader(wire.Marshal(m.own))
	r.U32()
	for v := r.Vector(); v.More(); {
		if !v.Optional() {
			continue
		}
		key := must(s.ParsePrivate(v.Opaque()))(w)
		for _, n := range path.Nodes {
			for _, ct := range n.EncryptedPathSecret {
				if _, err := s.OpenInfo(key, info, ct); !errors.Is(err, suite.ErrOpen) {
					h.Fatalf("%s opens a path secret that was not for it: %v", m.name, err)
				}
			}
		}
	}
}

// speak has a member say something, which everybody reads when it comes to it.
func (h *story) speak(st *stage, by int) {
	m := st.in[by]
	l := line{text: fmt.Sprintf("line %d", len(st.spoken))}
	var err error
	l.message, _, err = m.Keys().Protect(st.w.rand, m.key, Outgoing{Data: []byte(l.text), Padding: rapid.IntRange(0, 40).Draw(h.T, "padding")})
	if err != nil {
		h.Fatalf("%s cannot speak: %v", m.name, err)
	}
	for _, other := range st.in {
		if other != m {
			l.left = append(l.left, other.name)
		}
	}
	st.spoken = append(st.spoken, l)
	if h.chance(2, "read now") {
		h.readAll(st)
	}
}

// readAll has all that was said on a stage be read, last line first.
func (h *story) readAll(st *stage) {
	for i := len(st.spoken) - 1; i >= 0; i-- {
		l := &st.spoken[i]
		for _, m := range st.in {
			if !slices.Contains(l.left, m.name) {
				continue
			}
			c, _, err := m.Keys().Unprotect(l.message)
			if err != nil || string(c.Application) != l.text {
				h.Fatalf("%s cannot read what was said at %v: %v", m.name, m.Epoch, err)
			}
			if _, _, err := m.Keys().Unprotect(l.message); !errors.Is(err, ErrReplay) {
				h.Fatalf("%s reads it twice: %v", m.name, err)
			}
		}
		l.left = nil
	}
}

// restart has a member forget all and load what it saved.
func (h *story) restart(st *stage, at int) {
	m, d := st.in[at], disk{}
	d.write(m.Save())
	d.write(must(m.Keys().Save())(st.w))
	loaded := d.load(st.w, m.ID())
	sameState(st.w, loaded, m.Epoch)
	st.in[at] = &member{m.person, loaded}
}

// enter brings a person in from outside: a stranger, or a member that has lost
// its state and takes its own place.
func (h *story) enter(st *stage, by int, p *person, back bool) {
	w := st.w
	info := must(st.in[by].GroupInfo(st.in[by].key, WelcomeOptions{External: true}))(w)
	c := must(JoinExternal(w.rand, &w.config, p.key, w.pack(p).KeyPackage.LeafNode, info, ExternalOptions{Resync: back}))(w)
	next := h.take(st, c, func(i int) *Candidate { return must(st.in[i].Process(c.Message, Received{}))(w) })
	if back != (len(next.gone) == 1) || back && next.gone[0].name != p.name {
		h.Fatalf("%d were removed by an external commit", len(next.gone))
	}
	if seat := next.sit(p.name); seat != c.Committer {
		h.Fatalf("%s sits at %d, the model says %d", p.name, c.Committer, seat)
	}
	next.in = append(next.in, &member{p, c.Next})
	h.stages = append(h.stages, next)
	h.hold(next)
	h.shutOut(st, c, next)
}

// branch has a member found a group with some of the others.
func (h *story) branch(st *stage, by int) {
	var with []*member
	for i, m := range st.in {
		if i != by && h.chance(2, "with") {
			with = append(with, m)
		}
	}
	if len(with) > 0 {
		h.named++
		h.continueAs(st, st.w, st.in[by], with, GroupOptions{GroupID: fmt.Appendf(nil, "branch %d", h.named)})
	}
}

// close ends the group in favour of one in the other suite; succeed founds it.
func (h *story) close(st *stage, by int) {
	h.named++
	next := &ReInit{GroupID: fmt.Appendf(nil, "successor %d", h.named), Version: MLS10, CipherSuite: other(st.w.id)}
	closed := h.commit(st, by, CommitOptions{Proposals: []Proposal{next}}, nil, nil, nil)
	m := closed.in[0]
	if _, err := m.Commit(st.w.rand, m.key, CommitOptions{}); CheckOf(err) != CheckFrozen {
		h.Fatalf("a commit in a closed group: %v", err)
	}
}

func (h *story) succeed(st *stage, by int) {
	w := newWorld(st.w.TB, other(st.w.id))
	w.rand, w.client = st.w.rand, st.w.client
	if len(st.in) < 2 {
		return
	}
	h.continueAs(st, w, st.in[by], slices.Delete(slices.Clone(st.in), by, by+1), GroupOptions{})
}

// continueAs makes a group out of a group; its members are the same people with
// new key packages.
func (h *story) continueAs(st *stage, w *world, founder *member, with []*member, o GroupOptions) {
	own := func(m *member) *person {
		if w.id != st.w.id {
			return w.person(m.name)
		}
		p := &person{name: m.name, key: m.key}
		p.pack = w.pack(p)
		return p
	}
	first := own(founder)
	next := &stage{w: w, seats: map[LeafIndex]string{0: first.name}}
	var packs []*KeyPackage
	var people []*person
	for _, m := range with {
		p := own(m)
		people, packs = append(people, p), append(packs, p.pack.KeyPackage)
	}
	c := must(founder.Found(w.rand, first.key, first.pack, o, packs, CommitOptions{Now: now}))(w)
	next.in = []*member{{first, c.Next}}
	for i, p := range people {
		next.sit(p.name)
		e := must(Join(&w.config, p.pack, c.Welcome, JoinOptions{Now: now, From: with[i].Epoch}))(w)
		next.in = append(next.in, &member{p, e})
	}
	h.stages = append(h.stages, next)
	h.hold(next)
}
