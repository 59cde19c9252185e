package mls

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/wire"
)

// golden compares text with a file, which -update rewrites.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *rewrite {
		noError(t, "write", os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	noError(t, "golden", err)
	if text != string(want) {
		t.Errorf("%s differs:\n%s", path, text)
	}
}

func TestDescribe(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{GroupID: []byte("golden"), Extensions: Extensions{ExternalSenders()}}, "alice", "bob", "carol")
	e := w.person("dave")
	c := w.commit(g[1], CommitOptions{Proposals: []Proposal{&Remove{Removed: 2}, &Add{KeyPackage: e.pack.KeyPackage}}})
	removed := must(g[2].Process(c.Message, Received{}))(t)
	closed := w.commit(g[0], CommitOptions{Proposals: []Proposal{&ReInit{GroupID: []byte("next"), Version: MLS10, CipherSuite: 2}}})
	var b strings.Builder
	for _, part := range []string{g[0].Epoch.Describe(), c.Describe(), c.Next.Describe(), removed.Next.Describe(), closed.Describe(), closed.Next.Describe()} {
		b.WriteString(part + "\n")
	}
	golden(t, "describe.txt", b.String())
	if got := fmt.Sprint(g[0].Epoch); !strings.HasPrefix(got, "epoch 1 ") {
		t.Errorf("an epoch prints as %q", got)
	}
}

func TestInspect(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{GroupID: []byte("golden")}, "alice", "bob", "carol")
	e := w.person("dave")
	commit := w.commit(g[1], CommitOptions{WireFormat: WirePublicMessage, PSKs: func(PreSharedKeyID) (Secret, bool) { return Secret("x"), true }, Proposals: []Proposal{
		&Add{KeyPackage: e.pack.KeyPackage}, &Remove{Removed: 2}, &PreSharedKey{PSK: PreSharedKeyID{Type: ExternalPSK, ID: []byte("id")}},
		&GroupContextExtensions{Extensions: Extensions{ExternalSenders()}},
	}})
	hello, _, err := g[0].Keys().Protect(w.rand, g[0].key, Outgoing{Data: []byte("hello")})
	noError(t, "protect", err)
	var add wire.Writer
	encodeProposal(&add, &Add{KeyPackage: e.pack.KeyPackage})
	context := g[0].Context()
	var b strings.Builder
	for _, bytes := range [][]byte{
		commit.Message, commit.Welcome, hello, must(g[0].GroupInfo(g[0].key, WelcomeOptions{External: true}))(t), e.pack.KeyPackage.Marshal(),
		wire.Marshal(e.pack.KeyPackage), wire.Marshal(&context), commit.Next.RatchetTree(), add.Bytes(),
	} {
		p := must(Inspect(bytes))(t)
		b.WriteString(p.String() + "\n")
		var back Part
		noError(t, "json", json.Unmarshal(must(json.Marshal(p))(t), &back))
		if back.String() != p.String() {
			t.Error("JSON loses something")
		}
	}
	golden(t, "inspect.txt", b.String())
	if _, err := Inspect([]byte("not MLS at all")); !errors.Is(err, ErrInvalid) {
		t.Errorf("nonsense: %v", err)
	}
}

func TestPeek(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{GroupID: []byte("g")}, "a", "b")
	e := w.person("e")
	public := w.commit(g[1], CommitOptions{WireFormat: WirePublicMessage, Proposals: []Proposal{&Add{KeyPackage: e.pack.KeyPackage}}})
	private := w.commit(g[1], CommitOptions{})
	for _, c := range []struct {
		message []byte
		want    string
	}{
		{public.Message, "public_message g 1 commit member 1 0"},
		{private.Message, "private_message g 1 commit unknown(0) 0 0"},
		{public.Welcome, "welcome  0 unknown(0) unknown(0) 0 1"},
		{must(g[0].GroupInfo(g[0].key, WelcomeOptions{}))(t), "group_info g 1 unknown(0) unknown(0) 0 0"},
		{e.pack.KeyPackage.Marshal(), "key_package  0 unknown(0) unknown(0) 0 0"},
	} {
		h := must(Peek(c.message))(t)
		got := fmt.Sprintf("%v %s %d %v %v %d %d", h.WireFormat, h.GroupID, h.Epoch, h.ContentType, h.Sender.Type, h.Sender.Index, len(h.Refs))
		if got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		if _, err := Peek(c.message[:3]); CheckOf(err) != CheckDecode {
			t.Errorf("three bytes: %v", err)
		}
	}
}

// Neither printing nor failing shows a secret: every secret that a life made is
// looked for in all that it printed.
func TestNothingShowsSecrets(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b", "c")
	p := w.person("p")
	sent := must(g[0].ProposeUpdate(w.rand, g[0].key, nil, ProposeOptions{}))(t)
	c := w.commit(g[1], CommitOptions{Proposals: []Proposal{&Add{KeyPackage: p.pack.KeyPackage}}})
	var shown strings.Builder
	for _, v := range []any{g[0].Epoch, *g[0], g[0].Keys(), c, *c, sent, *sent, sent.Proposed, p.pack, *p.pack, p.key, g[0].own, g[0].secrets, []any{c, g}} {
		fmt.Fprintf(&shown, "%v %+v %#v %s %x\n", v, v, v, v, v)
	}
	for _, r := range slicesOfRows() {
		err := r.bad(newScene(t, GroupOptions{}, nil))
		fmt.Fprintf(&shown, "%v %+v %#v\n", err, err, err)
	}
	text := shown.String()
	if !strings.Contains(text, "‹redacted›") {
		t.Error("nothing was redacted: the test looks at nothing")
	}
	var secrets [][]byte
	for _, m := range g {
		secrets = append(secrets, m.secrets.InitSecret(), m.secrets.ExternalSecret(), m.secrets.MembershipKey(), m.key.Bytes(), m.pack.LeafKey.Bytes(), m.keys.senderData)
	}
	secrets = append(secrets, p.pack.InitKey.Bytes(), sent.leafKey.Bytes(), c.Next.secrets.InitSecret())
	for i, s := range secrets {
		for _, form := range []string{fmt.Sprintf("%x", []byte(s)), fmt.Sprintf("%X", []byte(s)), fmt.Sprintf("%v", []byte(s)), string(s), strings.Trim(fmt.Sprintf("%#v", []byte(s)), "[]byte{}")} {
			if strings.Contains(text, form) {
				t.Errorf("secret %d is shown as %.20q", i, form)
			}
		}
	}
}

func slicesOfRows() (out []row) {
	for _, rows := range [][]row{framingRows, leafRows, pathRows, proposalRows, joinRows, originRows, stateRows} {
		out = append(out, rows...)
	}
	return out
}
