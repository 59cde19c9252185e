package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
)

// app is what the commands share.
type app struct {
	in       *os.File
	out, err io.Writer
	json     bool
	dir      string // of the node
	settings settings
	wire     string // rules file of a testnet's wires, or ""
	ran      bool   // a command began: what fails from here on is no misuse
	typed    *api.Client
	lines    *tui.Lines // what is typed where there is no screen
}

// must is for what only a mistake in this program makes fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// run is the program, and returns its exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return (&app{in: os.Stdin, out: os.Stdout, err: os.Stderr}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	a.json = asksJSON(args)
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if a.typed != nil {
		a.typed.Close()
	}
	if err == nil {
		return exitOK
	}
	if !a.ran && !errors.As(err, new(*api.Error)) {
		err = misuse(cmd, err)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	e := named(err)
	if e.Code == api.CodeUsage && e.Hint == "" {
		e.Hint = shownBy(cmd)
	}
	a.complain(e)
	return exitCode(e)
}

// root is the tree of commands. A noun is a file; a command that people use
// all day is a verb at the top.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "covey",
		Short:         "A group messenger with no server",
		Long:          "covey keeps groups of people in touch without any server: nodes find each other,\nkeys change as people come and go, and every node works out by itself which\nchange won. Begin with `covey up`.",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.prepare(cmd)
		},
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(a.helpCommand())
	root.SetHelpFunc(a.help(root.HelpFunc()))
	f := root.PersistentFlags()
	f.BoolVar(&a.json, "json", a.json, "answer in JSON")
	f.Lookup("json").DefValue = "false"
	a.settings.flags(f)
	root.AddCommand(
		a.upCommand(), a.daemonCommand(), a.chatCommand(), a.webCommand(),
		a.idCommand(), a.deviceCommand(), a.contactCommand(), a.groupCommand(),
		a.sendCommand(), a.readCommand(), a.tailCommand(), a.watchCommand(), a.replCommand(),
		a.peersCommand(), a.netCommand(), a.doctorCommand(), a.explainCommand(), a.inspectCommand(),
		a.tokenCommand(), a.configCommand(), a.versionCommand(), a.manCommand(), a.completionCommand(),
		a.testnetCommand(), a.simCommand(), a.benchCommand(),
	)
	root.InitDefaultHelpCmd()
	exemplify(root)
	a.complete(root)
	return root
}

// asksJSON reports whether a command line, however wrong it is, asks for JSON: its
// errors are to be JSON too.
func asksJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}

// misuse is what a wrong command line is answered with.
func misuse(cmd *cobra.Command, err error) *api.Error {
	message := api.Sentence(err.Error())
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		message = fmt.Sprintf("%s does not fit --%s, which takes %s.", api.Quote(e.GetValue()), e.GetFlag().Name, taken[e.GetFlag().Value.Type()])
	}
	return api.NewError(api.CodeUsage, message, "")
}

// shownBy says where it is shown how a command is used.
func shownBy(cmd *cobra.Command) string {
	if path := below(cmd); path != "" {
		return "`covey help " + path + "` shows how."
	}
	return "`covey help` shows every command, `covey help COMMAND` one of them."
}

// taken says what flags of a type take.
var taken = map[string]string{
	"duration": "a time such as 90s, 5m or 2h", "bool": "true or false", "int": "a whole number", "uint64": "a whole number", "intSlice": "whole numbers, separated by commas",
}

// sane refuses numbers and times below nothing, which no flag has a use for.
func sane(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if what := taken[f.Value.Type()]; what != "" && strings.HasPrefix(f.Value.String(), "-") {
			err = api.NewError(api.CodeUsage, fmt.Sprintf("--%s is %s: it takes %s, and none below 0.", f.Name, f.Value, what), "")
		}
	})
	return err
}

// prepare reads the settings before any command runs.
func (a *app) prepare(cmd *cobra.Command) error {
	a.ran = true
	if err := sane(cmd.Flags()); err != nil {
		return err
	}
	if err := a.settings.read(cmd.Flags()); err != nil {
		return err
	}
	a.dir = a.settings.dir()
	return nil
}

// client speaks to the node of the directory.
func (a *app) client() *api.Client {
	if a.typed == nil {
		a.typed = api.ForDir(a.dir)
	}
	return a.typed
}

// interactive reports whether a person is at both ends.
func (a *app) interactive() bool {
	out, ok := a.out.(*os.File)
	return ok && term.IsTerminal(int(a.in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// noun makes a command that only holds others.
func noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no `%s %s`; try %s", cmd.CommandPath(), args[0], strings.Join(verbsOf(cmd), ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(verbs...)
	return c
}

func verbsOf(cmd *cobra.Command) (out []string) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			out = append(out, c.Name())
		}
	}
	return out
}

// verb makes a command. args is the least and the most number of arguments; a
// negative most has no bound.
func verb(use, short string, least, most int, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, RunE: run,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) < least:
				return fmt.Errorf("`%s` needs %s: %s", cmd.CommandPath(), plural(least, "argument"), cmd.UseLine())
			case most >= 0 && len(args) > most:
				return fmt.Errorf("`%s` takes at most %s: %s", cmd.CommandPath(), plural(most, "argument"), cmd.UseLine())
			}
			return nil
		},
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
