package consensus

import (
	"slices"
	"strings"
	"testing"
)

// The cases are the rule in pictures: each is a group, what was said in it, and
// what follows, in every order. Those named after a row of the adversarial
// suite (S: schedules, B: byzantine, R: removals, C: contention) are that row
// as far as the rule alone answers it.
var cases = []struct{ name, text string }{
	// Rank.
	{"S1 two commits on one parent, the lower slot wins", `
		group alice bob carol
		A . alice change slot=2
		B . bob change slot=1
		head B
		weight A 1
		weight B 1
		life A held,lost`},
	{"S2 three at once", `
		group alice bob carol
		A . alice change slot=2
		B . bob change slot=0
		C . carol change slot=1
		head B`},
	{"class outranks slot", `
		group alice bob
		A . alice change slot=5
		B . bob maintain slot=0
		head A`},
	{"class outranks role", `
		group alice bob
		A . alice change role=member slot=5
		B . bob maintain role=owner slot=0
		head A`},
	{"a removal outranks an owner's change", `
		group alice bob carol
		A . alice remove role=admin slot=5 roster=alice,carol
		B . bob change role=owner slot=0
		head A`},
	{"resync outranks join, and neither a member's commit", `
		group alice bob carol
		A . alice join slot=3
		B . bob resync slot=3
		C . carol maintain slot=2
		D . dave join slot=3
		head C
		weight D 0`},
	{"two external joins: only the last rung is left", `
		group alice
		A . dave join slot=1
		B . erin join slot=1
		head A`},
	{"role does not count between changes", `
		group alice bob
		A . alice change role=member slot=1
		B . bob change role=owner slot=2
		head A`},
	{"R1 mutual removal, unequal roles: the higher stays", `
		group alice bob carol
		A . alice remove role=admin slot=0 roster=alice,carol
		B . bob remove role=owner slot=2 roster=bob,carol
		head B`},
	{"R1 mutual removal, equal roles: the slot decides", `
		group alice bob carol
		A . alice remove role=admin slot=1 roster=alice,carol
		B . bob remove role=admin slot=0 roster=bob,carol
		head B`},
	{"R1 removals in a circle", `
		group alice bob carol
		A . alice remove role=admin slot=2 roster=alice,carol
		B . bob remove role=admin slot=1 roster=alice,bob
		C . carol remove role=admin slot=0 roster=bob,carol
		head C`},
	{"two commits of one leaf: the lower child, whatever they are called", `
		group alice bob carol
		A . alice change slot=1 commit=zz
		B . alice change slot=1 commit=aa
		head A
		guilty alice`},

	// Weight.
	{"weight outranks rank", `
		group alice bob carol
		A . alice remove role=owner slot=0
		B . bob change slot=2
		vote carol B
		head B
		weight A 1
		weight B 2`},
	{"S6 B1 a better sibling comes after the vote: no flip", `
		group alice bob carol dave
		A . alice change slot=3
		vote carol A
		vote dave A
		B . bob change slot=0
		head A
		weight A 3
		weight B 1`},
	{"S5 B1 a better sibling comes after three commits nobody voted for: they go", `
		group alice bob carol dave
		A . alice change slot=3
		A2 A alice change
		A3 A2 alice change
		B . bob change slot=0
		head B
		weight A 1
		weight A3 1`},
	{"S5 commits of others on top are votes of theirs", `
		group alice bob carol dave
		A . alice change slot=3
		A2 A carol change
		B . bob change slot=0
		head A2
		weight A 2
		weight A2 1
		weight B 1`},
	{"S3 grandchild first", `
		group alice bob carol
		A . alice change
		A2 A bob change
		A3 A2 carol change
		together
		head A3`},
	{"a vote counts for all above it", `
		group alice bob carol dave
		A . alice change slot=3
		A2 A alice change
		vote carol A2
		vote dave A
		B . bob change slot=0
		vote erin B
		head A2
		weight A 3
		weight A2 2`},
	{"the branches are compared where they part, not at their ends", `
		group alice bob carol dave erin frank grace
		A . alice change slot=1
		B . bob change slot=2
		A1 A alice change slot=1
		A2 A carol change slot=2
		A3 A dave change slot=3
		vote erin B
		vote frank B
		head A1
		weight A 3
		weight B 3
		weight A1 1`},
	{"a longer branch is worth nothing", `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0
		A2 A alice change
		A3 A2 alice change
		A4 A3 alice change
		head B`},
	{"B2 a removed member's private chain", `
		group alice bob carol
		X . alice remove role=admin slot=2 roster=alice,carol
		P . bob change slot=0
		P2 P bob maintain slot=0
		P3 P2 bob maintain slot=0
		P4 P3 bob change slot=0
		P5 P4 bob change slot=0
		head X`},
	{"B2 a removed member's private chain, after votes", `
		group alice bob carol dave
		X . alice remove role=admin slot=2 roster=alice,carol,dave
		vote carol X
		vote dave X
		P . bob remove role=owner slot=0 roster=bob,carol,dave
		P2 P bob change slot=0
		vote bob P2
		head X
		weight X 3
		weight P 1`},
	{"B3 a removed admin's late rival removal, nobody voted: role and slot decide", `
		group alice bob carol dave
		X . alice remove role=admin slot=2 roster=alice,carol,dave
		P . bob remove role=admin slot=0 roster=bob,carol,dave
		head P`},
	{"B3 a removed admin's late rival removal, two voted", `
		group alice bob carol dave
		X . alice remove role=admin slot=2 roster=alice,carol,dave
		vote carol X
		P . bob remove role=admin slot=0 roster=bob,carol,dave
		head X`},
	{"B13 one account on three devices weighs one", `
		group alice bob carol dave
		A . alice change slot=0
		B . bob change slot=2
		vote dave A seq=24 device=1
		vote dave A seq=25 device=2
		vote dave A seq=26 device=3
		vote carol B
		vote alice B
		head B
		weight A 1
		weight B 3`},
	{"B13 joiners below a fork do not weigh on it", `
		group alice bob carol
		A . alice change slot=1 roster=alice,bob,carol,s1,s2,s3
		vote s1 A
		vote s2 A
		vote s3 A
		B . bob change slot=0
		head B
		weight A 1
		weight B 1`},
	{"only electors weigh", `
		group alice bob carol dave voters=alice
		A . alice change slot=1
		B . bob change slot=0
		vote carol B
		vote dave B
		head A
		weight A 1
		weight B 0`},
	{"R7 a majority keeps itself in the group", `
		group owner a1 a2 b1 b2 b3
		X . owner remove role=owner slot=5 roster=a1,a2,owner
		vote a1 X
		vote a2 X
		B . b1 maintain slot=0
		vote b2 B
		vote b3 B
		A . a1 change slot=1
		vote a1 X
		head X`},
	{"R7 a larger majority keeps itself in the group", `
		group owner a1 b1 b2 b3
		X . owner remove role=owner slot=4 roster=a1,owner
		vote a1 X
		B . b1 maintain slot=0
		vote b2 B
		vote b3 B
		head B`},
	{"R7 not where only admins vote", `
		group owner a1 b1 b2 b3 voters=owner
		X . owner remove role=owner slot=4 roster=a1,owner
		vote a1 X
		B . b1 maintain slot=0
		vote b2 B
		vote b3 B
		head X`},

	// Where an account stands.
	{"the latest vote counts", `
		group alice bob carol
		A . alice change slot=0
		B . bob change slot=1
		vote carol A
		vote carol B
		head B
		stands carol B
		weight A 1`},
	{"the latest vote counts, though it names a lower epoch", `
		group alice bob carol
		A . alice change slot=1
		A2 A alice change
		B . bob change slot=0
		vote carol A2
		vote carol B
		head B
		stands carol B`},
	{"the latest vote counts, though it names no child", `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0
		vote carol A
		vote carol . seq=40
		head B
		stands carol .`},
	{"a vote moves its author off its own commit", `
		group alice bob carol
		A . alice change slot=0
		B . bob change slot=1
		vote alice B
		head B
		weight A 0
		weight B 2`},
	{"own commits carry a vote on", `
		group alice bob carol dave
		vote alice . seq=20
		A . alice change slot=3
		A2 A alice change
		B . bob change slot=0
		vote dave A
		head A2
		stands alice A2
		weight A 2`},
	{"own commits elsewhere do not", `
		group alice bob carol dave
		A . alice change slot=0
		B . bob change slot=3
		vote alice B
		A2 A alice change
		head B
		stands alice B`},
	{"whose commits part weighs on neither side, and above and below as ever", `
		group alice bob carol dave
		A . alice change slot=2
		A1 A bob change slot=3
		A2 A carol change slot=4
		C A1 dave change
		D A2 dave change
		B . bob change slot=0
		stands dave A
		weight A1 1
		weight A2 1
		weight A 3
		weight B 0
		weight C 1
		weight D 1
		head C`},
	{"who never voted has no edge over who did", `
		group alice bob carol
		vote alice . seq=20
		X . alice remove role=admin slot=2 roster=alice,carol
		B . bob change slot=0
		head X
		weight X 1
		weight B 1`},
	{"a vote for an unknown epoch changes nothing yet", `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0
		vote carol A seq=24
		vote carol Q seq=30
		head A
		stands carol A`},
	{"a vote out of turn does not count: too high", `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0
		vote carol A seq=60
		head B
		weight A 1`},
	{"a vote out of turn does not count: too low", `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0
		vote carol A seq=23
		head B
		weight A 1`},
	{"the last turn counts", `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0
		vote carol A seq=59
		head A`},
	{"who is not in an epoch cannot vote for it", `
		group alice bob carol
		A . alice change slot=1 roster=alice,bob
		B . bob change slot=0
		vote carol A
		head B
		weight A 1`},
	{"two devices of one account may both vote", `
		group alice bob carol
		A . alice change slot=0
		B . bob change slot=1
		vote carol A seq=24 device=1
		vote carol B seq=24 device=2
		head B
		stands carol B
		guilty`},
	{"two devices of one account may both commit", `
		group alice bob carol
		A . alice change slot=0
		B . alice change slot=1
		C . bob change slot=2
		guilty
		stands alice .
		head C
		weight A 0
		weight C 1`},
	{"a vote names an epoch, not a number", `
		group alice bob carol dave
		A . alice change slot=1
		B . bob change slot=0
		vote carol A
		vote dave A
		head A
		weight A 3
		weight B 1`},

	// Evidence.
	{"B4 two commits by one leaf: both stand, their author weighs nothing", `
		group alice bob carol
		A . alice change slot=0
		B . alice change slot=0
		C . bob change slot=2
		guilty alice
		nowhere alice
		head C
		weight A 0
		weight B 0
		weight C 1`},
	{"B5 two votes under one number", `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0
		vote carol A seq=24
		vote carol B seq=24
		guilty carol
		nowhere carol
		head B`},
	{"B5 even where a later vote follows", `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0
		vote carol A seq=24
		vote carol B seq=24
		vote carol A seq=25
		guilty carol
		head B`},
	{"B17 commits on different parents convict nobody", `
		group alice bob carol
		A . alice change slot=0
		A2 A alice change slot=0
		B . bob change slot=1
		B2 B alice change slot=0
		guilty
		stands alice .`},
	{"B17 one commit framed twice convicts nobody", `
		group alice bob carol
		A . alice change slot=0
		A' . alice change slot=0 child=A
		guilty
		head A`},
	{"B17 external commits convict nobody", `
		group alice bob carol
		A . carol resync slot=3
		B . carol resync slot=3
		guilty
		head A`},

	// Headers.
	{"a header weighs, and is not entered", `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0 header
		vote carol B
		head A
		best B
		diverged B
		weight B 2
		life B named`},
	{"a header with nothing beside it: the head waits above", `
		group alice bob carol
		A . alice change slot=1 header
		A2 A bob change
		head .
		best A2
		diverged A
		life A2 held`},
	{"B10 a header nobody voted for ranks like a commit, but is not entered", `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0 header
		vote carol A
		head A
		best A`},

	// The cool-down.
	{"C4 maintenance twice in a row", `
		group alice bob carol
		A . alice maintain
		A2 A alice maintain
		head A`},
	{"C4 maintenance again after two others", `
		group alice bob carol
		A . alice maintain
		B A bob change
		C B carol change
		D C alice maintain
		head D`},
	{"C4 maintenance again after one other", `
		group alice bob carol
		A . alice maintain
		B A bob change
		D B alice maintain
		head B`},
	{"C4 who carries another's intent need not wait", `
		group alice bob carol
		A . alice maintain
		A2 A alice maintain carries
		head A2`},
	{"C4 two need not wait for each other", `
		group alice bob
		A . alice maintain
		A2 A alice maintain
		head A2`},
	{"C4 the cool-down is the branch's, not the group's", `
		group alice bob carol
		A . alice maintain slot=3
		B . bob change slot=0
		B2 B alice maintain
		head B2
		stands alice .`},
}

// TestCases runs every case in every order, and against the reference.
func TestCases(t *testing.T) {
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			w := parse(t, k.text)
			first := ""
			orders(w.inputs, 300, func(inputs []input) {
				if t.Failed() {
					return
				}
				c := w.run(inputs)
				c.check()
				w.expect(t, c)
				if first == "" {
					first = c.answers()
				} else if got := c.answers(); got != first {
					t.Errorf("in the order %v\n%s\nbefore\n%s", inputs, got, first)
				}
			})
			if diff := differ(w.run(w.inputs), newReference(w, "")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCaseNamesAreUnique(t *testing.T) {
	var names []string
	for _, k := range cases {
		if strings.TrimSpace(k.text) == "" || slices.Contains(names, k.name) {
			t.Errorf("case %q", k.name)
		}
		names = append(names, k.name)
	}
}
