package mls

import "bytes"

// Candidate is a commit with the epoch it leads to. Nothing is decided by
// making or processing one: look at it, keep it, adopt Next or drop it.
type Candidate struct {
	ID     CommitID
	Parent EpochID
	// Next is the epoch that the commit leads to. Its ID is right even where
	// Next.Member is false: this member has been removed, or its path secret
	// is malformed (ErrPath).
	Next *Epoch

	// Committer is the author's leaf: in parent and next epoch, or, where
	// External, in the next alone.
	Committer LeafIndex
	External  bool
	// Proposals in the order of the commit, with who proposed them.
	Proposals []Covered
	Added     []LeafIndex // in the next epoch, in the order of the adds
	Removed   []LeafIndex // in the parent
	Updated   []LeafIndex // by proposal, in both epochs
	// Path: the author has renewed its leaf and the keys above it.
	Path bool
	// Extensions: the group's extensions have been replaced.
	Extensions        bool
	PSKs              []PreSharedKeyID
	ReInit            *ReInit // the group is closed
	AuthenticatedData []byte
	WireFormat        WireFormat

	// Cells are message keys of the parent that the commit used up. Write them
	// before the commit is sent or believed. Empty for a PublicMessage.
	Cells []Cell

	// Message is the commit to send, Welcome the message for those it adds;
	// the Welcome must not leave before the commit is accepted (RFC 9420 §14).
	// Own commits only; Welcome is nil where nobody is added.
	Message, Welcome []byte
}

// Covered is a proposal that a commit brings into effect.
type Covered struct {
	Proposal    Proposal
	Sender      Sender
	ByReference bool
}

// RemovesMe reports whether the commit takes this member out.
func (c *Candidate) RemovesMe() bool { return c.Next.dead == CheckRemoved }

// candidate describes a draft that has become next.
func (d *draft) candidate(commit *Commit, items []item, s *signed, message []byte, next *Epoch) *Candidate {
	c := &Candidate{
		ID: NewCommitID(d.parent.id, message), Parent: d.parent.id, Next: next,
		Committer: d.committer, External: d.list.external(), Added: d.added, Removed: d.list.removes,
		Path: commit.Path != nil, Extensions: d.list.extensions != nil, PSKs: d.list.psks, ReInit: d.list.reinit,
		AuthenticatedData: bytes.Clone(s.Content.AuthenticatedData), WireFormat: s.WireFormat,
	}
	for i := range items {
		c.Proposals = append(c.Proposals, Covered{Proposal: items[i].proposal, Sender: items[i].from, ByReference: commit.Proposals[i].Reference != nil})
	}
	for _, u := range d.list.updates {
		c.Updated = append(c.Updated, u.at)
	}
	return c
}
