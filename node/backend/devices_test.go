package backend

import (
	"errors"
	"testing"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/store"
)

// A disk that refuses a device is told of in a sentence, as everywhere.
func TestDeviceErrorOfTheDisk(t *testing.T) {
	var e *api.Error
	if err := deviceError(store.ErrFull); !errors.As(err, &e) || e.Code != api.CodeStorage {
		t.Errorf("a full disk is %v", err)
	}
}
