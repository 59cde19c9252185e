package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/covey-p2p/covey/node/api"
)

// setting is one thing a person may set. A flag beats the environment, which
// beats the file, which beats the default.
type setting struct {
	name, fallback, help string
	yesNo                bool
	advanced             bool // no flag of its own but of commands that run a node
}

// known are all settings there are; each is there because somebody needs it:
// what the rule or the protocol fixes is no setting.
var known = []setting{
	{name: "dir", help: "directory of the node (default: a profile of yours)"},
	{name: "profile", fallback: "default", help: "which of your nodes, where no dir is given"},
	{name: "network", fallback: "main", help: "nodes of other networks are never spoken to", advanced: true},
	{name: "listen", help: "multiaddresses to listen on, separated by commas (default: all interfaces; a port that is 0 is chosen once and kept)", advanced: true},
	{name: "bootstrap", help: "multiaddresses of peers to dial at the start, separated by commas", advanced: true},
	{name: "dht", fallback: "auto", help: "part in the network's DHT: auto, server (on one machine or network), client, off", advanced: true},
	{name: "multicast", fallback: "true", help: "find nodes on the local network", yesNo: true, advanced: true},
	{name: "map-ports", fallback: "true", help: "ask the router for a port", yesNo: true, advanced: true},
	{name: "relay", fallback: "true", help: "be reached through relays, and punch holes from there", yesNo: true, advanced: true},
	{name: "serve-relay", fallback: "false", help: "relay for peers that this node knows", yesNo: true, advanced: true},
	{name: "probe", fallback: "true", help: "have others test which addresses can be reached", yesNo: true, advanced: true},
	{name: "ask-always", fallback: "false", help: "invitations of contacts wait for an answer too", yesNo: true, advanced: true},
	{name: "read-receipts", fallback: "false", help: "let authors know when you have read their messages", yesNo: true, advanced: true},
	{name: "key", fallback: "file", help: "what opens the store: file, keyring, or passphrase (from COVEY_PASSPHRASE)", advanced: true},
	{name: "log", fallback: "warn", help: "debug, info, warn or error", advanced: true},
}

// settings are where the values come from.
type settings struct {
	values map[string]string
	origin map[string]string
}

// flags defines the flags that every command has.
func (s *settings) flags(f *pflag.FlagSet) {
	for _, k := range known {
		if !k.advanced {
			f.String(k.name, "", k.help)
		}
	}
}

// nodeFlags defines those of commands that run a node.
func nodeFlags(f *pflag.FlagSet) {
	for _, k := range known {
		switch {
		case !k.advanced:
		case k.yesNo:
			f.Bool(k.name, k.fallback == "true", k.help)
		default:
			f.String(k.name, k.fallback, k.help)
		}
	}
}

// read collects the values. The file is the one of the directory that flags
// and environment name.
func (s *settings) read(f *pflag.FlagSet) error {
	s.values, s.origin = make(map[string]string), make(map[string]string)
	set := func(name, value, origin string) {
		s.values[name], s.origin[name] = value, origin
	}
	for _, k := range known {
		set(k.name, k.fallback, "default")
	}
	given := func() {
		for _, k := range known {
			if v, ok := os.LookupEnv(envOf(k.name)); ok {
				set(k.name, v, "environment "+envOf(k.name))
			}
			if flag := f.Lookup(k.name); flag != nil && flag.Changed {
				set(k.name, flag.Value.String(), "flag --"+k.name)
			}
		}
	}
	given()
	if p := s.get("profile"); p == "" || p[0] == '.' || strings.ContainsAny(p, `/\`) {
		return api.NewError(api.CodeUsage, api.Quote(p)+" cannot be a profile.", "A profile is one word; --dir names a folder anywhere.")
	}
	file, err := readFile(s.file())
	if err != nil {
		return err
	}
	for name, value := range file {
		set(name, value, "file "+s.file())
	}
	given()
	for _, k := range known {
		if _, err := strconv.ParseBool(s.values[k.name]); k.yesNo && err != nil {
			return api.NewError(api.CodeUsage, fmt.Sprintf("%s is %q (%s), which is neither true nor false.", k.name, s.values[k.name], s.origin[k.name]), "Say true or false.")
		}
	}
	return nil
}

func envOf(name string) string {
	return "COVEY_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// file is the optional file of settings: lines of name = value.
func (s *settings) file() string { return filepath.Join(s.dir(), "config") }

func readFile(path string) (map[string]string, error) {
	b, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer b.Close()
	out := make(map[string]string)
	lines := bufio.NewScanner(b)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		at := slices.IndexFunc(known, func(k setting) bool { return k.name == name })
		if !ok || at < 0 || !known[at].advanced {
			return nil, api.NewError(api.CodeUsage, fmt.Sprintf("Line %d of %s is no setting: %s.", n, path, line), "`covey config show` lists the settings; a line is NAME = VALUE.")
		}
		out[name] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return out, lines.Err()
}

// write puts a setting into the file, in the place of what was said of it there;
// all other lines stay as they are.
func (s *settings) write(name, value string) error {
	at := slices.IndexFunc(known, func(k setting) bool { return k.name == name && k.advanced })
	if at < 0 {
		return api.NewError(api.CodeUsage, fmt.Sprintf("There is no setting %q for the file.", name), "`covey config show` lists the settings; dir and profile are given as flags.")
	}
	if _, err := strconv.ParseBool(value); known[at].yesNo && err != nil {
		return api.NewError(api.CodeUsage, fmt.Sprintf("%s is a matter of true or false, not of %q.", name, value), "Say true or false.")
	}
	if strings.ContainsAny(value, "\n\r\"") {
		return api.NewError(api.CodeUsage, "A value is one line without quotes.", "")
	}
	b, err := os.ReadFile(s.file())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lines := slices.DeleteFunc(strings.SplitAfter(string(b), "\n"), func(line string) bool {
		key, _, _ := strings.Cut(line, "=")
		return strings.TrimSpace(key) == name || line == ""
	})
	if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		lines[n-1] += "\n"
	}
	lines = append(lines, name+" = "+value+"\n")
	if err := os.MkdirAll(s.dir(), 0o700); err != nil {
		return err
	}
	next := s.file() + ".new" // a crash leaves the old file or this one, whole
	if err := os.WriteFile(next, []byte(strings.Join(lines, "")), 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.file())
}

func (s *settings) get(name string) string { return s.values[name] }
func (s *settings) is(name string) bool    { b, _ := strconv.ParseBool(s.values[name]); return b }

// list splits a value at commas.
func (s *settings) list(name string) (out []string) {
	for part := range strings.SplitSeq(s.values[name], ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// dir is the node's directory.
func (s *settings) dir() string {
	if d := s.values["dir"]; d != "" {
		return d
	}
	return filepath.Join(dataHome(), "covey", s.values["profile"])
}

// dataHome is where programs keep what is theirs and lasts.
func dataHome() string {
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return d
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "."
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Application Support")
	case "windows":
		return filepath.Join(home, "AppData", "Local")
	}
	return filepath.Join(home, ".local", "share")
}
