package mls

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/vectors"
)

// families runs each family of vectors, by file name. Each returns how many
// cases it ran.
var families = map[string]func(*testing.T, []byte) int{
	"crypto-basics":      each(runCryptoBasics),
	"deserialization":    each(runDeserialization),
	"key-schedule":       each(runKeySchedule),
	"message-protection": each(runMessageProtection),
	"messages":           each(runMessages),
	"psk_secret":         each(runPSKSecret),
	"secret-tree":        each(runSecretTree),
	"transcript-hashes":  each(runTranscriptHashes),
	"tree-math":          each(runTreeMath),
	"tree-operations":    each(runTreeOperations),
	"tree-validation":    each(runTreeValidation),
	"treekem":            each(runTreeKEM),
	"welcome":            each(runWelcome),

	"passive-client-welcome":         each(runPassive),
	"passive-client-handling-commit": each(runPassive),
	"passive-client-random":          each(runPassive),
}

// TestVectors runs every vector file in the directory tree and prints one line
// for each. A file that is neither known by name nor of the passive shape
// fails, and so does one without cases.
func TestVectors(t *testing.T) {
	dir := vectors.Dir(t)
	files := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != ".json" {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if isHarnessConfig(data) {
			fmt.Printf("not vectors: %s (scripts of the interop harness)\n", filepath.ToSlash(rel))
			return nil
		}
		files++
		t.Run(filepath.ToSlash(rel), func(t *testing.T) { runVectorFile(t, filepath.ToSlash(rel), data) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("no vector files below %s", dir)
	}
}

func runVectorFile(t *testing.T, rel string, data []byte) {
	name := strings.TrimSuffix(rel[strings.LastIndex(rel, "/")+1:], ".json")
	run, known := families[name]
	if !known {
		if !isPassive(data) {
			t.Fatalf("%s: neither a known family nor of the passive shape", rel)
		}
		run = each(runPassive)
	}
	n := run(t, data)
	if n == 0 {
		t.Errorf("%s holds no cases", rel)
	}
	if t.Failed() {
		fmt.Printf("vectors %s %d FAILED\n", rel, n)
		return
	}
	fmt.Printf("vectors %s %d ok\n", rel, n)
}

// each runs one case after another, stopping a file after its first ten
// failures.
func each[T any](run func(*testing.T, *T)) func(*testing.T, []byte) int {
	return func(t *testing.T, data []byte) int {
		var cases []T
		if err := json.Unmarshal(data, &cases); err != nil {
			t.Fatalf("unreadable: %v", err)
		}
		failed := 0
		for i := range cases {
			if !t.Run(fmt.Sprintf("%d", i), func(t *testing.T) { run(t, &cases[i]) }) {
				if failed++; failed == 10 {
					t.Fatalf("ten of %d cases failed; the rest is not run", len(cases))
				}
			}
		}
		return len(cases)
	}
}

// isPassive knows a passive client's file by the fields of its first case.
func isPassive(data []byte) bool {
	var cases []map[string]json.RawMessage
	if json.Unmarshal(data, &cases) != nil || len(cases) == 0 {
		return false
	}
	for _, field := range []string{"cipher_suite", "key_package", "init_priv", "welcome", "initial_epoch_authenticator", "epochs"} {
		if _, ok := cases[0][field]; !ok {
			return false
		}
	}
	return true
}

// isHarnessConfig knows the scripts that drive live clients, which sit in the
// same repository as the vectors.
func isHarnessConfig(data []byte) bool {
	var top map[string]json.RawMessage
	if json.Unmarshal(data, &top) != nil {
		return false
	}
	_, scripts := top["scripts"]
	return scripts
}

// hexed is a byte string of the vectors; null and absent are nil.
type hexed []byte

func (h *hexed) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil || s == nil {
		return err
	}
	raw, err := hex.DecodeString(*s)
	*h = slices.Clip(raw)
	return err
}

func (h hexed) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(h)) }

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s = %x, want %x", what, got, want)
	}
}

func noError(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
