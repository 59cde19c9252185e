package testnet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/testnet"
	"pgregory.net/rapid"
)

func TestScriptReadsWhatItWrites(t *testing.T) {
	word := rapid.StringMatching(`[a-z0-9./-]{1,8}|lognormal\(60ms,400ms\)|[ -~]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		v := testnet.Verb{Name: "byzantine", Args: []testnet.Arg{testnet.Word(word.Draw(t, "who")), testnet.Word(word.Draw(t, "group")), testnet.Word(word.Draw(t, "how"))}}
		for range rapid.IntRange(0, 3).Draw(t, "more") {
			if rapid.Bool().Draw(t, "list") {
				v.Args = append(v.Args, testnet.Names(rapid.SliceOfN(word, 0, 3).Draw(t, "names")...))
			} else {
				v.Args = append(v.Args, testnet.Word(word.Draw(t, "word")))
			}
		}
		if rapid.Bool().Draw(t, "timed") {
			v.Timed, v.At = true, time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "at"))
		}
		back, err := testnet.ParseLine(v.String())
		if err != nil {
			t.Fatalf("%s: %v", v, err)
		}
		if back.String() != v.String() || len(back.Args) != len(v.Args) || back.At != v.At {
			t.Fatalf("wrote %s, read %s", v, back)
		}
	})
}

// Every error names the line and what to write instead.
func TestScriptErrors(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"nodes a\nfly a", "line 2: no verb \"fly\": there are "},
		{"send alice room", `write send WHO GROUP "TEXT"`},
		{"partition (a) (b", "a ( without its )"},
		{"partition a) (b)", "a ) without its ("},
		{"group a g (b (c))", "a list within a list"},
		{`send a g "unfinished`, "a quote that does not end"},
		{"@soon heal", `"@soon" is no time: write @12.5s`},
		{"@3s", "a time and no verb"},
		{"heal a b", "write heal [NAME]"},
	} {
		_, err := testnet.Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: error %v, want one that says %q", c.text, err, c.says)
		}
	}
}

func TestScriptStopsAtDashes(t *testing.T) {
	verbs, err := testnet.Parse("# a comment\nheal # all\n\n@2s heal x\n----\nnot a verb")
	if err != nil || len(verbs) != 2 || verbs[1].String() != "@2s heal x" {
		t.Fatalf("%v %v", verbs, err)
	}
}
