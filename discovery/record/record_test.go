package record

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/mls"
)

const now = Time(1_800_000_000_000)

func key(n int) *mls.SigningKey {
	seed := sha256.Sum256(fmt.Append(nil, "key", n))
	k, err := mls.ParseSigningKey(mls.X25519AES128SHA256Ed25519, seed[:])
	if err != nil {
		panic(err)
	}
	return k
}

func identity(n int) Identity { return Identity(key(n).Public()) }

// full is a bundle such as a member publishes.
func full() *Bundle {
	b := &Bundle{
		Identity: identity(1), Seq: 7, NotAfter: now + MaxLife,
		Peer: bytes.Repeat([]byte{5}, 38), Addresses: [][]byte{{4, 127, 0, 0, 1}, {6}},
		MailKey: bytes.Repeat([]byte{9}, 32), LastResort: bytes.Repeat([]byte{8}, 280),
	}
	for i := range MaxPackages {
		b.Packages = append(b.Packages, bytes.Repeat([]byte{byte(i + 1)}, 274))
	}
	b.Devices = []Identity{{1}, {2}}
	return b
}

func sign(t testing.TB, b *Bundle) []byte {
	t.Helper()
	v, err := Sign(*b, key(1))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFullBundle(t *testing.T) {
	v := sign(t, full())
	b, err := Validate(Key(identity(1), 0), v, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Packages) != 32 || !bytes.Equal(b.encode(), full().encode()) {
		t.Fatal("not the same")
	}
	if len(v) > 10_000 {
		t.Errorf("%d bytes", len(v))
	}
}

// bundles draws any bundle that may be signed.
var bundles = rapid.Custom(func(t *rapid.T) *Bundle {
	some := func(name string, least, most int) []byte {
		return rapid.SliceOfN(rapid.Byte(), least, most).Draw(t, name)
	}
	b := &Bundle{
		Identity: identity(rapid.IntRange(1, 3).Draw(t, "who")),
		Seq:      rapid.Uint64().Draw(t, "seq"),
		NotAfter: now + Time(rapid.Int64Range(0, MaxLife).Draw(t, "life")),
		Peer:     some("peer", 0, 40), MailKey: some("mail", 0, 40), LastResort: some("last", 0, 40),
	}
	for range rapid.IntRange(0, 4).Draw(t, "packages") {
		b.Packages = append(b.Packages, some("package", 1, 40))
	}
	for range rapid.IntRange(0, 3).Draw(t, "addresses") {
		b.Addresses = append(b.Addresses, some("address", 1, 20))
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "devices") {
		b.Devices = append(b.Devices, Identity{byte(i), 1})
	}
	return b
})

// The four laws of a codec.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := bundles.Draw(t, "bundle")
		v, err := Sign(*in, key(1+slices.IndexFunc([]int{1, 2, 3}, func(n int) bool { return identity(n) == in.Identity })))
		if err != nil {
			t.Fatal(err)
		}
		k := Key(in.Identity, uint8(rapid.IntRange(0, Slots-1).Draw(t, "slot")))
		out, err := Validate(k, v, now)
		if err != nil {
			t.Fatal("round trip:", err)
		}
		if !bytes.Equal(out.encode(), v[:len(v)-signatureSize]) {
			t.Fatal("another encoding")
		}
		for i := range v {
			if _, err := Validate(k, v[:i], now); err == nil {
				t.Fatalf("prefix of %d taken", i)
			}
		}
		if _, err := Validate(k, append(slices.Clone(v), 0), now); err == nil {
			t.Fatal("trailing byte taken")
		}
		i := rapid.IntRange(0, len(v)-1).Draw(t, "flipped")
		bad := slices.Clone(v)
		bad[i] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if _, err := Validate(k, bad, now); err == nil {
			t.Fatalf("byte %d changed and taken", i)
		}
	})
}

// Each refusal by a record that is sound but for its reason.
func TestHostileRecords(t *testing.T) {
	k := Key(identity(1), 0)
	with := func(f func(*Bundle)) []byte {
		b := full()
		f(b)
		return sign(t, b)
	}
	unchecked := func(f func(*Bundle)) []byte {
		b := full()
		f(b)
		body := b.encode()
		return append(body, mls.Sign(key(1), label, body)...)
	}
	for name, c := range map[string]struct {
		value []byte
		want  error
	}{
		"sound":                   {sign(t, full()), nil},
		"expired":                 {with(func(b *Bundle) { b.NotAfter = now - 1 }), ErrExpired},
		"lives too long":          {with(func(b *Bundle) { b.NotAfter = now + MaxLife + skew + 1 }), ErrLife},
		"a year ahead":            {with(func(b *Bundle) { b.NotAfter = now + 12*MaxLife }), ErrLife},
		"another's, under my key": {unchecked(func(b *Bundle) { b.Identity = identity(2) }), ErrKey},
		"signed by another": {func() []byte {
			body := full().encode()
			return append(body, mls.Sign(key(2), label, body)...)
		}(), ErrSignature},
		"signed for another purpose": {func() []byte {
			body := full().encode()
			return append(body, mls.Sign(key(1), "covey/other", body)...)
		}(), ErrSignature},
		"bytes left over": {func() []byte {
			body := append(full().encode(), 0)
			return append(body, mls.Sign(key(1), label, body)...)
		}(), ErrMalformed},
		"an empty package":    {unchecked(func(b *Bundle) { b.Packages[3] = nil }), ErrMalformed},
		"33 packages":         {unchecked(func(b *Bundle) { b.Packages = append(b.Packages, []byte{1}) }), ErrMalformed},
		"a huge package":      {unchecked(func(b *Bundle) { b.Packages[0] = make([]byte, MaxPackage+1) }), ErrMalformed},
		"devices unsorted":    {unchecked(func(b *Bundle) { b.Devices = []Identity{{2}, {1}} }), ErrMalformed},
		"a device twice":      {unchecked(func(b *Bundle) { b.Devices = []Identity{{2}, {2}} }), ErrMalformed},
		"an empty address":    {unchecked(func(b *Bundle) { b.Addresses = [][]byte{{}} }), ErrMalformed},
		"before 1970":         {unchecked(func(b *Bundle) { b.NotAfter = -1 }), ErrMalformed},
		"of a later version":  {append([]byte{2}, sign(t, full())[1:]...), ErrVersion},
		"of version 0":        {append([]byte{0}, sign(t, full())[1:]...), ErrMalformed},
		"larger than allowed": {make([]byte, MaxSize+1), ErrSize},
		"empty":               {nil, ErrMalformed},
		"text":                {[]byte("hello"), ErrVersion},
	} {
		if _, err := Validate(k, c.value, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := Validate(Key(identity(1), Slots), sign(t, full()), now); !errors.Is(err, ErrKey) {
		t.Errorf("under a key beyond the slots: %v", err)
	}
	for name, f := range map[string]func(*Bundle){
		"33 packages": func(b *Bundle) { b.Packages = append(b.Packages, []byte{1}) },
		"too large as a whole": func(b *Bundle) {
			for i := range b.Packages {
				b.Packages[i] = make([]byte, MaxPackage)
			}
		},
	} {
		b := full()
		f(b)
		if _, err := Sign(*b, key(1)); err == nil {
			t.Errorf("signed what nobody takes: %s", name)
		}
	}
}

// Select is total and depends on the set of values only.
func TestSelect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Key(identity(1), 0)
		var values [][]byte
		bestSeq := -1
		for range rapid.IntRange(0, 6).Draw(t, "values") {
			b := full()
			b.Packages = b.Packages[:rapid.IntRange(1, 3).Draw(t, "n")]
			b.Seq = uint64(rapid.IntRange(0, 3).Draw(t, "seq"))
			v, _ := Sign(*b, key(1))
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				v = rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "garbage")
			case 1:
				v[len(v)-1] ^= 1
			default:
				bestSeq = max(bestSeq, int(b.Seq))
			}
			values = append(values, v)
		}
		best := Select(k, values, now)
		if best < 0 {
			if bestSeq >= 0 {
				t.Fatal("found none")
			}
			return
		}
		if b, err := Validate(k, values[best], now); err != nil || int(b.Seq) != bestSeq {
			t.Fatal("not the best", err)
		}
		perm := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "perm"), 1)).Perm(len(values))
		shuffled := make([][]byte, len(values))
		for i, j := range perm {
			shuffled[j] = values[i]
		}
		if again := Select(k, shuffled, now); !bytes.Equal(shuffled[again], values[best]) {
			t.Fatal("the order matters")
		}
	})
}

func TestPickSpreadsInviters(t *testing.T) {
	b := full()
	seen := map[string]int{}
	for i := range 640 {
		p := b.Pick(fmt.Append(nil, "inviter", i))
		if !bytes.Equal(p, b.Pick(fmt.Append(nil, "inviter", i))) {
			t.Fatal("not a function")
		}
		seen[string(p)]++
	}
	if len(seen) != MaxPackages {
		t.Errorf("%d packages of %d are ever picked", len(seen), MaxPackages)
	}
	for p, n := range seen {
		if n > 60 {
			t.Errorf("package %d is picked %d times of 640", p[0], n)
		}
	}
	b.Packages = nil
	if !bytes.Equal(b.Pick(nil), b.LastResort) {
		t.Error("not the last resort")
	}
	b.LastResort = nil
	if b.Pick(nil) != nil {
		t.Error("something from nothing")
	}
}

func TestNextNeverFalls(t *testing.T) {
	for _, c := range []struct {
		last uint64
		now  Time
		want uint64
	}{{0, 1000, 1000}, {1000, 1000, 1001}, {5000, 1000, 5001}, {7, -1, 8}} {
		if got := Next(c.last, c.now); got != c.want {
			t.Errorf("Next(%d, %d) = %d, want %d", c.last, c.now, got, c.want)
		}
	}
}

func FuzzValidate(f *testing.F) {
	v := sign(f, full())
	f.Add(v)
	f.Add(v[:len(v)-1])
	f.Add([]byte{1})
	small := &Bundle{Identity: identity(1), NotAfter: now}
	f.Add(sign(f, small))
	f.Fuzz(func(t *testing.T, value []byte) {
		b, err := decode(value)
		if err != nil {
			return
		}
		if !bytes.Equal(append(b.encode(), value[len(value)-signatureSize:]...), value) {
			t.Fatal("decoding and encoding is not the identity")
		}
		b.Pick([]byte("x"))
		// Signed by its owner, it is the one that stays.
		signed, err := Sign(*b, key(1))
		if err != nil {
			t.Fatal(err)
		}
		if Select(Key(identity(1), 3), [][]byte{value[:1], signed}, b.NotAfter) != 1 {
			t.Fatal("not selected")
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	v := sign(b, full())
	k := Key(identity(1), 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Validate(k, v, now); err != nil {
			b.Fatal(err)
		}
	}
}
