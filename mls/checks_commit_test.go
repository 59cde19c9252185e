package mls

var pathRows = []row{
	{CheckPathDecrypt, "", func(s *scene) error {
		return s.process(forgery{path: func(_ *draft, u *UpdatePath) { u.Nodes[0].EncryptedPathSecret[0].Ciphertext[0] ^= 1 }})
	}},
	{CheckPathDecrypt, "a path secret of another length", func(s *scene) error {
		return s.process(forgery{path: func(d *draft, u *UpdatePath) { s.reseal(d, u, make(Secret, 31)) }})
	}},
	{CheckPathDecrypt, "in a later commit, from the state it leaves", func(s *scene) error {
		m := s.forge(forgery{by: s.b, path: func(_ *draft, u *UpdatePath) { u.Nodes[0].EncryptedPathSecret[0].Ciphertext[0] ^= 1 }})
		c, err := s.a.Process(m, Received{})
		if CheckOf(err) != CheckPathDecrypt || c == nil || c.Next.Member() {
			s.Fatalf("candidate %v, %v", c, err)
		}
		return second(c.Next.Commit(s.rand, s.a.key, CommitOptions{}))
	}},
	{CheckPathKey, "", func(s *scene) error {
		return s.process(forgery{path: func(d *draft, u *UpdatePath) { s.reseal(d, u, make(Secret, 32)) }})
	}},
	{CheckPathParentHash, "", func(s *scene) error {
		return s.process(forgery{path: func(_ *draft, u *UpdatePath) {
			u.Leaf.ParentHash[0] ^= 1
			s.resign(&u.Leaf, s.b.key, s.b.GroupID(), 1)
		}})
	}},
	{CheckPathLength, "too short", func(s *scene) error {
		return s.process(forgery{path: func(_ *draft, u *UpdatePath) { u.Nodes = u.Nodes[:1] }})
	}},
	{CheckPathLength, "too long", func(s *scene) error {
		return s.process(forgery{path: func(_ *draft, u *UpdatePath) { u.Nodes = append(u.Nodes, u.Nodes[0]) }})
	}},
	{CheckPathCount, "too few", func(s *scene) error {
		return s.process(forgery{path: func(_ *draft, u *UpdatePath) { u.Nodes[1].EncryptedPathSecret = u.Nodes[1].EncryptedPathSecret[:1] }})
	}},
	{CheckPathCount, "one for a leaf added in the same commit", func(s *scene) error {
		// d is removed and e takes its place, so the resolution above c holds
		// the new leaf, which must be left out.
		return s.process(forgery{
			proposals: []Proposal{&Remove{Removed: 3}, &Add{KeyPackage: s.person("e").pack.KeyPackage}},
			path: func(_ *draft, u *UpdatePath) {
				n := &u.Nodes[1]
				n.EncryptedPathSecret = append(n.EncryptedPathSecret, n.EncryptedPathSecret[0])
			},
		})
	}},
	{CheckPathLeafKey, "", func(s *scene) error {
		return s.process(forgery{path: func(_ *draft, u *UpdatePath) {
			u.Leaf.EncryptionKey = s.a.Leaf(1).EncryptionKey
			s.resign(&u.Leaf, s.b.key, s.b.GroupID(), 1)
		}})
	}},
	{CheckPathUnique, "a leaf's key", func(s *scene) error {
		return s.process(forgery{path: func(_ *draft, u *UpdatePath) { u.Nodes[1].EncryptionKey = s.a.Leaf(3).EncryptionKey }})
	}},
	{CheckPathUnique, "a parent's key", func(s *scene) error {
		g := s.follow(s.g, 3, s.commit(s.g[3], CommitOptions{}))
		old := g[0].tree.EncryptionKey(5) // above c and d, off the path of b
		_, err := g[0].Process(s.forge(forgery{by: g[1], path: func(_ *draft, u *UpdatePath) { u.Nodes[0].EncryptionKey = old }}), Received{})
		return err
	}},
	{CheckPathUnique, "the leaf's key is in the tree", func(s *scene) error {
		return s.process(forgery{path: func(_ *draft, u *UpdatePath) {
			u.Leaf.EncryptionKey = s.a.Leaf(3).EncryptionKey
			s.resign(&u.Leaf, s.b.key, s.b.GroupID(), 1)
		}})
	}},
	{CheckPathUnique, "twice in the path", func(s *scene) error {
		return s.process(forgery{path: func(_ *draft, u *UpdatePath) { u.Nodes[1].EncryptionKey = u.Nodes[0].EncryptionKey }})
	}},
	{CheckConfirmationTag, "", func(s *scene) error {
		return s.process(forgery{signed: func(m *signed) { m.Auth.ConfirmationTag[0] ^= 1 }})
	}},
	{CheckConfirmationTag, "another pre-shared key", func(s *scene) error {
		m := s.forge(forgery{by: s.b, noPath: true, proposals: []Proposal{s.psk("id")}})
		return second(s.a.Process(m, Received{PSKs: func(PreSharedKeyID) (Secret, bool) { return Secret("another"), true }}))
	}},
}

// reseal encrypts another path secret for the receiver, rightly sealed.
func (s *scene) reseal(d *draft, u *UpdatePath, secret Secret) {
	key := must(s.a.suite.ParsePublic(s.a.Leaf(0).EncryptionKey))(s)
	ct := must(s.a.suite.EncryptWithLabel(s.rand, key, "UpdatePathNode", d.provisional(), secret))(s)
	u.Nodes[0].EncryptedPathSecret[0] = HPKECiphertext(ct)
}

// psk is a proposal with a good nonce.
func (s *scene) psk(id string) *PreSharedKey {
	return &PreSharedKey{PSK: PreSharedKeyID{Type: ExternalPSK, ID: []byte(id), Nonce: make([]byte, 32)}}
}

func (s *scene) resumption(usage PSKUsage) *PreSharedKey {
	return &PreSharedKey{PSK: PreSharedKeyID{Type: ResumptionPSK, Usage: usage, GroupID: s.a.GroupID(), Epoch: s.a.Number(), Nonce: make([]byte, 32)}}
}

// joining has a receive an external commit of e with these proposals.
func (s *scene) joining(proposals ...Proposal) error {
	kem, _ := s.externalInit(s.a)
	return s.process(forgery{joiner: s.person("e"), proposals: append([]Proposal{kem}, proposals...)})
}

var proposalRows = []row{
	{CheckReference, "never heard of", func(s *scene) error {
		p := s.heard(s.frameOf(s.b.Epoch, s.b.key, asMember(s.b), remove))
		return s.process(forgery{refs: []*Proposed{p}})
	}},
	{CheckReference, "an own update whose key is lost", func(s *scene) error {
		sent := must(s.a.ProposeUpdate(s.rand, s.a.key, nil, ProposeOptions{}))(s)
		lost := *sent.Proposed
		lost.leafKey = nil
		return s.process(forgery{refs: []*Proposed{&lost}}, &lost)
	}},
	{CheckUpdateSender, "an update from outside", func(s *scene) error {
		p := &Proposed{Ref: []byte("ref"), Sender: Sender{Type: SenderExternal}, Proposal: &Update{LeafNode: s.a.Leaf(2)}}
		return s.process(forgery{refs: []*Proposed{p}}, p)
	}},
	{CheckRemoveLeaf, "outside the tree", func(s *scene) error { return s.process(forgery{proposals: []Proposal{&Remove{Removed: 100}}}) }},
	{CheckRemoveLeaf, "blank", func(s *scene) error {
		g := s.follow(s.g, 0, s.commit(s.a, CommitOptions{Proposals: []Proposal{&Remove{Removed: 2}}}))
		_, err := g[0].Process(s.forge(forgery{by: g[1], proposals: []Proposal{&Remove{Removed: 2}}}), Received{})
		return err
	}},
	{CheckPSKUsage, "reinit", func(s *scene) error {
		return s.process(forgery{noPath: true, proposals: []Proposal{s.resumption(UsageReInit)}})
	}},
	{CheckPSKUsage, "branch", func(s *scene) error {
		return s.process(forgery{noPath: true, proposals: []Proposal{s.resumption(UsageBranch)}})
	}},
	{CheckPSKNonce, "in a commit", func(s *scene) error {
		p := s.psk("id")
		p.PSK.Nonce = p.PSK.Nonce[:31]
		return s.process(forgery{noPath: true, proposals: []Proposal{p}})
	}},
	{CheckPSKMissing, "", func(s *scene) error { return s.process(forgery{noPath: true, proposals: []Proposal{s.psk("id")}}) }},
	{CheckReInitVersion, "", func(s *scene) error {
		return s.process(forgery{noPath: true, proposals: []Proposal{&ReInit{GroupID: []byte("n"), Version: 0, CipherSuite: s.id}}})
	}},
	{CheckGroupExtensions, "", func(s *scene) error {
		x := RequireCapabilities(RequiredCapabilities{Extensions: []ExtensionType{unknownExtension}})
		return s.process(forgery{
			leaf:      func(l *LeafNode) { l.Capabilities.Extensions = []ExtensionType{unknownExtension} },
			proposals: []Proposal{&GroupContextExtensions{Extensions: Extensions{x}}},
		})
	}},
	{CheckExternalProposal, "an update", func(s *scene) error {
		s, p := s.service()
		return s.unprotect(s.frameOf(s.b.Epoch, p.key, Sender{Type: SenderExternal}, func(c *FramedContent) {
			c.ContentType, c.Proposal = ContentProposal, &Update{LeafNode: s.a.Leaf(2)}
		}))
	}},
	{CheckExternalProposal, "an external init", func(s *scene) error {
		s, p := s.service()
		kem, _ := s.externalInit(s.a)
		return s.unprotect(s.frameOf(s.b.Epoch, p.key, Sender{Type: SenderExternal}, func(c *FramedContent) {
			c.ContentType, c.Proposal = ContentProposal, kem
		}))
	}},
	{CheckNewMemberProposal, "a removal", func(s *scene) error {
		return s.unprotect(s.frameOf(s.b.Epoch, s.person("e").key, Sender{Type: SenderNewMemberProposal}, remove))
	}},
	{CheckSignature, "a new member proposal for another client", func(s *scene) error {
		return s.unprotect(s.frameOf(s.b.Epoch, s.person("e").key, Sender{Type: SenderNewMemberProposal}, func(c *FramedContent) {
			c.ContentType, c.Proposal = ContentProposal, &Add{KeyPackage: s.person("f").pack.KeyPackage}
		}))
	}},
	{CheckCommitterUpdate, "by value", func(s *scene) error {
		return s.process(forgery{proposals: []Proposal{&Update{LeafNode: s.a.Leaf(1)}}})
	}},
	{CheckCommitterUpdate, "by reference", func(s *scene) error {
		sent := must(s.b.ProposeUpdate(s.rand, s.b.key, nil, ProposeOptions{}))(s)
		return s.process(forgery{refs: []*Proposed{sent.Proposed}}, s.heard(sent.Message))
	}},
	{CheckCommitterUpdate, "of one's own making", func(s *scene) error {
		sent := must(s.b.ProposeUpdate(s.rand, s.b.key, nil, ProposeOptions{}))(s)
		return second(s.b.Commit(s.rand, s.b.key, CommitOptions{References: []*Proposed{sent.Proposed}}))
	}},
	{CheckCommitterRemove, "", func(s *scene) error { return s.process(forgery{proposals: []Proposal{&Remove{Removed: 1}}}) }},
	{CheckCommitterRemove, "of one's own making", func(s *scene) error {
		return second(s.b.Commit(s.rand, s.b.key, CommitOptions{Proposals: []Proposal{&Remove{Removed: 1}}}))
	}},
	{CheckSameLeaf, "removed twice", func(s *scene) error {
		return s.process(forgery{proposals: []Proposal{&Remove{Removed: 2}, &Remove{Removed: 2}}})
	}},
	{CheckSameLeaf, "updated and removed", func(s *scene) error {
		sent := must(s.g[2].ProposeUpdate(s.rand, s.g[2].key, nil, ProposeOptions{}))(s)
		return s.process(forgery{refs: []*Proposed{sent.Proposed}, proposals: []Proposal{&Remove{Removed: 2}}}, s.heard(sent.Message))
	}},
	{CheckSameLeaf, "updated twice", func(s *scene) error {
		one := must(s.g[2].ProposeUpdate(s.rand, s.g[2].key, nil, ProposeOptions{}))(s)
		two := must(s.g[2].ProposeUpdate(s.rand, s.g[2].key, nil, ProposeOptions{}))(s)
		return s.process(forgery{refs: []*Proposed{one.Proposed, two.Proposed}}, s.heard(one.Message), s.heard(two.Message))
	}},
	{CheckSameClient, "", func(s *scene) error {
		p := s.person("e")
		return s.process(forgery{proposals: []Proposal{&Add{KeyPackage: p.pack.KeyPackage}, &Add{KeyPackage: s.pack(p).KeyPackage}}})
	}},
	{CheckClientInGroup, "", func(s *scene) error { return s.addPackage(s.pack(s.g[2].person).KeyPackage) }},
	{CheckDuplicatePSK, "", func(s *scene) error {
		return s.process(forgery{noPath: true, proposals: []Proposal{s.psk("id"), s.psk("id")}})
	}},
	{CheckOneExtensions, "", func(s *scene) error {
		return s.process(forgery{proposals: []Proposal{&GroupContextExtensions{}, &GroupContextExtensions{}}})
	}},
	{CheckReInitAlone, "with another proposal", func(s *scene) error {
		return s.process(forgery{proposals: []Proposal{&ReInit{GroupID: []byte("n"), Version: MLS10, CipherSuite: s.id}, &Remove{Removed: 2}}})
	}},
	{CheckReInitAlone, "twice", func(s *scene) error {
		r := &ReInit{GroupID: []byte("n"), Version: MLS10, CipherSuite: s.id}
		return s.process(forgery{noPath: true, proposals: []Proposal{r, r}})
	}},
	{CheckNoExternalInit, "", func(s *scene) error {
		kem, _ := s.externalInit(s.a)
		return s.process(forgery{proposals: []Proposal{kem}})
	}},
	{CheckProposalType, "", func(s *scene) error {
		return s.process(forgery{proposals: []Proposal{&Custom{Kind: unknownProposal, Data: []byte("x")}}})
	}},
	{CheckProposalType, "all but one support it", func(s *scene) error {
		s = newScene(s.TB, GroupOptions{}, func(w *world) {
			w.client = func(c *Client) {
				if string(c.Credential.Identity) != "c" {
					c.Capabilities.Proposals = []ProposalType{unknownProposal}
				}
			}
		})
		return s.process(forgery{proposals: []Proposal{&Custom{Kind: unknownProposal}}})
	}},
	{CheckProposalType, "GREASE, which all list and nobody supports", func(s *scene) error {
		kind := ProposalType(GREASE(4)[0])
		s = newScene(s.TB, GroupOptions{}, func(w *world) {
			w.client = func(c *Client) { c.Capabilities.Proposals = []ProposalType{kind} }
		})
		return s.process(forgery{proposals: []Proposal{&Custom{Kind: kind}}})
	}},
	{CheckExternalOneInit, "none", func(s *scene) error { return s.process(forgery{joiner: s.person("e")}) }},
	{CheckExternalOneInit, "two", func(s *scene) error {
		kem, _ := s.externalInit(s.a)
		return s.joining(kem)
	}},
	{CheckExternalRemove, "", func(s *scene) error { return s.joining(&Remove{Removed: 2}, &Remove{Removed: 3}) }},
	{CheckExternalOther, "an add", func(s *scene) error { return s.joining(&Add{KeyPackage: s.person("f").pack.KeyPackage}) }},
	{CheckExternalOther, "group extensions", func(s *scene) error { return s.joining(&GroupContextExtensions{}) }},
	{CheckUpdateKey, "a resync that keeps the key", func(s *scene) error {
		kem, _ := s.externalInit(s.a)
		return s.process(forgery{joiner: s.g[2].person, proposals: []Proposal{kem, &Remove{Removed: 2}}, path: func(_ *draft, u *UpdatePath) {
			u.Leaf.EncryptionKey = s.a.Leaf(2).EncryptionKey
			s.resign(&u.Leaf, s.g[2].key, s.a.GroupID(), 2)
		}})
	}},
	{CheckExternalReference, "", func(s *scene) error {
		p := s.heard(s.frameOf(s.b.Epoch, s.b.key, asMember(s.b), remove))
		kem, _ := s.externalInit(s.a)
		return s.process(forgery{joiner: s.person("e"), proposals: []Proposal{kem}, refs: []*Proposed{p}}, p)
	}},
	{CheckExternalPath, "", func(s *scene) error {
		kem, _ := s.externalInit(s.a)
		return s.process(forgery{joiner: s.person("e"), proposals: []Proposal{kem}, noPath: true})
	}},
	{CheckExternalInit, "", func(s *scene) error {
		return s.process(forgery{joiner: s.person("e"), proposals: []Proposal{&ExternalInit{KEMOutput: []byte("short")}}})
	}},
	{CheckConfirmationTag, "an external commit with another init secret", func(s *scene) error {
		return s.process(forgery{joiner: s.person("e"), proposals: []Proposal{&ExternalInit{KEMOutput: must(s.a.suite.GenerateKeyPair(s.rand))(s).Public().Bytes()}},
			signed: func(m *signed) { m.Auth.ConfirmationTag[0] ^= 1 }})
	}},
	{CheckPathRequired, "an empty commit", func(s *scene) error { return s.process(forgery{noPath: true}) }},
	{CheckPathRequired, "a removal", func(s *scene) error {
		return s.process(forgery{noPath: true, proposals: []Proposal{&Remove{Removed: 2}}})
	}},
	{CheckPathRequired, "an update", func(s *scene) error {
		sent := must(s.g[2].ProposeUpdate(s.rand, s.g[2].key, nil, ProposeOptions{}))(s)
		return s.process(forgery{noPath: true, refs: []*Proposed{sent.Proposed}}, s.heard(sent.Message))
	}},
	{CheckPathRequired, "group extensions", func(s *scene) error {
		return s.process(forgery{noPath: true, proposals: []Proposal{&GroupContextExtensions{}}})
	}},
}
