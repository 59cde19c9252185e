package mls_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	mlsgo "github.com/thomas-vilte/mls-go"
	"github.com/thomas-vilte/mls-go/ciphersuite"

	"github.com/covey-p2p/covey/mls"
)

// Live groups whose members run this package and another implementation of
// RFC 9420, mixed. Random schedules have either side create, add, remove,
// update, propose, join by Welcome and from outside, and speak; after every
// commit all members hold the same epoch authenticator and export the same
// secret.

// party is one member as the wire sees it. Each fails the test where it cannot
// do what is asked.
type party interface {
	name() string
	keyPackage() []byte // bare, not within an MLSMessage
	create()
	commit(add [][]byte, remove []string) (commit, welcome []byte) // with all proposals heard; empty: renew own keys
	proposeAdd(keyPackage []byte) []byte
	proposeRemove(name string) []byte
	proposeUpdate() []byte // nil where the implementation cannot
	hear(proposal []byte)
	process(commit []byte)
	join(welcome []byte)
	groupInfo() []byte // bare, with the tree and the external key
	joinExternal(groupInfo []byte) (commit []byte)
	say(text []byte) []byte
	read(message []byte) []byte
	authenticator() []byte
	export() []byte
	members() []string // sorted
}

// ours is a party that runs this package.
type ours struct {
	t       *testing.T
	rand    *rand.ChaCha8
	suite   mls.CipherSuite
	id      string
	key     *mls.SigningKey
	packs   []*mls.OwnKeyPackage
	heard   []*mls.Proposed
	epoch   *mls.Epoch
	private bool // commits as PrivateMessages
	spoke   bool // in this epoch
}

func newOurs(t *testing.T, rnd *rand.ChaCha8, suite mls.CipherSuite, id string) *ours {
	key, err := mls.GenerateSigningKey(rnd, suite)
	must(t, err)
	return &ours{t: t, rand: rnd, suite: suite, id: id, key: key}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func unixNow() uint64 { return uint64(time.Now().Unix()) }

// mlsMessage heads a bare object as an MLSMessage (RFC 9420 §6).
func mlsMessage(format mls.WireFormat, bare []byte) []byte {
	return append([]byte{0, 1, byte(format >> 8), byte(format)}, bare...)
}

const mlsMessageHead = 4

func (o *ours) name() string { return o.id }

func (o *ours) pack() *mls.OwnKeyPackage {
	// The peer says in its key packages what it supports; it asks the same of us.
	capabilities := mls.DefaultCapabilities(1, 2, 3, 4, 5, 6, 7)
	pack, err := mls.NewKeyPackage(o.rand, o.key, mls.Client{
		CipherSuite: o.suite, Credential: mls.Credential{Type: mls.CredentialBasic, Identity: []byte(o.id)},
		Capabilities: capabilities, Lifetime: mls.Lifetime{NotBefore: unixNow() - 3600, NotAfter: unixNow() + 86400},
	})
	must(o.t, err)
	return pack
}

func (o *ours) keyPackage() []byte {
	o.packs = append(o.packs, o.pack())
	return o.packs[len(o.packs)-1].KeyPackage.Marshal()[mlsMessageHead:]
}

func (o *ours) create() {
	var err error
	o.epoch, err = mls.Create(o.rand, &mls.Config{}, o.pack(), mls.GroupOptions{})
	must(o.t, err)
}

// wire spares mls-go a private commit from whoever has spoken in the epoch: it
// winds the handshake ratchet with the application ratchet, which RFC 9420 §9.1
// has advance apart.
func (o *ours) wire() mls.WireFormat {
	if o.private && !o.spoke {
		return mls.WirePrivateMessage
	}
	return mls.WirePublicMessage
}

func (o *ours) find(name string) mls.LeafIndex {
	for i, leaf := range o.epoch.Members() {
		if string(leaf.Credential.Identity) == name {
			return i
		}
	}
	o.t.Fatalf("%s sees no member %s", o.id, name)
	return 0
}

func (o *ours) add(keyPackage []byte) *mls.Add {
	kp, err := mls.ParseKeyPackage(mlsMessage(mls.WireKeyPackage, keyPackage))
	must(o.t, err)
	must(o.t, kp.Validate(&mls.Config{}, unixNow()))
	return &mls.Add{KeyPackage: kp}
}

func (o *ours) commit(add [][]byte, remove []string) ([]byte, []byte) {
	options := mls.CommitOptions{References: o.heard, Now: unixNow(), WireFormat: o.wire()}
	for _, kp := range add {
		options.Proposals = append(options.Proposals, o.add(kp))
	}
	for _, name := range remove {
		options.Proposals = append(options.Proposals, &mls.Remove{Removed: o.find(name)})
	}
	c, err := o.epoch.Commit(o.rand, o.key, options)
	must(o.t, err)
	o.enter(c.Next)
	return c.Message, c.Welcome
}

func (o *ours) enter(next *mls.Epoch) { o.epoch, o.heard, o.spoke = next, nil, false }

func (o *ours) propose(p mls.Proposal) []byte {
	sent, err := o.epoch.Propose(o.rand, o.key, p, mls.ProposeOptions{WireFormat: mls.WirePublicMessage, Now: unixNow()})
	must(o.t, err)
	o.heard = append(o.heard, sent.Proposed)
	return sent.Message
}

func (o *ours) proposeAdd(keyPackage []byte) []byte { return o.propose(o.add(keyPackage)) }

func (o *ours) proposeRemove(name string) []byte {
	return o.propose(&mls.Remove{Removed: o.find(name)})
}

func (o *ours) proposeUpdate() []byte {
	sent, err := o.epoch.ProposeUpdate(o.rand, o.key, nil, mls.ProposeOptions{WireFormat: mls.WirePublicMessage})
	must(o.t, err)
	o.heard = append(o.heard, sent.Proposed)
	return sent.Message
}

func (o *ours) hear(proposal []byte) {
	content, _, err := o.epoch.Keys().Unprotect(proposal)
	must(o.t, err)
	o.heard = append(o.heard, content.Proposed)
}

func (o *ours) process(commit []byte) {
	c, err := o.epoch.Process(commit, mls.Received{Proposals: o.heard, Now: unixNow()})
	must(o.t, err)
	o.enter(c.Next)
}

func (o *ours) join(welcome []byte) {
	var err error
	for _, pack := range o.packs {
		if o.epoch, err = mls.Join(&mls.Config{}, pack, welcome, mls.JoinOptions{Now: unixNow()}); err == nil {
			return
		}
	}
	o.t.Fatal(err)
}

func (o *ours) groupInfo() []byte {
	info, err := o.epoch.GroupInfo(o.key, mls.WelcomeOptions{External: true})
	must(o.t, err)
	return info[mlsMessageHead:]
}

func (o *ours) joinExternal(groupInfo []byte) []byte {
	c, err := mls.JoinExternal(o.rand, &mls.Config{}, o.key, o.pack().KeyPackage.LeafNode, mlsMessage(mls.WireGroupInfo, groupInfo), mls.ExternalOptions{Resync: true})
	must(o.t, err)
	o.enter(c.Next)
	return c.Message
}

func (o *ours) say(text []byte) []byte {
	message, _, err := o.epoch.Keys().Protect(o.rand, o.key, mls.Outgoing{Data: text, AuthenticatedData: []byte("seen"), Padding: int(o.rand.Uint64() % 40)})
	must(o.t, err)
	o.spoke = true
	return message
}

func (o *ours) read(message []byte) []byte {
	content, _, err := o.epoch.Keys().Unprotect(message)
	must(o.t, err)
	if _, _, err := o.epoch.Keys().Unprotect(message); err == nil {
		o.t.Fatal("a message was read twice")
	}
	return content.Application
}

func (o *ours) authenticator() []byte {
	a, err := o.epoch.Authenticator()
	must(o.t, err)
	return a
}

func (o *ours) export() []byte {
	secret, err := o.epoch.Export("interop", []byte("context"), 40)
	must(o.t, err)
	return secret
}

func (o *ours) members() (names []string) {
	for _, leaf := range o.epoch.Members() {
		names = append(names, string(leaf.Credential.Identity))
	}
	slices.Sort(names)
	return names
}

// theirs is a party that runs mls-go.
type theirs struct {
	t      *testing.T
	id     string
	client *mlsgo.Client
	group  []byte
	fresh  bool // joined from outside, and no commit since
}

var background = context.Background()

func newTheirs(t *testing.T, suite mls.CipherSuite, id string) *theirs {
	client, err := mlsgo.NewClient([]byte(id), ciphersuite.CipherSuite(suite),
		mlsgo.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))), mlsgo.WithPaddingSize(32), mlsgo.WithCacheStrategy(mlsgo.CacheAlways))
	must(t, err)
	return &theirs{t: t, id: id, client: client}
}

func (p *theirs) name() string { return p.id }

func (p *theirs) keyPackage() []byte {
	kp, err := p.client.FreshKeyPackageBytes(background)
	must(p.t, err)
	return kp
}

func (p *theirs) create() {
	var err error
	p.group, err = p.client.CreateGroup(background)
	must(p.t, err)
}

func (p *theirs) commit(add [][]byte, remove []string) (commit, welcome []byte) {
	p.t.Helper()
	p.fresh = false
	var err error
	switch {
	case len(add)+len(remove) == 0:
		// Its SelfUpdate renews the leaf by a proposal of the committer's own,
		// which is no part of the protocol; a commit of what was heard, or of
		// nothing, renews it by the path.
		commit, welcome, err = p.client.CommitPendingProposals(background, p.group)
	case len(add) == 1 && len(remove) == 0:
		commit, welcome, err = p.client.InviteMember(background, p.group, add[0])
	case len(add) == 0 && len(remove) == 1:
		commit, err = p.client.RemoveMember(background, p.group, []byte(remove[0]))
	default:
		p.t.Fatal("not by value in one commit")
	}
	must(p.t, err)
	return commit, welcome
}

func (p *theirs) proposeAdd(keyPackage []byte) []byte {
	message, err := p.client.ProposeAddMember(background, p.group, keyPackage)
	must(p.t, err)
	return message
}

func (p *theirs) proposeRemove(name string) []byte {
	message, err := p.client.ProposeRemoveMember(background, p.group, []byte(name))
	must(p.t, err)
	return message
}

func (p *theirs) proposeUpdate() []byte { return nil }

func (p *theirs) hear(proposal []byte) {
	p.t.Helper()
	must(p.t, p.client.ProcessPublicMessage(background, p.group, proposal))
}

func (p *theirs) process(commit []byte) {
	p.t.Helper()
	p.fresh = false
	if mls.WireFormat(commit[3]) == mls.WirePublicMessage {
		must(p.t, p.client.ProcessPublicMessage(background, p.group, commit))
		return
	}
	must(p.t, p.client.ProcessCommit(background, p.group, commit))
}

func (p *theirs) join(welcome []byte) {
	p.t.Helper()
	var err error
	p.group, err = p.client.JoinGroup(background, welcome)
	must(p.t, err)
}

func (p *theirs) groupInfo() []byte {
	info, err := p.client.GroupInfo(background, p.group)
	must(p.t, err)
	return info
}

func (p *theirs) joinExternal(groupInfo []byte) (commit []byte) {
	p.t.Helper()
	var err error
	p.group, commit, err = p.client.ExternalJoin(background, groupInfo)
	must(p.t, err)
	p.fresh = true
	return commit
}

func (p *theirs) say(text []byte) []byte {
	message, err := p.client.SendMessage(background, p.group, text, mlsgo.WithAAD([]byte("seen")))
	must(p.t, err)
	return message
}

func (p *theirs) read(message []byte) []byte {
	p.t.Helper()
	received, err := p.client.ReceiveMessage(background, p.group, message)
	must(p.t, err)
	return received.Plaintext
}

func (p *theirs) authenticator() []byte {
	a, err := p.client.EpochAuthenticator(background, p.group)
	must(p.t, err)
	return a
}

func (p *theirs) export() []byte {
	secret, err := p.client.Export(background, p.group, "interop", []byte("context"), 40)
	must(p.t, err)
	return secret
}

func (p *theirs) members() (names []string) {
	list, err := p.client.ListMembers(background, p.group)
	must(p.t, err)
	for _, m := range list {
		names = append(names, string(m.Identity))
	}
	slices.Sort(names)
	return names
}

// mixed is one group of both kinds of members under a random schedule.
type mixed struct {
	t     *testing.T
	suite mls.CipherSuite
	rnd   *rand.Rand
	bytes *rand.ChaCha8
	in    []party
	born  int
	trace []string
}

func (g *mixed) note(format string, a ...any) { g.trace = append(g.trace, fmt.Sprintf(format, a...)) }

func (g *mixed) newcomer() party {
	g.born++
	if g.rnd.IntN(2) == 0 {
		o := newOurs(g.t, g.bytes, g.suite, fmt.Sprintf("covey-%d", g.born))
		o.private = g.rnd.IntN(2) == 0
		return o
	}
	return newTheirs(g.t, g.suite, fmt.Sprintf("mlsgo-%d", g.born))
}

func (g *mixed) one() party { return g.in[g.rnd.IntN(len(g.in))] }

// other is a member that is none of those given, or nil.
func (g *mixed) other(not ...party) party {
	var free []party
	for _, p := range g.in {
		if !slices.Contains(not, p) {
			free = append(free, p)
		}
	}
	if len(free) == 0 {
		return nil
	}
	return free[g.rnd.IntN(len(free))]
}

// deliver hands a commit to all members but its author and those it removes,
// and the Welcome to those it adds.
func (g *mixed) deliver(author party, commit, welcome []byte, joining []party, gone ...party) {
	g.t.Helper()
	for _, p := range g.in {
		if p != author && !slices.Contains(gone, p) {
			p.process(commit)
		}
	}
	g.in = slices.DeleteFunc(g.in, func(p party) bool { return slices.Contains(gone, p) })
	for _, p := range joining {
		p.join(welcome)
		g.in = append(g.in, p)
	}
}

// step does one random thing and says what.
func (g *mixed) step() string {
	actor := g.one()
	kind := "mlsgo "
	if _, mine := actor.(*ours); mine {
		kind = "covey "
	}
	switch op := g.rnd.IntN(9); {
	case op == 0 || len(g.in) < 3:
		p := g.newcomer()
		g.note("%s adds %s", actor.name(), p.name())
		commit, welcome := actor.commit([][]byte{p.keyPackage()}, nil)
		g.deliver(actor, commit, welcome, []party{p})
		return kind + "adds"
	case op == 1 && len(g.in) > 3:
		p := g.other(actor)
		g.note("%s removes %s", actor.name(), p.name())
		commit, _ := actor.commit(nil, []string{p.name()})
		g.deliver(actor, commit, nil, nil, p)
		return kind + "removes"
	case op == 2 || op == 3:
		g.note("%s renews its keys", actor.name())
		commit, _ := actor.commit(nil, nil)
		g.deliver(actor, commit, nil, nil)
		return kind + "updates"
	case op == 4 || op == 5:
		return kind + g.byReference(actor)
	case op == 6:
		if peer, is := actor.(*theirs); is && peer.fresh {
			return g.speak(actor, kind) // its GroupInfo lacks the confirmation tag until the next commit
		}
		p := g.newcomer()
		g.note("%s joins from outside by the word of %s", p.name(), actor.name())
		commit := p.joinExternal(actor.groupInfo())
		g.deliver(nil, commit, nil, nil)
		g.in = append(g.in, p)
		if _, mine := p.(*ours); mine {
			return "covey joins " + kind + "from outside"
		}
		return "mlsgo joins " + kind + "from outside"
	case op == 7:
		o, mine := actor.(*ours)
		if !mine || len(g.in) < 3 {
			return g.speak(actor, kind)
		}
		var joining []party
		var packs [][]byte
		for range 2 + g.rnd.IntN(3) {
			joining = append(joining, g.newcomer())
			packs = append(packs, joining[len(joining)-1].keyPackage())
		}
		gone := g.other(actor)
		g.note("%s adds %d and removes %s in one commit", o.id, len(packs), gone.name())
		commit, welcome := o.commit(packs, []string{gone.name()})
		g.deliver(o, commit, welcome, joining, gone)
		return kind + "adds many and removes"
	default:
		return g.speak(actor, kind)
	}
}

// byReference has one member propose and another commit.
func (g *mixed) byReference(proposer party) string {
	committer := g.other(proposer)
	var message []byte
	var joining, gone []party
	what := ""
	switch g.rnd.IntN(3) {
	case 0:
		p := g.newcomer()
		message, joining, what = proposer.proposeAdd(p.keyPackage()), []party{p}, "proposes an add"
	case 1:
		if p := g.other(proposer, committer); p != nil && len(g.in) > 3 {
			message, gone, what = proposer.proposeRemove(p.name()), []party{p}, "proposes a remove"
		}
	case 2:
		message, what = proposer.proposeUpdate(), "proposes an update"
	}
	if message == nil {
		return g.speak(proposer, "")
	}
	g.note("%s %s, %s commits", proposer.name(), what, committer.name())
	for _, p := range g.in {
		if p != proposer {
			p.hear(message)
		}
	}
	commit, welcome := committer.commit(nil, nil)
	g.deliver(committer, commit, welcome, joining, gone...)
	return what
}

// speak sends three messages, which others read: this package in an order of
// its own, mls-go in theirs, as it does not keep keys it has passed over.
func (g *mixed) speak(from party, kind string) string {
	g.note("%s speaks", from.name())
	var texts, messages [][]byte
	for i := range 3 {
		texts = append(texts, fmt.Appendf(nil, "%d of %s", i, from.name()))
		messages = append(messages, from.say(texts[i]))
	}
	for _, p := range g.in {
		if p == from {
			continue
		}
		order := g.rnd.Perm(len(messages))
		if _, peer := p.(*theirs); peer {
			slices.Sort(order)
		}
		for _, i := range order {
			if got := p.read(messages[i]); !bytes.Equal(got, texts[i]) {
				g.t.Fatalf("%s reads %q, %s wrote %q", p.name(), got, from.name(), texts[i])
			}
		}
	}
	return kind + "speaks"
}

// agree fails unless all members are in the same epoch.
func (g *mixed) agree() {
	g.t.Helper()
	first := g.in[0]
	want := first.members()
	for _, p := range g.in[1:] {
		if !bytes.Equal(p.authenticator(), first.authenticator()) {
			g.t.Fatalf("%s and %s hold different epochs", p.name(), first.name())
		}
		if !bytes.Equal(p.export(), first.export()) {
			g.t.Fatalf("%s and %s export different secrets", p.name(), first.name())
		}
		if got := p.members(); !slices.Equal(got, want) {
			g.t.Fatalf("%s sees %v, %s sees %v", p.name(), got, first.name(), want)
		}
	}
}

// TestInterop runs the suites that mls-go's Client has.
func TestInterop(t *testing.T) {
	plan := []struct {
		suite            mls.CipherSuite
		schedules, steps int
	}{{1, 8, 40}, {2, 4, 30}, {3, 4, 30}}
	happened := map[string]int{}
	for _, p := range plan {
		if testing.Short() {
			p.schedules, p.steps = p.schedules/4, 15
		}
		for seed := range p.schedules {
			t.Run(fmt.Sprintf("suite=%d/seed=%d", p.suite, seed), func(t *testing.T) {
				runMixed(t, p.suite, seed, p.steps, happened)
			})
		}
	}
	t.Logf("what happened how often: %v", happened)
	if testing.Short() {
		return
	}
	for _, what := range []string{"adds", "removes", "updates", "speaks", "joins covey from outside", "joins mlsgo from outside"} {
		for _, who := range []string{"covey ", "mlsgo "} {
			if happened[who+what] == 0 {
				t.Errorf("%s%s: not once", who, what)
			}
		}
	}
	for _, what := range []string{"covey adds many and removes", "covey proposes an update", "covey proposes an add", "mlsgo proposes an add", "covey proposes a remove", "mlsgo proposes a remove"} {
		if happened[what] == 0 {
			t.Errorf("%s: not once", what)
		}
	}
}

func runMixed(t *testing.T, suite mls.CipherSuite, seed, steps int, happened map[string]int) {
	source := rand.NewChaCha8([32]byte{byte(suite), byte(seed)})
	g := &mixed{t: t, suite: suite, rnd: rand.New(source), bytes: source}
	t.Cleanup(func() {
		if t.Failed() {
			for i, line := range g.trace {
				t.Logf("%2d  %s", i, line)
			}
		}
	})
	founder := g.newcomer()
	g.note("%s creates", founder.name())
	founder.create()
	g.in = []party{founder}
	for range steps {
		happened[g.step()]++
		g.agree()
	}
}
