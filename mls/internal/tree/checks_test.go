package tree

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Each check, and otherwise valid input that is broken in that one way. A case
// first shows that the unbroken input passes, so that nothing else is what is
// being refused.
var checkCases = map[string][]func(t *testing.T, b *bench) error{
	CheckDecode:          {truncatedTree, undecodableRequired},
	CheckPublicKey:       {leafPublicKey, parentPublicKey, pathPublicKey, smallOrderKey},
	CheckOwnCredential:   {broken(func(l *LeafNode) { l.Credential.Type = 0x177 })},
	CheckLifetimeTotal:   {broken(func(l *LeafNode) { l.Lifetime.NotAfter++ }), broken(func(l *LeafNode) { l.Lifetime = Lifetime{2, 1} })},
	CheckLeafVersion:     {broken(func(l *LeafNode) { l.Capabilities.Versions[0]++ })},
	CheckLeafSignature:   {flippedSignature, anotherGroup, anotherPlace},
	CheckRequired:        {requires(&RequiredCapabilities{Extensions: []ExtensionType{0xff77}}), requires(&RequiredCapabilities{Proposals: []ProposalType{0xff77}}), requires(&RequiredCapabilities{Credentials: []CredentialType{X509}})},
	CheckCredentialType:  {credentialNotSupported, credentialSupportWithdrawn},
	CheckLifetime:        {expired, notYet},
	CheckLeafExtensions:  {broken(func(l *LeafNode) { l.Extensions = Extensions{{0xff77, nil}} })},
	CheckLeafSource:      {wrongSource},
	CheckUpdateKey:       {updateKeepsKey},
	CheckSignatureKey:    {addSignatureKey, pathSignatureKey, treeSignatureKey},
	CheckEncryptionKey:   {addEncryptionKey, treeEncryptionKey},
	CheckPathDecrypt:     {flippedCiphertext, swappedCiphertext, shortSecret},
	CheckPathKey:         {keyNotDerived},
	CheckPathParentHash:  {wrongParentHash},
	CheckPathLength:      {pathTooShort, pathTooLong, committerOutside},
	CheckPathCiphertexts: {ciphertextMissing, ciphertextExtra, ciphertextForNewcomer},
	CheckParentHash:      {parentKeyChanged, parentHashChanged, chainWithoutLeaf, parentAddedByOutsider, memberSlippedIn},
	CheckRemoveLeaf:      {removeBlank, removeOutside, updateBlank},
	CheckPathLeafKey:     {pathKeepsLeafKey},
	CheckPathKeys:        {pathKeyOfLeaf, pathKeyReplaced, pathKeyTwice, pathKeyOfOwnLeaf, pathLeafKeyOfOther},
	CheckUnmerged:        {unmergedBlank, unmergedElsewhere},
	CheckUnmergedBetween: {unmergedGap},
	CheckParentKey:       {parentKeyTwice, parentKeyOfLeaf, addParentKey},
	CheckJoinPathKey:     {joinOtherSecret, joinShortSecret},
	CheckShape:           {shapeParity, shapeTrailing, shapeEmpty, shapeUnder},
	CheckDuplicateExt:    {broken(func(l *LeafNode) { l.Extensions = Extensions{{0xff00, nil}, {1, nil}, {0xff00, nil}} })},
	CheckGroupExtension:  {groupExtension},
}

func TestChecks(t *testing.T) {
	for _, check := range declaredChecks(t) {
		cases := checkCases[check]
		if len(cases) == 0 {
			t.Errorf("%s has no case", check)
		}
		for i, run := range cases {
			t.Run(check+"/"+strconv.Itoa(i), func(t *testing.T) {
				err := run(t, newBench())
				var bad *Invalid
				if !errors.As(err, &bad) || bad.Check != check {
					t.Fatalf("got %v", err)
				}
				if section := bad.Section(); section == "" || !bytes.HasPrefix([]byte(check), []byte("V-"+section+"-")) {
					t.Errorf("section %q", section)
				}
			})
		}
	}
}

// declaredChecks reads the constants of invalid.go, so that none can be left
// out above.
func declaredChecks(t *testing.T) (out []string) {
	f, err := parser.ParseFile(token.NewFileSet(), "invalid.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
		return true
	})
	if len(out) < 25 {
		t.Fatalf("only %d checks found", len(out))
	}
	return out
}

// bench is a group of seven in eight leaves in which every kind of node occurs:
//
//	          7 [3 5]
//	     ╭────┴────╮
//	     3 [3]     11 [5]
//	  ╭──┴──╮    ╭──┴──╮
//	  1     _    _     _
//	╭─┴─╮ ╭─┴─╮╭─┴─╮ ╭─┴─╮
//	0   1 2   34   5 6   _     leaf 0 has committed last
type bench struct {
	*world
	st    *state
	rules *Rules
}

func newBench() *bench {
	w := newWorld(suiteOf2(suite.X25519AES128SHA256Ed25519), 7)
	t := panicker{}
	st := w.found()
	st = w.commit(t, st, change{committer: 0, adds: 6, path: true})
	st = w.commit(t, st, change{committer: 0, path: true, remove: []LeafIndex{3, 5}})
	for _, i := range []LeafIndex{6, 2, 4, 0} {
		st = w.commit(t, st, change{committer: i, path: true})
	}
	st = w.commit(t, st, change{committer: 2, adds: 2}) // at 3 and 5
	return &bench{w, st, &Rules{Suite: w.s, GroupID: groupID, MaxLifetime: 1000, Now: 500}}
}

type panicker struct{}

func (panicker) Fatalf(f string, args ...any) { panic(f) }

// newLeaf is a leaf that the group would add, as often as it is asked.
func (b *bench) newLeaf() (*LeafNode, *suite.SigningKey) {
	m, l, _ := b.newcomer()
	return l, m.signer
}

// broken checks a key package's leaf after one change, which its owner signs.
func broken(how func(*LeafNode)) func(*testing.T, *bench) error {
	return func(t *testing.T, b *bench) error {
		l, signer := b.newLeaf()
		if err := b.rules.Check(l, SourceKeyPackage, 0); err != nil {
			t.Fatalf("unbroken: %v", err)
		}
		how(l)
		l.Sign(b.s, signer, nil, 0)
		return b.rules.Check(l, SourceKeyPackage, 0)
	}
}

func requires(q *RequiredCapabilities) func(*testing.T, *bench) error {
	return func(t *testing.T, b *bench) error {
		l, _ := b.newLeaf()
		defaults := &RequiredCapabilities{[]ExtensionType{1, 5, 0xff00}, []ProposalType{1, 7}, []CredentialType{Basic}}
		b.rules.Extensions = Extensions{{ExtensionRequiredCapabilities, wire.Marshal(defaults)}}
		if err := b.rules.Check(l, SourceKeyPackage, 0); err != nil {
			t.Fatalf("unbroken: %v", err)
		}
		b.rules.Extensions[0].Data = wire.Marshal(q)
		return b.rules.Check(l, SourceKeyPackage, 0)
	}
}

func undecodableRequired(t *testing.T, b *bench) error {
	l, _ := b.newLeaf()
	b.rules.Extensions = Extensions{{ExtensionRequiredCapabilities, []byte{1}}}
	return b.rules.Check(l, SourceKeyPackage, 0)
}

func groupExtension(t *testing.T, b *bench) error {
	l, _ := b.newLeaf()
	b.rules.Extensions = Extensions{{ExtensionApplicationID, nil}, {0xff00, nil}}
	if err := b.rules.Check(l, SourceKeyPackage, 0); err != nil {
		t.Fatalf("unbroken: %v", err)
	}
	b.rules.Extensions = Extensions{{0xff77, nil}}
	return b.rules.Check(l, SourceKeyPackage, 0)
}

func expired(t *testing.T, b *bench) error { return checkAt(t, b, 1000, 1001) }
func notYet(t *testing.T, b *bench) error {
	l, signer := b.newLeaf()
	l.Lifetime.NotBefore = 10
	l.Sign(b.s, signer, nil, 0)
	if err := b.rules.Check(l, SourceKeyPackage, 0); err != nil {
		t.Fatalf("unbroken: %v", err)
	}
	b.rules.Now = 9
	return b.rules.Check(l, SourceKeyPackage, 0)
}

// checkAt also shows that no clock is consulted where none is given.
func checkAt(t *testing.T, b *bench, good, bad uint64) error {
	l, _ := b.newLeaf()
	for _, now := range []uint64{good, 0} {
		b.rules.Now = now
		if err := b.rules.Check(l, SourceKeyPackage, 0); err != nil {
			t.Fatalf("at %d: %v", now, err)
		}
	}
	b.rules.Now = bad
	return b.rules.Check(l, SourceKeyPackage, 0)
}

func wrongSource(t *testing.T, b *bench) error {
	l, _ := b.newLeaf()
	return b.rules.Check(l, SourceUpdate, 0)
}

func flippedSignature(t *testing.T, b *bench) error {
	l, _ := b.newLeaf()
	l.Signature[3] ^= 1
	return b.rules.Check(l, SourceKeyPackage, 0)
}

func anotherGroup(t *testing.T, b *bench) error {
	l := b.st.tree.Leaf(4)
	if err := b.rules.Check(l, SourceCommit, 4); err != nil {
		t.Fatalf("unbroken: %v", err)
	}
	b.rules.GroupID = []byte("another group")
	return b.rules.Check(l, SourceCommit, 4)
}

func anotherPlace(t *testing.T, b *bench) error {
	return b.rules.Check(b.st.tree.Leaf(4), SourceCommit, 5)
}

func leafPublicKey(t *testing.T, b *bench) error {
	return broken(func(l *LeafNode) { l.EncryptionKey = l.EncryptionKey[1:] })(t, b)
}

// A point of small order parses in most libraries, and then no member can
// encrypt to it: every later path would fail.
func smallOrderKey(t *testing.T, b *bench) error {
	return broken(func(l *LeafNode) { l.EncryptionKey = make([]byte, len(l.EncryptionKey)) })(t, b)
}

// tampered parses and verifies the tree after one change to its model.
func (b *bench) tampered(t *testing.T, how func(a *array)) error {
	t.Helper()
	if err := b.parseAndVerify(b.st.model); err != nil {
		t.Fatalf("unbroken: %v", err)
	}
	a := b.st.model.clone()
	how(a)
	return b.parseAndVerify(a)
}

func (b *bench) parseAndVerify(a *array) error {
	tree, err := Parse(b.s, a.encode())
	if err != nil {
		return err
	}
	return tree.Verify(b.rules)
}

func parentPublicKey(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) { a.parents[1].EncryptionKey = a.parents[1].EncryptionKey[:31] })
}

func truncatedTree(t *testing.T, b *bench) error {
	_, err := Parse(b.s, b.st.model.encode()[:1000])
	return err
}

func parentKeyChanged(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) { a.parents[3].EncryptionKey = b.somePublic() })
}

func parentHashChanged(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) { a.parents[1].ParentHash = bytes.Repeat([]byte{1}, 32) })
}

// An outsider's node is consistent with itself, but no member's leaf says so.
func parentAddedByOutsider(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) {
		if a.parents[5] != nil {
			t.Fatal("node 5 is not blank")
		}
		a.parents[5] = &ParentNode{EncryptionKey: b.somePublic(), ParentHash: a.parents[1].ParentHash, UnmergedLeaves: []LeafIndex{3}}
	})
}

// chainWithoutLeaf replaces the leaf at the bottom of a chain.
func chainWithoutLeaf(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) { a.leaves[0], _ = b.newLeaf() })
}

// memberSlippedIn puts a leaf where only the rule about resolutions sees it:
// below the last committer's own path, at which it is not unmerged. It would
// get path secrets that nobody meant for it.
func memberSlippedIn(t *testing.T, b *bench) error {
	b.st = b.commit(t, b.st, change{committer: 2, remove: []LeafIndex{3}, path: true})
	return b.tampered(t, func(a *array) { a.leaves[3], _ = b.newLeaf() })
}

func unmergedBlank(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) {
		if a.leaves[7] != nil {
			t.Fatal("leaf 7 is not blank")
		}
		for _, at := range []NodeIndex{7, 11} {
			a.parents[at].UnmergedLeaves = append(a.parents[at].UnmergedLeaves, 7)
		}
	})
}

func unmergedElsewhere(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) { a.parents[3].UnmergedLeaves = []LeafIndex{4} })
}

func unmergedGap(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) {
		if !slices.Contains(a.parents[7].UnmergedLeaves, 5) || !slices.Contains(a.parents[11].UnmergedLeaves, 5) {
			t.Fatal("leaf 5 is not unmerged at 7 and 11")
		}
		a.parents[11].UnmergedLeaves = slices.DeleteFunc(a.parents[11].UnmergedLeaves, func(i LeafIndex) bool { return i == 5 })
	})
}

func parentKeyTwice(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) { a.parents[3].EncryptionKey = a.parents[7].EncryptionKey })
}

func parentKeyOfLeaf(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) { a.parents[3].EncryptionKey = a.leaves[6].EncryptionKey })
}

func addParentKey(t *testing.T, b *bench) error {
	return b.add(t, func(l *LeafNode) { l.EncryptionKey = b.st.tree.EncryptionKey(7) })
}

func treeSignatureKey(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) {
		l := *a.leaves[5]
		l.SignatureKey = a.leaves[0].SignatureKey
		a.leaves[5] = &l
	})
}

func treeEncryptionKey(t *testing.T, b *bench) error {
	return b.tampered(t, func(a *array) {
		l := *a.leaves[5]
		l.EncryptionKey = a.leaves[0].EncryptionKey
		a.leaves[5] = &l
	})
}

// add adds a leaf after one change, with a good one before it.
func (b *bench) add(t *testing.T, how func(*LeafNode)) error {
	e := b.st.tree.Edit()
	l, _ := b.newLeaf()
	must(e.Add(l))
	if _, err := e.Tree(); err != nil {
		t.Fatalf("unbroken: %v", err)
	}
	e = b.st.tree.Edit()
	l, signer := b.newLeaf()
	how(l)
	l.Sign(b.s, signer, nil, 0)
	must(e.Add(l))
	_, err := e.Tree()
	return err
}

func addSignatureKey(t *testing.T, b *bench) error {
	return b.add(t, func(l *LeafNode) { l.SignatureKey = b.st.tree.SignatureKey(6) })
}

func addEncryptionKey(t *testing.T, b *bench) error {
	return b.add(t, func(l *LeafNode) { l.EncryptionKey = b.st.tree.EncryptionKey(LeafIndex(6).Node()) })
}

func credentialNotSupported(t *testing.T, b *bench) error {
	return b.credentials(t, func(l *LeafNode) {
		l.Credential.Type = 0x177
		l.Capabilities.Credentials = append(l.Capabilities.Credentials, 0x177)
	})
}

func credentialSupportWithdrawn(t *testing.T, b *bench) error {
	return b.credentials(t, func(l *LeafNode) {
		l.Capabilities.Credentials = []CredentialType{0x177} // not basic, which all use
	})
}

func (b *bench) credentials(t *testing.T, how func(*LeafNode)) error {
	if err := b.st.tree.CheckCredentials(); err != nil {
		t.Fatalf("unbroken: %v", err)
	}
	l, _ := b.newLeaf()
	how(l)
	e := b.st.tree.Edit()
	must(e.Add(l))
	return must(e.Tree()).CheckCredentials()
}

func updateKeepsKey(t *testing.T, b *bench) error {
	return b.st.tree.Edit().Update(4, b.st.tree.Leaf(4))
}

func updateBlank(t *testing.T, b *bench) error {
	l, _ := b.newLeaf()
	return b.st.tree.Edit().Update(7, l)
}
func removeBlank(t *testing.T, b *bench) error   { return b.st.tree.Edit().Remove(7) }
func removeOutside(t *testing.T, b *bench) error { return b.st.tree.Edit().Remove(8) }

func (b *bench) somePublic() []byte { return must(b.s.GenerateKeyPair(b.rand)).Public().Bytes() }

// shaped parses a list of nodes.
func shaped(b *bench, nodes ...wire.Encoder) error {
	var w wire.Writer
	w.Vector(func(w *wire.Writer) {
		for _, n := range nodes {
			if !w.Optional(n != nil) {
				continue
			}
			if _, leaf := n.(*LeafNode); leaf {
				w.U8(1)
			} else {
				w.U8(2)
			}
			n.Encode(w)
		}
	})
	_, err := Parse(b.s, w.Bytes())
	return err
}

func shapeParity(t *testing.T, b *bench) error {
	l, _ := b.newLeaf()
	if err := shaped(b, l); err != nil {
		t.Fatalf("unbroken: %v", err)
	}
	if err := shaped(b, &ParentNode{}); err == nil {
		t.Fatal("a parent at an even place is accepted")
	}
	m, _ := b.newLeaf()
	return shaped(b, l, m)
}

func shapeTrailing(t *testing.T, b *bench) error {
	l, _ := b.newLeaf()
	return shaped(b, l, nil)
}

func shapeEmpty(t *testing.T, b *bench) error { return shaped(b) }

func shapeUnder(t *testing.T, b *bench) error {
	l, _ := b.newLeaf()
	return shaped(b, nil, &ParentNode{EncryptionKey: b.somePublic()}, nil, nil, l)
}
