package mls_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/covey-p2p/covey/mls"
)

// Three people, two commits at once, both futures alive until one is chosen.
func Example() {
	rand := rand.NewChaCha8([32]byte{}) // a program passes crypto/rand.Reader
	config := &mls.Config{}
	const now = 1_700_000_000

	alice, bob, carol := newClient(rand, "alice", now), newClient(rand, "bob", now), newClient(rand, "carol", now)

	// Alice creates a group and adds both in one commit.
	start, err := mls.Create(rand, config, alice.pack, mls.GroupOptions{GroupID: []byte("walk")})
	check(err)
	both, err := start.Commit(rand, alice.key, mls.CommitOptions{
		Proposals: []mls.Proposal{&mls.Add{KeyPackage: bob.pack.KeyPackage}, &mls.Add{KeyPackage: carol.pack.KeyPackage}},
		Now:       now,
	})
	check(err)
	a := both.Next
	b, err := mls.Join(config, bob.pack, both.Welcome, mls.JoinOptions{})
	check(err)
	c, err := mls.Join(config, carol.pack, both.Welcome, mls.JoinOptions{})
	check(err)
	fmt.Println("same epoch:", a.ID() == b.ID() && b.ID() == c.ID(), "number", a.Number(), "members", a.Len())

	// Bob and Carol both renew their keys, neither knowing of the other.
	bobs, err := b.Commit(rand, bob.key, mls.CommitOptions{})
	check(err)
	carols, err := c.Commit(rand, carol.key, mls.CommitOptions{})
	check(err)

	// Alice follows both: her epoch stays, two candidates stand beside it.
	one, err := a.Process(bobs.Message, mls.Received{})
	check(err)
	two, err := a.Process(carols.Message, mls.Received{})
	check(err)
	fmt.Println("rivals:", one.Next.Number() == two.Next.Number() && one.Next.ID() != two.Next.ID())

	// Messages can be read on both.
	hello, _, err := bobs.Next.Keys().Protect(rand, bob.key, mls.Outgoing{Data: []byte("hello from bob's branch")})
	check(err)
	read, _, err := one.Next.Keys().Unprotect(hello)
	check(err)
	fmt.Printf("leaf %d: %s\n", read.Sender.Index, read.Application)
	hello, _, err = carols.Next.Keys().Protect(rand, carol.key, mls.Outgoing{Data: []byte("hello from carol's")})
	check(err)
	read, _, err = two.Next.Keys().Unprotect(hello)
	check(err)
	fmt.Printf("leaf %d: %s\n", read.Sender.Index, read.Application)

	// Whatever rule chooses, here Carol's wins: Bob follows, the other ends.
	chosen, err := b.Process(carols.Message, mls.Received{})
	check(err)
	one.Next.Erase()
	one.Next.Keys().Erase()
	fmt.Println("together:", chosen.Next.ID() == two.Next.ID() && two.Next.ID() == carols.Next.ID())

	// Output:
	// same epoch: true number 1 members 3
	// rivals: true
	// leaf 1: hello from bob's branch
	// leaf 2: hello from carol's
	// together: true
}

type client struct {
	key  *mls.SigningKey
	pack *mls.OwnKeyPackage
}

func newClient(rand *rand.ChaCha8, name string, now uint64) client {
	key, err := mls.GenerateSigningKey(rand, mls.X25519AES128SHA256Ed25519)
	check(err)
	pack, err := mls.NewKeyPackage(rand, key, mls.Client{
		CipherSuite: mls.X25519AES128SHA256Ed25519,
		Credential:  mls.Credential{Type: mls.CredentialBasic, Identity: []byte(name)},
		Lifetime:    mls.Lifetime{NotBefore: now - 3600, NotAfter: now + 86400},
	})
	check(err)
	return client{key, pack}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
