package mls

import (
	"bytes"
	"io"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Bringing members in by Welcome, from both sides (RFC 9420 §12.4.3).

const (
	labelGroupInfo = "GroupInfoTBS"
	labelWelcome   = "Welcome"
)

// GroupInfo makes an MLSMessage with what a joiner needs to know of the epoch.
func (e *Epoch) GroupInfo(key *SigningKey, o WelcomeOptions) ([]byte, error) {
	if err := e.alive(); err != nil {
		return nil, err
	}
	if key == nil || !bytes.Equal(key.Public(), e.tree.SignatureKey(e.self)) {
		return nil, fail(CheckArgument, "the signing key is not of leaf %d", e.self)
	}
	g, err := e.groupInfo(key, o)
	if err != nil {
		return nil, err
	}
	return (&Message{WireFormat: WireGroupInfo, GroupInfo: g}).Marshal(), nil
}

func (e *Epoch) groupInfo(key *SigningKey, o WelcomeOptions) (*GroupInfo, error) {
	g := &GroupInfo{GroupContext: e.context, ConfirmationTag: e.tag, Signer: e.self}
	if !o.NoTree {
		g.Extensions = append(g.Extensions, Extension{Type: ExtensionRatchetTree, Data: e.RatchetTree()})
	}
	if o.External {
		external, err := e.secrets.ExternalKey()
		if err != nil {
			return nil, err
		}
		pub := &externalPub{key: external.Public().Bytes()}
		g.Extensions = append(g.Extensions, Extension{Type: ExtensionExternalPub, Data: wire.Marshal(pub)})
		external.Erase()
	}
	g.Extensions = append(g.Extensions, o.Extensions...)
	if t, twice := g.Extensions.Duplicate(); twice {
		return nil, fail(CheckDuplicateExt, "0x%04x in a group info", uint16(t))
	}
	g.Signature = e.suite.SignWithLabel(key, labelGroupInfo, g.tbs())
	return g, nil
}

func (g *GroupInfo) tbs() []byte {
	w := wire.NewWriter(1024)
	g.encodeTBS(w)
	return w.Bytes()
}

// RatchetTree is the public tree, as a joiner takes it who gets it apart from
// the Welcome (RFC 9420 §12.4.3.3).
func (e *Epoch) RatchetTree() []byte { return wire.Marshal(e.tree) }

// welcome makes one Welcome for all whom the commit adds (RFC 9420
// §12.4.3.1). key is the committer's in the next epoch.
func (d *draft) welcome(rand io.Reader, key *SigningKey, k *epochSecrets, path *tree.Path, next *Epoch, o WelcomeOptions) ([]byte, error) {
	s := next.suite
	info, err := next.groupInfo(key, o)
	if err != nil {
		return nil, err
	}
	welcomeSecret := schedule.WelcomeSecret(s, k.member)
	defer welcomeSecret.Erase()
	wk, wn := schedule.WelcomeKey(s, welcomeSecret)
	defer wk.Erase()
	m := &Welcome{CipherSuite: s.ID(), EncryptedGroupInfo: s.Seal(nil, wk, wn, nil, wire.Marshal(info))}

	to := make([]suite.Recipient, len(d.added))
	for i, at := range d.added {
		secrets := groupSecrets{JoinerSecret: k.joiner, PSKs: d.list.psks}
		if path != nil {
			secrets.PathSecret = path.SecretFor(at)
		}
		if to[i].Key, err = s.ParsePublic(d.list.adds[i].InitKey); err != nil {
			return nil, because(CheckPackageInitKey, err, "add %d", i)
		}
		to[i].Plaintext = wire.Marshal(&secrets)
		defer to[i].Plaintext.Erase()
	}
	sealed, err := s.SealAll(rand, s.Info(labelWelcome, m.EncryptedGroupInfo), to)
	if err != nil {
		return nil, err
	}
	for i, ct := range sealed {
		m.Secrets = append(m.Secrets, encryptedGroupSecrets{NewMember: d.list.adds[i].ref(s), Secrets: HPKECiphertext(ct)})
	}
	return (&Message{WireFormat: WireWelcome, Welcome: m}).Marshal(), nil
}

// JoinOptions is what a joiner knows beside what it was sent.
type JoinOptions struct {
	// RatchetTree is the tree where the message does not hold it.
	RatchetTree []byte
	PSKs        PSKs
	// Known reports whether this client is in a group of that id already; nil
	// means in none.
	Known func(groupID []byte) bool
	// Now has lifetimes checked, where it is not zero.
	Now uint64
	// From is the group that this one continues or branches off, where the
	// joiner expects that (RFC 9420 §11.2, §11.3).
	From *Epoch
}

// Join enters the group of a Welcome with the key package that it answers. Own
// keys are copied: erase the key package when the join is durable.
func Join(c *Config, own *OwnKeyPackage, welcome []byte, o JoinOptions) (*Epoch, error) {
	message, err := ParseMessage(welcome)
	if err != nil {
		return nil, err
	}
	if message.WireFormat != WireWelcome {
		return nil, fail(CheckWireFormat, "a %v where a welcome should be", message.WireFormat)
	}
	m := message.Welcome
	s, err := lookup(m.CipherSuite, CheckWelcomeSuite)
	if err != nil {
		return nil, err
	}
	secrets, err := m.open(s, own)
	if err != nil {
		return nil, err
	}
	defer secrets.erase()
	if err := secrets.checkPSKs(s.Nh()); err != nil {
		return nil, err
	}
	psk, err := pskSecret(s, o.From, secrets.PSKs, o.PSKs)
	if err != nil {
		return nil, err
	}
	defer psk.Erase()
	k := &epochSecrets{joiner: secrets.JoinerSecret, member: schedule.MemberSecret(s, secrets.JoinerSecret, psk)}
	defer k.erase()
	info, err := m.openInfo(s, k.member)
	if err != nil {
		return nil, err
	}
	if info.GroupContext.CipherSuite != s.ID() {
		return nil, fail(CheckWelcomeSuite, "group info of suite %d", info.GroupContext.CipherSuite)
	}
	if err := supportsAll(&own.KeyPackage.LeafNode.Capabilities, info.GroupContext.Extensions); err != nil {
		return nil, err
	}
	e, err := observe(c, info, o)
	if err != nil {
		return nil, err
	}
	if err := e.enter(k, own, secrets, info); err != nil {
		return nil, err
	}
	if err := e.checkOrigin(secrets.PSKs, o.From); err != nil {
		return nil, err
	}
	return e, nil
}

// open finds and decrypts what the Welcome says to the owner of a key package.
func (m *Welcome) open(s *suite.Suite, own *OwnKeyPackage) (*groupSecrets, error) {
	if own.KeyPackage.CipherSuite != m.CipherSuite {
		return nil, fail(CheckWelcomeSuite, "key package of suite %d, welcome of %d", own.KeyPackage.CipherSuite, m.CipherSuite)
	}
	ref := own.KeyPackage.ref(s)
	at := slices.IndexFunc(m.Secrets, func(x encryptedGroupSecrets) bool { return bytes.Equal(x.NewMember, ref) })
	if at < 0 {
		return nil, fail(CheckNotForMe, "")
	}
	plain, err := s.DecryptWithLabel(own.InitKey, labelWelcome, m.EncryptedGroupInfo, suite.HPKECiphertext(m.Secrets[at].Secrets))
	if err != nil {
		return nil, fail(CheckGroupSecrets, "")
	}
	secrets, err := parse[groupSecrets](plain)
	if err != nil {
		plain.Erase()
		return nil, fail(CheckGroupSecrets, "malformed")
	}
	return secrets, nil
}

// openInfo decrypts the GroupInfo.
func (m *Welcome) openInfo(s *suite.Suite, member Secret) (*GroupInfo, error) {
	welcomeSecret := schedule.WelcomeSecret(s, member)
	defer welcomeSecret.Erase()
	key, nonce := schedule.WelcomeKey(s, welcomeSecret)
	defer key.Erase()
	plain, err := s.Open(nil, key, nonce, nil, m.EncryptedGroupInfo)
	if err != nil {
		return nil, fail(CheckGroupInfoDecrypt, "")
	}
	return parse[GroupInfo](plain)
}

// erase ends the secrets but for the joiner secret, which the key schedule
// has taken over.
func (g *groupSecrets) erase() { g.PathSecret.Erase() }

// checkPSKs holds the pre-shared keys of a Welcome against RFC 9420 §12.4.3.1
// and §8.4.
func (g *groupSecrets) checkPSKs(nonce int) error {
	founding := 0
	for i := range g.PSKs {
		id := &g.PSKs[i]
		if len(id.Nonce) != nonce {
			return fail(CheckPSKNonce, "%d bytes, want %d", len(id.Nonce), nonce)
		}
		if id.Type == ResumptionPSK && id.Usage != UsageApplication {
			founding++
		}
	}
	if founding > 1 {
		return fail(CheckWelcomePSK, "")
	}
	return nil
}

// observe makes an epoch, seen from outside, of a GroupInfo from a stranger
// (RFC 9420 §12.4.3.1).
func observe(c *Config, info *GroupInfo, o JoinOptions) (*Epoch, error) {
	context := &info.GroupContext
	s, err := lookup(context.CipherSuite, CheckWelcomeSuite)
	if err != nil {
		return nil, err
	}
	if context.Version != MLS10 {
		return nil, fail(CheckWelcomeSuite, "version %d", context.Version)
	}
	if o.Known != nil && o.Known(context.GroupID) {
		return nil, fail(CheckKnownGroup, "")
	}
	if t, twice := info.Extensions.Duplicate(); twice {
		return nil, fail(CheckDuplicateExt, "0x%04x in a group info", uint16(t))
	}
	data, ok := info.Extensions.Find(ExtensionRatchetTree)
	if !ok {
		data = o.RatchetTree
	}
	if data == nil {
		return nil, fail(CheckTreeMissing, "")
	}
	t, err := tree.Parse(s, data)
	if err != nil {
		return nil, invalidTree(err)
	}
	e := &Epoch{
		frame: newFrame(s, *context, nil), config: *c, tag: bytes.Clone(info.ConfirmationTag), tree: t, dead: CheckNotMember,
		interim: schedule.InterimTranscriptHash(s, context.ConfirmedTranscriptHash, info.ConfirmationTag),
	}
	e.id = epochID(e.encoded, e.tag)
	return e, e.checkInfo(info, o.Now)
}

// checkInfo verifies the tree and who vouches for it.
func (e *Epoch) checkInfo(info *GroupInfo, now uint64) error {
	if !bytes.Equal(e.tree.Hash(), e.context.TreeHash) {
		return fail(CheckTreeHash, "")
	}
	key := e.tree.SignatureKey(info.Signer)
	if key == nil {
		return fail(CheckSignerLeaf, "leaf %d", info.Signer)
	}
	if !e.suite.VerifyWithLabel(key, labelGroupInfo, info.tbs(), info.Signature) {
		return fail(CheckGroupInfoSig, "leaf %d", info.Signer)
	}
	// From outside nobody can verify the tag, but one of another length would be
	// hashed into a commit that no member accepts.
	if len(e.tag) != e.suite.Nh() {
		return fail(CheckInfoTag, "%d bytes, not %d", len(e.tag), e.suite.Nh())
	}
	if err := e.checkExtensions(e.context.Extensions); err != nil {
		return err
	}
	rules := e.rules(e.context.Extensions, now)
	if err := e.tree.Verify(&rules); err != nil {
		return invalidTree(err)
	}
	for _, l := range e.tree.Members() {
		if err := authenticate(&e.config, l, nil); err != nil {
			return err
		}
	}
	return nil
}

// enter takes a joiner from outside in.
func (e *Epoch) enter(k *epochSecrets, own *OwnKeyPackage, secrets *groupSecrets, info *GroupInfo) error {
	leaf := own.KeyPackage.LeafNode
	at, ok := e.tree.FindSignatureKey(leaf.SignatureKey)
	if !ok || !bytes.Equal(e.tree.LeafBytes(at), wire.Marshal(leaf)) {
		return fail(CheckOwnLeaf, "")
	}
	private := tree.NewPrivate(e.suite, at, own.LeafKey.Clone())
	if secrets.PathSecret != nil {
		var err error
		if private, err = private.Join(e.tree, info.Signer, secrets.PathSecret); err != nil {
			return invalidTree(err)
		}
	}
	k.epoch, k.encryption = schedule.NewEpoch(e.suite, schedule.EpochSecret(e.suite, k.member, e.encoded))
	if !k.epoch.VerifyConfirmationTag(e.tag, e.context.ConfirmedTranscriptHash) {
		return fail(CheckJoinTag, "")
	}
	e.admit(k, private)
	return nil
}

// supportsAll wants every extension of the group among a client's own
// (RFC 9420 §13.4), where GREASE does not count (§13.5).
func supportsAll(own *Capabilities, list Extensions) error {
	for _, x := range list {
		if !x.Type.Default() && (isGREASE(uint16(x.Type)) || !slices.Contains(own.Extensions, x.Type)) {
			return fail(CheckJoinerExtensions, "0x%04x", uint16(x.Type))
		}
	}
	return nil
}
