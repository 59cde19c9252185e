package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/covey-p2p/covey/testnet"
)

// Hostile is the mixed script of a seed in which one member, or of seven and
// more up to two, uses the powers of a Byzantine one, now this, now that, while
// all else happens. It ceases where all is mended, so that the others can come
// to rest; what it did stays done, and it stays owed nothing.
func Hostile(seed uint64) []testnet.Verb {
	script, luck := Mixed(seed), NewRand(seed, "hostile")
	var names []string
	for _, a := range script[0].Args {
		names = append(names, a.Word)
	}
	for i := range names {
		j := i + luck.IntN(len(names)-i)
		names[i], names[j] = names[j], names[i]
	}
	mended := script[len(script)-2].At
	act := func(at time.Duration, liar, power string) {
		v, err := testnet.ParseLine("byzantine " + liar + " room " + power)
		if err != nil {
			panic("sim: a line of our own making: " + err.Error())
		}
		v.At, v.Timed = at, true
		script = slices.Insert(script, len(script)-1, v)
	}
	for _, liar := range names[:1+luck.IntN(1+len(names)/7)] {
		for range 1 + luck.IntN(4) {
			act(hostileFrom+time.Duration(luck.Float64()*float64(mended-hostileFrom)), liar, power(luck, names))
		}
		act(mended, liar, "cease")
	}
	slices.SortStableFunc(script[:len(script)-1], func(a, b testnet.Verb) int { return cmp.Compare(a.At, b.At) })
	pause := testnet.Verb{Name: "wait", Args: []testnet.Arg{testnet.Word(hostileRest.String())}}
	return slices.Insert(script, len(script)-1, pause)
}

// hostileFrom is when a group of a mixed run has come about. hostileRest is what
// is given before rest is looked for: nobody is let in again twice in a minute.
const (
	hostileFrom = 8 * time.Second
	hostileRest = 2 * time.Minute
)

// power draws a way to misbehave.
func power(luck *Rand, names []string) string {
	some := strings.Join(names[:1+luck.IntN(len(names)-1)], " ")
	ways := []string{
		"mute", "deaf", "equivocate", "twofaced " + some, "censor " + some, "malform " + some,
		fmt.Sprintf("withhold %dms", 100+luck.IntN(8000)),
		fmt.Sprintf("private %d %ds", 1+luck.IntN(6), 1+luck.IntN(20)),
		fmt.Sprintf("grind %d %dms", 1+luck.IntN(30), luck.IntN(5000)),
		fmt.Sprintf("twins %d", 2+luck.IntN(8)),
		fmt.Sprintf("replay %d", 1+luck.IntN(5)),
		fmt.Sprintf("drip %d", 1+luck.IntN(2)),
		fmt.Sprintf("lie %d", 1+luck.IntN(3)),
		fmt.Sprintf("plead %d", 1+luck.IntN(2)),
		fmt.Sprintf("flood %d", 1+luck.IntN(20)),
	}
	return ways[luck.IntN(len(ways))]
}
