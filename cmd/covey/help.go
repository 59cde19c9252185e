package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/covey-p2p/covey/node/api"
)

// examples show, for every command, a line that somebody may type. A test holds
// that each is there and is taken.
var examples = map[string]string{
	"bench compare": "covey bench compare fig-before fig",
	"bench node":    "covey bench node --sizes 2,10 --rounds 5",
	"bench thesis":  "covey bench thesis --quick --out fig",

	"chat":        "covey chat lab",
	"completion":  "source <(covey completion bash)",
	"config path": "covey config path",
	"config show": "covey config show --origin",
	"config set":  "covey config set read-receipts true",

	"contact accept": "covey contact accept dan",
	"contact add":    "covey contact add covey:qAEB…",
	"contact block":  "covey contact block mallory",
	"contact forget": "covey contact forget dan",
	"contact invite": "covey contact invite --qr --ttl 1h",
	"contact ls":     "covey contact ls",
	"contact refuse": "covey contact refuse mallory",
	"contact rename": "covey contact rename dan 'Dan from chess'",
	"contact show":   "covey contact show bob",
	"contact verify": "covey contact verify bob --words 'alley ginger honey …'",

	"daemon logs":   "covey daemon logs -f",
	"daemon run":    "covey daemon run --name alice --log info",
	"daemon start":  "covey daemon start --name alice",
	"daemon status": "covey daemon status",
	"daemon stop":   "covey daemon stop",

	"device accept": "covey device accept covey-device:pgEB…",
	"device link":   "covey device link --qr",
	"device ls":     "covey device ls",
	"device rm":     "covey device rm 5f1c2a90",

	"doctor":  "covey doctor --bundle report.txt",
	"explain": "covey explain runs/split-brain-1",

	"group accept":  "covey group accept 'book club'",
	"group create":  "covey group create lab --invite bob,carol",
	"group decline": "covey group decline 'book club'",
	"group epochs":  "covey group epochs lab",
	"group invite":  "covey group invite lab bob",
	"group leave":   "covey group leave lab",
	"group ls":      "covey group ls",
	"group members": "covey group members lab",
	"group remove":  "covey group remove lab mallory --wait final",
	"group rename":  "covey group rename lab 'book club'",
	"group repair":  "covey group repair lab --dry-run",
	"group role":    "covey group role lab bob admin",
	"group rotate":  "covey group rotate lab",
	"group show":    "covey group show lab --verify",
	"group why":     "covey group why lab E7",

	"help":          "covey help group invite",
	"id name":       "covey id name 'Alice L.'",
	"id show":       "covey id show --qr",
	"inspect":       "covey inspect welcome.bin",
	"man":           "covey man | man -l -",
	"net status":    "covey net status",
	"peers connect": "covey peers connect /ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3…",
	"peers ls":      "covey peers ls",
	"read":          "covey read lab --unread --mark",
	"repl":          "covey repl < session.txt",
	"send":          "covey send lab 'see you at eight' --wait delivered:all",

	"sim diff":    "covey sim diff runs/first-1 runs/first-2",
	"sim explore": "covey sim explore --members 3 --race removal --lose 1 --crash 1",
	"sim lint":    "covey sim lint first.star",
	"sim new":     "covey sim new first.star",
	"sim replay":  "covey sim replay runs/split-brain-1 --web",
	"sim report":  "covey sim report runs/split-brain-1",
	"sim run":     "covey sim run testnet/scenarios/split-brain.star --runs 20 --sweep n=6,12",
	"sim seeds":   "covey sim seeds --first 1 --count 100",
	"sim shrink":  "covey sim shrink runs/first-7",

	"tail": "covey tail lab -f",

	"testnet down":      "covey testnet down",
	"testnet exec":      "covey testnet exec n1 -- group epochs lab",
	"testnet heal":      "covey testnet heal",
	"testnet kill":      "covey testnet kill n2 n4-n5",
	"testnet latency":   "covey testnet latency 200ms n1 n2",
	"testnet logs":      "covey testnet logs n1",
	"testnet loss":      "covey testnet loss 0.1",
	"testnet ls":        "covey testnet ls",
	"testnet partition": "covey testnet partition n1,n2 n3-n5",
	"testnet record":    "covey testnet record > mine.star",
	"testnet shell":     "covey testnet shell n1",
	"testnet start":     "covey testnet start n2",
	"testnet up":        "covey testnet up 5 --chat",
	"testnet verb":      "covey testnet verb 'send n1 lab \"hello\"'",

	"token ls":     "covey token ls",
	"token mint":   "covey token mint --scope lab:read --scope lab:send --ttl 24h",
	"token revoke": "covey token revoke weather-bot",
	"up":           "covey up --name Alice",
	"version":      "covey version",
	"watch":        "covey watch --json --types message,fork --from 0",
	"web":          "covey web",
}

// exemplify gives every command its example.
func exemplify(root *cobra.Command) {
	for _, c := range everyCommand(root) {
		if e, ok := examples[below(c)]; ok {
			c.Example = "  " + e
		}
	}
}

// below is a command's path without the program's name.
func below(c *cobra.Command) string {
	_, path, _ := strings.Cut(c.CommandPath(), " ")
	return path
}

// everyCommand lists what can be typed, in the order of the tree.
func everyCommand(c *cobra.Command) (out []*cobra.Command) {
	for _, sub := range c.Commands() {
		if sub.Hidden {
			continue
		}
		if len(sub.Commands()) == 0 {
			out = append(out, sub)
		}
		out = append(out, everyCommand(sub)...)
	}
	return out
}

// helpCommand is help for a command, or a line for each of them.
func (a *app) helpCommand() *cobra.Command {
	all := false
	c := verb("help [COMMAND…]", "Help for a command, or with --all a line for every one", 0, -1, func(cmd *cobra.Command, args []string) error {
		if all {
			return a.listCommands(cmd.Root())
		}
		of, rest, err := cmd.Root().Find(args)
		if err != nil || len(rest) > 0 {
			return api.NewError(api.CodeUsage, "There is no command "+api.Quote(strings.Join(args, " "))+".", "`covey help --all` lists every command.")
		}
		return of.Help()
	})
	c.Flags().BoolVar(&all, "all", false, "every command, in a line each")
	c.ValidArgsFunction = func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		of, _, err := cmd.Root().Find(args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var fit []string
		for _, s := range of.Commands() {
			if strings.HasPrefix(s.Name(), begin) && !s.Hidden {
				fit = append(fit, s.Name()+"\t"+s.Short)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// described is a command as scripts see it.
type described struct {
	Command  string      `json:"command"`
	About    string      `json:"about"`
	Use      string      `json:"use"`
	Example  string      `json:"example,omitempty"`
	Flags    []flagShown `json:"flags,omitempty"`
	Commands []string    `json:"commands,omitempty"`
}

type flagShown struct {
	Name    string `json:"name"`
	About   string `json:"about"`
	Default string `json:"default,omitempty"`
}

func describe(c *cobra.Command) described {
	out := described{Command: c.CommandPath(), About: c.Short, Use: c.UseLine(), Example: strings.TrimSpace(c.Example), Commands: verbsOf(c)}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			out.Flags = append(out.Flags, flagShown{f.Name, f.Usage, f.DefValue})
		}
	})
	return out
}

func (a *app) listCommands(root *cobra.Command) error {
	all := everyCommand(root)
	var shown []described
	var rows [][]string
	for _, c := range all {
		shown = append(shown, describe(c))
		rows = append(rows, []string{"covey " + strings.TrimSuffix(strings.TrimPrefix(c.UseLine(), "covey "), " [flags]"), c.Short})
	}
	return a.show(shown, func(w io.Writer) { table(w, nil, rows) })
}

// help is what --help and a noun alone show.
func (a *app) help(people func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	return func(c *cobra.Command, args []string) {
		if !a.json {
			people(c, args)
			return
		}
		if err := a.emit(describe(c)); err != nil {
			fmt.Fprintln(a.err, err)
		}
	}
}

// shells are those that completion knows.
var shells = map[string]func(*cobra.Command, io.Writer) error{
	"bash": func(c *cobra.Command, w io.Writer) error {
		if err := c.GenBashCompletionV2(w, true); err != nil {
			return err
		}
		_, err := io.WriteString(w, bashQuotes)
		return err
	},
	"zsh":        func(c *cobra.Command, w io.Writer) error { return c.GenZshCompletion(w) },
	"fish":       func(c *cobra.Command, w io.Writer) error { return c.GenFishCompletion(w, true) },
	"powershell": func(c *cobra.Command, w io.Writer) error { return c.GenPowerShellCompletionWithDesc(w) },
}

// bashQuotes has bash put the common beginning of names that hold spaces, or worse,
// on the line as one word, as it does a name that is the only one; other shells do
// so by themselves. Lists with explanations are left alone.
const bashQuotes = `
__covey_quoted() {
    __start_covey "$@"
    local i
    [[ ${#COMPREPLY[@]} -le 1 || ${COMPREPLY[*]} == *"  ("* ]] && return
    for i in "${!COMPREPLY[@]}"; do printf -v "COMPREPLY[$i]" %q "${COMPREPLY[$i]}"; done
}
complete -o default -F __covey_quoted covey
`

func (a *app) completionCommand() *cobra.Command {
	c := verb("completion bash|zsh|fish|powershell", "Write what makes a shell complete commands, groups and contacts", 1, 1, func(cmd *cobra.Command, args []string) error {
		generate, ok := shells[args[0]]
		if !ok {
			return api.NewError(api.CodeUsage, "Nothing is known of the shell "+api.Quote(args[0])+".", "Say bash, zsh, fish or powershell.")
		}
		var b strings.Builder
		if err := generate(cmd.Root(), &b); err != nil {
			return err
		}
		return a.show(facts{"script": b.String()}, func(w io.Writer) { io.WriteString(w, b.String()) })
	})
	c.Long = "Writes a script for a shell. To have it always:\n\n" +
		"  bash        covey completion bash > ~/.local/share/bash-completion/completions/covey\n" +
		"  zsh         covey completion zsh > \"${fpath[1]}/_covey\"\n" +
		"  fish        covey completion fish > ~/.config/fish/completions/covey.fish\n" +
		"  powershell  covey completion powershell | Out-String | Invoke-Expression"
	return c
}
