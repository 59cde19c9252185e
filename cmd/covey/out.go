package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/store"
)

// Exit codes. Scripts must treat one they do not know as failure.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitNoDaemon    = 3
	exitDenied      = 4
	exitNotFound    = 5
	exitWait        = 6 // accepted, but what was waited for did not come in time
	exitLostRace    = 7 // retryable
	exitPartial     = 8
	exitAlarm       = 9  // verification failed, or a fork needs a person
	exitProblems    = 10 // a check found problems
	exitInterrupted = 130
)

// exitCodes are those of the kinds of errors that have one of their own.
var exitCodes = map[api.Code]int{
	api.CodeUsage: exitUsage, api.CodeAmbiguous: exitUsage, api.CodeTooLarge: exitUsage, api.CodeNoDaemon: exitNoDaemon,
	api.CodeDenied: exitDenied, api.CodeStranger: exitDenied, api.CodeExpired: exitDenied, api.CodeNotFound: exitNotFound,
	api.CodeWait: exitWait, api.CodeLostRace: exitLostRace, api.CodePartial: exitPartial, api.CodeAlarm: exitAlarm, codeProblems: exitProblems,
}

func exitCode(e *api.Error) int {
	if code, ok := exitCodes[e.Code]; ok {
		return code
	}
	return exitError
}

// codeProblems is for commands that check.
const codeProblems api.Code = "problems"

// complain says what went wrong: a sentence and what to do, or JSON.
func (a *app) complain(e *api.Error) {
	e.Hint = a.aimed(e.Hint)
	if a.json {
		b, _ := json.Marshal(e)
		fmt.Fprintln(a.err, string(b))
		return
	}
	fmt.Fprintf(a.err, "covey: %s\n", tui.Visible(e.Message))
	if e.Hint != "" {
		fmt.Fprintf(a.err, "       %s\n", tui.Visible(e.Hint))
	}
}

// aim is what a command of this program needs to reach the same node: the flag by
// which this one was told.
func (a *app) aim() string {
	for _, name := range []string{"dir", "profile"} {
		if strings.HasPrefix(a.settings.origin[name], "flag ") {
			return " --" + name + " " + api.Word(a.settings.get(name))
		}
	}
	return ""
}

// next is a command line that somebody may paste as it stands. Names, which others
// chose, fill the format as one word each.
func (a *app) next(format string, names ...string) string {
	words := make([]any, len(names))
	for i, n := range names {
		words[i] = api.Word(n)
	}
	return fmt.Sprintf("covey "+format, words...) + a.aim()
}

// nodeCommands are the command lines in a sentence, that speak to a node.
var nodeCommands = regexp.MustCompile("`covey [^`]+`")

// aimed makes the command lines in a hint reach the node that this one spoke to.
func (a *app) aimed(hint string) string {
	return nodeCommands.ReplaceAllStringFunc(hint, func(cmd string) string {
		for _, other := range []string{"help", "sim", "testnet", "bench", "version"} {
			if strings.HasPrefix(cmd, "`covey "+other) {
				return cmd
			}
		}
		if strings.Contains(cmd, " --dir ") || strings.Contains(cmd, " --profile ") {
			return cmd
		}
		return strings.TrimSuffix(cmd, "`") + a.aim() + "`"
	})
}

// named gives errors of the node's start a code and a next step.
func named(err error) *api.Error {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, store.ErrUnclosed):
		return node.StorageError(err)
	case errors.Is(err, store.ErrLocked):
		return api.NewError(api.CodeLocked, api.Sentence(err.Error()), "Use that node, or stop it with `covey daemon stop`.")
	case errors.Is(err, store.ErrWrongKey), errors.Is(err, store.ErrNoKey):
		return api.NewError(api.CodeStorage, api.Sentence(err.Error()), "`covey config show` says where the key is looked for.")
	case errors.Is(err, store.ErrFull):
		return api.NewError(api.CodeStorage, api.Sentence(err.Error()), "Then start it again.")
	case errors.Is(err, store.ErrNewerFormat):
		return api.NewError(api.CodeVersion, api.Sentence(err.Error()), "Use the version of covey that wrote it.")
	case errors.Is(err, store.ErrTorn), errors.Is(err, store.ErrCorrupt):
		return api.NewError(api.CodeStorage, api.Sentence(err.Error()), "Keep a copy of the directory before anything else.")
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return fileError(at)
	}
	if strings.HasPrefix(err.Error(), "start the network host: ") {
		return api.NewError(api.CodeInternal, api.Sentence(err.Error()), "Is another program there? `covey config show --origin` says where it is to listen.")
	}
	return &api.Error{Code: api.CodeInternal, Message: api.Sentence(err.Error())}
}

// fileError says why a file or a folder cannot be used.
func fileError(at *fs.PathError) *api.Error {
	path := tui.Line(at.Path)
	switch {
	case errors.Is(at, fs.ErrNotExist) && at.Op == "mkdir":
		return api.NewError(api.CodeDenied, "The system does not let covey make the folder "+path+".", "Use a place that is yours to write to.")
	case errors.Is(at, fs.ErrNotExist):
		return api.NewError(api.CodeNotFound, "There is no file or folder "+path+".", "Look at the path once more.")
	case errors.Is(at, fs.ErrPermission), errors.Is(at, syscall.EROFS):
		return api.NewError(api.CodeDenied, "The system does not let covey use "+path+": "+at.Err.Error()+".", "Use a place that is yours to write to.")
	case errors.Is(at, syscall.ENOSPC), errors.Is(at, syscall.EDQUOT):
		return api.NewError(api.CodeStorage, "There is no room for "+path+": "+at.Err.Error()+".", "Make room; nothing was lost.")
	case errors.Is(at, syscall.EISDIR):
		return api.NewError(api.CodeUsage, path+" is a folder.", "Name a file.")
	case errors.Is(at, syscall.ENOTDIR):
		return api.NewError(api.CodeUsage, "There is no way to "+path+": something on it is no folder.", "Name another.")
	}
	return api.NewError(api.CodeUsage, path+" cannot be used: "+at.Err.Error()+".", "Name another.")
}

// emit writes one value as JSON: an object with the version of its form, or a
// list.
func (a *app) emit(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	raw := b.Bytes()
	switch {
	case bytes.HasPrefix(raw, []byte("{}")):
		raw = []byte("{\"v\":1}\n")
	case bytes.HasPrefix(raw, []byte("{")):
		raw = append([]byte(`{"v":1,`), raw[1:]...)
	case bytes.HasPrefix(raw, []byte("null")):
		raw = []byte("[]\n")
	}
	_, err := a.out.Write(raw)
	return err
}

// say writes a line for people; JSON has its own.
func (a *app) say(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.out, format+"\n", args...)
	}
}

// did reports what a command did: a value for scripts, a line for people.
func (a *app) did(v any, format string, args ...any) error {
	return a.show(v, func(w io.Writer) { fmt.Fprintf(w, format+"\n", args...) })
}

// facts are values under names of their own.
type facts = map[string]any

// show writes a value: as JSON, or as the function writes it for people.
func (a *app) show(v any, people func(w io.Writer)) error {
	if a.json {
		return a.emit(v)
	}
	people(a.out)
	return nil
}

// table writes aligned columns; what others wrote
// in a cell is text and never a command to the terminal.
func table(w io.Writer, head []string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(head) > 0 {
		fmt.Fprintln(t, strings.ToUpper(strings.Join(head, "\t")))
	}
	for _, r := range rows {
		for i := range r {
			r[i] = tui.Line(r[i])
		}
		fmt.Fprintln(t, strings.TrimRight(strings.Join(r, "\t"), "\t "))
	}
	t.Flush()
}

func short(id string) string { return id[:min(8, len(id))] }

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// ago is a time as people say it.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := time.Since(t)
	switch {
	case d < 2*time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
