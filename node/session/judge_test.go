package session

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/consensus"
)

// What the policy refuses, tried with real commits that are valid MLS.

// testStream is bytes from a seed.
type testStream struct {
	seed [32]byte
	n    uint64
}

func (s *testStream) Read(p []byte) (int, error) {
	for i := range p {
		s.n++
		h := sha256.Sum256(binary.BigEndian.AppendUint64(s.seed[:], s.n))
		p[i] = h[0]
	}
	return len(p), nil
}

func testConfig(t *testing.T, account, device string) Config {
	t.Helper()
	secret := func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
	id, err := NewIdentity(MLS{}, secret("account "+account), secret("device "+device), account)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Engine: MLS{}, Self: id, Rand: &testStream{seed: sha256.Sum256([]byte(device))}}
}

// table is a group on one table: every effect reaches everybody at once.
type table struct {
	t    *testing.T
	now  Time
	cfg  map[string]Config
	s    map[string]*Session
	pack map[string][]Package
	rows map[string]map[string][]byte
	all  []string
	// counted are the statements made without a session.
	counted uint64
}

func newTable(t *testing.T, names ...string) *table {
	tb := &table{t: t, now: 1_700_000_000_000, cfg: map[string]Config{}, s: map[string]*Session{}, pack: map[string][]Package{}, rows: map[string]map[string][]byte{}, all: names}
	for _, n := range names {
		tb.cfg[n] = testConfig(t, n, n)
	}
	s, fx, err := Create(tb.cfg[names[0]], tb.now, "room")
	if err != nil {
		t.Fatal(err)
	}
	tb.s[names[0]] = s
	tb.perform(names[0], fx)
	for _, n := range names[1:] {
		tb.step(names[0], Invite{ID: testID("invite " + n), Account: tb.cfg[n].Self.Account, KeyPackages: [][]byte{tb.key(n)}})
	}
	tb.settle()
	return tb
}

func testID(s string) IntentID { h := sha256.Sum256([]byte(s)); return IntentID(h[:16]) }

func (tb *table) key(name string) []byte {
	p, err := MLS{}.NewKeyPackage(tb.cfg[name].Self, tb.now, tb.cfg[name].Rand)
	if err != nil {
		tb.t.Fatal(err)
	}
	tb.pack[name] = append(tb.pack[name], p)
	return p.Public
}

func (tb *table) step(name string, ev Event) { tb.perform(name, tb.s[name].Step(tb.now, ev)) }

func (tb *table) perform(from string, fx Effects) {
	tb.save(from, fx)
	for _, out := range fx.Publish {
		for _, to := range tb.all {
			if to != from && tb.s[to] != nil {
				tb.step(to, Received{From: Peer(from), Envelope: out.Envelope})
			}
		}
	}
	for _, d := range fx.Direct {
		for _, to := range tb.all {
			if d.Device != tb.cfg[to].Self.Device || tb.s[to] != nil {
				continue
			}
			s, fx, err := Join(tb.cfg[to], tb.now, d.Bytes, tb.pack[to])
			if err != nil {
				tb.t.Fatal(err)
			}
			tb.s[to] = s
			tb.perform(to, fx)
		}
	}
}

func (tb *table) save(who string, fx Effects) {
	rows := tb.rows[who]
	if rows == nil {
		rows = map[string][]byte{}
		tb.rows[who] = rows
	}
	for _, r := range fx.Save {
		if rows[r.Key] = r.Value; len(r.Value) == 0 {
			delete(rows, r.Key)
		}
	}
	for _, wrap := range fx.Erase {
		for _, r := range fx.Save {
			if r.Wrap == wrap && wrap != (EpochID{}) {
				delete(rows, r.Key)
			}
		}
	}
}

// restart has a member's session taken up from its rows.
func (tb *table) restart(who string) {
	var rows []Row
	for _, key := range slices.Sorted(maps.Keys(tb.rows[who])) {
		rows = append(rows, Row{Key: key, Value: tb.rows[who][key]})
	}
	s, fx, err := Load(tb.cfg[who], tb.now, rows)
	if err != nil {
		tb.t.Fatal(err)
	}
	tb.s[who] = s
	tb.perform(who, fx)
}

// compare has two members compare their logs, to the end, and says how many
// envelopes were sent.
func (tb *table) compare(a, b string) (sent int) {
	tb.now += offerAgain
	fx, from, to := tb.s[a].Step(tb.now, PeerUp{Peer: Peer(b)}), a, b
	for range 100 {
		tb.save(from, fx)
		var next Effects
		for _, d := range fx.Direct {
			if d.Kind != DirectSync || d.Peer != Peer(to) {
				continue
			}
			frame := d.Bytes
			for _, key := range d.Rows {
				if value, kept := tb.rows[from][key]; kept {
					frame = AppendRow(frame, value)
					sent++
				}
			}
			e := tb.s[to].Step(tb.now, Frame{From: Peer(from), Bytes: frame, Device: tb.cfg[from].Self.Device})
			tb.save(to, e)
			next.Direct = append(next.Direct, e.Direct...)
		}
		if len(next.Direct) == 0 {
			break
		}
		fx, from, to = next, to, from
	}
	for s, other := range map[*Session]string{tb.s[a]: b, tb.s[b]: a} {
		s.Step(tb.now, PeerDown{Peer: Peer(other)})
	}
	return sent
}

func (tb *table) settle() {
	for range 120 {
		tb.now += 500
		for _, n := range tb.all {
			if tb.s[n] != nil {
				tb.step(n, Tick{})
			}
		}
	}
}

// craft makes a commit on a member's head without asking its session.
func (tb *table) craft(by string, e Edit, intents ...intent) []byte {
	tb.t.Helper()
	h := tb.s[by].head()
	if len(intents) > 0 {
		e.Data = encode(carried{Version: 1, Intents: intents})
	}
	e.Now = tb.now
	b, err := h.epoch.Commit(e, tb.cfg[by].Rand)
	if err != nil {
		tb.t.Fatal(err)
	}
	return b.Commit
}

// verdict is what another member says of a commit on the common head.
func (tb *table) verdict(by string, commit []byte) error {
	s := tb.s[by]
	h := s.head()
	ap, err := h.epoch.Apply(commit)
	if err != nil {
		return err
	}
	_, err = s.judge(h, commitID(h.id, commit), ap)
	return err
}

// announce makes the envelope of a commit, with the header that another member
// will find true.
func (tb *table) announce(by, reader string, commit []byte, but ...func(*heading)) []byte {
	tb.t.Helper()
	s, author := tb.s[reader], tb.s[by]
	h := s.head()
	ap, err := h.epoch.Apply(commit)
	if err != nil {
		tb.t.Fatal(err)
	}
	v, err := s.judge(h, commitID(h.id, commit), ap)
	if err != nil {
		tb.t.Fatal(err)
	}
	d := s.headingOf(&v)
	for _, f := range but {
		f(&d)
	}
	return author.sealOn(author.head(), innerCommit, encode(announced{commit, author.state(controlHeader, d)}))
}

// A header that claims that a state came from elsewhere is of another state: who
// knows the way to it by headers alone keeps to it, whatever a liar says of it.
func TestStatesHoldFastToWhereTheyCameFrom(t *testing.T) {
	said := heading{Commit: CommitID{1}, Parent: EpochID{1}, Core: Core{1}, Number: 1}
	lie := said
	lie.Parent = EpochID{2}
	a, b := said.candidate(Account{1}, nil), lie.candidate(Account{2}, nil)
	if a.Child.ID == b.Child.ID || a.Child.ID == (EpochID{}) {
		t.Error("one state came from two")
	}
}

// Nobody takes a commit without its author's word of it, true in all: else it
// could be denied later, and what comes with a Welcome could not be checked.
func TestCommitsComeWithTheirHeader(t *testing.T) {
	tb := newTable(t, "alice", "bob", "carol")
	bob := tb.s["bob"]
	from := bob.head().number
	commit := tb.craft("alice", Edit{})
	for what, raw := range map[string][]byte{
		"no header":     tb.s["alice"].sealOn(tb.s["alice"].head(), innerCommit, commit),
		"an empty one":  tb.s["alice"].sealOn(tb.s["alice"].head(), innerCommit, encode(announced{Commit: commit})),
		"another's":     tb.announce("carol", "bob", tb.craft("alice", Edit{})),
		"another child": tb.announce("alice", "bob", commit, func(d *heading) { d.Core[0]++ }),
		"another class": tb.announce("alice", "bob", commit, func(d *heading) { d.Class-- }),
		"another slot":  tb.announce("alice", "bob", commit, func(d *heading) { d.Slot++ }),
		"somebody left": tb.announce("alice", "bob", commit, func(d *heading) { d.Out = []Account{tb.cfg["carol"].Self.Account} }),
	} {
		tb.step("bob", Received{From: "carol", Envelope: raw})
		if bob.head().number != from {
			t.Fatalf("a commit with %s was taken", what)
		}
	}
	tb.step("bob", Received{From: "carol", Envelope: tb.announce("alice", "bob", commit)})
	if bob.head().number != from+1 {
		t.Error("a commit with its header was not taken")
	}
}

// wishOf makes an intent signed by a member for the common head.
func (tb *table) wishOf(by string, in intent, packages ...[]byte) intent {
	s := tb.s[by]
	w := &wish{Intent: in, Packages: packages}
	s.sign(w, s.head())
	return w.Intent
}

func (tb *table) leafOf(name string) uint32 {
	h := tb.s["alice"].head()
	i, _ := h.roster.device(tb.cfg[name].Self.Device)
	return h.roster.leaves[i].Index
}

// policyWith is the head's policy after f, of the next revision.
func (tb *table) policyWith(f func(*Policy)) []byte {
	p := *tb.s["alice"].head().policy
	p.Revision++
	f(&p)
	return encode(p)
}

func TestJudge(t *testing.T) {
	tb := newTable(t, "alice", "bob", "carol") // alice is owner
	same := func(*Policy) {}
	bobsAccount := tb.cfg["bob"].Self.Account
	dave, erin := testConfig(t, "dave", "dave"), testConfig(t, "erin", "erin")
	tb.cfg["dave"], tb.cfg["erin"] = dave, erin
	addDave := func() intent { return intent{ID: testID("add"), Op: opAdd, Account: dave.Self.Account} }
	davesKey, otherKey, erinsKey := tb.key("dave"), tb.key("dave"), tb.key("erin")
	removeBob := intent{ID: testID("rm"), Op: opRemove, Account: bobsAccount}
	name := "den"
	forged := tb.wishOf("carol", removeBob)
	forged.Author = tb.cfg["alice"].Self.Device
	replayed := tb.wishOf("alice", removeBob)
	replayed.Guard[0]++
	expired := tb.wishOf("alice", removeBob)
	expired.Until = 0
	expired.Signature = MLS{}.Sign(tb.cfg["alice"].Self.Secret, intentLabel, expired.signed(tb.s["alice"].group))

	for _, c := range []struct {
		what string
		by   string
		edit Edit
		with []intent
		want error // nil: it is valid
	}{
		{"anybody renews keys", "carol", Edit{}, nil, nil},
		{"the owner removes a member", "alice", Edit{Remove: []uint32{tb.leafOf("bob")}, Context: tb.policyWith(same)}, nil, nil},
		{"a member adds somebody", "carol", Edit{Add: [][]byte{davesKey}}, nil, nil},
		{"the owner gives a role", "alice", Edit{Context: tb.policyWith(func(p *Policy) { *p = p.withRole(bobsAccount, consensus.RoleAdmin) })}, nil, nil},
		{"a member removes another for the owner", "carol", Edit{Remove: []uint32{tb.leafOf("bob")}, Context: tb.policyWith(same)}, []intent{tb.wishOf("alice", removeBob)}, nil},
		{"a member lets another leave", "carol", Edit{Remove: []uint32{tb.leafOf("bob")}, Context: tb.policyWith(same)}, []intent{tb.wishOf("bob", removeBob)}, nil},
		{"a member adds for another", "carol", Edit{Add: [][]byte{davesKey}}, []intent{tb.wishOf("bob", addDave(), davesKey)}, nil},

		{"a member removes another", "carol", Edit{Remove: []uint32{tb.leafOf("bob")}, Context: tb.policyWith(same)}, nil, ErrPolicy},
		{"a member removes the owner", "carol", Edit{Remove: []uint32{tb.leafOf("alice")}, Context: tb.policyWith(func(p *Policy) { p.Roles = nil })}, nil, ErrPolicy},
		{"a removal leaves the revision", "alice", Edit{Remove: []uint32{tb.leafOf("bob")}}, nil, ErrPolicy},
		{"a revision without a change", "alice", Edit{Context: tb.policyWith(same)}, nil, ErrPolicy},
		{"a revision skipped", "alice", Edit{Context: tb.policyWith(func(p *Policy) { p.Revision++; p.Name = name })}, nil, ErrPolicy},
		{"a policy replaced by itself", "carol", Edit{Context: tb.s["alice"].head().epoch.Context()}, nil, ErrPolicy},
		{"a member promotes itself", "carol", Edit{Context: tb.policyWith(func(p *Policy) { *p = p.withRole(tb.cfg["carol"].Self.Account, consensus.RoleOwner) })}, nil, ErrPolicy},
		{"a member renames", "carol", Edit{Context: tb.policyWith(func(p *Policy) { p.Name = name })}, nil, ErrPolicy},
		{"a member changes the rules", "carol", Edit{Context: tb.policyWith(func(p *Policy) { p.Remove = consensus.RoleMember })}, nil, ErrPolicy},
		{"no owner is left", "alice", Edit{Context: tb.policyWith(func(p *Policy) { p.Roles = nil })}, nil, ErrPolicy},
		{"a role of nobody here", "alice", Edit{Context: tb.policyWith(func(p *Policy) { *p = p.withRole(dave.Self.Account, consensus.RoleAdmin) })}, nil, ErrPolicy},
		{"a role beyond all", "alice", Edit{Context: tb.policyWith(func(p *Policy) { *p = p.withRole(bobsAccount, 9) })}, nil, ErrPolicy},
		{"carries a forged intent", "carol", Edit{Remove: []uint32{tb.leafOf("bob")}, Context: tb.policyWith(same)}, []intent{forged}, ErrPolicy},
		{"carries one of another state", "carol", Edit{Remove: []uint32{tb.leafOf("bob")}, Context: tb.policyWith(same)}, []intent{replayed}, ErrPolicy},
		{"carries one that is over", "carol", Edit{Remove: []uint32{tb.leafOf("bob")}, Context: tb.policyWith(same)}, []intent{expired}, ErrPolicy},
		{"carries one in vain", "carol", Edit{}, []intent{tb.wishOf("alice", removeBob)}, ErrPolicy},
		{"carries one whose author may not", "bob", Edit{Context: tb.policyWith(func(p *Policy) { p.Name = name })}, []intent{tb.wishOf("carol", intent{ID: testID("n"), Op: opName, Name: &name})}, ErrPolicy},
		{"another key package than was asked for", "carol", Edit{Add: [][]byte{otherKey}}, []intent{tb.wishOf("bob", addDave(), davesKey)}, ErrPolicy},
		{"somebody else than was asked for, too", "carol", Edit{Add: [][]byte{davesKey, erinsKey}}, []intent{tb.wishOf("bob", addDave(), davesKey)}, nil},
		{"a policy of a newer version, by a member", "carol", Edit{Context: tb.policyWith(func(p *Policy) { p.Version++ })}, nil, ErrUnsupported},
	} {
		t.Run(c.what, func(t *testing.T) {
			tb.t = t
			other := "bob"
			if c.by == "bob" {
				other = "carol"
			}
			commit := tb.craft(c.by, c.edit, c.with...)
			for _, judge := range []string{other, "alice", "carol"} {
				if judge == c.by {
					continue
				}
				if err := tb.verdict(judge, commit); !errors.Is(err, c.want) {
					t.Errorf("%s says %v, want %v", judge, err, c.want)
				}
			}
		})
	}
}

// An owner's policy of a newer version is not judged; it stops who cannot read
// it, and only them.
func TestNewerPolicy(t *testing.T) {
	tb := newTable(t, "alice", "bob", "carol")
	h := tb.s["alice"].head()
	commit := tb.craft("alice", Edit{Context: tb.policyWith(func(p *Policy) { p.Version++ })})
	tb.step("bob", Received{From: "alice", Envelope: tb.announce("alice", "bob", commit)})
	tb.now += 5000
	tb.step("bob", Tick{})
	s := tb.s["bob"]
	if v := s.View(); v.Standing != Outdated || v.Number != h.number {
		t.Errorf("bob is %v at E%d", v.Standing, v.Number)
	}
	fx := s.Step(tb.now, Send{ID: testID("x"), Body: Text("x")})
	if len(fx.Publish) > 0 {
		t.Error("bob goes on sending in a state the group has left")
	}
}
