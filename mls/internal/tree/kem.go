package tree

import (
	"bytes"
	"fmt"
	"io"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// pathLabel is the label of RFC 9420 §7.6.
const pathLabel = "UpdatePathNode"

// Path is a fresh path of one's own leaf, not yet encrypted: the context of the
// encryption contains the hash of the tree that the path makes (RFC 9420
// §12.4.1). It holds secrets; call Erase when the Welcomes are made.
type Path struct {
	Next    *Tree    // the tree with the path in it
	Private *Private // its maker's keys in Next

	leaf    LeafNode
	steps   []step
	keys    [][]byte
	secrets []suite.Secret // path_secret[0..n+1]; the last is the commit secret
}

// Format implements [fmt.Formatter].
func (Path) Format(f fmt.State, _ rune) { suite.Redact(f) }

// NewPath renews the leaf at and its filtered direct path, in the tree after
// proposals (RFC 9420 §7.4, §7.5). leaf gives identity, capabilities and
// extensions; its keys, source, parent hash and signature are filled in here.
// All randomness is read from rand: the leaf's key, then path_secret[0].
//
// It fails where rand does, and where one of the fresh or given keys is in
// the tree already.
func (t *Tree) NewPath(rand io.Reader, at LeafIndex, leaf LeafNode, signer *suite.SigningKey, groupID []byte) (*Path, error) {
	s := t.suite
	leafKey, err := s.GenerateKeyPair(rand)
	if err != nil {
		return nil, err
	}
	first := make(suite.Secret, s.Nh())
	if _, err := io.ReadFull(rand, first); err != nil {
		return nil, fmt.Errorf("tree: reading randomness: %w", err)
	}
	p := &Path{steps: t.filteredRoute(at), Private: &Private{suite: s, at: at, keys: make([]*suite.PrivateKey, t.depth+1)}}
	p.Private.keys[0] = leafKey
	p.secrets = pathSecrets(s, first, len(p.steps))
	derived, err := nodeKeys(s, p.secrets[:len(p.steps)])
	if err != nil {
		return nil, err
	}
	for k, key := range derived {
		p.Private.keys[p.steps[k].at.Level()] = key
		p.keys = append(p.keys, key.Public().Bytes())
	}

	hashes := t.parentHashes(p.steps, p.keys)
	leaf.EncryptionKey, leaf.SignatureKey = leafKey.Public().Bytes(), signer.Public()
	leaf.Source, leaf.ParentHash = SourceCommit, hashes[0]
	leaf.Sign(s, signer, groupID, at)
	p.leaf = leaf
	p.Next, err = t.splice(at, wire.Marshal(&leaf), p.keys, hashes)
	return p, err
}

// Seal encrypts the path secrets to the group under the provisional group
// context (RFC 9420 §7.6), leaving out the leaves added in the same commit.
// Equal rand gives equal bytes.
func (p *Path) Seal(rand io.Reader, context []byte, added []LeafIndex) (*UpdatePath, error) {
	s, t := p.Next.suite, p.Next
	var to []suite.Recipient
	var err error
	counts := make([]int, len(p.steps))
	for k := range p.steps {
		t.recipients(&p.steps[k], added, func(at NodeIndex, raw []byte) bool {
			var key *suite.PublicKey
			if key, err = s.ParsePublic(raw); err != nil {
				err = &Invalid{Check: CheckPublicKey, Node: at, Err: err}
				return false
			}
			to = append(to, suite.Recipient{Key: key, Plaintext: p.secrets[k]})
			counts[k]++
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	sealed, err := s.SealAll(rand, s.Info(pathLabel, context), to)
	if err != nil {
		return nil, err
	}
	u := &UpdatePath{Leaf: p.leaf, Nodes: make([]UpdatePathNode, len(p.steps))}
	for k, n := range counts {
		u.Nodes[k] = UpdatePathNode{EncryptionKey: p.keys[k], EncryptedPathSecret: sealed[:n:n]}
		sealed = sealed[n:]
	}
	return u, nil
}

// CommitSecret is path_secret[n+1] (RFC 9420 §12.4.1), a copy.
func (p *Path) CommitSecret() suite.Secret { return p.secrets[len(p.secrets)-1].Clone() }

// SecretFor is the path secret that a Welcome carries for a new member: that of
// the lowest common ancestor (RFC 9420 §12.4.3.1). It aliases the path.
func (p *Path) SecretFor(joiner LeafIndex) suite.Secret {
	for k, step := range p.steps {
		if step.at.covers(joiner) {
			return p.secrets[k]
		}
	}
	return nil
}

// Erase destroys the path secrets; Next and Private stay.
func (p *Path) Erase() { eraseAll(p.secrets) }

// Apply merges another member's path into the tree after proposals (RFC 9420
// §12.4.2), checking everything that can be checked without private keys and
// without the group's rules for the leaf, which are [Rules.Check]'s. added are
// the leaves added in the same commit.
func (t *Tree) Apply(committer LeafIndex, u *UpdatePath, added []LeafIndex) (*Tree, error) {
	if int64(committer) >= int64(t.Size()) {
		return nil, invalid(CheckPathLength, committer.Node())
	}
	steps := t.filteredRoute(committer)
	if len(u.Nodes) != len(steps) {
		return nil, invalid(CheckPathLength, committer.Node())
	}
	if old := t.leaf(committer); len(old) > 0 && bytes.Equal(keyOf(old), u.Leaf.EncryptionKey) {
		return nil, invalid(CheckPathLeafKey, committer.Node())
	}
	if len(t.find(keyEncryption, u.Leaf.EncryptionKey)) > 0 {
		return nil, invalid(CheckPathKeys, committer.Node())
	}
	keys := make([][]byte, len(steps))
	for k := range steps {
		at := steps[k].at
		want := 0
		t.recipients(&steps[k], added, func(NodeIndex, []byte) bool { want++; return true })
		if len(u.Nodes[k].EncryptedPathSecret) != want {
			return nil, invalid(CheckPathCiphertexts, at)
		}
		keys[k] = u.Nodes[k].EncryptionKey
		if _, err := t.suite.ParsePublic(keys[k]); err != nil {
			return nil, &Invalid{Check: CheckPublicKey, Node: at, Err: err}
		}
		if len(t.find(keyEncryption, keys[k])) > 0 || twice(keys[:k], keys[k]) || bytes.Equal(keys[k], u.Leaf.EncryptionKey) {
			return nil, invalid(CheckPathKeys, at)
		}
	}
	hashes := t.parentHashes(steps, keys)
	if !bytes.Equal(u.Leaf.ParentHash, hashes[0]) {
		return nil, invalid(CheckPathParentHash, committer.Node())
	}
	return t.splice(committer, wire.Marshal(&u.Leaf), keys, hashes)
}

func twice(keys [][]byte, key []byte) bool {
	for _, k := range keys {
		if bytes.Equal(k, key) {
			return true
		}
	}
	return false
}

// Open is the private side of Apply: the member's keys in the next tree, and
// the commit secret (RFC 9420 §7.5). next is what Apply made of the path;
// context is the provisional group context.
//
// It fails with CheckPathDecrypt where the ciphertext for this member does not
// open, and with CheckPathKey where a derived key is not the published one.
// Others may not notice (RFC 9420 §16.12).
func (p *Private) Open(next *Tree, committer LeafIndex, u *UpdatePath, added []LeafIndex, context []byte) (*Private, suite.Secret, error) {
	level := commonLevel(p.at, committer)
	if level == 0 || level > next.depth {
		return nil, nil, invalid(CheckPathDecrypt, p.at.Node())
	}
	steps := next.filteredRoute(committer)
	k := 0
	for k < len(steps) && steps[k].at.Level() < level {
		k++
	}
	if k == len(steps) || len(steps) != len(u.Nodes) {
		return nil, nil, invalid(CheckPathDecrypt, p.at.Node())
	}
	first, err := p.openStep(next, &steps[k], u.Nodes[k].EncryptedPathSecret, added, context)
	if err != nil {
		return nil, nil, err
	}
	steps, nodes := steps[k:], u.Nodes[k:]
	secrets := pathSecrets(p.suite, first, len(steps))
	defer eraseAll(secrets)
	keys, err := nodeKeys(p.suite, secrets[:len(steps)])
	if err != nil {
		return nil, nil, &Invalid{Check: CheckPathKey, Node: steps[0].at, Err: err}
	}
	q := p.Follow(next)
	for k, key := range keys {
		if !bytes.Equal(key.Public().Bytes(), nodes[k].EncryptionKey) {
			return nil, nil, invalid(CheckPathKey, steps[k].at)
		}
		q.keys[steps[k].at.Level()] = key
	}
	return q, secrets[len(steps)].Clone(), nil
}

// openStep decrypts the path secret of one step with the key of that node of
// the copath's resolution which is the member's own or above it.
func (p *Private) openStep(next *Tree, s *step, cts []HPKECiphertext, added []LeafIndex, context []byte) (suite.Secret, error) {
	var with *suite.PrivateKey
	at, n := s.at, 0
	next.recipients(s, added, func(r NodeIndex, public []byte) bool {
		if r.covers(p.at) {
			if key := p.key(r.Level()); key != nil && bytes.Equal(key.Public().Bytes(), public) {
				with, at = key, r
				return false
			}
		}
		n++
		return true
	})
	if with == nil || n >= len(cts) {
		return nil, invalid(CheckPathDecrypt, at)
	}
	secret, err := p.suite.OpenInfo(with, p.suite.Info(pathLabel, context), cts[n])
	if err != nil || len(secret) != p.suite.Nh() {
		return nil, &Invalid{Check: CheckPathDecrypt, Node: at, Err: err}
	}
	return secret, nil
}
