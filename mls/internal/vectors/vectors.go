// Package vectors finds the official test vectors of RFC 9420 for the tests of mls.
//
// They are those of mls-implementations, below the directory that
// COVEY_MLS_VECTORS names; without it, the copies that come with the module of
// the second implementation. Nothing but tests imports this.
package vectors

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// peer is the module that carries copies of the vectors.
const peer = "github.com/thomas-vilte/mls-go"

// Dir is the directory below which the vectors lie.
func Dir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("COVEY_MLS_VECTORS"); dir != "" {
		return dir
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", peer).Output()
	if err != nil {
		t.Fatalf("finding the module that carries the vectors: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "testdata")
}

// Read loads the vector file of that name, wherever below Dir it lies.
func Read(t testing.TB, name string, into any) {
	t.Helper()
	dir, found := Dir(t), ""
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() == name {
			found = p
			return fs.SkipAll
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("%s is not below %s (%v)", name, dir, err)
	}
	raw, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// Hex is bytes as the vectors write them.
type Hex []byte

// UnmarshalText reads hexadecimal digits.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}
