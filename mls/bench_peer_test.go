package mls

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/thomas-vilte/mls-go/ciphersuite"
	"github.com/thomas-vilte/mls-go/credentials"
	"github.com/thomas-vilte/mls-go/framing"
	"github.com/thomas-vilte/mls-go/group"
	"github.com/thomas-vilte/mls-go/keypackages"
)

// The benchmarks of bench_test.go on mls-go, by its lower interface, which
// writes nothing. It cannot fork or hold candidates, so there is nothing to
// compare those with; its group is cloned by storing and loading it.

const peerSuite = ciphersuite.MLS128DHKEMX25519

// peerTown is a group whose leaf 0 and last leaf run mls-go. Those between are
// key packages of ours; leaf 1 is held by this package, which impersonates them
// to warm the tree.
type peerTown struct {
	town
	firstKey, lastKey *ciphersuite.SignaturePrivateKey
	firstPack         *keypackages.KeyPackage
	firstSecret       *keypackages.KeyPackagePrivateKeys
	peerPacks         []*keypackages.KeyPackage // leaves 1 to n-1
	peer, peerLast    *group.Group
	guestPack         *keypackages.KeyPackage
	guestSecret       *keypackages.KeyPackagePrivateKeys
}

func peerClient(name string) (*keypackages.KeyPackage, *keypackages.KeyPackagePrivateKeys, *ciphersuite.SignaturePrivateKey) {
	credential, signer, err := credentials.GenerateCredentialWithKeyForCS([]byte(name), peerSuite)
	if err != nil {
		panic(err)
	}
	pack, secret, err := keypackages.Generate(credential, peerSuite)
	if err != nil {
		panic(err)
	}
	return pack, secret, signer
}

var peerTowns = map[[2]int]*peerTown{}

func peerTownOf(n int, warm bool) *peerTown {
	key := [2]int{n, 0}
	if warm {
		key[1] = 1
	}
	if peerTowns[key] != nil {
		return peerTowns[key]
	}
	w := &peerTown{}
	if warm {
		cold := peerTownOf(n, false)
		*w = *cold
		w.peer, w.peerLast = peerClone(cold.peer), peerClone(cold.peerLast)
		w.warm = true
		w.heat()
	} else {
		w.settle(n)
	}
	peerTowns[key] = w
	return w
}

func (w *peerTown) settle(n int) {
	w.n = n
	w.town.rand = rand.NewChaCha8([32]byte{byte(n)})
	w.keys, w.packs = make([]*SigningKey, n), make([]*OwnKeyPackage, n)
	var lastPack *keypackages.KeyPackage
	var lastSecret *keypackages.KeyPackagePrivateKeys
	w.firstPack, w.firstSecret, w.firstKey = peerClient("first")
	lastPack, lastSecret, w.lastKey = peerClient("last")
	w.guestPack, w.guestSecret, _ = peerClient("guest")
	for i := 1; i < n-1; i++ {
		w.keys[i], w.packs[i] = w.client(i)
		w.peerPacks = append(w.peerPacks, mustOf(keypackages.UnmarshalKeyPackage(w.packs[i].KeyPackage.Marshal()[4:])))
	}
	w.peerPacks = append(w.peerPacks, lastPack)
	var welcome *group.Welcome
	w.peer, welcome = w.found()
	w.peerLast = mustOf(group.JoinFromWelcome(welcome, lastPack, lastSecret, nil))
	if n > 2 {
		w.last = mustOf(Join(&Config{}, w.packs[1], mlsMessageOf(WireWelcome, welcome.Marshal()), JoinOptions{}))
	}
}

func mlsMessageOf(format WireFormat, bare []byte) []byte {
	return append([]byte{0, 1, byte(format >> 8), byte(format)}, bare...)
}

// found creates the group and adds everybody in one commit.
func (w *peerTown) found() (*group.Group, *group.Welcome) {
	g := mustOf(group.NewGroup(mustOf(group.NewGroupIDRandom()), peerSuite, w.firstPack, w.firstSecret))
	for _, pack := range w.peerPacks {
		mustOf(g.AddMember(pack))
	}
	return g, w.commitAll(g, w.peerPacks)
}

func (w *peerTown) commitAll(g *group.Group, added []*keypackages.KeyPackage) *group.Welcome {
	staged := mustOf(g.Commit(w.firstKey, w.firstKey.PublicKey(), nil))
	joiner := staged.JoinerSecret()
	if err := g.MergeCommit(staged); err != nil {
		panic(err)
	}
	return mustOf(g.CreateWelcomeWithOpts(added, w.firstKey, group.WithJoinerSecret(joiner),
		group.WithPSKIDs(staged.PskIDs()), group.WithPSKSecret(staged.RawPskSecret()), group.WithStagedCommit(staged)))
}

// heat is town.heat, with leaf 0 committing for itself.
func (w *peerTown) heat() {
	width := bits.Len(uint(w.n - 1))
	for i := range 1 << (width - 1) {
		at := int(bits.Reverse32(uint32(i))>>(32-width)) &^ 1
		if at >= w.n-1 {
			continue
		}
		var message *framing.PublicMessage
		if at == 0 {
			message = w.commit()
		} else {
			e := *w.last
			e.self = LeafIndex(at)
			c := mustOf(e.Commit(w.rand, w.keys[at], CommitOptions{WireFormat: WirePublicMessage}))
			message = peerPublic(c.Message)
			peerProcess(w.peer, message)
		}
		w.last = mustOf(w.last.Process(framing.NewMLSMessagePublic(message).Marshal(), Received{})).Next
		peerProcess(w.peerLast, message)
	}
}

func peerPublic(message []byte) *framing.PublicMessage {
	public, ok := mustOf(framing.UnmarshalMLSMessage(message)).AsPublic()
	if !ok {
		panic("not a public message")
	}
	return public
}

func peerProcess(g *group.Group, message *framing.PublicMessage) {
	if err := g.ProcessPublicMessage(message); err != nil {
		panic(err)
	}
}

func peerClone(g *group.Group) *group.Group {
	return mustOf(group.UnmarshalGroupState(mustOf(g.MarshalState())))
}

// commit has leaf 0 renew its keys and take the step.
func (w *peerTown) commit() *framing.PublicMessage {
	staged := mustOf(w.peer.Commit(w.firstKey, w.firstKey.PublicKey(), nil))
	message := publish(staged)
	if err := w.peer.MergeCommit(staged); err != nil {
		panic(err)
	}
	return message
}

// publish frames a staged commit as its Client does.
func publish(staged *group.StagedCommit) *framing.PublicMessage {
	content := staged.AuthenticatedContent()
	return &framing.PublicMessage{Content: content.Content, Auth: content.Auth, MembershipTag: staged.MembershipTag()}
}

func eachPeerTown(b *testing.B, run func(b *testing.B, w *peerTown)) {
	for _, n := range benchSizes {
		if n > peerMax() || testing.Short() && n > 100 {
			continue
		}
		for _, warm := range []bool{false, true} {
			if warm && n < 10 {
				continue
			}
			name := fmt.Sprintf("N=%d/tree=%s/engine=mls-go", n, map[bool]string{false: "fresh", true: "warm"}[warm])
			b.Run(name, func(b *testing.B) {
				w := peerTownOf(n, warm)
				runtime.GC()
				run(b, w)
			})
		}
	}
}

func peerCreate(b *testing.B, w *peerTown) {
	if w.warm {
		b.Skip("creating knows no tree")
	}
	b.ReportAllocs()
	for b.Loop() {
		w.found()
	}
}

// peerCommit makes a commit and takes the step, as making one does here.
func peerCommit(b *testing.B, w *peerTown) {
	kept, processor := peerClone(w.peer), w.peerLast
	b.ReportAllocs()
	for b.Loop() {
		w.commit()
	}
	w.peer, w.peerLast = kept, processor
}

// peerProcessing times following one message; the clone it is done on is not.
func peerProcessing(b *testing.B, w *peerTown, message *framing.PublicMessage) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		g := peerClone(w.peerLast)
		b.StartTimer()
		peerProcess(g, message)
	}
}

func peerProcessCommit(b *testing.B, w *peerTown) {
	kept := peerClone(w.peer)
	message := w.commit()
	w.peer = kept
	peerProcessing(b, w, message)
}

// remove has leaf 0 of a clone take the step of removing the middle leaf.
func (w *peerTown) remove(g *group.Group) *framing.PublicMessage {
	mustOf(g.RemoveMember(group.LeafNodeIndex(w.n / 2)))
	staged := mustOf(g.Commit(w.firstKey, w.firstKey.PublicKey(), nil))
	message := publish(staged)
	if err := g.MergeCommit(staged); err != nil {
		panic(err)
	}
	return message
}

func peerRemove(b *testing.B, w *peerTown) {
	if w.n < 3 {
		b.Skip("nobody to spare")
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		g := peerClone(w.peer)
		b.StartTimer()
		w.remove(g)
	}
}

func peerProcessRemove(b *testing.B, w *peerTown) {
	if w.n < 3 {
		b.Skip("nobody to spare")
	}
	peerProcessing(b, w, w.remove(peerClone(w.peer)))
}

func (w *peerTown) invite(g *group.Group) *group.Welcome {
	mustOf(g.AddMember(w.guestPack))
	return w.commitAll(g, []*keypackages.KeyPackage{w.guestPack})
}

func peerAdd(b *testing.B, w *peerTown) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		g := peerClone(w.peer)
		b.StartTimer()
		w.invite(g)
	}
}

func peerJoin(b *testing.B, w *peerTown) {
	welcome := w.invite(peerClone(w.peer))
	b.ReportAllocs()
	for b.Loop() {
		mustOf(group.JoinFromWelcome(welcome, w.guestPack, w.guestSecret, nil))
	}
}

func peerEncrypt(b *testing.B, w *peerTown) {
	g := peerClone(w.peer)
	data := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		mustOf(g.SendMessage(data, w.firstKey)).Marshal()
	}
}

func peerDecrypt(b *testing.B, w *peerTown) {
	sender, receiver := peerClone(w.peer), peerClone(w.peerLast)
	data := make([]byte, 1024)
	var batch []*framing.PrivateMessage
	b.ReportAllocs()
	for b.Loop() {
		if len(batch) == 0 {
			b.StopTimer()
			for range 256 {
				batch = append(batch, mustOf(sender.SendMessage(data, w.firstKey)))
			}
			b.StartTimer()
		}
		mustOf(receiver.ReceiveMessage(batch[0], 0))
		batch = batch[1:]
	}
}

// peerFork is what it takes to hold a second state: store and load.
func peerFork(b *testing.B, w *peerTown) {
	b.ReportAllocs()
	for b.Loop() {
		peerClone(w.peer)
	}
}

func peerHeap(b *testing.B, w *peerTown) {
	var g *group.Group
	for b.Loop() {
		base := heapNow()
		g = peerClone(w.peer)
		grown := heapNow() - base
		b.ReportMetric(float64(grown), "group-B")
		b.ReportMetric(float64(grown), "fork-B")
	}
	runtime.KeepAlive(g)
}
