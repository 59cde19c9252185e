package bench

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/covey-p2p/covey/mls"
)

// MLS is this project's engine under suite 1 (X25519, AES-128-GCM, SHA-256,
// Ed25519).
type MLS struct {
	// Live is how many members, from the first on, keep a state that can send
	// and read; those after it are in the tree and nobody runs them, so that a
	// group of thousands fits one process. 0 runs everybody. The newest member
	// is always live until the next one comes.
	Live int
}

// Name implements [Protocol].
func (MLS) Name() string { return "mls" }

const mlsSuite = mls.X25519AES128SHA256Ed25519

// New implements [Protocol].
func (m MLS) New() (Group, error) {
	g := &mlsGroup{live: m.Live, now: uint64(time.Now().Unix()), config: &mls.Config{}}
	own, key, err := g.client(0)
	if err != nil {
		return nil, err
	}
	e, err := mls.Create(rand.Reader, g.config, own, mls.GroupOptions{})
	if err != nil {
		return nil, err
	}
	g.members = append(g.members, &mlsMember{epoch: e, key: key})
	return g, nil
}

type mlsGroup struct {
	live    int
	now     uint64
	config  *mls.Config
	members []*mlsMember // nil for one that nobody runs
	made    int
}

type mlsMember struct {
	epoch *mls.Epoch
	key   *mls.SigningKey
}

func (g *mlsGroup) client(i int) (*mls.OwnKeyPackage, *mls.SigningKey, error) {
	key, err := mls.GenerateSigningKey(rand.Reader, mlsSuite)
	if err != nil {
		return nil, nil, err
	}
	own, err := mls.NewKeyPackage(rand.Reader, key, mls.Client{
		CipherSuite: mlsSuite,
		Credential:  mls.Credential{Type: mls.CredentialBasic, Identity: fmt.Appendf(nil, "client_%d", i)},
		Lifetime:    mls.Lifetime{NotBefore: g.now - 3600, NotAfter: g.now + 86400},
	})
	return own, key, err
}

// Size implements [Group].
func (g *mlsGroup) Size() int { return len(g.members) }

// Add implements [Group]: one commit with everybody in it, one Welcome.
func (g *mlsGroup) Add(n int) (Cost, error) {
	joiners := make([]*mlsMember, n)
	packs := make([]*mls.OwnKeyPackage, n)
	proposals := make([]mls.Proposal, n)
	for i := range n {
		g.made++
		own, key, err := g.client(g.made)
		if err != nil {
			return Cost{}, err
		}
		joiners[i], packs[i], proposals[i] = &mlsMember{key: key}, own, &mls.Add{KeyPackage: own.KeyPackage}
	}
	return g.change(mls.CommitOptions{Proposals: proposals, Now: g.now}, 0, func(c *mls.Candidate) error {
		for i, j := range joiners {
			at := len(g.members)
			last := at - 1
			if g.live > 0 && last >= g.live {
				g.members[last] = nil
			}
			if g.live > 0 && at >= g.live && i < n-1 {
				g.members = append(g.members, nil)
				continue
			}
			e, err := mls.Join(g.config, packs[i], c.Welcome, mls.JoinOptions{})
			if err != nil {
				return err
			}
			j.epoch = e
			g.members = append(g.members, j)
		}
		return nil
	})
}

// Remove implements [Group].
func (g *mlsGroup) Remove() (Cost, error) {
	last := len(g.members) - 1
	if last < 1 {
		return Cost{}, errors.New("nobody is left to remove")
	}
	g.members = g.members[:last]
	return g.change(mls.CommitOptions{Proposals: []mls.Proposal{&mls.Remove{Removed: mls.LeafIndex(last)}}}, 0, nil)
}

// Rotate implements [Group]: an empty commit with a path.
func (g *mlsGroup) Rotate(member int) (Cost, error) {
	return g.change(mls.CommitOptions{}, member, nil)
}

// change commits by one member, lets everybody who runs take it in, and then
// those who join.
func (g *mlsGroup) change(o mls.CommitOptions, by int, join func(*mls.Candidate) error) (c Cost, err error) {
	m, err := g.member(by)
	if err != nil {
		return c, err
	}
	made, err := m.epoch.Commit(rand.Reader, m.key, o)
	if err != nil {
		return c, err
	}
	c.add(len(made.Message))
	if made.Welcome != nil {
		c.add(len(made.Welcome))
	}
	for i, other := range g.members {
		if other == nil || i == by {
			continue
		}
		got, err := other.epoch.Process(made.Message, mls.Received{})
		if err != nil {
			return c, fmt.Errorf("member %d: %w", i, err)
		}
		other.epoch = got.Next
	}
	m.epoch = made.Next
	if join != nil {
		err = join(made)
	}
	return c, err
}

func (g *mlsGroup) member(i int) (*mlsMember, error) {
	if i >= len(g.members) || g.members[i] == nil {
		return nil, noMember(i)
	}
	return g.members[i], nil
}

// Send implements [Group].
func (g *mlsGroup) Send(member int, text []byte) (Sealed, error) {
	m, err := g.member(member)
	if err != nil {
		return Sealed{}, err
	}
	out, _, err := m.epoch.Keys().Protect(rand.Reader, m.key, mls.Outgoing{Data: text})
	return Sealed{From: member, All: out}, err
}

// Read implements [Group].
func (g *mlsGroup) Read(member int, s Sealed) ([]byte, error) {
	m, err := g.member(member)
	if err != nil {
		return nil, err
	}
	got, _, err := m.epoch.Keys().Unprotect(s.All)
	if err != nil {
		return nil, err
	}
	return got.Application, nil
}
