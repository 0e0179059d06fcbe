// Command purser is the tool a person runs: it brings the whole local stack up and
// does what has to be done around it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/purser/purser/policy/postgres/embedded"
)

// version is set by the linker.
var version = "dev"

// command is a subcommand. Run gets the arguments after its name; an error of type
// usageError ends the program with status 2, another one with 1.
type command struct {
	name   string
	brief  string
	hidden bool // not in the list of help
	run    func(ctx context.Context, args []string, out io.Writer) error
}

func commands() []command {
	return append([]command{
		{name: "up", brief: "run the whole stack on this machine", run: runUp},
		{name: "migrate", brief: "bring the database at DATABASE_URL up to date", run: runMigrate},
		{name: "verify", brief: "compare the counters of a running stack with its tables", run: runVerify},
		{name: "envoy-config", brief: "print the Envoy configuration of a config.yaml", run: runEnvoyConfig},
		{name: "openapi", brief: "print the API as OpenAPI 3.1", run: runOpenAPI},
		{name: "bench", brief: "compare Envoy alone, with a no-op ext_proc, and with Purser", run: runBench},
		{name: "bench-part", brief: "run one of the bench's own servers", hidden: true, run: runBenchPart},
		{name: "fake-provider", brief: "run the model provider of the demo alone", hidden: true, run: runFakeProvider},
		{name: "version", brief: "print the version", run: func(_ context.Context, _ []string, out io.Writer) error {
			_, err := fmt.Fprintln(out, version)
			return err
		}},
	}, manageCommands()...)
}

func main() {
	// In the process that embedded starts of this program, nothing else may run.
	embedded.RunChildIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// dispatch runs the subcommand that args name and returns the exit status.
func dispatch(ctx context.Context, args []string, out, errOut io.Writer) int {
	if len(args) == 0 {
		help(errOut)
		return 2
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		help(out)
		return 0
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], out)
		var usage usageError
		var status exitStatus
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case errors.As(err, &status):
			return int(status)
		case errors.As(err, &usage):
			fmt.Fprintf(errOut, "purser %s: %v\n", c.name, err)
			return 2
		}
		fmt.Fprintf(errOut, "purser %s: %v\n", c.name, err)
		return 1
	}
	fmt.Fprintf(errOut, "purser: there is no command %q\n\n", args[0])
	help(errOut)
	return 2
}

func help(w io.Writer) {
	fmt.Fprintf(w, "purser %s: virtual keys, budgets, rate limits and a spend ledger for LLM calls through Envoy\n\ncommands:\n", version)
	for _, c := range commands() {
		if !c.hidden {
			fmt.Fprintf(w, "  %-14s %s\n", c.name, c.brief)
		}
	}
	fmt.Fprint(w, "\n`purser <command> -h` lists a command's flags.\n")
}

// usageError is a mistake in the arguments.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// exitStatus is the failure of a program that was run for the user, which has said
// itself what was wrong.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// parse reads the flags of a subcommand, which takes no other arguments.
func parse(flags *flag.FlagSet, args []string, out io.Writer) error {
	flags.SetOutput(out)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err.Error()}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Sprintf("unexpected argument %q", flags.Arg(0))}
	}
	return nil
}
