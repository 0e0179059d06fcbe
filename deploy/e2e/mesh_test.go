package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
)

// The suite, and what sidecars do, through meshes' own control planes: MESH=1, by `make
// test-mesh`, which builds them into .local/mesh. They serve from files a real Envoy that
// knows nothing of Purser but what `purser envoy-config` has printed.

// meshStack is a stack whose services the mesh's Envoy calls, beside the stack's own.
type meshStack struct {
	t     *testing.T
	state string
	dir   string // for the mesh's files
	tools string // .local/mesh
	envoy string
	info  struct {
		Config, URL, MasterKey, AdminsvcURL, ExtprocGRPC, FakeProviderURL, FakeProviderKey, DatabaseURL string
	}
	collector *envoytest.Collector
}

func startMesh(t *testing.T) *meshStack {
	t.Helper()
	if os.Getenv("MESH") == "" {
		t.Skip("MESH=1 runs it; make test-mesh builds what it takes")
	}
	collector := envoytest.StartCollector(t)
	state, stop := start(t, "auto", []string{"INJECT_CREDENTIALS=true", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector.Address, "OTEL_BSP_SCHEDULE_DELAY=100"})
	t.Cleanup(stop)
	m := &meshStack{t: t, state: state, dir: t.TempDir(), collector: collector}
	text, err := os.ReadFile(filepath.Join(state, "stack.json"))
	if err != nil {
		t.Fatal(err)
	}
	var info map[string]any
	if err := json.Unmarshal(text, &info); err != nil {
		t.Fatal(err)
	}
	for name, field := range map[string]*string{
		"config": &m.info.Config, "url": &m.info.URL, "master_key": &m.info.MasterKey, "adminsvc_url": &m.info.AdminsvcURL,
		"extproc_grpc": &m.info.ExtprocGRPC, "fake_provider_url": &m.info.FakeProviderURL, "fake_provider_key": &m.info.FakeProviderKey,
		"database_url": &m.info.DatabaseURL,
	} {
		if *field, _ = info[name].(string); *field == "" {
			t.Fatalf("stack.json has no %s", name)
		}
	}
	if m.tools, err = filepath.Abs("../../.local/mesh"); err != nil {
		t.Fatal(err)
	}
	if m.envoy, err = envoy.FindBinary(); err != nil {
		t.Fatal(err)
	}
	m.addModel("added-before")
	return m
}

// resources are what `purser envoy-config` prints for a mesh.
func (m *meshStack) resources(args ...string) string {
	m.t.Helper()
	cmd := exec.Command(filepath.Join(programs, "purser"), append([]string{"envoy-config", "--config", m.info.Config, "--database-url", m.info.DatabaseURL}, args...)...)
	cmd.Env = append(environment(nil), "FAKE_PROVIDER_URL="+m.info.FakeProviderURL+"/v1", "FAKE_PROVIDER_KEY="+m.info.FakeProviderKey)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		m.t.Fatalf("%v: %s", err, &problem)
	}
	return string(out)
}

func (m *meshStack) write(name, text string) string {
	m.t.Helper()
	file := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return file
}

// withoutAddedModels leaves out what adds models by the API and calls them: a mesh's routes are those that were printed before.
var withoutAddedModels = []string{
	"--deselect", "python/test_other_formats.py", "--deselect", "python/test_litellm_client.py::test_models_can_be_added_and_removed",
	"--deselect", "python/test_gemini_sdk.py", "--deselect", "python/test_openai_sdk.py::test_counting_input_tokens_is_free",
}

// must runs a program that ends.
func (m *meshStack) must(env []string, program string, args ...string) {
	m.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir = append(os.Environ(), env...), m.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("%s: %v\n%s", filepath.Base(program), err, out)
	}
}

// run runs a program until the test ends; what it says is shown if that fails.
func (m *meshStack) run(env []string, program string, args ...string) {
	m.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir = append(os.Environ(), env...), m.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if m.t.Failed() {
			said := out.String()
			m.t.Logf("%s said\n%s", filepath.Base(program), said[max(len(said)-20_000, 0):])
		}
	})
}

// through is the stack's state folder with another address, for the suite.
func (m *meshStack) through(address string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.state, "stack.json"))
	if err != nil {
		m.t.Fatal(err)
	}
	return filepath.Dir(m.write("state/stack.json", strings.Replace(string(text), strconv.Quote(m.info.URL), strconv.Quote(address), 1)))
}

// ask sends a request to host at an address, and waits for a status while nothing listens yet or another comes.
func (m *meshStack) ask(address, host, key, path, body string, want int) (reply string, header http.Header) {
	m.t.Helper()
	var last error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		req, err := http.NewRequest(cmp.Or(map[bool]string{true: "GET"}[body == ""], "POST"), address+path, strings.NewReader(body))
		if err != nil {
			m.t.Fatal(err)
		}
		req.Host = host
		req.Header.Set("Content-Type", "application/json")
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err
			continue
		}
		text, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err == nil && r.StatusCode == want {
			return string(text), r.Header
		}
		last = fmt.Errorf("status %d, %v: %s", r.StatusCode, err, text)
	}
	m.t.Fatalf("%s%s as %s: %v", address, path, host, last)
	return "", nil
}

// newKey makes a key on the stack's own management plane.
func (m *meshStack) newKey(fields string) string {
	m.t.Helper()
	text, _ := m.ask(m.info.URL, "", m.info.MasterKey, "/key/generate", "{"+fields+"}", 200)
	var made struct{ Key string }
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		m.t.Fatal(err)
	}
	return made.Key
}

// addModel adds a model by the API, with an answer at the fake provider.
func (m *meshStack) addModel(name string) {
	m.t.Helper()
	m.ask(m.info.URL, "", m.info.MasterKey, "/model/new", fmt.Sprintf(`{"model_name":%q,"litellm_params":{"model":"openai/gpt-4","api_base":%q,"api_key":%q}}`,
		name, m.info.FakeProviderURL+"/v1", m.info.FakeProviderKey), 200)
}

// once is ask without a second try.
func (m *meshStack) once(address, host, key, body string) (int, string) {
	m.t.Helper()
	req, err := http.NewRequest("POST", address+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// flips goes to shadow and back through the mesh's Envoy: each time the very next call goes by it.
func (m *meshStack) flips(t *testing.T, address, host string) {
	key := m.newKey(`"rpm_limit":0`)
	for _, step := range []struct {
		mode string
		want int
	}{{"shadow", 200}, {"enforce", 429}, {"shadow", 200}, {"enforce", 429}} {
		m.ask(address, host, m.info.MasterKey, "/enforcement", `{"mode":"`+step.mode+`"}`, 200)
		if got, text := m.once(address, host, key, hello); got != step.want {
			t.Errorf("in %s: %d %s", step.mode, got, text)
		}
	}
}

// addedModels are routed where they were there when the resources were printed, and said to be unknown where they came later.
func (m *meshStack) addedModels(t *testing.T, address, host string) {
	key := m.newKey("")
	if got, text := m.once(address, host, key, strings.Replace(hello, "gpt-4", "added-before", 1)); got != 200 {
		t.Errorf("added before: %d %s", got, text)
	}
	m.addModel("added-later")
	got, text := m.once(address, host, key, strings.Replace(hello, "gpt-4", "added-later", 1))
	if got != 503 || !strings.Contains(text, "envoy-config") && !strings.Contains(text, "No deployment was chosen") {
		t.Errorf("added later: %d %s", got, text)
	}
}

const hello = `{"model":"gpt-4","messages":[{"role":"user","content":"hi"}]}`

// governed is what must hold wherever a mesh's Envoy calls Purser.
func (m *meshStack) governed(address, host string) {
	m.t.Helper()
	key, spent := m.newKey(`"rpm_limit":2`), m.newKey(`"max_budget":0`)
	_, header := m.ask(address, host, key, "/v1/chat/completions", hello, 200)
	if header.Get("x-litellm-call-id") == "" || header.Get("x-litellm-response-cost") == "" {
		m.t.Errorf("not governed: %v", header)
	}
	text, _ := m.ask(address, host, key, "/v1/chat/completions", strings.Replace(hello, "{", `{"stream":true,`, 1), 200)
	if !strings.HasSuffix(strings.TrimSpace(text), "data: [DONE]") {
		m.t.Errorf("the stream ends with %q", text[max(len(text)-100, 0):])
	}
	m.ask(address, host, key, "/v1/chat/completions", hello, 429)
	m.ask(address, host, spent, "/v1/chat/completions", hello, 422)
	m.ask(address, host, "sk-nobody-has-this", "/v1/chat/completions", hello, 401)
	// The ledger has what the two cost.
	rows := 0
	for deadline := time.Now().Add(30 * time.Second); rows < 2 && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		text, _ := m.ask(m.info.URL, "", m.info.MasterKey, "/spend/logs?summarize=false&api_key="+url.QueryEscape(key), "", 200)
		var logs []struct{ Spend float64 }
		if err := json.Unmarshal([]byte(text), &logs); err != nil {
			m.t.Fatalf("%v: %s", err, text)
		}
		rows = 0
		for _, l := range logs {
			if l.Spend > 0 {
				rows++
			}
		}
	}
	if rows != 2 {
		m.t.Errorf("%d rows that cost something, want 2", rows)
	}
}

// freePorts are some that nobody listens on.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var out []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
