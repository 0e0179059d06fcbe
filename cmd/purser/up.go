package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/purser/purser/cmd/purser/supervise"
	"github.com/purser/purser/envoy"
)

// upOptions are the flags of `purser up`.
type upOptions struct {
	config   string // of the models; absolute
	listen   string // address of Envoy's listener
	port     int    // of Envoy's listener
	stateDir string // absolute
	extproc  string // binaries
	adminsvc string
	envoy    string
	redis    string   // program; "": none, the extproc counts by itself
	replicas int      // of extproc and adminsvc
	command  []string // to run when the stack is ready; its end stops the stack
}

const defaultConfig = "deploy/local/config.yaml"

// stopBound is the longest a stop may take in all, before everything left is killed.
const stopBound = 60 * time.Second

func runUp(ctx context.Context, args []string, out io.Writer) error {
	opts, err := upFlags(args, out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(opts.stateDir, 0o755); err != nil {
		return fmt.Errorf("--state-dir: %w", err)
	}
	release, err := supervise.Claim(opts.stateDir)
	if err != nil {
		if errors.Is(err, supervise.ErrInUse) {
			return fmt.Errorf("%w: stop it, or choose another folder with --state-dir (make up STATE=…)", err)
		}
		return err
	}
	defer release()

	s := &stack{opts: opts, out: out}
	err = s.start(ctx)
	switch {
	case err != nil:
	case len(opts.command) > 0:
		err = s.runCommand(ctx)
	default:
		s.welcome()
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		err = nil // told to stop, while starting or later: that is no failure
	}
	return errors.Join(err, s.stop())
}

func upFlags(args []string, out io.Writer) (upOptions, error) {
	var o upOptions
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	flags.StringVar(&o.config, "config", cmp.Or(os.Getenv("CONFIG_FILE"), defaultConfig), "config.yaml in LiteLLM's format")
	flags.IntVar(&o.port, "port", 4000, "port for clients; 0 takes a free one")
	flags.StringVar(&o.listen, "listen", "127.0.0.1", "address for clients; 0.0.0.0 opens it to the network")
	flags.StringVar(&o.stateDir, "state-dir", ".state", "folder for data, logs and pid files")
	flags.StringVar(&o.extproc, "extproc", "", "the extproc program (default: beside this one)")
	flags.StringVar(&o.adminsvc, "adminsvc", "", "the adminsvc program (default: beside this one)")
	flags.StringVar(&o.envoy, "envoy", "", "the Envoy program (default: $ENVOY_BIN, the checkout's, else the one in PATH)")
	flags.StringVar(&o.redis, "redis", "auto", "the redis-server program; auto takes the one in PATH if there is one; off counts in the extproc itself")
	flags.IntVar(&o.replicas, "replicas", 1, "how many extprocs and adminsvcs to run; more than one needs Redis")
	flags.Usage = func() {
		fmt.Fprint(out, "purser up [flags] [-- command …]\n\n"+
			"Runs the stack until Ctrl-C, or with a command as long as that runs, which finds PURSER_URL and more in its environment.\n\n")
		flags.PrintDefaults()
	}
	for i, arg := range args {
		if arg == "--" {
			args, o.command = args[:i], args[i+1:]
			break
		}
	}
	if err := parse(flags, args, out); err != nil {
		return o, err
	}
	if o.port < 0 || o.port > 65535 {
		return o, usageError{fmt.Sprintf("--port %d: not between 0 and 65535", o.port)}
	}
	if o.replicas < 1 || o.replicas > 16 {
		return o, usageError{fmt.Sprintf("--replicas %d: not between 1 and 16", o.replicas)}
	}
	if net.ParseIP(o.listen) == nil {
		return o, usageError{fmt.Sprintf("--listen %q: not an IP address", o.listen)}
	}
	for _, path := range []*string{&o.config, &o.stateDir} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return o, err
		}
		*path = abs
	}
	if _, err := os.Stat(o.config); err != nil {
		return o, fmt.Errorf("--config: %w", err)
	}
	var err error
	if o.redis, err = findRedis(o.redis); err != nil {
		return o, err
	}
	if o.extproc, err = besideUs(o.extproc, "extproc"); err != nil {
		return o, err
	}
	if o.adminsvc, err = besideUs(o.adminsvc, "adminsvc"); err != nil {
		return o, err
	}
	if o.envoy == "" {
		if o.envoy, err = envoy.FindBinary(); err != nil {
			return o, fmt.Errorf("--envoy: %w (`make envoy` fetches it)", err)
		}
	} else if !isProgram(o.envoy) {
		return o, fmt.Errorf("--envoy: %s is no executable file", o.envoy)
	}
	return o, nil
}

// besideUs finds a program that belongs to this one.
func besideUs(given, name string) (string, error) {
	if given == "" {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		given = filepath.Join(filepath.Dir(self), name)
	}
	path, err := filepath.Abs(given)
	if err != nil {
		return "", err
	}
	if !isProgram(path) {
		return "", fmt.Errorf("--%s: %s is no executable file (`make build` builds it)", name, path)
	}
	return path, nil
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// findRedis resolves --redis to a program; "" is none.
func findRedis(flag string) (string, error) {
	switch flag {
	case "off":
		return "", nil
	case "auto":
		path, err := exec.LookPath("redis-server")
		if err != nil {
			return "", nil
		}
		return path, nil
	}
	path, err := exec.LookPath(flag)
	if err != nil {
		return "", fmt.Errorf("--redis: %w", err)
	}
	return path, nil
}
