package bench

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Compare puts two folders of `covey bench` side by side, b after a: where they
// come from, and for each point that both have the ratio of the medians and
// whether the intervals overlap. What only one has is named.
func Compare(a, b string) (string, error) {
	was, err := readFolder(a)
	if err != nil {
		return "", err
	}
	is, err := readFolder(b)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "a  %s: %s\nb  %s: %s\n", a, was.origin, b, is.origin)
	for _, warning := range was.origin.apart(is.origin) {
		fmt.Fprintf(&out, "!  %s\n", warning)
	}
	common := 0
	for _, name := range slices.Sorted(maps.Keys(was.tables)) {
		other, ok := is.tables[name]
		if !ok {
			continue
		}
		fmt.Fprintf(&out, "%s\n", name)
		lines := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		for _, key := range was.tables[name].keys {
			x := was.tables[name].rows[key]
			if y, ok := other.rows[key]; ok {
				common++
				fmt.Fprintf(lines, "  %s\t%s\t→ %s\t%s\n", key, x.shown(x.median), y.shown(y.median), x.verdict(y))
			}
		}
		lines.Flush()
	}
	if common == 0 {
		return "", fmt.Errorf("%s and %s measured nothing in common: make both with the same command, `covey bench thesis` or `covey bench node`", a, b)
	}
	for _, side := range []struct {
		name      string
		has, lack folder
	}{{a, was, is}, {b, is, was}} {
		if only := side.has.beyond(side.lack); len(only) > 0 {
			fmt.Fprintf(&out, "only in %s: %s\n", side.name, strings.Join(only, ", "))
		}
	}
	return out.String(), nil
}

// folder is what a command of `covey bench` left.
type folder struct {
	origin origin
	tables map[string]table
}

type table struct {
	keys []string // as they stand in the file
	rows map[string]row
}

// row is a median and the interval around it.
type row struct {
	median, low, high float64
	unit              string // empty: milliseconds
}

func (r row) shown(v float64) string {
	if r.unit == "" {
		return milliseconds(v)
	}
	return strconv.FormatFloat(v, 'f', -1, 64) + " " + r.unit
}

// verdict says what has become of r.
func (r row) verdict(now row) string {
	if r.median == 0 || now.median == 0 {
		return ""
	}
	ratio := fmt.Sprintf("×%.2f  ", now.median/r.median)
	up, down := "worse", "better"
	switch r.unit {
	case "":
		up, down = "slower", "faster"
	case "1/s":
		up, down = down, up
	}
	switch {
	case now.low > r.high:
		return ratio + up
	case now.high < r.low:
		return ratio + down
	}
	return ratio + "~ within both intervals"
}

// beyond lists what a folder has and another has not: whole tables, or the
// number of their points.
func (f folder) beyond(other folder) (only []string) {
	for _, name := range slices.Sorted(maps.Keys(f.tables)) {
		o, ok := other.tables[name]
		if !ok {
			only = append(only, name)
			continue
		}
		n := 0
		for key := range f.tables[name].rows {
			if _, ok := o.rows[key]; !ok {
				n++
			}
		}
		if n > 0 {
			only = append(only, fmt.Sprintf("%d of the points of %s", n, name))
		}
	}
	return only
}

// origin is where and when a report was made, as its own file says.
type origin struct {
	At     time.Time `json:"at"`
	Go     string    `json:"go"`
	System string    `json:"system"`
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Change string    `json:"change"`
	Load   string    `json:"load"`
}

func (o origin) String() string {
	s := fmt.Sprintf("%s UTC, %s, %d cores, %s, %s", o.At.UTC().Format("2006-01-02 15:04"), o.CPU, o.Cores, o.System, o.Go)
	if o.Change != "" {
		s += ", change " + o.Change[:min(12, len(o.Change))]
	}
	if o.Load != "" {
		s += ", load " + o.Load
	}
	return s
}

// apart says what keeps two reports from being like for like.
func (o origin) apart(p origin) (out []string) {
	if o.CPU != p.CPU || o.Cores != p.Cores || o.System != p.System {
		out = append(out, "They are of different machines: compare what stands beside each other within one report, not times across.")
	}
	if o.Go != p.Go {
		out = append(out, "They were built by different versions of Go.")
	}
	return out
}

// readFolder reads the tables of a report and where it comes from.
func readFolder(dir string) (f folder, err error) {
	f.tables = map[string]table{}
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return f, fmt.Errorf("there is no folder %s: `covey bench thesis --out %s` makes a report there", dir, dir)
	} else if err != nil {
		return f, err
	} else if !info.IsDir() {
		return f, fmt.Errorf("%s is a file: name the folder of a report", dir)
	}
	files, err := fs.Glob(os.DirFS(dir), "*.csv") // the folder's own name is no pattern
	if err != nil {
		return f, err
	}
	for _, name := range files {
		t, ours, err := readTable(filepath.Join(dir, name))
		if err != nil {
			return f, err
		}
		if ours {
			f.tables[strings.TrimSuffix(name, ".csv")] = t
		}
	}
	if len(f.tables) == 0 {
		return f, fmt.Errorf("%s holds no report: `covey bench thesis` and `covey bench node` make some, and `covey sim diff` compares runs of a simulation", dir)
	}
	for _, name := range []string{"nodes.json", "manifest.json"} { // the latter says more
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(b, &f.origin)
		}
		if err != nil {
			return f, fmt.Errorf("%s: %w; make the report anew", filepath.Join(dir, name), err)
		}
	}
	if f.origin.At.IsZero() {
		return f, fmt.Errorf("%s does not say where its figures come from: manifest.json or nodes.json is missing; make the report anew", dir)
	}
	return f, nil
}

// columns are where a kind of table has what is compared; the first cell of the
// head tells the kind.
var columns = map[string]struct{ fields, median, unit int }{
	"protocol": {9, 3, -1}, // of bench thesis: milliseconds
	"what":     {8, 4, 7},  // of bench node
}

// readTable reads a CSV; ours is false where it is of another kind.
func readTable(path string) (t table, ours bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return t, false, err
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.FieldsPerRecord = -1 // said below, in words of ours
	all, err := in.ReadAll()
	if err != nil {
		return t, false, fmt.Errorf("%s: %w; make the report anew", path, err)
	}
	if len(all) == 0 {
		return t, false, nil
	}
	at, ours := columns[all[0][0]]
	if !ours {
		return t, false, nil
	}
	t.rows = map[string]row{}
	for i, cells := range all[1:] {
		if len(cells) != at.fields {
			return t, true, fmt.Errorf("%s:%d: a row of a report has %d fields, this one %d: it is of another version; make it anew", path, i+2, at.fields, len(cells))
		}
		var v [3]float64
		for j := range v {
			if v[j], err = strconv.ParseFloat(cells[at.median+j], 64); err != nil {
				return t, true, fmt.Errorf("%s:%d: %w; make the report anew", path, i+2, err)
			}
		}
		r := row{median: v[0], low: v[1], high: v[2]}
		if at.unit >= 0 && cells[at.unit] != "ms" {
			r.unit = cells[at.unit]
		}
		key := fmt.Sprintf("%s, %s", cells[0], cells[1])
		t.keys = append(t.keys, key)
		t.rows[key] = r
	}
	return t, true, nil
}
