package envoytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/purser/purser/envoy"
)

// patience is for a machine that is busy with other tests.
const patience = 30 * time.Second

// Envoy is a running Envoy. It stops with its test; its own log is printed if the test failed.
type Envoy struct {
	URL      string // of the listener, "http://127.0.0.1:port"
	Address  string // of the listener, "127.0.0.1:port"
	AdminURL string // of Envoy's admin interface

	accessLog string
	exited    chan struct{} // closed when the process has ended
	output    lockedBuffer
}

// Start runs Envoy with the configuration and waits until it serves. ListenAddress, ListenPort, AdminPort and AccessLogPath
// are the test's own whatever cfg says; without ExtProc or AdminSvc that part is an address where nobody listens.
func Start(t testing.TB, cfg envoy.Config) *Envoy {
	t.Helper()
	cfg.ListenAddress, cfg.ListenPort, cfg.AdminPort = "127.0.0.1", 1, 2 // placeholders, see StartBootstrap
	cfg.AccessLogPath = filepath.Join(t.TempDir(), "access.log")
	if len(cfg.ExtProc) == 0 {
		cfg.ExtProc = []string{ClosedAddress(t)}
	}
	if len(cfg.AdminSvc) == 0 {
		cfg.AdminSvc = []string{ClosedAddress(t)}
	}
	boot, err := envoy.Bootstrap(cfg)
	if err != nil {
		t.Fatalf("envoytest: %v", err)
	}
	e := StartBootstrap(t, boot)
	e.accessLog = cfg.AccessLogPath
	return e
}

// StartBootstrap is Start with a configuration that the test may have changed. The ports of its listener and of its admin
// interface become ones that the kernel chooses, so that tests never meet.
func StartBootstrap(t testing.TB, boot *bootstrapv3.Bootstrap) *Envoy {
	t.Helper()
	binary, err := envoy.FindBinary()
	if err != nil {
		t.Fatalf("envoytest: this test needs a real Envoy and does not skip: %v", err)
	}
	dir := t.TempDir()
	any := &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 0},
	}}}
	boot.Admin = &bootstrapv3.Admin{Address: any}
	for _, l := range boot.GetStaticResources().GetListeners() {
		l.Address = any
	}
	config, err := envoy.MarshalYAML(boot)
	if err != nil {
		t.Fatalf("envoytest: %v", err)
	}
	configFile, adminFile := filepath.Join(dir, "envoy.yaml"), filepath.Join(dir, "admin")
	if err := os.WriteFile(configFile, config, 0o600); err != nil {
		t.Fatalf("envoytest: %v", err)
	}

	e := &Envoy{exited: make(chan struct{})}
	cmd := exec.Command(binary, "-c", configFile, "--admin-address-path", adminFile, "--disable-hot-restart",
		"--concurrency", "1", "--log-level", "warning", "--file-flush-interval-msec", "10")
	cmd.Stdout, cmd.Stderr = &e.output, &e.output
	tie(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatalf("envoytest: %v", err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is in its output
		close(e.exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-e.exited:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-e.exited
		}
		if t.Failed() {
			t.Logf("Envoy's log:\n%s\naccess log:\n%s", e.output.String(), e.AccessLog())
		}
	})

	e.poll(t, "its admin address", func() bool {
		addr, err := os.ReadFile(adminFile)
		e.AdminURL = "http://" + strings.TrimSpace(string(addr))
		return err == nil && len(addr) > 0
	})
	e.poll(t, "readiness", func() bool {
		status, _ := e.get("/ready")
		return status == http.StatusOK
	})
	e.Address = e.listenerAddress(t)
	e.URL = "http://" + e.Address
	return e
}

// Admin is the answer of Envoy's admin interface to GET path; anything but 200 fails the test.
func (e *Envoy) Admin(t testing.TB, path string) string {
	t.Helper()
	status, body := e.get(path)
	if status != http.StatusOK {
		t.Fatalf("envoytest: admin %s: status %d: %s", path, status, body)
	}
	return body
}

// Log is what Envoy itself has written so far, warnings and worse.
func (e *Envoy) Log() string { return e.output.String() }

// AccessLog is what has been written so far, one JSON object per line.
func (e *Envoy) AccessLog() string {
	b, _ := os.ReadFile(e.accessLog)
	return string(b)
}

// WaitAccessLog waits for a line that contains the text, and returns it.
func (e *Envoy) WaitAccessLog(t testing.TB, text string) string {
	t.Helper()
	var found string
	e.poll(t, "an access log line with "+strconv.Quote(text), func() bool {
		for line := range strings.Lines(e.AccessLog()) {
			if strings.Contains(line, text) && strings.HasSuffix(line, "\n") {
				found = line
				return true
			}
		}
		return false
	})
	return found
}

// WaitStat waits until a statistic has the value, for example "cluster.purser-extproc.membership_healthy", 1.
func (e *Envoy) WaitStat(t testing.TB, name string, value int) {
	t.Helper()
	e.poll(t, fmt.Sprintf("%s to be %d", name, value), func() bool {
		_, body := e.get("/stats?filter=^" + name + "$")
		return strings.TrimSpace(body) == fmt.Sprintf("%s: %d", name, value)
	})
}

// poll waits for done, and fails the test if Envoy ends or patience does.
func (e *Envoy) poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-e.exited:
			t.Fatalf("envoytest: Envoy ended while the test waited for %s", what)
		case <-deadline:
			t.Fatalf("envoytest: no %s within %s", what, patience)
		}
	}
}

func (e *Envoy) get(path string) (int, string) {
	client := http.Client{Timeout: patience}
	res, err := client.Get(e.AdminURL + path)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(body)
}

func (e *Envoy) listenerAddress(t testing.TB) string {
	t.Helper()
	var list struct {
		ListenerStatuses []struct {
			LocalAddress struct {
				SocketAddress struct {
					Address   string `json:"address"`
					PortValue int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	body := e.Admin(t, "/listeners?format=json")
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.ListenerStatuses) != 1 {
		t.Fatalf("envoytest: not exactly one listener: %s", body)
	}
	a := list.ListenerStatuses[0].LocalAddress.SocketAddress
	return net.JoinHostPort(a.Address, strconv.Itoa(a.PortValue))
}

// lockedBuffer is written by the process and read by the test.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
