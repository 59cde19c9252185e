package mesh

import (
	"crypto/ed25519"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A host's identity is an Ed25519 key; its peer id follows from the public half
// and gives it back.

// KeyOf is the host key of a seed of 32 bytes.
func KeyOf(seed []byte) (crypto.PrivKey, error) {
	return crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
}

// PeerOf is the peer id of an Ed25519 public key.
func PeerOf(public [32]byte) (peer.ID, bool) {
	key, err := crypto.UnmarshalEd25519PublicKey(public[:])
	if err != nil {
		return "", false
	}
	id, err := peer.IDFromPublicKey(key)
	return id, err == nil
}

// PublicOf is the key of a peer id; false for a peer whose key is of another
// kind, which is none of ours.
func PublicOf(p peer.ID) (public [32]byte, ok bool) {
	key, err := p.ExtractPublicKey()
	if err != nil {
		return public, false
	}
	raw, err := key.Raw()
	if err != nil || len(raw) != len(public) {
		return public, false
	}
	return [32]byte(raw), true
}
