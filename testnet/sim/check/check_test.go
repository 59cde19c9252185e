package check_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/testnet/sim/check"
)

// two is a book in which alice and bob share a state.
func two() *check.Book {
	b := check.New()
	b.Seat(0, "room", "alice", "alice")
	b.Seat(0, "room", "bob", "bob")
	for _, who := range []string{"alice", "bob"} {
		b.Epoch(0, "room", who, "e1", 1, "secret", []string{"alice", "bob"})
		b.Head(0, "room", who, "e1")
	}
	return b
}

// say has alice send a text, and her device promise it.
func say(b *check.Book, excluded []string) {
	b.Asked("room", "alice", "0", "send hi")
	b.Sent(1, "room", "alice", "0", "hi", excluded)
	b.Moved(1, "room", "alice", "0", check.Handed)
}

func one(string) int { return 0 }

// A check that cannot fail is not a check: each row breaks one invariant, and
// that one is reported.
func TestEachCheckCanFail(t *testing.T) {
	for _, c := range []struct {
		invariant, says string
		do              func(b *check.Book)
	}{
		{"", "", func(b *check.Book) {
			say(b, nil)
			b.Got(2, "room", "bob", "alice", "hi", "e1")
			b.Asked("room", "alice", "1", "refresh")
			b.Moved(3, "room", "alice", "1", check.Bound)
			b.Moved(3, "room", "alice", "1", check.Landed)
			b.Moved(4, "room", "alice", "1", check.Final)
			b.Moved(5, "room", "alice", "1", check.Final)
			b.Asked("room", "bob", "2", "read")
			b.Looks("room", "bob", "2", []string{"hi"})
			b.Moved(6, "room", "bob", "2", check.Final)
			b.Told(7, "room", "alice", "bob", "hi")
			b.Told(7, "room", "alice", "bob", "hi")
			b.Looks("room", "bob", "3", []string{"hi"}) // and crashed before it was durable
		}},
		{"I1", "derives another secret", func(b *check.Book) { b.Epoch(1, "room", "bob", "e1", 1, "other", nil) }},
		{"I1", "has members", func(b *check.Book) { b.Epoch(1, "room", "bob", "e1", 1, "secret", []string{"bob"}) }},
		{"I1", "never derived", func(b *check.Book) { b.Head(1, "room", "bob", "e9") }},
		{"I1", "is at", func(b *check.Book) {
			b.Epoch(1, "room", "bob", "e2", 1, "rival", []string{"alice", "bob"})
			b.Head(1, "room", "bob", "e2")
		}},
		{"I2", "does not know", func(b *check.Book) {
			b.Epoch(1, "room", "alice", "e2", 2, "next", []string{"alice"})
			b.Head(1, "room", "alice", "e2")
		}},
		{"I3", "left", func(b *check.Book) {
			b.Beyond(1, "room", "bob", "e0")
		}},
		{"I3", "its rival", func(b *check.Book) { // each destroyed what leads to the other's state
			for who, id := range map[string]string{"alice": "e2", "bob": "e3"} {
				b.Epoch(1, "room", who, id, 2, "secret of "+id, []string{"alice", "bob"})
				b.Child(id, "e1", "alice")
				b.Head(1, "room", who, id)
				b.Beyond(1, "room", who, b.Passed("room", who, "e1"))
			}
		}},
		{"I4", "in which it is not", func(b *check.Book) {
			b.Epoch(1, "room", "alice", "e2", 2, "next", []string{"alice"})
			b.Holds(1, "room", "bob", "e2")
		}},
		{"I8", "had erased", func(b *check.Book) {
			b.Erased("room", "bob", "e1")
			b.Holds(1, "room", "bob", "e1")
		}},
		{"I10", "has no owner", func(b *check.Book) { b.Roles(1, "room", "alice", []string{"alice admin", "bob member"}) }},
		{"I10", "elsewhere", func(b *check.Book) {
			b.Roles(1, "room", "alice", []string{"alice owner", "bob member"})
			b.Roles(1, "room", "bob", []string{"alice owner", "bob admin"})
		}},
		{"I10", "refuses", func(b *check.Book) { b.Refuses(1, "room", "bob", "e1") }},
		{"I13", "did nothing", func(b *check.Book) { b.Convicts(1, "room", "bob", "alice") }},
		{"I14", "states", func(b *check.Book) { b.Keeps(1, "room", "bob", 1000, 0) }},
		{"I14", "bytes", func(b *check.Book) { b.Keeps(1, "room", "bob", 1, 1<<40) }},
		{"I5", "never got", func(b *check.Book) { say(b, nil) }},
		{"I5", "twice", func(b *check.Book) {
			say(b, nil)
			b.Got(2, "room", "bob", "alice", "hi", "e1")
			b.Got(3, "room", "bob", "alice", "hi", "e1")
		}},
		{"I5", "nobody sent", func(b *check.Book) { b.Got(2, "room", "bob", "alice", "hi", "e1") }},
		{"I5", "as by", func(b *check.Book) {
			say(b, nil)
			b.Got(2, "room", "bob", "carol", "hi", "e1")
		}},
		{"I6", "removed", func(b *check.Book) {
			say(b, []string{"bob"})
			b.Got(2, "room", "bob", "alice", "hi", "e0")
		}},
		{"I7", "twice", func(b *check.Book) {
			b.Key(1, "room", "alice", "e1", "7")
			b.Key(1, "room", "alice", "e1", "7")
		}},
		{"I9", "nobody asked", func(b *check.Book) { b.Moved(1, "room", "alice", "x", check.Landed) }},
		{"I9", "was its end", func(b *check.Book) {
			b.Asked("room", "alice", "1", "remove")
			b.Moved(1, "room", "alice", "1", check.Denied)
			b.Moved(2, "room", "alice", "1", check.Landed)
		}},
		{"I9", "gives back", func(b *check.Book) {
			say(b, nil)
			b.Moved(2, "room", "alice", "0", check.Denied)
		}},
		{"I9", "still", func(b *check.Book) {
			b.Asked("room", "alice", "1", "remove")
			b.Moved(1, "room", "alice", "1", check.Bound)
		}},
		{"I16", "not its own", func(b *check.Book) {
			say(b, nil)
			b.Looks("room", "bob", "2", []string{"hi"})
			b.Told(3, "room", "bob", "bob", "hi")
		}},
		{"I16", "was not shown it", func(b *check.Book) {
			say(b, nil)
			b.Told(3, "room", "alice", "bob", "hi")
		}},
		{"I16", "never learnt", func(b *check.Book) {
			say(b, nil)
			b.Got(2, "room", "bob", "alice", "hi", "e1")
			b.Asked("room", "bob", "2", "read")
			b.Looks("room", "bob", "2", []string{"hi"})
			b.Moved(2, "room", "bob", "2", check.Final)
		}},
		{"I15", "never got in", func(b *check.Book) {
			b.Seat(0, "room", "carol", "carol")
			for _, who := range []string{"alice", "bob"} {
				b.Epoch(1, "room", who, "e2", 2, "next", []string{"alice", "bob", "carol"})
				b.Head(1, "room", who, "e2")
			}
		}},
		{"I15", "stranded", func(b *check.Book) { b.Stranded("room", "bob") }},
		{"I15", "believes it was removed", func(b *check.Book) { b.Gone("room", "bob") }},
	} {
		b := two()
		c.do(b)
		broken := b.Rest(9, one)
		if c.invariant == "" {
			if len(broken) > 0 {
				t.Errorf("nothing is wrong, and it says %v", broken)
			}
			continue
		}
		if !slices.ContainsFunc(broken, func(x check.Broken) bool {
			return x.Invariant == c.invariant && strings.Contains(x.Why, c.says)
		}) {
			t.Errorf("%s %q: reported %v", c.invariant, c.says, broken)
		}
	}
}

// What is right is not objected to: a liar convicted, a state erased and not
// held, one history gone along by two.
func TestChecksPassWhatIsRight(t *testing.T) {
	b := two()
	b.Seat(0, "room", "mallory", "mallory")
	b.Liar("room", "mallory")
	b.Convicts(1, "room", "bob", "mallory")
	for i, who := range []string{"alice", "bob"} {
		b.Epoch(1, "room", who, "e2", 2, "next", []string{"alice", "bob"})
		b.Child("e2", "e1", "alice")
		b.Head(1, "room", who, "e2")
		b.Erased("room", who, "e1")
		b.Holds(1, "room", who, "e2")
		b.Keeps(1, "room", who, 9, 1<<20)
		b.Roles(1, "room", who, []string{"alice owner", "bob member"})
		b.Epoch(1, "room", who, "e3", 3, "third", []string{"alice", "bob"})
		b.Child("e3", "e2", "alice")
		b.Head(1, "room", who, "e3")
		b.Beyond(1, "room", who, []string{"e2", "e3"}[i]) // the other is one further
	}
	if broken := b.Rest(9, one); len(broken) > 0 {
		t.Error(broken)
	}
}

// A partition excuses its two sides from agreeing with each other.
func TestApartNeedNotAgree(t *testing.T) {
	b := two()
	b.Epoch(1, "room", "bob", "e2", 2, "other", []string{"alice", "bob"})
	b.Head(1, "room", "bob", "e2")
	if broken := b.Rest(9, func(device string) int { return int(device[0]) }); len(broken) > 0 {
		t.Error(broken)
	}
}

// A liar is owed nothing and excused nothing it does to others.
func TestLiars(t *testing.T) {
	b := two()
	b.Liar("room", "bob")
	say(b, nil)
	if broken := b.Rest(9, one); len(broken) > 0 {
		t.Error(broken)
	}
}
