package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// maxSocketPath is the longest path of a Unix socket, in bytes, that every
// system takes: sun_path has 104 on the BSDs and 108 on Linux, one of them for
// the final zero.
const maxSocketPath = 103

// SocketPath is where the node of a directory listens: DIR/sock, or, where
// that is too long for a Unix socket, a short path made from the directory's
// hash under the runtime or temporary directory.
func SocketPath(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	path := filepath.Join(dir, "sock")
	if len(path) <= maxSocketPath {
		return path
	}
	sum := sha256.Sum256([]byte(dir))
	short := filepath.Join("covey-"+strconv.Itoa(os.Getuid()), hex.EncodeToString(sum[:8]))
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" {
		if path := filepath.Join(run, short); len(path) <= maxSocketPath {
			return path
		}
	}
	return filepath.Join("/tmp", short)
}

// Listen opens the node's socket for its owner alone. A socket left by a dead
// process is replaced; one that answers is not.
func Listen(dir string) (net.Listener, error) {
	path := SocketPath(dir)
	parent := filepath.Dir(path)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	if err := ownDir(parent); err != nil {
		return nil, err
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, NewError(CodeLocked, "Another node already listens on "+path+".", "Use it, or stop it with `covey daemon stop`.")
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return newOwnerListener(l), nil
}

// ownDir refuses a socket directory that others may write to: whoever can
// replace the socket can pose as the node.
func ownDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&os.ModeSticky == 0 {
		return NewError(CodeDenied, "Others may write to "+dir+", where the node's socket would be.", "Run `chmod 700 "+dir+"`, or set COVEY_DIR to a directory of your own.")
	}
	return nil
}
