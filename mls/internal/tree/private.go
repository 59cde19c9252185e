package tree

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Private is the private side of the tree as one member sees it (RFC 9420
// §4.2): the key of its leaf and of those ancestors it knows. It is immutable
// but for Erase, and owns its keys: what is made from it has copies, so that
// erasing one epoch never touches another (about 1 kB a commit). It prints as
// ‹redacted›.
type Private struct {
	suite *suite.Suite
	at    LeafIndex
	keys  []*suite.PrivateKey // by level, the leaf's first; nil where unknown
}

// NewPrivate is what a member knows who holds the key of its leaf only. It
// takes the key over.
func NewPrivate(s *suite.Suite, at LeafIndex, leaf *suite.PrivateKey) *Private {
	return &Private{suite: s, at: at, keys: []*suite.PrivateKey{leaf}}
}

// Format implements [fmt.Formatter].
func (Private) Format(f fmt.State, _ rune) { suite.Redact(f) }

// Leaf is where the member stands.
func (p *Private) Leaf() LeafIndex { return p.at }

// Follow is p after a commit without a path for it: keys of nodes that the tree
// no longer holds are left out (RFC 9420 §7.5).
func (p *Private) Follow(t *Tree) *Private {
	next := &Private{suite: p.suite, at: p.at, keys: make([]*suite.PrivateKey, t.depth+1)}
	for level := range next.keys {
		if key := p.key(level); key != nil && bytes.Equal(t.EncryptionKey(p.at.ancestor(level)), key.Public().Bytes()) {
			next.keys[level] = key.Clone()
		}
	}
	return next
}

// WithLeaf is p with another leaf key, of its own Update that is being
// committed. It is for Follow or Open at once: it shares p's and the caller's
// keys.
func (p *Private) WithLeaf(key *suite.PrivateKey) *Private {
	keys := slices.Clone(p.keys)
	keys[0] = key
	return &Private{suite: p.suite, at: p.at, keys: keys}
}

func (p *Private) key(level int) *suite.PrivateKey {
	if level < len(p.keys) {
		return p.keys[level]
	}
	return nil
}

// Join is p with the keys from its lowest common ancestor with the committer
// up, derived from the path secret of a Welcome (RFC 9420 §12.4.3.1). It fails
// with CheckJoinPathKey where they are not the tree's.
func (p *Private) Join(t *Tree, committer LeafIndex, pathSecret suite.Secret) (*Private, error) {
	level := commonLevel(p.at, committer)
	if level == 0 || level > t.depth || len(pathSecret) != p.suite.Nh() {
		return nil, invalid(CheckJoinPathKey, p.at.Node())
	}
	// The common ancestor, and above it what is on the filtered direct path.
	steps := []NodeIndex{p.at.ancestor(level)}
	for level++; level <= t.depth; level++ {
		if at := p.at.ancestor(level); t.EncryptionKey(at) != nil {
			steps = append(steps, at)
		}
	}
	secrets := pathSecrets(p.suite, pathSecret.Clone(), len(steps))
	defer eraseAll(secrets)
	keys, err := nodeKeys(p.suite, secrets[:len(steps)])
	if err != nil {
		return nil, &Invalid{Check: CheckJoinPathKey, Node: steps[0], Err: err}
	}
	next := p.Follow(t)
	for k, at := range steps {
		if !bytes.Equal(keys[k].Public().Bytes(), t.EncryptionKey(at)) {
			return nil, invalid(CheckJoinPathKey, at)
		}
		next.keys[at.Level()] = keys[k]
	}
	return next, nil
}

// Erase destroys the keys.
func (p *Private) Erase() {
	for level, key := range p.keys {
		if key != nil {
			key.Erase()
			p.keys[level] = nil
		}
	}
}

// Encode writes the keys, for storage. The result is secret.
func (p *Private) Encode(w *wire.Writer) {
	w.U32(uint32(p.at))
	w.Vector(func(w *wire.Writer) {
		for _, key := range p.keys {
			if w.Optional(key != nil) {
				w.Opaque(key.Bytes())
			}
		}
	})
}

// DecodePrivate reads what Encode wrote.
func DecodePrivate(s *suite.Suite, r *wire.Reader) *Private {
	p := &Private{suite: s, at: LeafIndex(r.U32())}
	v := r.Vector()
	for v.More() && len(p.keys) <= MaxDepth {
		var key *suite.PrivateKey
		if v.Optional() {
			var err error
			if key, err = s.ParsePrivate(v.Opaque()); err != nil {
				v.Fail(err)
			}
		}
		p.keys = append(p.keys, key)
	}
	if v.Err() == nil && (len(p.keys) == 0 || !v.Empty()) {
		v.Fail(wire.ErrValue)
	}
	r.Join(v)
	return p
}

// pathSecrets is the chain of n path secrets from the first up, which it keeps,
// and the one after (RFC 9420 §7.4):
//
//	path_secret[n] = DeriveSecret(path_secret[n-1], "path")
func pathSecrets(s *suite.Suite, first suite.Secret, n int) []suite.Secret {
	chain := make([]suite.Secret, n+1)
	chain[0] = first
	for k := range n {
		chain[k+1] = s.DeriveSecret(chain[k], "path")
	}
	return chain
}

// nodeKeys are the keys of path secrets, derived on all cores:
//
//	node_secret[n] = DeriveSecret(path_secret[n], "node")
//	node_priv[n], node_pub[n] = KEM.DeriveKeyPair(node_secret[n])
func nodeKeys(s *suite.Suite, secrets []suite.Secret) ([]*suite.PrivateKey, error) {
	keys := make([]*suite.PrivateKey, len(secrets))
	err := suite.ForEach(len(secrets), func(k int) (err error) {
		node := s.DeriveSecret(secrets[k], "node")
		defer node.Erase()
		keys[k], err = s.DeriveKeyPair(node)
		return err
	})
	return keys, err
}

func eraseAll(secrets []suite.Secret) {
	for _, s := range secrets {
		s.Erase()
	}
}
