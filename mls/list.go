package mls

import (
	"bytes"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/wire"
)

// The proposals of one commit (RFC 9420 §12.2). gather sorts them by what they
// do, refusing every combination that is wrong whatever the tree; apply.go
// then holds each against the group.

// Proposed is a proposal that a commit may name by reference: one received
// (Content.Proposed) or one's own (Epoch.Propose). It is bound to its epoch.
type Proposed struct {
	Ref               []byte // ProposalRef (RFC 9420 §5.2)
	Sender            Sender
	Proposal          Proposal
	AuthenticatedData []byte
	leafKey           *PrivateKey // of an Update of our own
}

// item is a proposal of the commit with who proposed it.
type item struct {
	proposal Proposal
	from     Sender
	leafKey  *PrivateKey
}

// update is a leaf that its owner replaces.
type update struct {
	at      LeafIndex
	leaf    *LeafNode
	leafKey *PrivateKey // where it is our own
}

// list is the proposals by type, each kind in the order of the commit.
type list struct {
	committer  Sender
	extensions *GroupContextExtensions
	updates    []update
	removes    []LeafIndex
	adds       []*KeyPackage
	psks       []PreSharedKeyID
	init       *ExternalInit
	reinit     *ReInit
	custom     []*Custom
	count      int
}

// external reports whether a newcomer commits.
func (l *list) external() bool { return l.committer.Type == SenderNewMemberCommit }

// needsPath reports whether the commit must renew keys (RFC 9420 §12.4,
// §17.4): only a list of nothing but adds, pre-shared keys, a ReInit, and
// types of the application goes without.
func (l *list) needsPath() bool {
	return l.count == 0 || l.extensions != nil || len(l.updates) > 0 || len(l.removes) > 0 || l.init != nil
}

// resolve turns a commit's proposals into items: by reference with whoever
// proposed them, by value as the committer's.
func resolve(c *Commit, committer Sender, known []*Proposed) ([]item, error) {
	items := make([]item, 0, len(c.Proposals))
	for i := range c.Proposals {
		p := &c.Proposals[i]
		if p.Proposal != nil {
			items = append(items, item{proposal: p.Proposal, from: committer})
			continue
		}
		if committer.Type == SenderNewMemberCommit {
			return nil, fail(CheckExternalReference, "")
		}
		at := slices.IndexFunc(known, func(k *Proposed) bool { return bytes.Equal(k.Ref, p.Reference) })
		if at < 0 {
			return nil, fail(CheckReference, "%x", p.Reference)
		}
		k := known[at]
		items = append(items, item{proposal: k.Proposal, from: k.Sender, leafKey: k.leafKey})
	}
	return items, nil
}

// gather sorts items by what they do and applies the rules of RFC 9420 §12.2
// that need no tree.
// purpose is what a resumption secret may be for beside the application: a
// founder's reinit or branch, else nothing.
func gather(committer Sender, items []item, nonce int, purpose PSKUsage) (*list, error) {
	l := &list{committer: committer, count: len(items)}
	for _, it := range items {
		if err := l.take(it); err != nil {
			return nil, err
		}
	}
	if err := l.checkPSKs(nonce, purpose); err != nil {
		return nil, err
	}
	if l.external() {
		return l, l.checkExternal()
	}
	return l, l.checkMember()
}

func (l *list) take(it item) error {
	switch p := it.proposal.(type) {
	case *Add:
		l.adds = append(l.adds, p.KeyPackage)
	case *Update:
		at, member := it.from.Leaf()
		if !member {
			return fail(CheckUpdateSender, "%v", it.from.Type)
		}
		l.updates = append(l.updates, update{at: at, leaf: p.LeafNode, leafKey: it.leafKey})
	case *Remove:
		l.removes = append(l.removes, p.Removed)
	case *PreSharedKey:
		l.psks = append(l.psks, p.PSK)
	case *ReInit:
		if l.reinit != nil {
			return fail(CheckReInitAlone, "two of them")
		}
		l.reinit = p
	case *ExternalInit:
		if !l.external() {
			return fail(CheckNoExternalInit, "")
		}
		if l.init != nil {
			return fail(CheckExternalOneInit, "two of them")
		}
		l.init = p
	case *GroupContextExtensions:
		if l.extensions != nil {
			return fail(CheckOneExtensions, "")
		}
		l.extensions = p
	case *Custom:
		l.custom = append(l.custom, p)
	}
	return nil
}

// checkMember is RFC 9420 §12.2 for a member's commit.
func (l *list) checkMember() error {
	if l.reinit != nil && l.count > 1 {
		return fail(CheckReInitAlone, "")
	}
	committer, _ := l.committer.Leaf()
	changed := make(map[LeafIndex]bool, len(l.updates)+len(l.removes))
	for _, u := range l.updates {
		if u.at == committer {
			return fail(CheckCommitterUpdate, "leaf %d", u.at)
		}
		if changed[u.at] {
			return fail(CheckSameLeaf, "leaf %d", u.at)
		}
		changed[u.at] = true
	}
	for _, at := range l.removes {
		if at == committer {
			return fail(CheckCommitterRemove, "leaf %d", at)
		}
		if changed[at] {
			return fail(CheckSameLeaf, "leaf %d", at)
		}
		changed[at] = true
	}
	clients := make(map[string]bool, len(l.adds))
	for i, k := range l.adds {
		if clients[string(k.LeafNode.SignatureKey)] {
			return fail(CheckSameClient, "add %d", i)
		}
		clients[string(k.LeafNode.SignatureKey)] = true
	}
	return nil
}

// checkExternal is RFC 9420 §12.2 for an external commit.
func (l *list) checkExternal() error {
	switch {
	case l.init == nil:
		return fail(CheckExternalOneInit, "none")
	case len(l.removes) > 1:
		return fail(CheckExternalRemove, "")
	case l.count != 1+len(l.removes)+len(l.psks):
		return fail(CheckExternalOther, "")
	}
	return nil
}

// checkPSKs holds each pre-shared key to RFC 9420 §12.1.4 and §12.2. nonce is
// the length that the suite wants. The purposes reinit and branch belong to the
// first commit of a new group, which its creator makes alone and nobody
// processes.
func (l *list) checkPSKs(nonce int, purpose PSKUsage) error {
	seen := make(map[string]bool, len(l.psks))
	for i := range l.psks {
		id := &l.psks[i]
		if id.Type == ResumptionPSK && id.Usage != UsageApplication && id.Usage != purpose {
			return fail(CheckPSKUsage, "")
		}
		if len(id.Nonce) != nonce {
			return fail(CheckPSKNonce, "%d bytes, want %d", len(id.Nonce), nonce)
		}
		name := string(wire.Marshal(id))
		if seen[name] {
			return fail(CheckDuplicatePSK, "")
		}
		seen[name] = true
	}
	return nil
}
