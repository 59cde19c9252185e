package mls

import (
	"fmt"
	"io"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/tree"
)

// GroupOptions describes a group to be.
type GroupOptions struct {
	// GroupID is chosen by the creator; empty means Nh random bytes
	// (RFC 9420 §11).
	GroupID []byte
	// Extensions of the group context.
	Extensions Extensions
}

// Create starts a group of one, in epoch 0 (RFC 9420 §11). The creator's leaf
// is that of its key package, whose init key is not used; own keys are copied.
// Members are added by a commit.
func Create(rand io.Reader, c *Config, own *OwnKeyPackage, o GroupOptions) (*Epoch, error) {
	s, err := lookup(own.KeyPackage.CipherSuite, CheckArgument)
	if err != nil {
		return nil, err
	}
	if len(o.GroupID) == 0 {
		if o.GroupID, err = random(rand, s.Nh()); err != nil {
			return nil, err
		}
	}
	leaf := own.KeyPackage.LeafNode
	edit := tree.New(s).Edit()
	if _, err := edit.Add(leaf); err != nil {
		return nil, invalidTree(err)
	}
	t, err := edit.Tree()
	if err != nil {
		return nil, invalidTree(err)
	}
	d := &draft{
		parent: &Epoch{frame: frame{suite: s}, config: *c}, list: &list{}, tree: t,
		context: GroupContext{Version: MLS10, CipherSuite: s.ID(), GroupID: o.GroupID, TreeHash: t.Hash(), Extensions: o.Extensions},
	}
	if err := d.checkFounder(leaf); err != nil {
		return nil, err
	}
	epochSecret, err := random(rand, s.Nh())
	if err != nil {
		return nil, err
	}
	k := &epochSecrets{}
	k.epoch, k.encryption = schedule.NewEpoch(s, epochSecret)
	e := d.public(k.epoch.ConfirmationTag(nil), "")
	e.admit(k, tree.NewPrivate(s, 0, own.LeafKey.Clone()))
	return e, nil
}

// checkFounder holds the creator's leaf against the group it creates.
func (d *draft) checkFounder(leaf *LeafNode) error {
	if err := d.parent.checkExtensions(d.context.Extensions); err != nil {
		return err
	}
	rules := d.parent.rules(d.context.Extensions, 0)
	if err := rules.Check(leaf, SourceKeyPackage, 0); err != nil {
		return invalidTree(err)
	}
	return authenticate(&d.parent.config, leaf, nil)
}

// random reads n bytes.
func random(rand io.Reader, n int) (suite.Secret, error) {
	b := make(suite.Secret, n)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, fmt.Errorf("mls: reading randomness: %w", err)
	}
	return b, nil
}
