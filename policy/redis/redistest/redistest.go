// Package redistest starts a real redis-server for the tests of a package, once,
// and gives each test a prefix of its own in it.
package redistest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
)

var (
	address string
	tests   atomic.Int64
)

// Main runs a package's tests with a redis-server, that of TEST_REDIS_ADDR or one
// of its own. Without either the tests fail: they never skip.
func Main(m *testing.M) {
	os.Exit(func() int {
		if address = os.Getenv("TEST_REDIS_ADDR"); address != "" {
			return m.Run()
		}
		s, err := Start("", nil)
		if err != nil {
			fmt.Fprintln(os.Stderr, "redistest:", err)
			return 1
		}
		defer s.Stop()
		address = s.Addr
		return m.Run()
	}())
}

// Server is one redis-server process.
type Server struct {
	Addr string
	Port int
	cmd  *exec.Cmd
	done chan struct{}
	dir  string
}

// Start runs a redis-server with further arguments on a free port, in dir ("" is a
// temporary one).
func Start(dir string, args []string) (*Server, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("no redis-server in PATH: install the package redis-server, or set TEST_REDIS_ADDR")
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return start(binary, dir, port, args)
}

func start(binary, dir string, port int, args []string) (*Server, error) {
	s := &Server{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Port: port, done: make(chan struct{})}
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "redistest"); err != nil {
			return nil, err
		}
		s.dir = dir
	}
	s.cmd = exec.Command(binary, append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
	}, args...)...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	deadline := time.Now().Add(10 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", s.Addr, 100*time.Millisecond)
		if err == nil {
			_ = conn.Close()
			return s, nil
		}
		select {
		case <-s.done:
			return nil, fmt.Errorf("redis-server ended at once")
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.Stop()
			return nil, fmt.Errorf("redis-server did not answer on %s", s.Addr)
		}
	}
}

// Kill ends the process at once, as a crash does.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Stop ends it and removes its directory.
func (s *Server) Stop() {
	s.Kill()
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Client connects to the package's server, and names a prefix no other test has.
func Client(t testing.TB) (redis.UniversalClient, string) {
	t.Helper()
	if address == "" {
		t.Fatal("redistest.Main is not this package's TestMain")
	}
	c := redis.NewClient(&redis.Options{Addr: address})
	t.Cleanup(func() { _ = c.Close() })
	return c, fmt.Sprintf("{test%d}", tests.Add(1))
}

// Pull reads the whole journal stream.
func Pull(t testing.TB, c redis.UniversalClient, prefix string) func() []policy.Entry {
	return func() []policy.Entry {
		t.Helper()
		messages, err := c.XRange(context.Background(), prefix+":journal", "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		var out []policy.Entry
		for _, m := range messages {
			var e policy.Entry
			if err := json.Unmarshal([]byte(m.Values["e"].(string)), &e); err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
		return out
	}
}
