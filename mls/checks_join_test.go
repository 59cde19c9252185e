package mls

import (
	"bytes"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/tree"
)

// welcomed has e join by a Welcome of b's that has been changed.
func (s *scene) welcomed(o JoinOptions, psks []PreSharedKeyID, change func(*invitation)) error {
	s.Helper()
	e := s.person("e")
	return second(Join(&s.config, e.pack, s.welcome(s.b, e, psks, change), o))
}

// grown is a bigger scene whose tree has parents and unmerged leaves: eight
// members with all parents set, then a ninth and a tenth added without a path.
func (s *scene) grown() *scene {
	w := newWorld(s.TB, s.id)
	g := w.group(GroupOptions{}, names(6)...)
	for i := range g {
		g = w.follow(g, i, w.commit(g[i], CommitOptions{}))
	}
	x, y := w.person("x"), w.person("y")
	c := w.commit(g[0], CommitOptions{NoPath: true, Proposals: []Proposal{&Add{KeyPackage: x.pack.KeyPackage}, &Add{KeyPackage: y.pack.KeyPackage}}})
	g = append(w.follow(g, 0, c), &member{x, w.join(x, c.Welcome)}, &member{y, w.join(y, c.Welcome)})
	return &scene{world: w, g: g, a: g[0], b: g[1]}
}

// tampered has somebody join from outside a tree that has been changed.
func (s *scene) tampered(change func([]tree.Node)) error {
	s.Helper()
	return second(s.outside(s.world.person("e"), s.nodes(s.b, change)))
}

var joinRows = []row{
	{CheckNotForMe, "", func(s *scene) error {
		e := s.person("e")
		return second(Join(&s.config, s.pack(e), s.welcome(s.b, e, nil, func(*invitation) {}), JoinOptions{}))
	}},
	{CheckWelcomeSuite, "of the welcome", func(s *scene) error {
		e := s.person("e")
		m := s.welcome(s.b, e, nil, func(*invitation) {})
		m[5] = byte(X25519ChaCha20SHA256Ed25519)
		return second(Join(&s.config, e.pack, m, JoinOptions{}))
	}},
	{CheckWelcomeSuite, "unknown", func(s *scene) error {
		e := s.person("e")
		m := s.welcome(s.b, e, nil, func(*invitation) {})
		m[5] = 99
		return second(Join(&s.config, e.pack, m, JoinOptions{}))
	}},
	{CheckWelcomeSuite, "of the group info", func(s *scene) error {
		return s.welcomed(JoinOptions{}, nil, func(in *invitation) { in.info.GroupContext.CipherSuite = X25519ChaCha20SHA256Ed25519 })
	}},
	{CheckWelcomeSuite, "version of the group info", func(s *scene) error {
		return s.welcomed(JoinOptions{}, nil, func(in *invitation) { in.info.GroupContext.Version = 2 })
	}},
	{CheckGroupSecrets, "changed", func(s *scene) error {
		e := s.person("e")
		m := must(ParseMessage(s.welcome(s.b, e, nil, func(*invitation) {})))(s)
		m.Welcome.Secrets[0].Secrets.Ciphertext[0] ^= 1
		return second(Join(&s.config, e.pack, m.Marshal(), JoinOptions{}))
	}},
	{CheckGroupSecrets, "bound to the group info", func(s *scene) error {
		e := s.person("e")
		m := must(ParseMessage(s.welcome(s.b, e, nil, func(*invitation) {})))(s)
		m.Welcome.EncryptedGroupInfo[0] ^= 1
		return second(Join(&s.config, e.pack, m.Marshal(), JoinOptions{}))
	}},
	{CheckGroupSecrets, "for another init key", func(s *scene) error {
		return s.welcomed(JoinOptions{}, nil, func(in *invitation) { in.initKey = s.person("f").pack.KeyPackage.InitKey })
	}},
	{CheckGroupInfoDecrypt, "another pre-shared key", func(s *scene) error {
		o := JoinOptions{PSKs: func(PreSharedKeyID) (Secret, bool) { return Secret("another"), true }}
		return s.welcomed(o, []PreSharedKeyID{s.psk("id").PSK}, func(*invitation) {})
	}},
	{CheckPSKMissing, "at a joiner", func(s *scene) error {
		return s.welcomed(JoinOptions{}, []PreSharedKeyID{s.psk("id").PSK}, func(*invitation) {})
	}},
	{CheckPSKNonce, "at a joiner", func(s *scene) error {
		id := s.psk("id").PSK
		id.Nonce = id.Nonce[1:]
		return s.welcomed(JoinOptions{}, []PreSharedKeyID{id}, func(*invitation) {})
	}},
	{CheckWelcomePSK, "", func(s *scene) error {
		one, two := s.resumption(UsageBranch).PSK, s.resumption(UsageReInit).PSK
		return s.welcomed(JoinOptions{From: s.a.Epoch}, []PreSharedKeyID{one, two}, func(*invitation) {})
	}},
	{CheckKnownGroup, "", func(s *scene) error {
		known := func(id []byte) bool { return bytes.Equal(id, s.a.GroupID()) }
		return s.welcomed(JoinOptions{Known: known}, nil, func(*invitation) {})
	}},
	{CheckTreeMissing, "", func(s *scene) error {
		return s.welcomed(JoinOptions{}, nil, func(in *invitation) { in.info.Extensions = nil })
	}},
	{CheckTreeHash, "", func(s *scene) error {
		return s.welcomed(JoinOptions{RatchetTree: s.a.RatchetTree()}, nil, func(in *invitation) { in.info.Extensions = nil })
	}},
	{CheckSignerLeaf, "", func(s *scene) error {
		return second(s.outside(s.person("e"), s.info(s.b, func(g *GroupInfo) { g.Signer = 100 })))
	}},
	{CheckGroupInfoSig, "by another member", func(s *scene) error {
		return second(s.outside(s.person("e"), s.info(s.b, func(g *GroupInfo) { g.Signer = 2 })))
	}},
	{CheckGroupInfoSig, "changed", func(s *scene) error {
		m := must(ParseMessage(s.info(s.b, func(*GroupInfo) {})))(s)
		m.GroupInfo.GroupContext.Epoch++
		return second(s.outside(s.person("e"), m.Marshal()))
	}},
	{CheckInfoTag, "short, from outside", func(s *scene) error {
		return second(s.outside(s.person("e"), s.info(s.b, func(g *GroupInfo) { g.ConfirmationTag = g.ConfirmationTag[1:] })))
	}},
	{CheckInfoTag, "none, from outside", func(s *scene) error {
		return second(s.outside(s.person("e"), s.info(s.b, func(g *GroupInfo) { g.ConfirmationTag = nil })))
	}},
	{CheckInfoTag, "long, by Welcome", func(s *scene) error {
		return s.welcomed(JoinOptions{}, nil, func(in *invitation) { in.info.ConfirmationTag = append(in.info.ConfirmationTag, 0) })
	}},
	{CheckOwnLeaf, "", func(s *scene) error {
		e := s.person("e")
		other := s.pack(e) // the Welcome answers one key package, the tree holds another
		m := s.welcome(s.b, e, nil, func(in *invitation) {
			in.ref, in.initKey = other.KeyPackage.ref(s.b.suite), other.KeyPackage.InitKey
		})
		return second(Join(&s.config, other, m, JoinOptions{}))
	}},
	{CheckJoinPathKey, "another secret", func(s *scene) error {
		return s.welcomed(JoinOptions{}, nil, func(in *invitation) { in.secrets.PathSecret = make(Secret, 32) })
	}},
	{CheckJoinPathKey, "another length", func(s *scene) error {
		return s.welcomed(JoinOptions{}, nil, func(in *invitation) { in.secrets.PathSecret = make(Secret, 31) })
	}},
	{CheckJoinTag, "", func(s *scene) error {
		return s.welcomed(JoinOptions{}, nil, func(in *invitation) { in.info.ConfirmationTag = make([]byte, 32) })
	}},
	{CheckJoinerExtensions, "by Welcome", func(s *scene) error {
		return s.welcomed(JoinOptions{}, nil, func(in *invitation) { in.info.GroupContext.Extensions = Extensions{{Type: unknownExtension}} })
	}},
	{CheckJoinerExtensions, "from outside", func(s *scene) error {
		return second(s.outside(s.person("e"), s.info(s.b, func(g *GroupInfo) { g.GroupContext.Extensions = Extensions{{Type: unknownExtension}} })))
	}},
	{CheckJoinerExtensions, "GREASE, which the joiner lists", func(s *scene) error {
		x := ExtensionType(GREASE(4)[0])
		e := s.person("e")
		leaf := *e.pack.KeyPackage.LeafNode
		leaf.Capabilities.Extensions = []ExtensionType{x}
		info := s.info(s.b, func(g *GroupInfo) { g.GroupContext.Extensions = Extensions{{Type: x}} })
		return second(JoinExternal(s.rand, &s.config, e.key, &leaf, info, ExternalOptions{}))
	}},
	{CheckExternalPub, "none", func(s *scene) error {
		return second(s.outside(s.person("e"), must(s.b.GroupInfo(s.b.key, WelcomeOptions{}))(s)))
	}},
	{CheckExternalPub, "no key", func(s *scene) error {
		return second(s.outside(s.person("e"), s.info(s.b, func(g *GroupInfo) {
			i := slices.IndexFunc(g.Extensions, func(x Extension) bool { return x.Type == ExtensionExternalPub })
			g.Extensions[i].Data = []byte{3, 1, 2, 3}
		})))
	}},
	{CheckExternalPub, "malformed", func(s *scene) error {
		return second(s.outside(s.person("e"), s.info(s.b, func(g *GroupInfo) {
			i := slices.IndexFunc(g.Extensions, func(x Extension) bool { return x.Type == ExtensionExternalPub })
			g.Extensions[i].Data = []byte{9}
		})))
	}},
	{CheckTreeShape, "ends blank", func(s *scene) error {
		return second(s.outside(s.person("e"), s.info(s.b, func(g *GroupInfo) {
			i := slices.IndexFunc(g.Extensions, func(x Extension) bool { return x.Type == ExtensionRatchetTree })
			nodes := must(tree.ParseNodes(g.Extensions[i].Data))(s)
			g.Extensions[i].Data = encodeNodes(append(nodes, tree.Node{}, tree.Node{}))
		})))
	}},
	{CheckTreeShape, "a leaf where a parent belongs", func(s *scene) error {
		return s.tampered(func(n []tree.Node) { n[1] = n[0] })
	}},
	{CheckDecode, "a tree that is none", func(s *scene) error {
		return s.welcomed(JoinOptions{RatchetTree: []byte{2, 7, 7}}, nil, func(in *invitation) { in.info.Extensions = nil })
	}},
	{CheckUnmerged, "blank", func(s *scene) error {
		return s.grown().tampered(func(n []tree.Node) { n[12] = tree.Node{} })
	}},
	{CheckUnmerged, "not below its parent", func(s *scene) error {
		return s.grown().tampered(func(n []tree.Node) { n[9].Parent.UnmergedLeaves = []LeafIndex{1} })
	}},
	{CheckUnmergedMonotone, "", func(s *scene) error {
		// Nodes 7 and 11 both have leaves 6 and 7 below; 11 is blank, so 13 has
		// to list what 7 lists, were it set.
		return s.grown().tampered(func(n []tree.Node) {
			n[13].Parent = &tree.ParentNode{EncryptionKey: bytes.Repeat([]byte{9}, 32)}
		})
	}},
	{CheckParentKey, "", func(s *scene) error {
		return s.grown().tampered(func(n []tree.Node) { n[3].Parent.EncryptionKey = n[1].Parent.EncryptionKey })
	}},
	{CheckParentHash, "a key that nobody signed for", func(s *scene) error {
		return s.grown().tampered(func(n []tree.Node) { n[1].Parent.EncryptionKey = bytes.Repeat([]byte{9}, 32) })
	}},
	{CheckParentHash, "a parent hash changed", func(s *scene) error {
		return s.grown().tampered(func(n []tree.Node) { n[3].Parent.ParentHash[0] ^= 1 })
	}},
	{CheckLeafSignature, "in the tree", func(s *scene) error {
		return s.grown().tampered(func(n []tree.Node) { n[10].Leaf.Signature[0] ^= 1 })
	}},
	{CheckSignatureKey, "in the tree", func(s *scene) error {
		return s.tampered(func(n []tree.Node) { n[4].Leaf.SignatureKey = n[6].Leaf.SignatureKey })
	}},
	{CheckLifetime, "in the tree, at a joiner who asks", func(s *scene) error {
		o := ExternalOptions{JoinOptions: JoinOptions{Now: now + 86401}}
		e := s.person("e")
		return second(JoinExternal(s.rand, &s.config, e.key, e.pack.KeyPackage.LeafNode, s.info(s.b, func(*GroupInfo) {}), o))
	}},
}

// branched is a Welcome to a branch of two, and how b joins it.
func (s *scene) branched(o GroupOptions, change func(*Epoch), from *Epoch) error {
	s.Helper()
	a2, b2 := s.pack(s.a.person), s.pack(s.b.person)
	c := must(s.a.Found(s.rand, s.a.key, a2, o, []*KeyPackage{b2.KeyPackage}, CommitOptions{Now: now}))(s)
	psks := func(PreSharedKeyID) (Secret, bool) { return must(s.b.ResumptionPSK())(s), true }
	if change != nil {
		change(from)
	}
	return second(Join(&s.config, b2, c.Welcome, JoinOptions{From: from, PSKs: psks}))
}

// closed closes the scene's group, and says how its successor begins.
func (s *scene) closed(r *ReInit) *scene {
	s.Helper()
	g := s.follow(s.g, 0, s.commit(s.a, CommitOptions{Proposals: []Proposal{r}}))
	return &scene{world: s.world, g: g, a: g[0], b: g[1]}
}

// succeeded has b join the successor that a founds, under b's idea of the old
// group.
func (s *scene) succeeded(change func(*Epoch), people ...int) error {
	s.Helper()
	packs := make([]*OwnKeyPackage, len(s.g))
	var others []*KeyPackage
	for i, m := range s.g {
		packs[i] = s.pack(m.person)
		if i > 0 && slices.Contains(people, i) {
			others = append(others, packs[i].KeyPackage)
		}
	}
	c, err := s.a.Found(s.rand, s.a.key, packs[0], GroupOptions{}, others, CommitOptions{Now: now})
	if err != nil {
		return err
	}
	from := *s.b.Epoch
	change(&from)
	psks := func(PreSharedKeyID) (Secret, bool) { return must(s.b.ResumptionPSK())(s), true }
	return second(Join(&s.config, packs[1], c.Welcome, JoinOptions{From: &from, PSKs: psks}))
}

func (s *scene) successor() *ReInit {
	return &ReInit{GroupID: []byte("next"), Version: MLS10, CipherSuite: s.id}
}

var originRows = []row{
	{CheckBranchWelcome, "the old group is not at hand", func(s *scene) error { return s.branched(GroupOptions{}, nil, nil) }},
	{CheckBranchWelcome, "another old group", func(s *scene) error {
		return s.branched(GroupOptions{}, nil, s.group(GroupOptions{}, "x", "y")[0].Epoch)
	}},
	{CheckBranchWelcome, "another cipher suite", func(s *scene) error {
		from := *s.b.Epoch
		return s.branched(GroupOptions{}, func(e *Epoch) { e.context.CipherSuite = 3 }, &from)
	}},
	{CheckBranchWelcome, "not epoch 1", func(s *scene) error {
		psk := s.resumption(UsageBranch).PSK
		e := s.person("e")
		m := s.welcome(s.b, e, []PreSharedKeyID{psk}, func(*invitation) {})
		o := JoinOptions{From: s.a.Epoch, PSKs: nil}
		from := *s.a.Epoch
		from.secrets = nil // so that the forger's own pre-shared key is asked for
		o.From, o.PSKs = &from, func(PreSharedKeyID) (Secret, bool) { return Secret("any"), true }
		return second(Join(&s.config, e.pack, m, o))
	}},
	{CheckBranchMembers, "a stranger in the branch", func(s *scene) error {
		stranger := s.person("stranger")
		a2 := s.pack(s.a.person)
		return second(s.a.Found(s.rand, s.a.key, a2, GroupOptions{}, []*KeyPackage{stranger.pack.KeyPackage}, CommitOptions{Now: now}))
	}},
	{CheckBranchMembers, "at the joiner", func(s *scene) error {
		from := *s.b.Epoch // as b sees it, a is not in the old group
		edit := from.tree.Edit()
		noError(s, "remove", edit.Remove(0))
		from.tree = must(edit.Tree())(s)
		return s.branched(GroupOptions{}, nil, &from)
	}},
	{CheckReInitWelcome, "the old group was not closed", func(s *scene) error {
		return s.closed(s.successor()).succeeded(func(e *Epoch) { e.reinit = nil }, 1, 2, 3)
	}},
	{CheckReInitWelcome, "another group id", func(s *scene) error {
		return s.closed(s.successor()).succeeded(func(e *Epoch) { r := *e.reinit; r.GroupID = []byte("x"); e.reinit = &r }, 1, 2, 3)
	}},
	{CheckReInitWelcome, "another cipher suite", func(s *scene) error {
		return s.closed(s.successor()).succeeded(func(e *Epoch) { r := *e.reinit; r.CipherSuite = 3; e.reinit = &r }, 1, 2, 3)
	}},
	{CheckReInitWelcome, "other extensions", func(s *scene) error {
		return s.closed(s.successor()).succeeded(func(e *Epoch) {
			r := *e.reinit
			r.Extensions = Extensions{ExternalSenders()}
			e.reinit = &r
		}, 1, 2, 3)
	}},
	{CheckReInitMembers, "at the founder", func(s *scene) error {
		return s.closed(s.successor()).succeeded(func(*Epoch) {}, 1, 2)
	}},
	{CheckReInitMembers, "at the joiner", func(s *scene) error {
		return s.closed(s.successor()).succeeded(func(e *Epoch) {
			edit := e.tree.Edit()
			must(edit.Add(s.person("another").pack.KeyPackage.LeafNode))(s)
			e.tree = must(edit.Tree())(s)
		}, 1, 2, 3)
	}},
}

var stateRows = []row{
	{CheckFrozen, "commit", func(s *scene) error {
		s = s.closed(s.successor())
		return second(s.a.Commit(s.rand, s.a.key, CommitOptions{}))
	}},
	{CheckFrozen, "process", func(s *scene) error {
		open := s.b.Epoch
		s = s.closed(s.successor())
		frozen := *s.b.Epoch
		frozen.reinit = nil // b goes on as if nothing had happened
		_ = open
		return s.process(forgery{by: &member{s.b.person, &frozen}})
	}},
	{CheckFrozen, "send", func(s *scene) error {
		s = s.closed(s.successor())
		return second3(s.a.Keys().Protect(s.rand, s.a.key, Outgoing{}))
	}},
	{CheckRemoved, "", func(s *scene) error {
		c := must(s.a.Process(s.commit(s.b, CommitOptions{Proposals: []Proposal{&Remove{Removed: 0}}}).Message, Received{}))(s)
		return second(c.Next.Commit(s.rand, s.a.key, CommitOptions{}))
	}},
	{CheckNotMember, "", func(s *scene) error {
		m := must(ParseMessage(s.info(s.b, func(*GroupInfo) {})))(s)
		return second(must(observe(&s.config, m.GroupInfo, JoinOptions{}))(s).Commit(s.rand, s.a.key, CommitOptions{}))
	}},
	{CheckErased, "epoch", func(s *scene) error {
		s.a.Erase()
		return second(s.a.Export("label", nil, 32))
	}},
	{CheckErased, "message keys", func(s *scene) error {
		s.a.Keys().Erase()
		return second3(s.a.Keys().Protect(s.rand, s.a.key, Outgoing{}))
	}},
	{CheckErased, "message keys that never were loaded", func(s *scene) error {
		e := must(LoadSnapshot(&s.config, s.a.Snapshot()))(s)
		return second(e.Process(s.commit(s.b, CommitOptions{}).Message, Received{}))
	}},
	{CheckStored, "", func(s *scene) error { return second(LoadSnapshot(&s.config, []byte{9})) }},
	{CheckOpen, "symmetric", func(s *scene) error {
		sealed := must(Seal(s.rand, make(Secret, KeySize), nil, []byte("x")))(s)
		return second(Open(make(Secret, KeySize), []byte("other"), sealed))
	}},
	{CheckOpen, "to a key", func(s *scene) error {
		key := must(GenerateKey(s.rand))(s)
		sealed := must(SealTo(s.rand, key.Public().Bytes(), "label", nil, []byte("x")))(s)
		return second(OpenWith(key, "other label", nil, sealed))
	}},
	{CheckArgument, "another signing key", func(s *scene) error { return second(s.a.Commit(s.rand, s.b.key, CommitOptions{})) }},
	{CheckArgument, "too long an export", func(s *scene) error { return second(s.a.Export("label", nil, 1<<20)) }},
	{CheckArgument, "a commit for Unprotect", func(s *scene) error { return s.unprotect(s.commit(s.b, CommitOptions{}).Message) }},
	{CheckArgument, "a proposal for Process", func(s *scene) error {
		return second(s.a.Process(s.frameOf(s.b.Epoch, s.b.key, asMember(s.b), remove), Received{}))
	}},
	{CheckArgument, "padding", func(s *scene) error {
		return second3(s.a.Keys().Protect(s.rand, s.a.key, Outgoing{Padding: MaxPadding + 1}))
	}},
}
