package mls

import (
	"errors"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// A forger is a member, or a joiner, who checks nothing. It goes through the
// same steps as commit.go and makes all that is not meant to be wrong right, so
// that the one check under test is what refuses.

// forgery is a commit that no honest client makes.
type forgery struct {
	by        *member
	proposals []Proposal
	refs      []*Proposed
	noPath    bool
	wire      WireFormat // zero is WirePublicMessage
	joiner    *person    // commits from outside

	leaf   func(*LeafNode)           // before the path is made
	signer *SigningKey               // of the path's leaf
	path   func(*draft, *UpdatePath) // once it is sealed
	signed func(*signed)             // before the tags of the framing
	psks   PSKs
}

func (w *world) forge(f forgery) []byte {
	w.Helper()
	e, key := f.by.Epoch, f.by.key
	sender := Sender{Type: SenderMember, Index: uint32(e.Self())}
	init := e.secrets.InitSecret()
	if f.joiner != nil {
		sender, key = Sender{Type: SenderNewMemberCommit}, f.joiner.key
	}
	commit, l := f.list(sender)
	if l.init != nil {
		if opened, err := e.secrets.ExternalInit(l.init.KEMOutput); err == nil {
			init = opened
		}
	}
	d := w.apply(e, l)
	psk := must(pskSecret(e.suite, e, l.psks, func(id PreSharedKeyID) (Secret, bool) {
		if f.psks == nil {
			return Secret("any"), true
		}
		return f.psks(id)
	}))(w)

	commitSecret := e.suite.Zero()
	if !f.noPath {
		commitSecret = w.forgePath(&f, d, commit)
	}
	content := e.content(sender, nil)
	content.ContentType, content.Commit = ContentCommit, commit
	if f.wire == 0 {
		f.wire = WirePublicMessage
	}
	s := e.sign(key, f.wire, content)
	d.transcript(s)
	k := d.secrets(init, commitSecret, psk)
	s.Auth.ConfirmationTag = k.epoch.ConfirmationTag(d.context.ConfirmedTranscriptHash)
	if f.signed != nil {
		f.signed(s)
	}
	message, _, err := e.send(w.rand, s, 0)
	noError(w, "send", err)
	return message
}

// list gathers proposals without a look at them.
func (f *forgery) list(sender Sender) (*Commit, *list) {
	commit, l := &Commit{}, &list{committer: sender}
	for _, p := range f.refs {
		commit.Proposals = append(commit.Proposals, ProposalOrRef{Reference: p.Ref})
		_ = l.take(item{proposal: p.Proposal, from: p.Sender, leafKey: p.leafKey})
	}
	for _, p := range f.proposals {
		commit.Proposals = append(commit.Proposals, ProposalOrRef{Proposal: p})
		_ = l.take(item{proposal: p, from: sender})
	}
	l.count = len(commit.Proposals)
	return commit, l
}

// apply does what can be done of the list.
func (w *world) apply(e *Epoch, l *list) *draft {
	d := &draft{parent: e, list: l, context: e.context}
	d.context.Epoch++
	if l.extensions != nil {
		d.context.Extensions = l.extensions.Extensions
	}
	edit := e.tree.Edit()
	for _, u := range l.updates {
		_ = edit.Update(u.at, u.leaf)
	}
	for _, at := range l.removes {
		_ = edit.Remove(at)
	}
	for _, k := range l.adds {
		_, _ = edit.Add(k.LeafNode)
	}
	d.committer, _ = l.committer.Leaf()
	if l.external() {
		d.committer = must(edit.Place())(w)
	}
	d.added = edit.Added()
	if d.tree, _ = edit.Tree(); d.tree == nil {
		d.tree = e.tree // the forger cannot go on; the check under test comes first
		d.added = nil
	}
	return d
}

func (w *world) forgePath(f *forgery, d *draft, commit *Commit) Secret {
	w.Helper()
	leaf := LeafNode{}
	signer := f.by.key
	if f.joiner != nil {
		leaf, signer = *f.joiner.pack.KeyPackage.LeafNode, f.joiner.key
	} else {
		leaf = *d.parent.tree.Leaf(d.committer)
	}
	if f.leaf != nil {
		f.leaf(&leaf)
	}
	if f.signer != nil {
		signer = f.signer
	}
	path, err := d.tree.NewPath(w.rand, d.committer, leaf, signer, d.context.GroupID)
	noError(w, "forge a path", err)
	if path.Next != nil {
		d.tree = path.Next
	}
	commit.Path = must(path.Seal(w.rand, d.provisional(), d.added))(w)
	if f.path != nil {
		f.path(d, commit.Path)
	}
	return path.CommitSecret()
}

// resign signs a leaf that has been changed.
func (w *world) resign(l *LeafNode, key *SigningKey, group []byte, at LeafIndex) {
	l.Sign(suiteOf(w, w.id), key, group, at)
}

// repack makes a key package of a changed leaf, signed by its owner.
func (w *world) repack(p *person, change func(*KeyPackage)) *KeyPackage {
	s := suiteOf(w, w.id)
	k, leaf := *p.pack.KeyPackage, *p.pack.KeyPackage.LeafNode
	k.LeafNode = &leaf
	change(&k)
	leaf.Sign(s, p.key, nil, 0)
	k.Signature = s.SignWithLabel(p.key, labelKeyPackage, k.tbs())
	return &k
}

// frameOf signs any content in the name of anybody and makes a PublicMessage of
// it, with the tag where one belongs.
func (w *world) frameOf(e *Epoch, key *SigningKey, from Sender, fill func(*FramedContent)) []byte {
	c := e.content(from, nil)
	fill(&c)
	return e.public(e.sign(key, WirePublicMessage, c))
}

// sealed makes a PrivateMessage of any plaintext, with the keys of any leaf at
// any generation.
func (w *world) sealed(e *Epoch, named, keysOf LeafIndex, generation uint32, t ContentType, plain []byte) []byte {
	w.Helper()
	m := &PrivateMessage{GroupID: e.context.GroupID, Epoch: e.context.Epoch, ContentType: t}
	key := w.keyAt(e, keysOf, kindOf(t), generation)
	m.Ciphertext = key.Seal(nil, schedule.ReuseGuard{}, m.contentAAD(), plain)
	var data wire.Writer
	data.U32(uint32(named))
	data.U32(generation)
	data.Raw(make([]byte, 4))
	sender := schedule.SenderDataKey(e.suite, e.keys.senderData, m.Ciphertext)
	m.EncryptedSenderData = sender.Seal(nil, schedule.ReuseGuard{}, m.senderAAD(), data.Bytes())
	return (&Message{WireFormat: WirePrivateMessage, Private: m}).Marshal()
}

// keyAt is the key of any generation, MaxForward or not.
func (w *world) keyAt(e *Epoch, leaf LeafIndex, kind schedule.Kind, generation uint32) schedule.Key {
	w.Helper()
	cells := e.keys.ratchets.Cells()
	ratchets := must(schedule.LoadRatchets(e.suite, e.tree.Size(), cells))(w)
	for at := range schedule.Generation(generation) {
		if _, err := ratchets.Use(schedule.Leaf(leaf), kind, at); !errors.Is(err, schedule.ErrUsed) {
			noError(w, "walk the ratchet", err)
		}
	}
	return must(ratchets.Key(schedule.Leaf(leaf), kind, schedule.Generation(generation)))(w)
}

// content is the plaintext of a PrivateMessage by a member.
func (w *world) plaintext(m *member, t ContentType, fill func(*FramedContent), padding ...byte) []byte {
	c := m.content(Sender{Type: SenderMember, Index: uint32(m.Self())}, nil)
	c.ContentType = t
	fill(&c)
	s := m.sign(m.key, WirePrivateMessage, c)
	var plain wire.Writer
	s.Content.encodeBody(&plain)
	s.Auth.encode(&plain, t)
	plain.Raw(padding)
	return plain.Bytes()
}

// info is a GroupInfo of a member with anything changed, signed again.
func (w *world) info(m *member, change func(*GroupInfo)) []byte {
	w.Helper()
	message := must(ParseMessage(must(m.GroupInfo(m.key, WelcomeOptions{External: true}))(w)))(w)
	g := message.GroupInfo
	change(g)
	g.Signature = m.suite.SignWithLabel(m.key, labelGroupInfo, g.tbs())
	return message.Marshal()
}

// nodes rewrites the ratchet tree of a GroupInfo, and with it the tree hash.
func (w *world) nodes(m *member, change func([]tree.Node)) []byte {
	w.Helper()
	return w.info(m, func(g *GroupInfo) {
		data, _ := g.Extensions.Find(ExtensionRatchetTree)
		nodes := must(tree.ParseNodes(data))(w)
		change(nodes)
		data = encodeNodes(nodes)
		for i := range g.Extensions {
			if g.Extensions[i].Type == ExtensionRatchetTree {
				g.Extensions[i].Data = data
			}
		}
		if t, err := tree.Parse(m.suite, data); err == nil {
			g.GroupContext.TreeHash = t.Hash()
		}
	})
}

func encodeNodes(nodes []tree.Node) []byte {
	var out wire.Writer
	out.Vector(func(w *wire.Writer) {
		for _, n := range nodes {
			switch {
			case n.Leaf != nil:
				w.Raw([]byte{1, 1})
				n.Leaf.Encode(w)
			case n.Parent != nil:
				w.Raw([]byte{1, 2})
				n.Parent.Encode(w)
			default:
				w.U8(0)
			}
		}
	})
	return out.Bytes()
}

// invitation is a Welcome with all its parts at hand.
type invitation struct {
	draft   *draft
	next    *Epoch
	info    *GroupInfo
	secrets groupSecrets
	ref     []byte
	initKey []byte
	psk     Secret
}

// welcome makes the Welcome for one new member, after change.
func (w *world) welcome(by *member, p *person, psks []PreSharedKeyID, change func(*invitation)) []byte {
	w.Helper()
	s := by.suite
	proposals := []Proposal{&Add{KeyPackage: p.pack.KeyPackage}}
	for _, id := range psks {
		proposals = append(proposals, &PreSharedKey{PSK: id})
	}
	f := forgery{by: by, proposals: proposals}
	commit, l := f.list(Sender{Type: SenderMember, Index: uint32(by.Self())})
	d := w.apply(by.Epoch, l)
	path := must(d.tree.NewPath(w.rand, d.committer, *by.Leaf(by.Self()), by.key, by.GroupID()))(w)
	d.tree = path.Next
	commit.Path = must(path.Seal(w.rand, d.provisional(), d.added))(w)
	content := by.content(l.committer, nil)
	content.ContentType, content.Commit = ContentCommit, commit
	signed := by.sign(by.key, WirePublicMessage, content)
	d.transcript(signed)
	psk := must(pskSecret(s, nil, psks, func(PreSharedKeyID) (Secret, bool) { return Secret("any"), true }))(w)
	k := d.secrets(by.secrets.InitSecret(), path.CommitSecret(), psk)
	next := d.public(k.epoch.ConfirmationTag(d.context.ConfirmedTranscriptHash), "")
	next.admit(k, path.Private)
	in := &invitation{
		draft: d, next: next, info: must(next.groupInfo(by.key, WelcomeOptions{}))(w), ref: p.pack.KeyPackage.ref(s), initKey: p.pack.KeyPackage.InitKey,
		secrets: groupSecrets{JoinerSecret: k.joiner, PathSecret: path.SecretFor(d.added[0]), PSKs: psks}, psk: psk,
	}
	change(in)
	in.info.Signature = s.SignWithLabel(by.key, labelGroupInfo, in.info.tbs())
	key, nonce := schedule.WelcomeKey(s, schedule.WelcomeSecret(s, schedule.MemberSecret(s, in.secrets.JoinerSecret, in.psk)))
	m := &Welcome{CipherSuite: w.id, EncryptedGroupInfo: s.Seal(nil, key, nonce, nil, wire.Marshal(in.info))}
	ct := must(s.EncryptWithLabel(w.rand, must(s.ParsePublic(in.initKey))(w), labelWelcome, m.EncryptedGroupInfo, wire.Marshal(&in.secrets)))(w)
	m.Secrets = []encryptedGroupSecrets{{NewMember: in.ref, Secrets: HPKECiphertext(ct)}}
	return (&Message{WireFormat: WireWelcome, Welcome: m}).Marshal()
}

// The forger makes valid commits and Welcomes where nothing is forged: what the
// tables find wrong is what they made wrong.
func TestForgerIsOtherwiseHonest(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c", "d")
	for what, f := range map[string]forgery{
		"empty": {}, "private": {wire: WirePrivateMessage}, "remove": {proposals: []Proposal{&Remove{Removed: 2}}},
		"add": {proposals: []Proposal{&Add{KeyPackage: w.person("e").pack.KeyPackage}}, noPath: true},
	} {
		f.by = g[1]
		if _, err := g[0].Process(w.forge(f), Received{}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	kem, _ := w.externalInit(g[0])
	if _, err := g[0].Process(w.forge(forgery{by: g[1], joiner: w.person("e"), proposals: []Proposal{kem}}), Received{}); err != nil {
		t.Errorf("external: %v", err)
	}
	e := w.person("e")
	if _, err := Join(&w.config, e.pack, w.welcome(g[1], e, nil, func(*invitation) {}), JoinOptions{}); err != nil {
		t.Errorf("welcome: %v", err)
	}
	for _, info := range [][]byte{w.info(g[1], func(*GroupInfo) {}), w.nodes(g[1], func([]tree.Node) {})} {
		if _, err := w.outside(e, info); err != nil {
			t.Errorf("group info: %v", err)
		}
	}
	hello := w.sealed(g[1].Epoch, 1, 1, 0, ContentApplication, w.plaintext(g[1], ContentApplication, func(c *FramedContent) { c.Application = []byte("hi") }, 0, 0))
	if _, _, err := g[0].Keys().Unprotect(hello); err != nil {
		t.Errorf("private message: %v", err)
	}
}

// externalInit is a valid proposal to join the epoch.
func (w *world) externalInit(m *member) (*ExternalInit, Secret) {
	w.Helper()
	key := must(m.secrets.ExternalKey())(w)
	kem, init, err := schedule.ExternalInit(m.suite, w.rand, key.Public())
	noError(w, "external init", err)
	return &ExternalInit{KEMOutput: kem}, init
}

// outside joins by a GroupInfo.
func (w *world) outside(p *person, info []byte) (*Candidate, error) {
	return JoinExternal(w.rand, &w.config, p.key, p.pack.KeyPackage.LeafNode, info, ExternalOptions{})
}
