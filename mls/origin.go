package mls

import (
	"bytes"
	"io"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/wire"
)

// New groups out of old ones: a ReInit's successor (RFC 9420 §11.2) and a
// branch (§11.3). Both begin with a commit, made by the creator alone, that
// mixes in the resumption secret of the old group; everybody else joins by its
// Welcome, with JoinOptions.From.

// Found creates a group that continues this one or branches off it, and
// adds its members in the same step. Where a ReInit closed this group, id and
// extensions are those that it announced, and members must cover the old
// group's; else the group is a branch with the extensions given, whose members
// are among the old group's. own is a fresh key package of the creator's, in
// the new group's suite.
func (e *Epoch) Found(rand io.Reader, key *SigningKey, own *OwnKeyPackage, o GroupOptions, members []*KeyPackage, commit CommitOptions) (*Candidate, error) {
	if err := e.alive(); err != nil {
		return nil, err
	}
	usage := UsageBranch
	if r := e.reinit; r != nil {
		usage, o = UsageReInit, GroupOptions{GroupID: r.GroupID, Extensions: r.Extensions}
		if own.KeyPackage.CipherSuite != r.CipherSuite {
			return nil, fail(CheckArgument, "the ReInit wants cipher suite %d", r.CipherSuite)
		}
	} else if own.KeyPackage.CipherSuite != e.context.CipherSuite {
		return nil, fail(CheckArgument, "a branch keeps the cipher suite")
	}
	first, err := Create(rand, &e.config, own, o)
	if err != nil {
		return nil, err
	}
	for _, k := range members {
		commit.Proposals = append(commit.Proposals, &Add{KeyPackage: k})
	}
	id := PreSharedKeyID{Type: ResumptionPSK, Usage: usage, GroupID: e.context.GroupID, Epoch: e.context.Epoch}
	commit.Proposals = append(commit.Proposals, &PreSharedKey{PSK: id})
	psks := commit.PSKs
	commit.PSKs = func(id PreSharedKeyID) (Secret, bool) {
		if psk, ok := e.ownPSK(id); ok {
			return psk, true
		}
		if psks == nil {
			return nil, false
		}
		return psks(id)
	}
	c, err := first.commit(rand, key, commit, &author{
		sender: Sender{Type: SenderMember}, leaf: *own.KeyPackage.LeafNode, init: first.secrets.InitSecret(), purpose: usage,
	})
	if err != nil {
		return nil, err
	}
	if err := c.Next.checkMembers(usage, e); err != nil {
		return nil, err
	}
	return c, nil
}

// checkOrigin holds a joined group against the one it says it comes from
// (RFC 9420 §12.4.3.1).
func (e *Epoch) checkOrigin(psks []PreSharedKeyID, from *Epoch) error {
	at := slices.IndexFunc(psks, func(id PreSharedKeyID) bool { return id.Type == ResumptionPSK && id.Usage != UsageApplication })
	if at < 0 {
		return nil
	}
	id := &psks[at]
	wrong := CheckBranchWelcome
	if id.Usage == UsageReInit {
		wrong = CheckReInitWelcome
	}
	switch {
	case from == nil || !bytes.Equal(id.GroupID, from.context.GroupID) || id.Epoch != from.context.Epoch:
		return fail(wrong, "the old group is not at hand")
	case e.context.Epoch != 1:
		return fail(wrong, "epoch %d, not 1", e.context.Epoch)
	}
	if id.Usage == UsageReInit {
		if err := e.matches(from.reinit); err != nil {
			return err
		}
	} else if e.context.Version != from.context.Version || e.context.CipherSuite != from.context.CipherSuite {
		return fail(wrong, "other version or cipher suite")
	}
	return e.checkMembers(id.Usage, from)
}

// matches wants the group that a ReInit announced (RFC 9420 §11.2).
func (e *Epoch) matches(r *ReInit) error {
	c := &e.context
	switch {
	case r == nil:
		return fail(CheckReInitWelcome, "the old group was not closed")
	case !bytes.Equal(c.GroupID, r.GroupID):
		return fail(CheckReInitWelcome, "other group id")
	case c.Version != r.Version || c.CipherSuite != r.CipherSuite:
		return fail(CheckReInitWelcome, "other version or cipher suite")
	case !bytes.Equal(wire.Marshal(c.Extensions), wire.Marshal(r.Extensions)):
		return fail(CheckReInitWelcome, "other extensions")
	}
	return nil
}

// checkMembers compares the members of two groups by identity: all of the old
// are in the successor (§11.2), all of a branch are in the old (§11.3).
func (e *Epoch) checkMembers(usage PSKUsage, from *Epoch) error {
	small, large, missing := e, from, CheckBranchMembers
	if usage == UsageReInit {
		small, large, missing = from, e, CheckReInitMembers
	}
	auth := e.config.authenticator()
	known := map[string]bool{}
	for _, l := range large.Members() {
		known[string(auth.Identity(l.Credential))] = true
	}
	for at, l := range small.Members() {
		if !known[string(auth.Identity(l.Credential))] {
			return fail(missing, "leaf %d", at)
		}
	}
	return nil
}
