package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/testnet"
)

// TestFound plays the shortest script of each bug that the simulator found. A
// script marked open must still fail, so that the mark goes when the bug does.
func TestFound(t *testing.T) {
	files, err := filepath.Glob("testdata/found/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			seed, open, script := readFound(t, file)
			w, how := runMixed(seed, script)
			picture, _ := w.Show("room")
			switch {
			case open == "" && how != "":
				t.Errorf("%s\n%s", how, picture)
			case open != "" && how == "":
				t.Errorf("marked open (%s), and it holds: take the mark off", open)
			case open != "":
				t.Logf("open: %s: %s", open, how)
			}
		})
	}
}

// TestSeedsThatFailed runs again, in full, each seed that once failed: where its
// shortest script no longer meets the same luck, the whole one may.
func TestSeedsThatFailed(t *testing.T) {
	for _, seed := range []uint64{
		180, 2160, 2194, 2400, 2568, 3191, 3394, 3906, 4455, 4536, 4676, 4816, 5021, 5596, 5825,
		6352, 6385, 6878, 7085, 7403, 7457, 8006, 8183, 8426, 8503, 9080, 9583, 9853, 15856, 19195, 20984, 24699, 25361, 28303,
	} {
		if _, how := runMixed(seed, Mixed(seed)); how != "" {
			t.Errorf("seed %d: %s", seed, how)
		}
	}
}

// readFound reads a script and what its comments say: the seed, and whether
// the bug is open.
func readFound(t *testing.T, file string) (seed uint64, open string, script []testnet.Verb) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(b), "\n") {
		if s, ok := strings.CutPrefix(l, "# seed "); ok {
			if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		if s, ok := strings.CutPrefix(l, "# open: "); ok {
			open = s
		}
	}
	if script, err = testnet.Parse(string(b)); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", file, err))
	}
	return seed, open, script
}
