package people

import (
	"testing"

	"github.com/covey-p2p/covey/node/store"
)

func TestSelfLasts(t *testing.T) {
	st := store.Memory()
	defer st.Close()
	first, err := OpenSelf(st, engine, "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Rename("alicia"); err != nil {
		t.Fatal(err)
	}
	again, err := OpenSelf(st, engine, "somebody else")
	if err != nil || again.Name() != "alicia" || again.Identity().Account != first.Identity().Account || again.Identity().Device != first.Identity().Device {
		t.Errorf("%q, %v", again.Name(), err)
	}
}
