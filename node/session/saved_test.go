package session_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// saved is the disks of some members at one moment, as an earlier version of
// this program wrote them.
type saved struct {
	Now   session.Time
	Disks map[string][]session.Row
}

// A group that was saved by an earlier version is taken up by this one: no
// matter what that had on its disks, everybody agrees again, has every message,
// and goes on. A change of format that cannot read what people have fails here;
// -update is for one that is meant, and that says in Load what becomes of them.
func TestSavedByEarlierVersion(t *testing.T) {
	eng := session.MLS{} // what the stand-in saves is of no use to another process
	name := filepath.Join("testdata", "saved", "group.json.gz")
	if *update {
		writeSaved(t, name, saveNow(t, eng))
	}
	old := readSaved(t, name)
	kinds := map[string]bool{}
	w := newWorldOn(t, eng, "alice", "bob", "carol", "dave", "erin", "frank")
	w.now = old.Now
	for who, rows := range old.Disks {
		n := w.node(who)
		n.rand = newStream("after the load " + who) // nothing is drawn twice
		for _, r := range rows {
			n.rows[r.Key] = r
			kind, _, _ := strings.Cut(r.Key, "/")
			kinds[kind] = true
		}
	}
	for _, kind := range []string{"meta", "root", "line", "epoch", "keys", "branch", "commit", "own", "vote", "anchor", "e", "m", "log", "out", "wish", "pool", "welcome", "gone", "kept", "owed", "run"} {
		if !kinds[kind] {
			t.Errorf("no row of kind %q was saved: this shows less than it says", kind)
		}
	}
	members := []string{"alice", "bob", "carol", "frank"}
	for _, who := range members {
		w.restart(who)
	}
	w.run(60_000)
	w.agree(members...)
	for _, who := range members {
		if v := w.node(who).s.View(); v.Name != "lodge" || v.Standing != session.TakingPart {
			t.Errorf("%s is %v in %q", who, v.Standing, v.Name)
		}
		w.say(who, "and on")
	}
	w.run(20_000)
	for _, who := range members {
		want := []string{"from bob apart", "and more", "not sent yet", "and on", "and on", "and on", "and on"}
		if who != "frank" { // let in when the first was said, and elsewhere than the second
			want = append(want, "for all", "from alice apart")
		}
		w.expectHistory(who, want...)
	}
}

// saveNow stops a group in the middle of as much as can be going on at once.
func saveNow(t *testing.T, eng session.Engine) saved {
	w := groupOn(t, eng, "alice", "bob", "carol", "dave")
	w.add("erin", "erin") // invited, and never there
	w.add("frank", "frank")
	w.step("alice", session.SetRole{ID: intentOf("role"), Account: w.node("bob").id.Account, Role: 1})
	w.say("alice", "for all")
	w.run(5000)
	w.step("alice", session.Remove{ID: intentOf("out"), Account: w.node("dave").id.Account})
	w.run(10_000)
	w.part([]string{"alice"}, []string{"bob", "carol", "frank"})
	w.lossy = func(_, to string, _ session.Event) bool { return to == "dave" || to == "erin" }
	w.step("alice", session.Refresh{ID: intentOf("r")})
	w.run(1000)
	w.say("alice", "from alice apart")
	w.step("bob", session.Invite{ID: intentOf("frank"), Account: w.node("frank").id.Account})
	w.run(8000)
	w.step("alice", session.Invite{ID: intentOf("erin"), Account: w.node("erin").id.Account})
	w.run(8000)
	w.say("bob", "from bob apart")
	w.run(200)
	w.say("bob", "and more")
	w.run(60)
	w.say("alice", "not sent yet")
	lodge := "lodge"
	w.step("alice", session.Configure{ID: intentOf("name"), Name: &lodge})
	out := saved{Now: w.now, Disks: map[string][]session.Row{}}
	for _, who := range []string{"alice", "bob", "carol", "frank"} {
		n := w.node(who)
		for _, k := range slices.Sorted(maps.Keys(n.rows)) {
			out.Disks[who] = append(out.Disks[who], n.rows[k])
		}
	}
	return out
}

func writeSaved(t *testing.T, name string, s saved) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	err := json.NewEncoder(z).Encode(s)
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o755)
	}
	if err == nil {
		err = os.WriteFile(name, b.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func readSaved(t *testing.T, name string) (s saved) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(z); err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}
