package mls

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// What a group does over its life, in every cipher suite.

func eachSuite(t *testing.T, run func(*testing.T, *world)) {
	for _, s := range suite.All() {
		t.Run(s.String(), func(t *testing.T) { run(t, newWorld(t, s.ID())) })
	}
}

func TestLife(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		g := w.group(GroupOptions{}, "a", "b", "c", "d", "e")
		w.say(g, 3, "all here")
		g = w.follow(g, 2, w.commit(g[2], CommitOptions{}))
		g = w.follow(g, 4, w.commit(g[4], CommitOptions{Proposals: []Proposal{&Remove{Removed: 1}}, WireFormat: WirePublicMessage}))
		if len(g) != 4 || g[0].Len() != 4 {
			t.Fatalf("%d followed, %d members", len(g), g[0].Len())
		}
		w.say(g, 0, "without b")
		g = w.add(g, 1, w.person("f"), w.person("g"))
		if at := g[4].Self(); at != 1 {
			t.Errorf("f sits at %d, not at the leftmost blank leaf", at)
		}
		w.say(g, 4, "f speaks")
		update := must(g[3].ProposeUpdate(w.rand, g[3].key, nil, ProposeOptions{}))(t)
		remove := must(g[5].Propose(w.rand, g[5].key, &Remove{Removed: g[0].Self()}, ProposeOptions{WireFormat: WirePublicMessage}))(t)
		g = w.commitTogether(g, 2, update, remove)
		w.say(g, 2, "renewed")
		w.say(g, 0, "and I")
	})
}

// commitTogether has everybody hear proposals, and member by commit them.
func (w *world) commitTogether(g []*member, by int, sent ...*SentProposal) []*member {
	w.Helper()
	heard := make([][]*Proposed, len(g))
	for i, m := range g {
		for _, p := range sent {
			c, _, err := m.Keys().Unprotect(p.Message)
			switch {
			case errors.Is(err, ErrOwn):
				heard[i] = append(heard[i], p.Proposed)
			case err != nil:
				w.Fatal(err)
			default:
				heard[i] = append(heard[i], c.Proposed)
			}
		}
	}
	c := w.commit(g[by], CommitOptions{References: heard[by]})
	var out []*member
	for i, m := range g {
		next := c
		if i != by {
			next = must(m.Process(c.Message, Received{Proposals: heard[i]}))(w)
		}
		if !next.RemovesMe() {
			out = append(out, &member{m.person, next.Next})
		}
	}
	w.same(out...)
	return out
}

func TestRivals(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c")
	before := snapshot(g)
	one, two, three := w.commit(g[0], CommitOptions{}), w.commit(g[1], CommitOptions{}), w.commit(g[1], CommitOptions{})
	for _, c := range []*Candidate{one, two, three} {
		if c.Parent != g[0].ID() || c.ID != NewCommitID(c.Parent, c.Message) {
			t.Error("a candidate has the wrong name")
		}
	}
	if two.ID == three.ID || two.Next.ID() == three.Next.ID() {
		t.Error("two commits of one member are the same")
	}
	for _, c := range []*Candidate{three, one, two} { // any order, any number
		got := must(g[2].Process(c.Message, Received{}))(t)
		if got.ID != c.ID || got.Next.ID() != c.Next.ID() || got.Committer != c.Committer {
			t.Errorf("%v became %v", c.Next, got.Next)
		}
	}
	if !slices.EqualFunc(before, snapshot(g), bytes.Equal) {
		t.Error("an epoch changed by committing or processing")
	}
	if _, err := g[0].Process(one.Message, Received{}); !errors.Is(err, ErrOwn) {
		t.Errorf("own commit: %v", err)
	}
	if _, err := one.Next.Process(two.Message, Received{}); !errors.Is(err, ErrWrongEpoch) {
		t.Errorf("a rival's child: %v", err)
	}
}

func snapshot(g []*member) [][]byte {
	var out [][]byte
	for _, m := range g {
		out = append(out, m.Snapshot())
	}
	return out
}

// A branch that loses is erased; what shares nodes and keys with it lives.
func TestEraseTouchesNothingElse(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, names(8)...)
	g = w.follow(g, 5, w.commit(g[5], CommitOptions{}))
	lost := must(g[2].Process(w.commit(g[7], CommitOptions{}).Message, Received{}))(t).Next
	won := w.commit(g[0], CommitOptions{})
	next := must(g[2].Process(won.Message, Received{}))(t).Next

	late, _, err := g[1].Keys().Protect(w.rand, g[1].key, Outgoing{Data: []byte("late")})
	noError(t, "protect", err)
	lost.Erase()
	lost.Keys().Erase()
	e := g[2].Epoch
	gone := [][]byte{
		e.secrets.InitSecret(), e.secrets.ExternalSecret(), e.secrets.ExporterSecret(), e.secrets.ConfirmationKey(), e.secrets.MembershipKey(), e.secrets.ResumptionPSK(),
	}
	stored := wire.Marshal(e.own)
	g[2].Erase()
	for i, s := range gone {
		if !bytes.Equal(s, make([]byte, len(s))) {
			t.Errorf("secret %d is still in memory", i)
		}
	}
	if left := wire.Marshal(e.own); len(left) >= len(stored) || len(left) > 20 {
		t.Errorf("private keys are still there: %d bytes of %d", len(left), len(stored))
	}
	for what, err := range map[string]error{
		"commit": second(g[2].Commit(w.rand, g[2].key, CommitOptions{})), "process": second(g[2].Process(won.Message, Received{})),
		"export": second(g[2].Export("x", nil, 16)), "authenticator": second(g[2].Authenticator()), "group info": second(g[2].GroupInfo(g[2].key, WelcomeOptions{})),
		"psk": second(g[2].ResumptionPSK()), "propose": second(g[2].Propose(w.rand, g[2].key, &Remove{}, ProposeOptions{})),
	} {
		if CheckOf(err) != CheckErased || !errors.Is(err, ErrState) {
			t.Errorf("%s on an erased epoch: %v", what, err)
		}
	}
	if c, _, err := g[2].Keys().Unprotect(late); err != nil || string(c.Application) != "late" {
		t.Errorf("a late message after the fork secrets are gone: %v", err)
	}
	if _, _, err := g[2].Keys().Protect(w.rand, g[2].key, Outgoing{}); err != nil {
		t.Errorf("sending as long as keys are there: %v", err)
	}
	g[2].Keys().Erase()
	if _, _, err := g[2].Keys().Unprotect(late); CheckOf(err) != CheckErased {
		t.Errorf("with erased keys: %v", err)
	}
	after := w.follow([]*member{{g[2].person, next}, {g[0].person, won.Next}}, 0, w.commit(&member{g[2].person, next}, CommitOptions{}))
	w.say(after, 0, "alive")
}

func second[T any](_ T, err error) error { return err }

func TestExternalJoinAndResync(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		g := w.group(GroupOptions{}, "a", "b", "c")
		info := must(g[1].GroupInfo(g[1].key, WelcomeOptions{External: true}))(t)
		d := w.person("d")
		c := must(JoinExternal(w.rand, &w.config, d.key, d.pack.KeyPackage.LeafNode, info, ExternalOptions{AuthenticatedData: []byte("hello")}))(t)
		for i := range g {
			got := must(g[i].Process(c.Message, Received{}))(t)
			if !got.External || got.Committer != 3 || string(got.AuthenticatedData) != "hello" {
				t.Errorf("seen as %s", got.Describe())
			}
			g[i] = &member{g[i].person, got.Next}
		}
		g = append(g, &member{d, c.Next})
		w.same(g...)
		w.say(g, 3, "in by myself")

		// b has lost its state and comes back in its own place.
		info = must(g[0].GroupInfo(g[0].key, WelcomeOptions{External: true}))(t)
		c = must(JoinExternal(w.rand, &w.config, g[1].key, w.pack(g[1].person).KeyPackage.LeafNode, info, ExternalOptions{Resync: true}))(t)
		back := []*member{{g[1].person, c.Next}}
		for _, i := range []int{0, 2, 3} {
			got := must(g[i].Process(c.Message, Received{}))(t)
			if !slices.Equal(got.Removed, []LeafIndex{1}) || got.Committer != 1 {
				t.Errorf("seen as %s", got.Describe())
			}
			back = append(back, &member{g[i].person, got.Next})
		}
		w.same(back...)
		if got := must(g[1].Process(c.Message, Received{}))(t); !got.RemovesMe() || got.Next.ID() != c.Next.ID() {
			t.Error("the old appearance does not see itself replaced")
		}
	})
}

func TestProposalsFromOutside(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	service, d := w.person("service"), w.person("d")
	senders := ExternalSenders(ExternalSender{SignatureKey: service.key.Public(), Credential: service.pack.KeyPackage.LeafNode.Credential})
	g := w.group(GroupOptions{Extensions: Extensions{senders}}, "a", "b", "c")
	messages := [][]byte{
		must(ProposeExternal(w.rand, service.key, w.id, g[0].GroupID(), g[0].Number(), 0, &Remove{Removed: 2}))(t),
		must(ProposeExternal(w.rand, service.key, w.id, g[0].GroupID(), g[0].Number(), 0, &PreSharedKey{PSK: PreSharedKeyID{Type: ExternalPSK, ID: []byte("id")}}))(t),
		must(ProposeSelf(d.key, d.pack.KeyPackage, g[0].GroupID(), g[0].Number()))(t),
	}
	heard := func(m *member) (out []*Proposed) {
		for _, p := range messages {
			c, cells, err := m.Keys().Unprotect(p)
			noError(t, "unprotect", err)
			if len(cells) > 0 || c.Sender.Type == SenderMember {
				t.Errorf("from %v, %d cells", c.Sender, len(cells))
			}
			out = append(out, c.Proposed)
		}
		return out
	}
	psks := func(id PreSharedKeyID) (Secret, bool) { return Secret("shared"), string(id.ID) == "id" }
	c := w.commit(g[0], CommitOptions{References: heard(g[0]), PSKs: psks})
	b := must(g[1].Process(c.Message, Received{Proposals: heard(g[1]), PSKs: psks}))(t)
	joined := must(Join(&w.config, d.pack, c.Welcome, JoinOptions{PSKs: psks, Now: now}))(t)
	w.same(&member{g[0].person, c.Next}, &member{g[1].person, b.Next}, &member{d, joined})
	if got := must(g[2].Process(c.Message, Received{Proposals: heard(g[2])}))(t); !got.RemovesMe() || got.Next.ID() != c.Next.ID() {
		t.Error("c does not see itself removed, without the pre-shared key")
	}
	if !slices.Equal(b.Added, []LeafIndex{2}) || !slices.Equal(b.Removed, []LeafIndex{2}) || len(b.PSKs) != 1 || !b.Proposals[0].ByReference {
		t.Errorf("seen as %s", b.Describe())
	}
}

func TestBranchAndReInit(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c")

	// A branch of two of them.
	a2, b2 := w.pack(g[0].person), w.pack(g[1].person)
	branch := must(g[0].Found(w.rand, g[0].key, a2, GroupOptions{GroupID: []byte("branch")}, []*KeyPackage{b2.KeyPackage}, CommitOptions{Now: now}))(t)
	joined := must(Join(&w.config, b2, branch.Welcome, JoinOptions{From: g[1].Epoch}))(t)
	w.same(&member{g[0].person, branch.Next}, &member{g[1].person, joined})

	// The group closes in favour of another suite; b founds it.
	next := &ReInit{GroupID: []byte("next"), Version: MLS10, CipherSuite: P256AES128SHA256P256}
	g = w.follow(g, 2, w.commit(g[2], CommitOptions{Proposals: []Proposal{next}}))
	if _, err := g[0].Commit(w.rand, g[0].key, CommitOptions{}); CheckOf(err) != CheckFrozen {
		t.Errorf("commit in a closed group: %v", err)
	}
	if _, _, err := g[0].Keys().Protect(w.rand, g[0].key, Outgoing{}); CheckOf(err) != CheckFrozen {
		t.Errorf("message in a closed group: %v", err)
	}
	v := newWorld(t, P256AES128SHA256P256)
	p := v.people("a", "b", "c")
	c := must(g[1].Found(v.rand, p[1].key, p[1].pack, GroupOptions{}, []*KeyPackage{p[0].pack.KeyPackage, p[2].pack.KeyPackage}, CommitOptions{Now: now}))(t)
	a := must(Join(&v.config, p[0].pack, c.Welcome, JoinOptions{From: g[0].Epoch}))(t)
	v.same(&member{p[1], c.Next}, &member{p[0], a})
	if string(a.GroupID()) != "next" || a.Number() != 1 {
		t.Errorf("the successor is %v", a)
	}
}

func TestResumptionAndExternalPSKs(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c")
	past := must(g[0].ResumptionPSK())(t)
	epoch := g[0].Number()
	g = w.follow(g, 0, w.commit(g[0], CommitOptions{}))
	psks := func(id PreSharedKeyID) (Secret, bool) {
		if id.Type == ExternalPSK {
			return Secret("external"), true
		}
		return past, id.Epoch == epoch
	}
	o := CommitOptions{PSKs: psks, NoPath: true, Proposals: []Proposal{
		&PreSharedKey{PSK: PreSharedKeyID{Type: ResumptionPSK, Usage: UsageApplication, GroupID: g[0].GroupID(), Epoch: epoch}},
		&PreSharedKey{PSK: PreSharedKeyID{Type: ExternalPSK, ID: []byte("e")}},
		&PreSharedKey{PSK: PreSharedKeyID{Type: ResumptionPSK, Usage: UsageApplication, GroupID: g[0].GroupID(), Epoch: g[0].Number()}},
	}}
	c := w.commit(g[1], o)
	if c.Path {
		t.Error("a path that nobody asked for")
	}
	if _, err := g[2].Process(c.Message, Received{}); CheckOf(err) != CheckPSKMissing || !errors.Is(err, ErrMissing) {
		t.Errorf("without the keys: %v", err)
	}
	// The failure used nothing up: with the keys it works, once.
	got := must(g[2].Process(c.Message, Received{PSKs: psks}))(t)
	w.same(&member{g[1].person, c.Next}, &member{g[2].person, got.Next})
	if len(got.Cells) == 0 {
		t.Error("a private commit used up no key")
	}
	if _, err := g[2].Process(c.Message, Received{PSKs: psks}); !errors.Is(err, ErrReplay) {
		t.Errorf("the same commit again: %v", err)
	}
}

// Values that nobody knows are carried and ignored (RFC 9420 §13.4, §13.5).
func TestGREASE(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	w.client = func(c *Client) { c.GREASE = true }
	first := w.create(w.person("a"), GroupOptions{})
	b := w.person("b")
	c := w.commit(first, CommitOptions{
		Proposals: []Proposal{&Add{KeyPackage: b.pack.KeyPackage}},
		Welcome:   WelcomeOptions{Extensions: Extensions{{Type: ExtensionType(GREASE(7)[0]), Data: []byte("ignored")}}},
	})
	w.same(&member{first.person, c.Next}, &member{b, w.join(b, c.Welcome)})
	k := b.pack.KeyPackage
	lists := []int{len(k.LeafNode.Capabilities.CipherSuites), len(k.LeafNode.Capabilities.Extensions), len(k.LeafNode.Capabilities.Proposals), len(k.LeafNode.Capabilities.Credentials), len(k.LeafNode.Extensions), len(k.Extensions)}
	if !slices.Equal(lists, []int{2, 1, 1, 3, 1, 1}) {
		t.Errorf("lists of %v", lists)
	}
	seen := map[uint16]bool{}
	for v := range 1 << 16 {
		if isGREASE(uint16(v)) {
			seen[uint16(v)] = true
		}
	}
	for i := range 256 {
		if v := GREASE(byte(i))[0]; !seen[v] {
			t.Errorf("%04x is no GREASE value", v)
		}
	}
	if len(seen) != 15 || !seen[0x0a0a] || !seen[0xeaea] || seen[0xfafa] {
		t.Errorf("GREASE is %v", seen)
	}
}

// Whoever is removed may be added in the same commit (RFC 9420 §12.2).
func TestRemovedAndAddedAtOnce(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c")
	again := w.pack(g[1].person)
	c := w.commit(g[0], CommitOptions{Proposals: []Proposal{&Remove{Removed: 1}, &Add{KeyPackage: again.KeyPackage}}})
	if got := must(g[1].Process(c.Message, Received{}))(t); !got.RemovesMe() || got.Next.ID() != c.Next.ID() {
		t.Error("the old appearance does not see itself go")
	}
	g[1].pack = again
	got := w.follow([]*member{g[0], g[2]}, 0, c)
	w.same(append(got, &member{g[1].person, w.join(g[1].person, c.Welcome)})...)
}

// A tree that the joiner gets apart from the Welcome.
func TestTreeApart(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b")
	c := w.person("c")
	made := w.commit(g[0], CommitOptions{Proposals: []Proposal{&Add{KeyPackage: c.pack.KeyPackage}}, Welcome: WelcomeOptions{NoTree: true}})
	if _, err := Join(&w.config, c.pack, made.Welcome, JoinOptions{}); CheckOf(err) != CheckTreeMissing {
		t.Errorf("without a tree: %v", err)
	}
	joined := must(Join(&w.config, c.pack, made.Welcome, JoinOptions{RatchetTree: made.Next.RatchetTree()}))(t)
	w.same(&member{g[0].person, made.Next}, &member{c, joined})
}

// A signature key changes by a path and by an update; roles of the committer
// follow the leaf.
func TestNewSignatureKeys(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c")
	fresh := must(GenerateSigningKey(w.rand, w.id))(t)
	g = w.follow(g, 0, w.commit(g[0], CommitOptions{Leaf: &LeafChange{SigningKey: fresh}}))
	if _, err := g[0].Commit(w.rand, g[0].key, CommitOptions{}); CheckOf(err) != CheckArgument {
		t.Errorf("commit with the old key: %v", err)
	}
	g[0].key = fresh
	w.say(g, 0, "signed anew")
	fresh = must(GenerateSigningKey(w.rand, w.id))(t)
	update := must(g[1].ProposeUpdate(w.rand, g[1].key, &LeafChange{SigningKey: fresh}, ProposeOptions{}))(t)
	stored := must(ParseProposed(w.id, update.MarshalSecret()))(t)
	if !bytes.Equal(stored.MarshalSecret(), update.MarshalSecret()) {
		t.Error("a stored proposal is another one")
	}
	update.Proposed = stored
	g = w.commitTogether(g, 2, update)
	g[1].key = fresh
	w.say(g, 1, "so do I")
}

func TestEpochIDIsWhatTheJoinerComputes(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	e := w.group(GroupOptions{GroupID: []byte("g")}, "a", "b")[1]
	var tag wire.Writer
	tag.Opaque(e.ConfirmationTag())
	context := e.Context()
	if want := Hash([]byte("covey epoch v1"), wire.Marshal(&context), tag.Bytes()); e.ID() != want {
		t.Errorf("id %v, want %x", e.ID(), want)
	}
}

// A proposal type of the application's, supported by all who stay.
func TestCustomProposals(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	w.client = func(c *Client) {
		if string(c.Credential.Identity) != "c" {
			c.Capabilities.Proposals = []ProposalType{unknownProposal}
		}
	}
	g := w.group(GroupOptions{}, "a", "b", "c")
	ours := &Custom{Kind: unknownProposal, Data: []byte("ours")}
	c := w.commit(g[0], CommitOptions{Proposals: []Proposal{&Remove{Removed: 2}, ours}, WireFormat: WirePublicMessage})
	got := must(g[1].Process(c.Message, Received{}))(t)
	if p, ok := got.Proposals[1].Proposal.(*Custom); !ok || p.Kind != unknownProposal || string(p.Data) != "ours" {
		t.Errorf("got %v", got.Describe())
	}
	g = w.follow(g, 0, c)
	c = w.commit(g[1], CommitOptions{Proposals: []Proposal{ours}, NoPath: true})
	if c.Path {
		t.Error("a type of the application's does not ask for a path")
	}
	w.follow(g, 1, c)
}

// Members with X.509 credentials, whose keys stand in their certificates.
func TestX509(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	a := w.create(w.person("a"), GroupOptions{})
	b := w.person("b")
	b.pack.KeyPackage = w.repack(b, func(k *KeyPackage) {
		k.LeafNode.Credential = Credential{Type: CredentialX509, Certificates: [][]byte{certificate(t, b.key), []byte("the rest is the Authenticator's")}}
	})
	g := w.add([]*member{a}, 0, b)
	w.say(g, 1, "certified")
	for id, key := range map[CipherSuite]string{ // the form of a key in a certificate is that of a leaf
		X25519AES128SHA256Ed25519: "ed25519", P256AES128SHA256P256: "p256", P384AES256SHA384P384: "p384", P521AES256SHA512P521: "p521",
	} {
		der, want := certificateOf(t, key)
		got, err := certificateKey(der)
		noError(t, "certificate", err)
		equal(t, fmt.Sprintf("key of suite %d", id), got, want)
	}
}

// All members take proposals in whatever order a commit lists them, and come to
// one epoch: what is validated is what is applied, in one order (RFC 9420 §12.3).
func TestProposalOrder(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c", "d")
	e, f := w.person("e"), w.person("f")
	proposals := []Proposal{
		&Remove{Removed: 2}, &Add{KeyPackage: e.pack.KeyPackage}, &Add{KeyPackage: f.pack.KeyPackage},
		&GroupContextExtensions{Extensions: g[0].Context().Extensions},
	}
	trees := map[string]bool{}
	var permute func(k int)
	permute = func(k int) {
		if k < len(proposals) {
			for i := k; i < len(proposals); i++ {
				proposals[k], proposals[i] = proposals[i], proposals[k]
				permute(k + 1)
				proposals[k], proposals[i] = proposals[i], proposals[k]
			}
			return
		}
		c := w.commit(g[0], CommitOptions{Proposals: slices.Clone(proposals)})
		again := w.commit(g[0], CommitOptions{Proposals: slices.Clone(proposals)}) // the first has used nothing up
		trees[fmt.Sprint(len(c.Next.RatchetTree()))] = true
		for _, made := range []*Candidate{c, again} {
			got := w.follow([]*member{g[0], g[1], g[3]}, 0, made)
			w.same(append(got, &member{e, w.join(e, made.Welcome)}, &member{f, w.join(f, made.Welcome)})...)
		}
	}
	permute(0)
	if len(trees) != 1 {
		t.Errorf("trees of %v bytes", trees)
	}
}
