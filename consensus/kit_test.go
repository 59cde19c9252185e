package consensus

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A world is everything ever said about a group: the inputs of the rule, as a
// set. Tests hand it to chains in many orders, and to the slow reference.
//
// It is written as lines of text:
//
//	group alice bob carol number=5     the root, "."
//	A . alice change slot=1            commit A on ".", leading to epoch A
//	B A bob remove role=admin roster=alice,bob
//	vote carol A seq=24 device=phone   seq: by default the account's next
//
// and what must come of it:
//
//	head A | best A | weight A 2 | stands carol A | guilty carol | nowhere carol
//	life A lost | diverged A | together (every candidate is in the tree)
//
// Slots default to 9, classes to change. Child epochs compare as their names do.
type world struct {
	params  Params
	root    Epoch
	inputs  []input
	expects [][]string
	numbers map[string]uint64
	seqs    map[string]uint64
	rosters map[string][]Account
}

// input is one thing a chain can be told.
type input struct {
	kind      byte // 'c' candidate, 'v' vote
	candidate Candidate
	vote      Vote
}

func account(name string) (a Account)   { copy(a[:], name); return }
func device(name string) (d Device)     { copy(d[:], name); return }
func epochID(name string) (e EpochID)   { copy(e[:], name); return }
func commitID(name string) (c CommitID) { copy(c[:], "c-"+name); return }

func text(b []byte) string         { return strings.TrimRight(string(b), "\x00") }
func (a Account) String() string   { return text(a[:]) }
func (e EpochID) String() string   { return text(e[:]) }
func (c CommitID) String() string  { return text(c[:]) }
func (v Vote) String() string      { return fmt.Sprintf("vote %v %v seq=%d", v.Account, v.Head, v.Seq) }
func (k Candidate) String() string { return fmt.Sprintf("%v %v %v", k.ID, k.Parent, k.Author) }
func (in input) String() string {
	if in.kind == 'v' {
		return in.vote.String()
	}
	return in.candidate.String()
}

func accounts(names ...string) []Account {
	var out []Account
	for _, n := range names {
		out = append(out, account(n))
	}
	slices.SortFunc(out, compareAccounts)
	return out
}

var classes = map[string]Class{
	"remove": ClassRemove, "change": ClassChange, "maintain": ClassMaintain, "resync": ClassResync, "join": ClassJoin,
}

var roles = map[string]Role{"member": RoleMember, "admin": RoleAdmin, "owner": RoleOwner}

// parse reads a world; it fails the test on a line it does not know.
func parse(t testing.TB, lines string) *world {
	t.Helper()
	w := &world{
		params: V1(), numbers: map[string]uint64{}, seqs: map[string]uint64{}, rosters: map[string][]Account{},
	}
	for line := range strings.Lines(lines) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 0 {
			if err := w.line(f); err != nil {
				t.Fatalf("%q: %v", strings.TrimSpace(line), err)
			}
		}
	}
	return w
}

func (w *world) line(f []string) error {
	words, options := split(f)
	switch words[0] {
	case "group":
		w.root = Epoch{ID: epochID("."), Number: 5, Roster: accounts(words[1:]...)}
		if n := options["number"]; n != "" {
			w.root.Number, _ = strconv.ParseUint(n, 10, 64)
		}
		if v := options["voters"]; v != "" {
			w.root.Voters = accounts(strings.Split(v, ",")...)
		}
		w.numbers["."], w.rosters["."] = w.root.Number, w.root.Roster
	case "vote":
		who, head := words[1], words[2]
		seq := max(w.seqs[who]+1, w.params.Turns*w.numbers[head])
		if s := options["seq"]; s != "" {
			seq, _ = strconv.ParseUint(s, 10, 64)
		}
		w.seqs[who] = max(seq, w.seqs[who])
		v := Vote{Account: account(who), Device: device(options["device"]), Seq: seq, Head: epochID(head)}
		w.inputs = append(w.inputs, input{kind: 'v', vote: v})
	case "head", "best", "weight", "stands", "guilty", "nowhere", "diverged", "together", "life":
		w.expects = append(w.expects, words)
	default:
		return w.commit(words, options)
	}
	return nil
}

func split(f []string) (words []string, options map[string]string) {
	options = map[string]string{}
	for _, word := range f {
		if key, value, ok := strings.Cut(word, "="); ok {
			options[key] = value
		} else {
			words = append(words, word)
		}
	}
	return words, options
}

func (w *world) commit(words []string, options map[string]string) error {
	if len(words) < 3 {
		return fmt.Errorf("unknown line")
	}
	name, parent := words[0], words[1]
	roster := w.rosters[parent]
	if r, ok := options["roster"]; ok {
		roster = accounts(strings.Split(r, ",")...)
	}
	slot := 9
	if s, ok := options["slot"]; ok {
		slot, _ = strconv.Atoi(s)
	}
	child := name
	if c, ok := options["child"]; ok {
		child = c
	}
	w.numbers[child], w.rosters[child] = w.numbers[parent]+1, roster
	k := Candidate{
		ID: commitID(name), Parent: epochID(parent), Author: account(words[2]), Class: ClassChange,
		Child: Epoch{ID: epochID(child), Number: w.numbers[child], Roster: roster},
		Slot:  uint32(slot), Role: roles[options["role"]],
	}
	if c, ok := options["commit"]; ok {
		k.ID = commitID(c)
	}
	if v, ok := options["voters"]; ok {
		k.Child.Voters = accounts(strings.Split(v, ",")...)
	}
	for _, word := range words[3:] {
		switch word {
		case "carries":
			k.Carries = true
		case "header":
			k.Header = true
		case "opened":
			k.Opened = true
		default:
			class, ok := classes[word]
			if !ok {
				return fmt.Errorf("unknown word %q", word)
			}
			k.Class = class
		}
	}
	w.inputs = append(w.inputs, input{kind: 'c', candidate: k})
	return nil
}

func (w *world) chain() *Chain { return New(w.root, epochID("genesis"), w.params) }

func (c *Chain) tell(in input) Move {
	if in.kind == 'v' {
		m, _ := c.Hear(in.vote)
		return m
	}
	m, _ := c.Add(in.candidate)
	return m
}

func (w *world) run(inputs []input) *Chain {
	c := w.chain()
	for _, in := range inputs {
		c.tell(in)
	}
	return c
}

// answers is all a chain says that must be the same whatever the order was.
func (c *Chain) answers() string {
	var b strings.Builder
	fmt.Fprintf(&b, "head %v best %v\n", c.Head(), c.Best())
	var nodes []*node
	for _, n := range c.epochs {
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b *node) int { return compareEpochs(a.Child.ID, b.Child.ID) })
	for _, n := range nodes {
		stand, of := c.Agreed(n.Child.ID)
		fmt.Fprintf(&b, "%v from %v by %v weight %d agreed %d/%d header %v\n",
			n.Child.ID, n.Parent, n.Author, n.weight, stand, of, n.Header)
	}
	for _, s := range c.seated() {
		if id, ok := c.Standing(s.account); ok {
			fmt.Fprintf(&b, "%v stands %v\n", s.account, id)
		}
		if s.guilt != nil {
			fmt.Fprintf(&b, "%v guilty\n", s.account)
		}
	}
	fmt.Fprintf(&b, "missing %v wanted %v\n", c.Missing(), c.Wanted())
	return b.String()
}

// orders calls f with every order of the inputs where they are at most 5, else
// with so many random ones.
func orders(inputs []input, random int, f func([]input)) {
	if len(inputs) <= 5 {
		permute(slices.Clone(inputs), 0, f)
		return
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range random {
		in := slices.Clone(inputs)
		rng.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
		f(in)
	}
}

func permute(in []input, k int, f func([]input)) {
	if k == len(in) {
		f(in)
		return
	}
	for i := k; i < len(in); i++ {
		in[k], in[i] = in[i], in[k]
		permute(in, k+1, f)
		in[k], in[i] = in[i], in[k]
	}
}

// expect checks the lines that say what must come of a world.
func (w *world) expect(t testing.TB, c *Chain) {
	t.Helper()
	for _, e := range w.expects {
		got := ""
		switch e[0] {
		case "head":
			got = c.Head().String()
		case "best":
			got = c.Best().String()
		case "weight":
			got = e[1] + " " + strconv.Itoa(c.Weight(commitID(e[1])))
		case "stands":
			id, _ := c.Standing(account(e[1]))
			got = e[1] + " " + id.String()
		case "nowhere":
			if _, ok := c.Standing(account(e[1])); !ok {
				got = e[1]
			}
		case "guilty":
			for _, e := range c.Evidence() {
				got = strings.TrimSpace(got + " " + e.Account.String())
			}
		case "diverged":
			if d, ok := c.Diverged(); ok {
				got = d.Rival.Child.ID.String()
			}
		case "life":
			got = e[1] + " " + c.Life(commitID(e[1])).String()
			if strings.Contains(e[2], c.Life(commitID(e[1])).String()) { // held,lost: either
				continue
			}
		case "together": // every candidate is in the tree
			if len(c.epochs) != 1+len(w.inputs)-w.votes() {
				got = "apart"
			}
		default:
			continue
		}
		if want := strings.Join(e[1:], " "); got != want {
			t.Errorf("%s: got %q, want %q\n%s", e[0], got, want, c.Describe(named))
		}
	}
}

func (w *world) votes() (n int) {
	for _, in := range w.inputs {
		if in.kind == 'v' {
			n++
		}
	}
	return n
}

// named draws with the names tests use.
var named = Drawing{
	Account: func(a Account) string { return a.String() },
	Commit:  func(c CommitID) string { return strings.TrimPrefix(c.String(), "c-") },
}
