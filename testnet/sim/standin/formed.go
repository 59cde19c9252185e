package standin

import (
	"fmt"
	"io"
	"slices"

	"github.com/covey-p2p/covey/node/session"
)

// Formed returns an engine whose Create starts, for each of members, one and the
// same epoch 0 in which all of them are, with the context that the first of them
// to call it gives. Package mls has no such thing: a real group of ten thousand
// comes about by some hundred commits and ten thousand Welcomes, and a measurement
// of what goes on in it later need not wait for them.
func (e *Engine) Formed(members []session.Identity) session.Engine {
	return &formed{Engine: e, members: members}
}

type formed struct {
	*Engine
	members []session.Identity
	ep      *epoch
}

// Create implements [session.Engine].
func (f *formed) Create(self session.Identity, group, context []byte, rand io.Reader) (session.Epoch, error) {
	if f.ep == nil {
		var seed [32]byte
		if _, err := io.ReadFull(rand, seed[:]); err != nil {
			return nil, err
		}
		ep := &epoch{group: group, context: context, secret: hash("secret", seed[:])}
		for i, m := range f.members {
			ep.leaves = append(ep.leaves, session.Leaf{Index: uint32(i), Device: m.Device, Certificate: m.Certificate, Stamp: hash("leaf", seed[:], m.Device[:])})
		}
		f.ep = f.intern(ep)
	}
	i := slices.IndexFunc(f.ep.leaves, func(l session.Leaf) bool { return l.Device == self.Device })
	if i < 0 {
		return nil, fmt.Errorf("%w: not one of those the group was formed of", session.ErrInvalid)
	}
	return f.Engine.state(f.ep, self, uint32(i), session.EpochID{}), nil
}
