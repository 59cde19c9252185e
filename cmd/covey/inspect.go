package main

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/mls"
	"github.com/covey-p2p/covey/node/api"
)

// maxInspect bounds what is read: no MLS object of ours is larger.
const maxInspect = 16 << 20

func (a *app) inspectCommand() *cobra.Command {
	c := verb("inspect [FILE|-|HEX]", "Take any MLS bytes apart, without keys", 0, 1, func(_ *cobra.Command, args []string) error {
		raw, err := a.bytesOf(first(args))
		if err != nil {
			return err
		}
		if len(raw) == 0 {
			return api.NewError(api.CodeUsage, "There are no bytes.", "Give a file, - for standard input, or hex digits.")
		}
		part, err := mls.Inspect(raw)
		if err != nil {
			return api.NewError(api.CodeUsage, api.Sentence("these bytes are nothing of MLS: "+strings.TrimPrefix(err.Error(), "mls: ")), "Give an MLSMessage, or an object inside one, as bytes, hex or base64.")
		}
		return a.show(part, func(w io.Writer) { fmt.Fprint(w, tui.Visible(part.String())) })
	})
	c.Long = "Reads a file, standard input (-), or hex from the command line, and shows what the\nbytes say: messages, key packages, welcomes, trees. No node is needed."
	return c
}

// bytesOf reads what an argument means: hex, standard input, or a file whose
// content is bytes, hex or base64.
func (a *app) bytesOf(arg string) ([]byte, error) {
	if b, err := hex.DecodeString(arg); err == nil && len(b) > 0 {
		return b, nil
	}
	in := io.Reader(a.in)
	if arg != "" && arg != "-" {
		f, err := os.Open(arg)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, api.NewError(api.CodeNotFound, api.Quote(arg)+" is neither a file nor hex.", "Give a file, - for standard input, or hex digits.")
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxInspect))
	if err != nil {
		return nil, err
	}
	text := strings.Join(strings.Fields(string(b)), "")
	if h, err := hex.DecodeString(text); err == nil && len(h) > 0 {
		return h, nil
	}
	if d, err := base64.StdEncoding.DecodeString(text); err == nil && len(d) > 0 {
		return d, nil
	}
	return b, nil
}
