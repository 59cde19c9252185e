package mls

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Whoever speaks to us may say anything: bytes (FuzzMessage and the like,
// FuzzProcess), or, as an insider, rightly signed and sealed nonsense
// (FuzzForged, FuzzJoin). Nothing panics, nothing changes where it fails, and
// every error is of one class.

// fuzzed is the fourth codec law for any bytes.
func fuzzed[T any, P interface {
	*T
	codec
}](f *testing.F, draw func(*rapid.T) *T) {
	for seed := range 8 {
		f.Add(wire.Marshal(P(rapid.Custom(draw).Example(seed))))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := parse[T, P](b)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("%x: %v", b, err)
			}
			return
		}
		if again := wire.Marshal(P(x)); !bytes.Equal(again, b) {
			t.Fatalf("%x encodes to %x", b, again)
		}
	})
}

func FuzzMessage(f *testing.F)      { fuzzed(f, drawMessage) }
func FuzzGroupSecrets(f *testing.F) { fuzzed(f, drawSecrets) }
func FuzzCommit(f *testing.F)       { fuzzed(f, drawCommit) }
func FuzzGroupInfo(f *testing.F)    { fuzzed(f, drawInfo) }
func FuzzKeyPackage(f *testing.F)   { fuzzed(f, drawKeyPackage) }

func FuzzInspect(f *testing.F) {
	for seed := range 8 {
		f.Add(wire.Marshal(rapid.Custom(drawMessage).Example(seed)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := Inspect(b); (err == nil) == (p.Name == "") {
			t.Fatalf("%x: %q, %v", b, p.Name, err)
		}
		h, err := Peek(b)
		if m, full := ParseMessage(b); full == nil && (err != nil || h.WireFormat != m.WireFormat) {
			t.Fatalf("%x: parsed, but peeked at %v, %v", b, h, err)
		}
	})
}

// oneClass wants an error that a caller can act on.
func oneClass(t *testing.T, err error) {
	t.Helper()
	if err != nil && len(classesOf(err)) != 1 {
		t.Fatalf("classes %v of %v", classesOf(err), err)
	}
}

func FuzzProcess(f *testing.F) {
	w := newWorld(f, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c")
	for _, format := range []WireFormat{WirePublicMessage, WirePrivateMessage} {
		f.Add(w.commit(g[1], CommitOptions{WireFormat: format, Proposals: []Proposal{&Remove{Removed: 2}}}).Message)
		f.Add(must(g[1].Propose(w.rand, g[1].key, &Remove{Removed: 2}, ProposeOptions{WireFormat: format}))(f).Message)
	}
	kem, _ := w.externalInit(g[0])
	f.Add(w.forge(forgery{by: g[1], joiner: w.person("e"), proposals: []Proposal{kem}}))
	before := g[0].Snapshot()
	keys := must(g[0].Keys().Save())(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		must(g[0].LoadKeys(keys))(t) // so that no run depends on another
		_, err := g[0].Process(b, Received{})
		oneClass(t, err)
		_, _, err = g[0].Keys().Unprotect(b)
		oneClass(t, err)
		if !bytes.Equal(g[0].Snapshot(), before) {
			t.Fatal("the epoch changed")
		}
	})
}

func FuzzForged(f *testing.F) {
	w := newWorld(f, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c")
	for seed := range 8 {
		f.Add(wire.Marshal(rapid.Custom(drawCommit).Example(seed)), seed%2 == 0)
	}
	for _, p := range []Proposal{&Remove{Removed: 2}, &Add{KeyPackage: w.person("e").pack.KeyPackage}, &GroupContextExtensions{}} {
		m := must(ParseMessage(w.forge(forgery{by: g[1], proposals: []Proposal{p}})))(f)
		f.Add(wire.Marshal(m.Public.Content.Commit), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, joiner bool) {
		c, err := parse[Commit](b)
		if err != nil {
			return
		}
		from := asMember(g[1])
		if joiner {
			from = Sender{Type: SenderNewMemberCommit}
			if c.Path != nil {
				c.Path.Leaf.SignatureKey = g[1].key.Public()
			}
		}
		m := w.frameOf(g[1].Epoch, g[1].key, from, func(f *FramedContent) { f.ContentType, f.Commit = ContentCommit, c })
		next, err := g[0].Process(m, Received{PSKs: func(PreSharedKeyID) (Secret, bool) { return Secret("x"), true }})
		if err == nil && !next.RemovesMe() { // no confirmation tag was made for it
			t.Fatalf("a made-up commit is accepted:\n%s", next.Describe())
		}
		oneClass(t, err)
	})
}

func FuzzJoin(f *testing.F) {
	w := newWorld(f, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c")
	e, s := w.person("e"), g[1].suite
	good := must(ParseMessage(w.info(g[1], func(*GroupInfo) {})))(f)
	f.Add(wire.Marshal(good.GroupInfo), wire.Marshal(&groupSecrets{JoinerSecret: make(Secret, 32)}))
	f.Fuzz(func(t *testing.T, info, secrets []byte) {
		if i, err := parse[GroupInfo](info); err == nil {
			_, err := w.outside(e, (&Message{WireFormat: WireGroupInfo, GroupInfo: i}).Marshal())
			oneClass(t, err)
		}
		m := &Welcome{CipherSuite: w.id, EncryptedGroupInfo: info}
		pub := must(s.ParsePublic(e.pack.KeyPackage.InitKey))(t)
		ct := must(s.EncryptWithLabel(newRand(9), pub, labelWelcome, info, secrets))(t)
		m.Secrets = []encryptedGroupSecrets{{NewMember: e.pack.KeyPackage.ref(s), Secrets: HPKECiphertext(ct)}}
		_, err := Join(&w.config, e.pack, (&Message{WireFormat: WireWelcome, Welcome: m}).Marshal(), JoinOptions{})
		if err == nil {
			t.Fatal("a made-up welcome is accepted")
		}
		oneClass(t, err)
	})
}

// FuzzLoad lets the disk say anything.
func FuzzLoad(f *testing.F) {
	w := newWorld(f, X25519AES128SHA256Ed25519)
	e := w.group(GroupOptions{}, "a", "b", "c")[1].Epoch
	f.Add([]byte(e.Snapshot()))
	e.Erase()
	f.Add([]byte(e.Snapshot()))
	f.Fuzz(func(t *testing.T, b []byte) {
		back, err := LoadSnapshot(&Config{}, b)
		if err != nil {
			if CheckOf(err) != CheckStored {
				t.Fatal(err)
			}
			return
		}
		if again := back.Snapshot(); !bytes.Equal(again, b) {
			t.Fatalf("loads, and saves otherwise:\n%x\n%x", b, again)
		}
	})
}
