package people

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/covey-p2p/covey/node/session"
)

// Fingerprint is what people compare of an account's key.
type Fingerprint [32]byte

// fingerprintRounds makes each guess of an attacker 2^16 times as dear.
const fingerprintRounds = 1 << 16

// FingerprintOf takes about ten milliseconds.
func FingerprintOf(a session.Account) Fingerprint {
	k, err := pbkdf2.Key(sha256.New, string(a[:]), []byte("covey words"), fingerprintRounds, 32)
	if err != nil {
		panic(err) // only for parameters out of range
	}
	return Fingerprint(k)
}

// Words is the fingerprint as eight words, of 64 bits.
func (f Fingerprint) Words() string {
	out := make([]string, 8)
	for i := range out {
		out[i] = words[f[i]]
	}
	return strings.Join(out, " ")
}

// Number is the fingerprint as 25 digits, of 83 bits.
func (f Fingerprint) Number() string {
	out := make([]string, 5)
	for i := range out {
		out[i] = fmt.Sprintf("%05d", binary.BigEndian.Uint32(f[4*i:])%100000)
	}
	return strings.Join(out, " ")
}

// Both puts two fingerprints side by side, so that both people see the same.
func Both(a, b Fingerprint) (wordsOfBoth, number string) {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return a.Words() + " / " + b.Words(), a.Number() + " / " + b.Number()
}

// words are 256 short English words that sound apart.
var words = strings.Fields(`
acid acorn actor agent album alley amber anchor angel ankle apple apron arch arena arrow atlas
attic autumn badge bagel baker bamboo banana banjo barber barrel basil basket beacon beaver bell berry
bishop bison blanket blossom bonnet border bottle boulder branch bridge bronze brush bucket bugle butter button
cabin cactus camel candle canoe canyon captain carbon carpet carrot castle cattle cavern cedar cello chalk
cherry chimney cider cinema circus citrus clay clover cobra coffee comet compass copper coral cotton cousin
cradle crater cricket crystal curtain dagger dairy dancer deputy desert diamond dinner doctor dolphin donkey dragon
dream drum eagle earth echo eclipse elbow ember engine envoy falcon feather fender ferry fiddle finger
flame flute forest fossil fountain fox galaxy garden garlic gazelle geyser ginger glacier goblin gravel guitar
hammer harbor harvest hazel helmet heron hockey honey horizon hotel hunter igloo indigo iris island ivory
jacket jaguar jasmine jelly jewel jungle kayak kernel kettle kitten ladder lagoon lantern laurel lemon linen
lizard lobster locket lotus lunar magnet mango maple marble meadow melon meteor mirror mitten monkey mosaic
motor museum mustard napkin nectar needle nickel noodle nutmeg oasis ocean olive onion opera orbit orchid
otter oyster paddle palace panda paper parrot pebble pepper piano pigeon pillow pirate planet plum pocket
poppy potato prairie puzzle quartz quilt rabbit radar raven ribbon river robin rocket saddle salmon sandal
satin saturn shadow silver sofa sonnet spider spiral sugar summit sunset swan tango temple thunder tiger
timber tulip tunnel turtle umbrella valley vapor velvet violin walnut wagon willow window winter wizard yogurt
`)
