package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// suite is every row of the adversarial suite, in order, with what it is about.
// A row is a subtest of this package whose name begins with it, or the tests
// named here. B6, B16 and F3 belong to the seal and to puncturing.
var suite = []struct{ rows, about, elsewhere string }{
	{"S1", "two commits on one parent, every order, doubled", ""},
	{"S2", "three and fifty siblings at once", ""},
	{"S3", "children before parents", ""},
	{"S4", "a better sibling at every moment around the vote", ""},
	{"S5", "a better sibling after k descendants, no votes", ""},
	{"S6", "the same with votes", ""},
	{"S7", "any batches, the same head", ""},
	{"S8", "an own commit loses and returns", ""},
	{"S9", "an own commit echoed, also after a restart", ""},
	{"S10", "flip-flop while sending", ""},
	{"S11", "one key package in two rivals", ""},
	{"S12", "one intent in two rivals", ""},
	{"S13", "a state that does not advance", ""},
	{"C1", "everybody wants a change at once", ""},
	{"C2", "leaders are away", ""},
	{"C3", "a leader that censors", ""},
	{"C4", "one member drips renewals", ""},
	{"C5", "colluders drip", ""},
	{"C6", "links that differ by far", ""},
	{"C7", "queues overflow", ""},
	{"C8", "wrong hints of who is there", ""},
	{"C9", "some are silent for good", ""},
	{"P1", "two sides advance and meet", ""},
	{"P2", "beyond the window", ""},
	{"P3", "three sides meet in every order", ""},
	{"P4", "a split inside a split", ""},
	{"P5", "a minority removes the majority", ""},
	{"P6", "each side removes members of the other", ""},
	{"P7", "said behind somebody's back", ""},
	{"P8", "a flapping link", ""},
	{"P9", "a link that works one way", ""},
	{"P10", "a bridge that relays a part", ""},
	{"P11", "healing exactly at the window", ""},
	{"P12", "away for long", ""},
	{"P13", "nobody authorised is there", ""},
	{"B1", "a commit withheld", ""},
	{"B2", "a removed member's private chain", ""},
	{"B3", "a back-dated rival removal", ""},
	{"B4", "two commits for two halves", ""},
	{"B5", "two votes under one number", ""},
	{"B7", "votes timed to keep halves apart", "consensus TestB7Balancing"},
	{"B8", "grinding never improves the slot", "consensus TestB8GrindingNeverImprovesTheSlot"},
	{"B9", "a path that some cannot open", ""},
	{"B10", "headers that lie", ""},
	{"B11", "a Welcome from a private fork", ""},
	{"B12", "forged requests to be let in again", ""},
	{"B13", "one account, many devices", ""},
	{"B14", "old frames again, everywhere", ""},
	{"B15", "an intent outlives its author's rights", ""},
	{"B17", "evidence from different parents", "consensus TestB17Evidence"},
	{"B18", "very many commits by one, on one epoch", ""},
	{"B19", "a joiner after the evidence", ""},
	{"B20", "what comes with a Welcome is made up", ""},
	{"B21", "evidence whose halves come far apart", ""},
	{"R1", "mutual removal, and in a circle", ""},
	{"R2", "the removed acts meanwhile", ""},
	{"R3", "removal and leave", ""},
	{"R4", "rights end while used", ""},
	{"R5", "the last owner", ""},
	{"R6", "out and in again", ""},
	{"R7", "a majority is removed", ""},
	{"K1", "a crash at every write", ""},
	{"K2", "yesterday's disk", ""},
	{"K3", "disks that fail", ""},
	{"K4", "two processes on one store", "node/store TestLockNamesTheHolder"},
	{"T1", "clocks that jump, stand and race", ""},
	{"T2", "lifetimes that end for some", ""},
	{"T3", "keys erased at one only", ""},
	{"T4", "no clock is read below the line", "testnet TestLattice"},
	{"M1", "messages of a branch that loses", ""},
	{"M2", "the author is gone", ""},
	{"M3", "late, and with gaps", ""},
	{"M4", "silence while a removal is about", ""},
	{"M5", "many on a branch that loses", ""},
	{"F1", "what was read stays closed", ""},
	{"F2", "what can still be read from a disk", ""},
	{"F4", "a leaf stolen on a branch that loses", ""},
	{"F5", "removed and listening", ""},
	{"V1", "a policy of a newer version", "node/session TestNewerPolicy"},
	{"V2", "unknown types and GREASE", "mls TestGREASE"},
	{"V3", "proposals in any order", "mls TestProposalOrder"},
	{"V4", "what is too large for gossip goes by stream", "node TestLargeByStream"},
	{"V5", "nothing hangs on map order", ""},
	{"V6", "a million trees against a slow reader; mutants", "consensus TestMutantsKilled"},
}

// TestSuite fails where a row has no test, or a test of the suites no row, and
// where FOUND.md does not list them.
func TestSuite(t *testing.T) {
	here := map[string]string{}
	files, err := filepath.Glob("suite_*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	run := regexp.MustCompile(`t\.Run\("([SCPBRKTMFV]\d+)(_[^"]*)", `)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range run.FindAllStringSubmatch(string(text), -1) {
			here[m[1]] = "Test" + m[1][:1] + "/" + m[1] + "_…"
		}
	}
	var table strings.Builder
	table.WriteString("| Row | About | Test |\n|---|---|---|\n")
	for _, r := range suite {
		where := here[r.rows]
		delete(here, r.rows)
		if r.elsewhere != "" {
			room, name, _ := strings.Cut(r.elsewhere, " ")
			if !defines(t, filepath.Join("..", "..", room), name) {
				t.Errorf("%s: %s has no %s", r.rows, room, name)
			}
			where = strings.TrimPrefix(where+", `"+name+"` in "+room, ", ")
		}
		if where == "" {
			t.Errorf("%s, %s, has no test", r.rows, r.about)
		}
		if strings.HasPrefix(where, "Test") {
			where = "`" + strings.Replace(where, "…", "…`", 1)
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", r.rows, r.about, where)
	}
	for row, name := range here {
		t.Errorf("%s, %s, is no row of the suite", row, name)
	}
	const path = "../FOUND.md"
	found, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(found), "<!-- suite -->\n")
	_, tail, end := strings.Cut(rest, "<!-- end of suite -->\n")
	if !ok || !end {
		t.Fatal("FOUND.md has no place for the suite")
	}
	want := head + "<!-- suite -->\n" + table.String() + "<!-- end of suite -->\n" + tail
	if *update && want != string(found) {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(found) {
		t.Error("FOUND.md lists the suite otherwise (-update writes it)")
	}
}

// defines reports whether a package's tests define one of that name.
func defines(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), "func "+name+"(")
	})
}
