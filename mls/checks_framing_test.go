package mls

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// remove is a proposal that is fine in a scene.
func remove(c *FramedContent) { c.ContentType, c.Proposal = ContentProposal, &Remove{Removed: 3} }

func asMember(m *member) Sender { return Sender{Type: SenderMember, Index: uint32(m.Self())} }

// service is a scene with an external sender.
func (s *scene) service() (*scene, *person) {
	p := s.person("service")
	x := ExternalSenders(ExternalSender{SignatureKey: p.key.Public(), Credential: p.pack.KeyPackage.LeafNode.Credential})
	return newScene(s.TB, GroupOptions{Extensions: Extensions{x}}, nil), p
}

var framingRows = []row{
	{CheckDecode, "cut short", func(s *scene) error {
		m := s.commit(s.b, CommitOptions{}).Message
		return second(s.a.Process(m[:len(m)-1], Received{}))
	}},
	{CheckDecode, "bytes left over", func(s *scene) error {
		return second(s.a.Process(append(s.commit(s.b, CommitOptions{}).Message, 0), Received{}))
	}},
	{CheckDecode, "unknown sender type", func(s *scene) error {
		m := s.frameOf(s.b.Epoch, s.b.key, asMember(s.b), remove)
		m[4+1+len(s.b.GroupID())+8] = 9
		return s.unprotect(m)
	}},
	{CheckVarint, "longer than needed", func(s *scene) error {
		m := s.frameOf(s.b.Epoch, s.b.key, asMember(s.b), remove)
		long := append([]byte{0, 1, 0, 1, 0x40, byte(len(s.b.GroupID()))}, m[5:]...)
		return s.unprotect(long)
	}},
	{CheckVarint, "reserved prefix", func(s *scene) error {
		return s.unprotect([]byte{0, 1, 0, 1, 0xc0, 1, 2, 3, 4, 5, 6, 7, 8})
	}},
	{CheckVersion, "", func(s *scene) error {
		m := s.frameOf(s.b.Epoch, s.b.key, asMember(s.b), remove)
		m[1] = 2
		return s.unprotect(m)
	}},
	{CheckWireFormat, "unknown", func(s *scene) error { return s.unprotect([]byte{0, 1, 0, 9, 1, 2, 3}) }},
	{CheckWireFormat, "a key package for a commit", func(s *scene) error {
		return second(s.a.Process(s.person("e").pack.KeyPackage.Marshal(), Received{}))
	}},
	{CheckWireFormat, "a commit for a welcome", func(s *scene) error {
		return second(Join(&s.config, s.person("e").pack, s.commit(s.b, CommitOptions{}).Message, JoinOptions{}))
	}},
	{CheckPackageVersion, "", func(s *scene) error {
		return second(ParseMessage(s.repack(s.person("e"), func(k *KeyPackage) { k.Version = 2 }).Marshal()))
	}},
	{CheckGroup, "public", func(s *scene) error {
		other := s.group(GroupOptions{GroupID: []byte("another")}, "x", "y")
		return s.unprotect(s.frameOf(other[1].Epoch, other[1].key, asMember(other[1]), remove))
	}},
	{CheckGroup, "private", func(s *scene) error {
		other := s.group(GroupOptions{GroupID: []byte("another")}, "x", "y")
		return second(s.a.Process(s.commit(other[1], CommitOptions{}).Message, Received{}))
	}},
	{CheckEpoch, "late", func(s *scene) error {
		next := s.follow(s.g, 2, s.commit(s.g[2], CommitOptions{}))
		return second(next[0].Process(s.commit(s.b, CommitOptions{}).Message, Received{}))
	}},
	{CheckEpoch, "early", func(s *scene) error {
		next := s.follow(s.g, 2, s.commit(s.g[2], CommitOptions{WireFormat: WirePublicMessage}))
		return second(s.a.Process(s.commit(next[1], CommitOptions{WireFormat: WirePublicMessage}).Message, Received{}))
	}},
	{CheckSignature, "public", func(s *scene) error {
		return s.unprotect(s.frameOf(s.b.Epoch, s.g[2].key, asMember(s.b), remove))
	}},
	{CheckSignature, "private, by another member", func(s *scene) error {
		plain := s.plaintext(&member{s.g[2].person, s.b.Epoch}, ContentApplication, func(c *FramedContent) { c.Application = []byte("x") })
		return s.unprotect(s.sealed(s.b.Epoch, 1, 1, 0, ContentApplication, plain))
	}},
	{CheckSignature, "bound to the wire format", func(s *scene) error {
		c := s.b.content(asMember(s.b), nil)
		remove(&c)
		signed := s.b.sign(s.b.key, WirePrivateMessage, c)
		signed.WireFormat = WirePublicMessage
		return s.unprotect(s.b.public(newSigned(signed.AuthenticatedContent, s.b.encoded)))
	}},
	{CheckSignature, "of an external commit, not its leaf's", func(s *scene) error {
		kem, _ := s.externalInit(s.a)
		e := s.person("e")
		other := must(GenerateSigningKey(s.rand, s.id))(s)
		return s.process(forgery{joiner: e, proposals: []Proposal{kem}, signer: other})
	}},
	{CheckSenderContent, "an external sender commits", func(s *scene) error {
		s, p := s.service()
		return second(s.a.Process(s.frameOf(s.b.Epoch, p.key, Sender{Type: SenderExternal}, func(c *FramedContent) {
			c.ContentType, c.Commit = ContentCommit, &Commit{}
		}), Received{}))
	}},
	{CheckSenderContent, "a new member commits as if proposing", func(s *scene) error {
		return second(s.a.Process(s.frameOf(s.b.Epoch, s.b.key, Sender{Type: SenderNewMemberProposal}, func(c *FramedContent) {
			c.ContentType, c.Commit = ContentCommit, &Commit{}
		}), Received{}))
	}},
	{CheckSenderContent, "a joiner proposes", func(s *scene) error {
		return s.unprotect(s.frameOf(s.b.Epoch, s.b.key, Sender{Type: SenderNewMemberCommit}, remove))
	}},
	{CheckSenderIndex, "", func(s *scene) error {
		s, p := s.service()
		return s.unprotect(s.frameOf(s.b.Epoch, p.key, Sender{Type: SenderExternal, Index: 1}, remove))
	}},
	{CheckSenderIndex, "no external senders at all", func(s *scene) error {
		return s.unprotect(s.frameOf(s.b.Epoch, s.b.key, Sender{Type: SenderExternal}, remove))
	}},
	{CheckSenderLeaf, "outside the tree", func(s *scene) error {
		return s.unprotect(s.frameOf(s.b.Epoch, s.b.key, Sender{Type: SenderMember, Index: 100}, remove))
	}},
	{CheckSenderLeaf, "removed", func(s *scene) error {
		g := s.follow(s.g, 0, s.commit(s.a, CommitOptions{Proposals: []Proposal{&Remove{Removed: 2}}}))
		_, _, err := g[0].Keys().Unprotect(s.frameOf(g[1].Epoch, s.g[2].key, Sender{Type: SenderMember, Index: 2}, remove))
		return err
	}},
	{CheckOwnMessage, "commit", func(s *scene) error {
		return second(s.a.Process(s.commit(s.a, CommitOptions{}).Message, Received{}))
	}},
	{CheckOwnMessage, "public commit", func(s *scene) error {
		return second(s.a.Process(s.commit(s.a, CommitOptions{WireFormat: WirePublicMessage}).Message, Received{}))
	}},
	{CheckOwnMessage, "application", func(s *scene) error {
		m, _, err := s.a.Keys().Protect(s.rand, s.a.key, Outgoing{Data: []byte("x")})
		noError(s, "protect", err)
		return s.unprotect(m)
	}},
	{CheckOwnMessage, "application of another copy of this client", func(s *scene) error {
		old := must(s.a.Keys().Save())(s)
		m, _, err := s.a.Keys().Protect(s.rand, s.a.key, Outgoing{Data: []byte("x")})
		noError(s, "protect", err)
		must(s.a.LoadKeys(old))(s)
		return s.unprotect(m)
	}},
	{CheckSignature, "in this member's own name", func(s *scene) error {
		plain := s.plaintext(&member{s.b.person, s.a.Epoch}, ContentApplication, func(c *FramedContent) { c.Application = []byte("x") })
		return s.unprotect(s.sealed(s.b.Epoch, 0, 0, 0, ContentApplication, plain))
	}},
	{CheckSignature, "a commit in this member's own name", func(s *scene) error {
		return second(s.a.Process(s.frameOf(s.b.Epoch, s.b.key, asMember(s.a), func(c *FramedContent) {
			c.ContentType, c.Commit = ContentCommit, &Commit{}
		}), Received{}))
	}},
	{CheckDecrypt, "in this member's own name, under another's key", func(s *scene) error {
		plain := s.plaintext(s.b, ContentApplication, func(c *FramedContent) { c.Application = []byte("x") })
		return s.unprotect(s.sealed(s.b.Epoch, 0, 1, 0, ContentApplication, plain))
	}},
	{CheckMembershipTag, "wrong", func(s *scene) error {
		m := s.frameOf(s.b.Epoch, s.b.key, asMember(s.b), remove)
		m[len(m)-1] ^= 1
		return s.unprotect(m)
	}},
	{CheckMembershipTag, "empty", func(s *scene) error {
		m := must(ParseMessage(s.frameOf(s.b.Epoch, s.b.key, asMember(s.b), remove)))(s)
		m.Public.MembershipTag = nil
		return s.unprotect(m.Marshal())
	}},
	{CheckMembershipTag, "before the signature", func(s *scene) error {
		m := must(ParseMessage(s.frameOf(s.b.Epoch, s.g[2].key, asMember(s.b), remove)))(s)
		m.Public.MembershipTag = make([]byte, 32)
		return s.unprotect(m.Marshal())
	}},
	{CheckPublicContent, "", func(s *scene) error {
		return s.unprotect(s.frameOf(s.b.Epoch, s.b.key, asMember(s.b), func(c *FramedContent) {
			c.ContentType, c.Application = ContentApplication, []byte("in the open")
		}))
	}},
	{CheckDecrypt, "", func(s *scene) error {
		m, _, err := s.b.Keys().Protect(s.rand, s.b.key, Outgoing{Data: bytes.Repeat([]byte("x"), 100)})
		noError(s, "protect", err)
		m[len(m)-1] ^= 1
		return s.unprotect(m)
	}},
	{CheckDecrypt, "authenticated data changed", func(s *scene) error {
		m, _, err := s.b.Keys().Protect(s.rand, s.b.key, Outgoing{Data: []byte("x"), AuthenticatedData: []byte("seen")})
		noError(s, "protect", err)
		return s.unprotect(bytes.Replace(m, []byte("seen"), []byte("SEEN"), 1))
	}},
	{CheckDecode, "a private message whose content is none", func(s *scene) error {
		return s.unprotect(s.sealed(s.b.Epoch, 1, 1, 0, ContentApplication, []byte{0x3f}))
	}},
	{CheckPadding, "", func(s *scene) error {
		plain := s.plaintext(s.b, ContentApplication, func(c *FramedContent) { c.Application = []byte("x") }, 0, 0, 1)
		return s.unprotect(s.sealed(s.b.Epoch, 1, 1, 0, ContentApplication, plain))
	}},
	{CheckSenderData, "", func(s *scene) error {
		m := must(ParseMessage(s.commit(s.b, CommitOptions{}).Message))(s)
		m.Private.EncryptedSenderData[0] ^= 1
		return second(s.a.Process(m.Marshal(), Received{}))
	}},
	{CheckSenderData, "content type changed", func(s *scene) error {
		m := must(ParseMessage(s.commit(s.b, CommitOptions{}).Message))(s)
		m.Private.ContentType = ContentProposal
		return second(s.a.Process(m.Marshal(), Received{}))
	}},
	{CheckSenderDataLeaf, "", func(s *scene) error {
		plain := s.plaintext(s.b, ContentApplication, func(c *FramedContent) { c.Application = []byte("x") })
		return s.unprotect(s.sealed(s.b.Epoch, 77, 1, 0, ContentApplication, plain))
	}},
	{CheckReplay, "application", func(s *scene) error {
		m, _, err := s.b.Keys().Protect(s.rand, s.b.key, Outgoing{Data: []byte("x")})
		noError(s, "protect", err)
		noError(s, "first time", s.unprotect(m))
		return s.unprotect(m)
	}},
	{CheckReplay, "proposal", func(s *scene) error {
		m := must(s.b.Propose(s.rand, s.b.key, &Remove{Removed: 2}, ProposeOptions{}))(s).Message
		noError(s, "first time", s.unprotect(m))
		return s.unprotect(m)
	}},
	{CheckForward, "one too far", func(s *scene) error {
		plain := s.plaintext(s.b, ContentApplication, func(c *FramedContent) { c.Application = []byte("x") })
		far := s.sealed(s.b.Epoch, 1, 1, MaxForward+1, ContentApplication, plain)
		if err := s.unprotect(far); CheckOf(err) != CheckForward || !errors.Is(err, Ahead{1, MaxForward + 1}) {
			s.Fatal("a leap over too many:", err)
		}
		noError(s, "just near enough", s.unprotect(s.sealed(s.b.Epoch, 1, 1, MaxForward, ContentApplication, plain)))
		noError(s, "the next", s.unprotect(far))
		return s.unprotect(s.sealed(s.b.Epoch, 1, 1, MaxForward+3, ContentApplication, plain))
	}},
	{CheckForward, "as in RFC 9420 §15.3", func(s *scene) error {
		m := must(ParseMessage(s.commit(s.b, CommitOptions{}).Message))(s)
		var data wire.Writer
		data.U32(1)
		data.U32(0xffffffff)
		data.Raw(make([]byte, 4))
		key := schedule.SenderDataKey(s.b.suite, s.b.keys.senderData, m.Private.Ciphertext)
		m.Private.EncryptedSenderData = key.Seal(nil, schedule.ReuseGuard{}, m.Private.senderAAD(), data.Bytes())
		return second(s.a.Process(m.Marshal(), Received{}))
	}},
	{CheckAEADLimit, "the last generation is used", func(s *scene) error {
		noError(s, "first", second3(s.b.Keys().Protect(s.rand, s.b.key, Outgoing{})))
		cells := must(s.b.Keys().Save())(s)
		for _, c := range cells { // the application ratchet of leaf 1
			if c.Name == KeysPrefix(s.b.ID())+"c00000003" {
				binary.BigEndian.PutUint32(c.Value, schedule.MaxGeneration)
			}
		}
		must(s.b.LoadKeys(cells))(s)
		noError(s, "last", second3(s.b.Keys().Protect(s.rand, s.b.key, Outgoing{})))
		return second3(s.b.Keys().Protect(s.rand, s.b.key, Outgoing{}))
	}},
}

func second3[T, U any](_ T, _ U, err error) error { return err }
