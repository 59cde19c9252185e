package consensus

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var mutateFlag = flag.Bool("mutate", false, "also change the code itself, and see the tests fail (about two minutes)")

// twists are mistakes in reading the rule. Each is a way reference can be
// wrong; the cases must tell it from the right one.
var twists = []string{
	"role before class", "slot before class", "slot before role", "no class", "no role", "no slot",
	"higher class", "lower role", "higher slot", "role counts always", "hash only", "higher hash", "names decide",
	"no weight", "rank before weight", "lighter wins", "ties to the higher key",
	"tips are compared", "longest branch",
	"devices count, not accounts", "joiners below vote", "all vote, not the electors",
	"only votes for the very child count", "all votes count, not the latest",
	"earliest vote counts", "deepest vote counts", "votes name an epoch number",
	"no cap on turns", "strangers vote",
	"own commits do not count", "a vote ends own commits", "own commits beat votes",
	"commits that part count on both sides",
	"two commits go unpunished", "two devices' commits convict", "external commits convict",
	"two votes go unpunished", "two devices' votes convict",
	"headers are entered",
	"no cool-down", "cool-down binds carriers", "cool-down of one epoch", "cool-down in pairs",
}

// TestMutantsKilled prints, for each mistake, the case that notices it.
func TestMutantsKilled(t *testing.T) {
	for _, twist := range twists {
		killer := ""
		for _, k := range cases {
			w := parse(t, k.text)
			c := w.run(w.inputs)
			if differ(c, newReference(w, "")) == "" && differ(c, newReference(w, twist)) != "" {
				killer = k.name
				break
			}
		}
		if killer == "" {
			t.Errorf("%s: no case notices", twist)
		}
		t.Logf("%-42s %s", twist, killer)
	}
}

// mutations are mistakes in the code: in a file, the first text becomes the
// second.
var mutations = []struct{ file, from, to string }{
	{"rank.go", "cmp.Compare(a.Class, b.Class),", "cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Class, b.Class),"},
	{"rank.go", "cmp.Compare(standing(b), standing(a))", "cmp.Compare(standing(a), standing(b))"},
	{"rank.go", "if k.Class == ClassRemove {", "if true {"},
	{"rank.go", "cmp.Compare(a.Slot, b.Slot)", "cmp.Compare(b.Slot, a.Slot)"},
	{"rank.go", "bytes.Compare(a.Child.ID[:], b.Child.ID[:])", "bytes.Compare(a.ID[:], b.ID[:])"},
	{"rank.go", "term := number - number%p.Term", "term := number"},
	{"tree.go", "return n.weight > best.weight", "return n.weight < best.weight"},
	{"tree.go", "if n.weight != best.weight {", "if false {"},
	{"tree.go", "if n != p.best && n != p.bestHere {", "if n != p.best {"},
	{"tree.go", "if !n.Header && c.wins(n, p.bestHere) {", "if c.wins(n, p.bestHere) {"},
	{"tree.go", "if a.jump != b.jump {", "if a.jump != nil && b.jump != nil {"},
	{"weight.go", "if !p.votes(s.account) {", "if false {"},
	{"weight.go", "top = common(base, s.base)", "top = base"},
	{"weight.go", "ends[i] = n\n\t\t\treturn ends", "_ = i\n\t\t\treturn ends"},
	{"weight.go", "if n.within(base) {", "if true {"},
	{"weight.go", "base.number()+1, func", "base.number()+2, func"},
	{"weight.go", "if len(s.ends) == 1 {\n\t\tfor", "if len(s.ends) > 0 {\n\t\tfor"},
	{"weight.go", "if toward[n.parent] == 1 {", "if true {"},
	{"weight.go", "if toward[n.parent] > 1 {", "if false {"},
	{"weight.go", "case s.base == nil || !n.within(s.base):", "case s.base == nil:"},
	{"weight.go", "case s.guilt != nil:\n\t\treturn nil, false", "case false:\n\t\treturn nil, false"},
	{"weight.go", "g.above {", "true || g.above {"},
	{"vote.go", "slices.Backward(s.votes)", "slices.All(s.votes)"},
	{"vote.go", "if v.Seq < first || v.Seq > last {", "if v.Seq < first || false && v.Seq > last {"},
	{"vote.go", "if v.Seq < first || v.Seq > last {", "if false && v.Seq < first || v.Seq > last {"},
	{"vote.go", "return cmp.Or(cmp.Compare(a.Seq, b.Seq), bytes.Compare(a.Device[:], b.Device[:]))", "return cmp.Or(cmp.Compare(a.Seq, b.Seq), 0*bytes.Compare(a.Device[:], b.Device[:]))"},
	{"vote.go", "\tfor _, s := range seats {\n\t\tc.reseat(s)\n\t}", "_ = seats"},
	{"vote.go", "if last, ok := c.deciding(s); ok && s.votes[0] == last {", "if false {"},
	{"vote.go", "} else if c.weigh(v) == VoteCounts {\n\t\t\t\treturn 0, false", "} else if false {\n\t\t\t\treturn 0, false"},
	{"vote.go", "next = max(next, v.Seq+1)", "next = max(next, v.Seq)"},
	{"vote.go", "g.number, g.roster", "g.number, []Account{v.Account}"},
	{"evidence.go", "a.Parent == b.Parent && a.Slot == b.Slot &&", "a.Parent == b.Parent &&"},
	{"evidence.go", "a.Parent == b.Parent && a.Slot == b.Slot &&", "a.Slot == b.Slot &&"},
	{"evidence.go", "a.Class < ClassResync && b.Class < ClassResync &&", ""},
	{"evidence.go", "a.ID != b.ID && a.Child.ID != b.Child.ID", "a.ID != b.ID"},
	{"evidence.go", "a.Device == b.Device && a.Seq == b.Seq", "a.Seq == b.Seq"},
	{"evidence.go", "a.Device == b.Device && a.Seq == b.Seq", "a.Device == b.Device"},
	{"evidence.go", "if s := c.seat(e.Account); ok && s", "if s := c.seat(e.Account); s"},
	{"chain.go", "case k.Child.Number != p.number()+1,", "case false,"},
	{"chain.go", "!k.Carries && c.cooling", "c.cooling"},
	{"chain.go", "if len(p.Child.Roster) < c.params.CoolDownFrom {", "if false {"},
	{"chain.go", "min(len(p.Child.Roster)-1, c.params.CoolDown)", "c.params.CoolDown"},
	{"chain.go", "n.Child.Trail[:min(missing, len(n.Child.Trail))]...", "nil..."},
	{"chain.go", "\tc.adopt(k.Child.ID)\n", ""},
	{"chain.go", "c.contested.put(k.Child.ID, struct{}{})", ""},
	{"chain.go", "lower(&k, &n.Candidate)):", "false):"},
	{"chain.go", "!n.opened() && (k.opened() || before(&k, &n.Candidate)) {", "false {"},
	{"chain.go", "\tn.ID = id\n", ""},
	{"chain.go", "!n.opened() && k.opened():", "n.Header && !k.Header:"},
	{"chain.go", "case n.parent != nil && !n.opened():", "case n.parent != nil && n.Header:"},
	{"chain.go", "n.Header, n.Opened = true, true", "n.Header = true"},
	{"chain.go", "!n.Header && !n.onPath()", "!n.Header"},
	{"chain.go", "if n.names < MaxNames &&", "if"},
	{"parking.go", "if len(c.parked.spots) > MaxParked {", "if false {"},
	{"parking.go", "more := len(ids) - len(p.byAuthor[worst.Author])", "more := 0"},
	{"parking.go", "if !coming[parent] {", "if true {"},
	{"parking.go", "if len(m.order) > m.most {", "if false {"},
	{"head.go", "c.dirty == nil || p.number() < c.dirty.number()", "c.dirty == nil"},
	{"prune.go", "case !c.epochs[c.Best()].within(r):", "case false:"},
	{"prune.go", "c.reroot(r, trail)", "c.reroot(r, trail[:0])"},
	{"prune.go", "r.below((*node).aim)", ""},
	{"prune.go", "v != last && c.departed(v.Head)", "c.departed(v.Head)"},
	{"prune.go", "s.commits = slices.DeleteFunc(s.commits, lost)", ""},
	{"prune.go", "s.commits = slices.DeleteFunc(s.commits, outside)", "_ = s"},
	{"prune.go", "c.count(s, -1, c.root)", ""},
	{"prune.go", "c.stray.put(n.Child.ID, g) // a", "c.gone.put(n.Child.ID, g) // a"},
	{"prune.go", "\tc.abandon()\n", ""},
	{"chain.go", "strayed := c.stray.drop(k.Child.ID)", "strayed := false"},
	{"chain.go", "if strayed {", "if strayed && false {"},
	{"prune.go", "\tc.known(k.Child.ID)\n", ""},
	{"prune.go", "\tc.adopt(k.Child.ID)\n", ""},
	{"crowd.go", "return twins >= MaxTwins", "return false"},
	{"crowd.go", "|| c.Needed(k.Child.ID, k.Author)", ""},
	{"crowd.go", "|| len(c.waiting[ids[0]]) > 0", ""},
	{"crowd.go", "c.sought.has(ids[0]) ||", ""},
	{"crowd.go", "k.Author != author && !c.Guilty(k.Author)", "false"},
	{"crowd.go", "k.Author != author && !c.Guilty(k.Author)", "!c.Guilty(k.Author)"},
	{"crowd.go", "ids = append(ids, k.Child.ID)", ""},
	{"snapshot.go", "c.Seek(k.Child.ID)", ""},
	{"chain.go", "\t\tc.Seek(k.Child.ID)\n", ""},
	{"snapshot.go", "c.gone.put(l.ID, g)", ""},
	{"snapshot.go", "c.stray.put(l.ID, g)", ""},
}

// TestCodeMutantsKilled builds the package with one mistake at a time, runs its
// tests, and prints which of them fails first.
func TestCodeMutantsKilled(t *testing.T) {
	if !*mutateFlag {
		t.Skip("run with -mutate")
	}
	failed := regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	for i, m := range mutations {
		source, err := os.ReadFile(m.file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(source), m.from) != 1 {
			t.Errorf("%s: %q is there %d times", m.file, m.from, strings.Count(string(source), m.from))
			continue
		}
		dir := t.TempDir()
		path, _ := filepath.Abs(m.file)
		mutant := filepath.Join(dir, m.file)
		overlay, _ := json.Marshal(map[string]any{"Replace": map[string]string{path: mutant}})
		changed := strings.Replace(string(source), m.from, m.to, 1)
		for name, data := range map[string]string{mutant: changed, filepath.Join(dir, "overlay.json"): string(overlay)} {
			if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command("go", "test", "-short", "-failfast", "-vet=off",
			"-overlay", filepath.Join(dir, "overlay.json"), ".").CombinedOutput()
		names := failed.FindAllStringSubmatch(string(out), -1)
		killer := "SURVIVED"
		switch {
		case err == nil:
			t.Errorf("mutant %d survived: %s: %q → %q", i, m.file, m.from, m.to)
		case len(names) > 0:
			killer = names[len(names)-1][1]
		case strings.Contains(string(out), "panic:"):
			killer = "panic: " + firstLine(string(out), "panic:")
		default:
			t.Errorf("mutant %d does not build: %s", i, out)
			killer = "DOES NOT BUILD"
		}
		t.Logf("%2d %-12s %-60.60q %s", i, m.file, m.from, killer)
	}
}

func firstLine(text, with string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, with) {
			return strings.TrimSpace(line)
		}
	}
	return fmt.Sprintf("no line with %q", with)
}

// TestTwistsAreInTheReference guards against a twist nobody implements: it
// would be killed by nothing, or, worse, by accident.
func TestTwistsAreInTheReference(t *testing.T) {
	source, err := os.ReadFile("reference_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for i, twist := range twists {
		if !strings.Contains(string(source), `"`+twist+`"`) || slices.Index(twists, twist) != i {
			t.Errorf("twist %q", twist)
		}
	}
}
