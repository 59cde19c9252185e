package sim

import (
	"testing"

	"github.com/covey-p2p/covey/testnet"
)

// Versions and limits, as far as a world can show them. V1 to V4 are about what
// one member reads and are tested where that is read, in node/session and mls;
// V6 is the rule's.

func TestV(t *testing.T) {
	t.Run("V5_nothing_hangs_on_map_order", v5)
}

// V5: scripts with forks, removals, liars and crashes, each played three times.
// Maps are ranged in another order each time; what happens is the same, byte
// for byte.
func v5(t *testing.T) {
	for _, script := range []string{
		`partition (alice bob) (carol dave)
		rename alice room a
		remove bob room carol
		rename carol room c
		wait 8s
		heal`,
		`byzantine dave room equivocate
		wait 5s
		send alice room hi
		crash bob after-publish 2
		refresh bob room
		wait 5s
		start bob`,
		`byzantine dave room malform carol bob
		refresh dave room
		wait 5s
		leave bob room
		invite alice room erin`,
	} {
		digests := map[string]bool{}
		for range 3 {
			w := New(Options{Seed: 5, Digest: true})
			text := "nodes alice bob carol dave erin\ngroup alice room (bob carol dave)\nsettle\nrole alice room bob admin\nsettle\n" + script + "\nsettle\n"
			verbs, err := testnet.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Run(verbs); err != nil {
				t.Fatal(err)
			}
			digests[w.Digest()] = true
		}
		if len(digests) != 1 {
			t.Errorf("%d traces of one script:\n%s", len(digests), script)
		}
	}
}
