package consensus

import "testing"

func TestSmoke(t *testing.T) {
	acct := func(b byte) Account { return Account{b} }
	roster := []Account{acct(1), acct(2), acct(3)}
	ep := func(b byte, n uint64) Epoch { return Epoch{ID: EpochID{b}, Number: n, Roster: roster} }
	c := New(ep(1, 5), EpochID{1}, V1())
	m, s := c.Add(Candidate{ID: CommitID{10}, Parent: EpochID{1}, Child: ep(2, 6), Author: acct(1), Class: ClassChange, Slot: 1})
	if s != AddHeld || m.To != (EpochID{2}) || len(m.Redo) != 1 {
		t.Fatal(m, s)
	}
	m, s = c.Add(Candidate{ID: CommitID{11}, Parent: EpochID{1}, Child: ep(3, 6), Author: acct(2), Class: ClassChange, Slot: 0})
	if s != AddHeld || m.To != (EpochID{3}) || len(m.Undo) != 1 {
		t.Fatal(m, s)
	}
	seq, ok := c.NextSeq(acct(3), EpochID{2})
	if !ok || seq != 24 {
		t.Fatal(seq, ok)
	}
	m, v := c.Hear(Vote{Account: acct(3), Seq: seq, Head: EpochID{2}})
	if v != VoteCounts || m.To != (EpochID{2}) || c.Weight(CommitID{10}) != 2 {
		t.Fatal(m, v)
	}
	if _, err := c.Prune(EpochID{2}); err != nil {
		t.Fatal(err)
	}
	if _, s := c.Add(Candidate{ID: CommitID{12}, Parent: EpochID{1}, Child: ep(9, 6)}); s != AddStale {
		t.Fatal(s)
	}
}
