package mls

import (
	"bytes"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// From one epoch to the next. Own and foreign commits take the same steps:
//
//	draft     the proposals are applied to tree and extensions (§12.3)
//	path      a fresh one is made, or a received one is merged (§12.4)
//	judge     the tree that comes out is held against the group's rules
//	public    the next context and the next EpochID: all that an outsider knows
//	secret    the key schedule, where this member still belongs to the group

// PSKs finds pre-shared keys; false is "not at hand". The session secret of
// the epoch itself is found without it.
type PSKs func(PreSharedKeyID) (Secret, bool)

// draft is the next epoch while it is made.
type draft struct {
	parent    *Epoch
	list      *list
	rules     tree.Rules
	tree      *tree.Tree
	added     []LeafIndex
	committer LeafIndex
	context   GroupContext // of the next epoch, as far as it is known
}

// draft applies a list to the tree and the extensions (RFC 9420 §12.3). now
// is zero where lifetimes are not to be checked.
func (e *Epoch) draft(l *list, now uint64) (*draft, error) {
	if e.reinit != nil {
		return nil, fail(CheckFrozen, "")
	}
	if l.reinit != nil {
		if l.reinit.Version < e.context.Version {
			return nil, fail(CheckReInitVersion, "%d", l.reinit.Version)
		}
		if t, twice := l.reinit.Extensions.Duplicate(); twice {
			return nil, fail(CheckDuplicateExt, "0x%04x in a ReInit", uint16(t))
		}
	}
	d := &draft{parent: e, list: l, context: e.context}
	d.context.Epoch++
	if l.extensions != nil {
		d.context.Extensions = l.extensions.Extensions
		if err := e.checkExtensions(d.context.Extensions); err != nil {
			return nil, err
		}
	}
	d.rules = e.rules(d.context.Extensions, now)
	if err := d.checkAdds(); err != nil {
		return nil, err
	}
	if err := d.edit(); err != nil {
		return nil, err
	}
	return d, d.checkCustom()
}

// rules are what a group with these extensions asks of each leaf. now is zero
// where lifetimes are not to be checked.
func (e *Epoch) rules(list Extensions, now uint64) tree.Rules {
	return tree.Rules{Suite: e.suite, GroupID: e.context.GroupID, Extensions: list, MaxLifetime: e.config.MaxLifetime, Now: now}
}

// edit applies updates, removes and adds in that order, then makes room for an
// external committer.
func (d *draft) edit() error {
	edit := d.parent.tree.Edit()
	for i := range d.list.updates {
		u := &d.list.updates[i]
		old := d.parent.tree.Leaf(u.at)
		if old == nil {
			return fail(CheckSenderLeaf, "update of leaf %d", u.at)
		}
		if err := d.checkLeaf(u.leaf, old, SourceUpdate, u.at); err != nil {
			return err
		}
		if err := edit.Update(u.at, u.leaf); err != nil {
			return invalidTree(err)
		}
	}
	for _, at := range d.list.removes {
		if err := edit.Remove(at); err != nil {
			return invalidTree(err)
		}
	}
	for i, k := range d.list.adds {
		if at, in := d.parent.tree.FindSignatureKey(k.LeafNode.SignatureKey); in && !slices.Contains(d.list.removes, at) {
			return fail(CheckClientInGroup, "add %d, leaf %d", i, at)
		}
		if _, err := edit.Add(k.LeafNode); err != nil {
			return invalidTree(err)
		}
	}
	if d.list.external() {
		at, err := edit.Place()
		if err != nil {
			return invalidTree(err)
		}
		d.committer = at
	} else {
		d.committer, _ = d.list.committer.Leaf()
	}
	d.added = edit.Added()
	t, err := edit.Tree()
	d.tree = t
	return invalidTree(err)
}

// checkAdds validates the key packages (RFC 9420 §12.1.1), signatures on all
// cores.
func (d *draft) checkAdds() error {
	adds := d.list.adds
	if err := suite.ForEach(len(adds), func(i int) error { return adds[i].check(&d.rules, 0) }); err != nil {
		return err
	}
	for _, k := range adds {
		if err := authenticate(&d.parent.config, k.LeafNode, nil); err != nil {
			return err
		}
	}
	return nil
}

// checkLeaf validates a leaf that its owner made for this group.
func (d *draft) checkLeaf(l, old *LeafNode, source tree.LeafNodeSource, at LeafIndex) error {
	if err := d.rules.Check(l, source, at); err != nil {
		return invalidTree(err)
	}
	return authenticate(&d.parent.config, l, old)
}

// checkCustom wants every type that RFC 9420 does not define to be supported
// by all who process the commit: the members who stay (§12.2).
func (d *draft) checkCustom() error {
	for _, p := range d.list.custom {
		if isGREASE(uint16(p.Kind)) {
			return fail(CheckProposalType, "0x%04x, which nobody supports", uint16(p.Kind))
		}
		if d.parent.tree.SupportsProposal(p.Kind) {
			continue
		}
		for at, l := range d.parent.tree.Members() {
			if !slices.Contains(l.Capabilities.Proposals, p.Kind) && !slices.Contains(d.list.removes, at) {
				return fail(CheckProposalType, "0x%04x, leaf %d", uint16(p.Kind), at)
			}
		}
	}
	return nil
}

// checkExtensions holds a new list of group extensions against §13.4 and, for
// external senders, §5.3.1.
func (e *Epoch) checkExtensions(list Extensions) error {
	if t, twice := list.Duplicate(); twice {
		return fail(CheckDuplicateExt, "0x%04x", uint16(t))
	}
	for _, x := range list {
		if isGREASE(uint16(x.Type)) {
			return fail(CheckGroupExtSupport, "0x%04x, which nobody supports", uint16(x.Type))
		}
	}
	senders, err := externalSenders(list)
	if err != nil {
		return err
	}
	for i := range senders {
		if err := e.config.authenticator().Authenticate(senders[i].Credential, senders[i].SignatureKey); err != nil {
			return because(CheckExternalAuth, err, "sender %d", i)
		}
	}
	return nil
}

// merge is the public part of a received path (RFC 9420 §12.4.2).
func (d *draft) merge(path *UpdatePath) error {
	old := d.parent.tree.Leaf(d.committer)
	if d.list.external() {
		old = nil
		if len(d.list.removes) == 1 {
			old = d.parent.tree.Leaf(d.list.removes[0])
			if bytes.Equal(old.EncryptionKey, path.Leaf.EncryptionKey) { // as an Update of that leaf (§12.2)
				return fail(CheckUpdateKey, "leaf %d", d.list.removes[0])
			}
		}
	}
	if err := d.checkLeaf(&path.Leaf, old, SourceCommit, d.committer); err != nil {
		return err
	}
	t, err := d.tree.Apply(d.committer, path, d.added)
	d.tree = t
	return invalidTree(err)
}

// judge holds the tree that comes out against what the group asks of all its
// members together.
func (d *draft) judge() error {
	if d.list.extensions != nil {
		required, err := requiredCapabilities(d.context.Extensions)
		if err != nil {
			return err
		}
		if !d.tree.Supports(required) {
			return fail(CheckGroupExtensions, "")
		}
		for _, x := range d.context.Extensions {
			if !d.tree.SupportsExtension(x.Type) {
				return fail(CheckGroupExtSupport, "0x%04x", uint16(x.Type))
			}
		}
	}
	return invalidTree(d.tree.CheckCredentials())
}

// provisional is the encoded GroupContext that path secrets are sealed under:
// new tree and extensions, old transcript (RFC 9420 §12.4.1).
func (d *draft) provisional() []byte {
	d.context.TreeHash = d.tree.Hash()
	return wire.Marshal(&d.context)
}

// transcript takes the signed commit in (RFC 9420 §8.2); the context is then
// complete.
func (d *draft) transcript(s *signed) {
	content, signature := s.transcriptInput()
	d.context.TreeHash = d.tree.Hash()
	d.context.ConfirmedTranscriptHash = schedule.ConfirmedTranscriptHash(d.parent.suite, d.parent.interim, content, signature)
}

// public is the next epoch as everybody knows it who saw the commit. dead says
// why this member knows no more.
func (d *draft) public(tag []byte, dead Check) *Epoch {
	tag = bytes.Clone(tag) // and not the commit around it
	e := &Epoch{
		frame: newFrame(d.parent.suite, d.context, nil), config: d.parent.config, tag: tag,
		interim: schedule.InterimTranscriptHash(d.parent.suite, d.context.ConfirmedTranscriptHash, tag),
		tree:    d.tree, reinit: d.list.reinit, dead: dead,
	}
	e.id = epochID(e.encoded, tag)
	return e
}

// epochSecrets runs the key schedule (RFC 9420 §8).
type epochSecrets struct {
	joiner, member Secret
	epoch          *schedule.Epoch
	encryption     Secret
}

func (d *draft) secrets(init, commit, psk Secret) *epochSecrets {
	s, encoded := d.parent.suite, wire.Marshal(&d.context)
	k := &epochSecrets{joiner: schedule.JoinerSecret(s, init, commit, encoded)}
	k.member = schedule.MemberSecret(s, k.joiner, psk)
	k.epoch, k.encryption = schedule.NewEpoch(s, schedule.EpochSecret(s, k.member, encoded))
	return k
}

func (k *epochSecrets) erase() {
	k.joiner.Erase()
	k.member.Erase()
}

// admit completes a public epoch with its secrets.
func (e *Epoch) admit(k *epochSecrets, own *tree.Private) {
	e.dead = ""
	e.secrets, e.own, e.self = k.epoch, own, own.Leaf()
	e.newKeys(k.encryption)
}

// pskSecret looks up and chains the pre-shared keys (RFC 9420 §8.4). e may be
// nil.
func pskSecret(s *suite.Suite, e *Epoch, ids []PreSharedKeyID, find PSKs) (Secret, error) {
	secrets := make([]Secret, len(ids))
	for i, id := range ids {
		switch psk, ok := e.ownPSK(id); {
		case ok:
			secrets[i] = psk
		case find != nil:
			if secrets[i], ok = find(id); ok {
				continue
			}
			fallthrough
		default:
			return nil, fail(CheckPSKMissing, "number %d", i)
		}
	}
	secret, err := schedule.PSKSecret(s, ids, secrets)
	if err != nil {
		return nil, because(CheckDecode, err, "")
	}
	return secret, nil
}

// ownPSK is the resumption secret of the epoch itself.
func (e *Epoch) ownPSK(id PreSharedKeyID) (Secret, bool) {
	if e == nil || e.secrets == nil || id.Type != ResumptionPSK || id.Epoch != e.context.Epoch || !bytes.Equal(id.GroupID, e.context.GroupID) {
		return nil, false
	}
	return e.secrets.ResumptionPSK(), true
}
