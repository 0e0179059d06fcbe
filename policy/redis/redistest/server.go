package redistest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is one redis-server process.
type Server struct {
	Addr string
	Port int
	args []string
	cmd  *exec.Cmd
	done chan struct{}
	dir  string // of its data
	temp bool   // dir is ours to remove
}

// Start runs a redis-server with further arguments on a free port, in dir ("" is a
// temporary one). "{port}" in an argument becomes the port.
func Start(dir string, args []string) (*Server, error) { return start(dir, "", args) }

// start runs one, with a configuration file (written to dir) if there is one.
func start(dir, config string, args []string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Port: port, dir: dir}
	if dir == "" {
		if s.dir, err = os.MkdirTemp("", "redistest"); err != nil {
			return nil, err
		}
		s.temp = true
	}
	if config != "" {
		file := s.dir + "/redis.conf"
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			return nil, err
		}
		s.args = append(s.args, file)
	} else {
		s.args = []string{"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--repl-diskless-sync-delay", "0"}
	}
	s.args = append(s.args, "--port", "{port}", "--bind", "127.0.0.1", "--dir", s.dir)
	s.args = append(s.args, args...)
	for i := range s.args {
		s.args[i] = strings.ReplaceAll(s.args[i], "{port}", strconv.Itoa(port))
	}
	if err := s.Restart(); err != nil {
		if s.temp {
			_ = os.RemoveAll(s.dir)
		}
		return nil, err
	}
	return s, nil
}

// Restart runs it again where it was, with the data it left, after Kill.
func (s *Server) Restart() error {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return errors.New("no redis-server in PATH: install the package redis-server, or set TEST_REDIS_ADDR")
	}
	s.cmd, s.done = exec.Command(binary, s.args...), make(chan struct{})
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	cmd, done := s.cmd, s.done
	go func() { _ = cmd.Wait(); close(done) }()
	deadline := time.Now().Add(10 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", s.Addr, 100*time.Millisecond)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("redis-server %s ended at once", strings.Join(s.args, " "))
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.Kill()
			return fmt.Errorf("redis-server did not answer on %s", s.Addr)
		}
	}
}

// Kill ends the process at once, as a crash does.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Pause stops it in its tracks: connections stay, nothing is answered. Resume lets it go on.
func (s *Server) Pause() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// Stop ends it and removes its directory.
func (s *Server) Stop() {
	s.Kill()
	if s.temp {
		_ = os.RemoveAll(s.dir)
	}
}

// freePort is one that nobody has, low enough for a cluster bus 10000 above it.
func freePort() (int, error) {
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port <= 55_535 {
			return port, nil
		}
	}
}
