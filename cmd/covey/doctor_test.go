package main

import (
	"testing"

	"github.com/covey-p2p/covey/node/api"
)

func TestVersionsAreCompared(t *testing.T) {
	if c := versions("v1.2.0", "v1.2.0"); c.Verdict != api.CheckOK || c.Text != "this program and the node are v1.2.0" {
		t.Errorf("the same: %+v", c)
	}
	c := versions("v1.1.0", "v1.2.0")
	if c.Verdict != api.CheckWarn || c.Text != "the node is v1.1.0, this program v1.2.0" || c.Hint != "`covey daemon stop`, and start it again" {
		t.Errorf("different: %+v", c)
	}
}
