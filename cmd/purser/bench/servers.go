package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoybench"
	"github.com/purser/purser/policy/redis"
)

// proxy is one Envoy with one worker.
type proxy struct {
	*process
	address string // of its listener
	admin   string // URL
}

// startEnvoy runs an Envoy before the ext_proc server at extproc, or without one if that is "".
func startEnvoy(ctx context.Context, binary, dir, name, log, upstream, extproc string, models int) (*proxy, error) {
	served, err := deployments(upstream, models)
	if err != nil {
		return nil, err
	}
	nobody := "127.0.0.1:9" // the management plane is not part of it
	cfg := envoy.Config{
		ExtProc: []string{nobody}, AdminSvc: []string{nobody}, AccessLogPath: log,
	}
	for _, d := range served {
		cfg.Deployments = append(cfg.Deployments, envoy.Deployment{
			Name: d.Cluster(), Endpoint: envoy.Endpoint{Scheme: d.Scheme, Host: d.Host, Port: d.Port},
			CredentialHeader: d.CredentialHeader, CredentialPrefix: d.CredentialPrefix, Credential: d.Credential.Reveal(),
		})
	}
	render := envoybench.AloneYAML
	if extproc != "" {
		cfg.ExtProc, render = []string{extproc}, envoybench.YAML
	}
	text, err := render(cfg)
	if err != nil {
		return nil, err
	}
	file, admin := filepath.Join(dir, name+".yaml"), filepath.Join(dir, name+".admin")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	p, err := start("Envoy, "+name, exec.Command(binary, "-c", file, "--admin-address-path", admin, "--disable-hot-restart",
		"--concurrency", "1", "--log-level", "error"))
	if err != nil {
		return nil, err
	}
	e := &proxy{process: p}
	err = e.poll(ctx, func() error {
		address, err := os.ReadFile(admin)
		if err != nil || len(address) == 0 {
			return errors.New("no admin address yet")
		}
		e.admin = "http://" + strings.TrimSpace(string(address))
		if _, err := e.get(ctx, "/ready"); err != nil {
			return err
		}
		e.address, err = e.listener(ctx)
		return err
	})
	if err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

// startRedis runs a redis-server, at the URL addr, as one would for a ledger: nothing evicted, an append-only file synced each second.
func startRedis(ctx context.Context, binary, dir string) (*process, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	p, err := start("redis-server", exec.Command(binary, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"))
	if err != nil {
		return nil, err
	}
	p.addr = fmt.Sprintf("redis://127.0.0.1:%d/0", port)
	// First a bare connection: the client writes of each that fails.
	err = p.poll(ctx, func() error {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	if err == nil {
		err = answers(ctx, p)
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// answers waits until a redis-server is done loading.
func answers(ctx context.Context, p *process) error {
	client, err := redis.Connect(p.addr)
	if err != nil {
		return err
	}
	defer client.Close()
	return p.poll(ctx, func() error { return client.Ping(ctx).Err() })
}

// poll waits until ready returns nil, the process ends, or its time is over.
func (p *process) poll(ctx context.Context, ready func() error) error {
	bound := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("%s ended: %s", p.name, p.output.String())
		case <-bound:
			return fmt.Errorf("%s does not get ready: %w", p.name, err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var adminClient = &http.Client{Transport: &http.Transport{Proxy: nil}, Timeout: 5 * time.Second}

func (e *proxy) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.admin+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := adminClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return body, err
}

func (e *proxy) listener(ctx context.Context) (string, error) {
	text, err := e.get(ctx, "/listeners?format=json")
	if err != nil {
		return "", err
	}
	var list struct {
		ListenerStatuses []struct {
			LocalAddress struct {
				SocketAddress struct {
					PortValue int `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(text, &list); err != nil || len(list.ListenerStatuses) != 1 {
		return "", fmt.Errorf("not exactly one listener: %s", text)
	}
	return "127.0.0.1:" + strconv.Itoa(list.ListenerStatuses[0].LocalAddress.SocketAddress.PortValue), nil
}

// messages is how many ext_proc messages Envoy has sent so far.
func (e *proxy) messages(ctx context.Context) (int64, error) {
	text, err := e.get(ctx, "/stats?format=json&filter=ext_proc.stream_msgs_sent$")
	if err != nil {
		return 0, err
	}
	var reply struct {
		Stats []struct {
			Name  string `json:"name"`
			Value int64  `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(text, &reply); err != nil {
		return 0, err
	}
	var n int64
	for _, s := range reply.Stats {
		n += s.Value
	}
	return n, nil
}
