package chaos_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// program is how a child was started: what it takes to start it again while the
// supervisor, which would start everything again, is frozen.
type program struct{ args, env []string }

// program of a child that runs.
func (s *stack) program(name string) program {
	s.t.Helper()
	proc := filepath.Join("/proc", strconv.Itoa(s.pid(name)))
	read := func(file string) []string {
		text, err := os.ReadFile(filepath.Join(proc, file))
		if err != nil {
			s.t.Fatalf("%s: %v", name, err)
		}
		return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
	}
	return program{read("cmdline"), read("environ")}
}

// start runs it; stop ends it for good.
func (s *stack) start(p program) (stop func()) {
	s.t.Helper()
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, s.out, s.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
