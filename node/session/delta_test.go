package session

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/consensus"
)

// A roster that was written as what it differs in is the one it was, whoever
// came, went or votes; a header that says nothing of it goes on saying nothing.
func TestDelta(t *testing.T) {
	list := rapid.Custom(func(t *rapid.T) (out []Account) {
		for _, b := range rapid.SliceOfNDistinct(rapid.Byte(), 1, 100, rapid.ID[byte]).Draw(t, "accounts") {
			out = append(out, Account{b})
		}
		slices.SortFunc(out, compareAccount)
		return out
	})
	rapid.Check(t, func(t *rapid.T) {
		parent := consensus.Epoch{Roster: list.Draw(t, "parent")}
		child := parent
		if rapid.Bool().Draw(t, "changes") {
			child.Roster = list.Draw(t, "child")
		}
		for _, e := range []*consensus.Epoch{&parent, &child} {
			if most := consensus.V1().Committee; len(e.Roster) > most {
				at := rapid.IntRange(0, len(e.Roster)-most).Draw(t, "voters")
				e.Voters = e.Roster[at : at+most]
			}
		}
		written := child
		d := thin(&written, parent)
		var read delta
		if err := decode(encode(d), &read); err != nil {
			t.Fatal(err)
		}
		if read.fill(&written, parent); !reflect.DeepEqual(written, child) {
			t.Fatalf("%v, by %v, was %v", written, d, child)
		}
	})
	var header consensus.Epoch
	if d := thin(&header, consensus.Epoch{Roster: []Account{{1}}}); len(d.In)+len(d.Out) > 0 || header.Roster != nil {
		t.Errorf("a header without a roster takes out %v", d.Out)
	}
}
