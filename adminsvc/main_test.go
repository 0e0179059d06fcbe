package adminsvc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const master = "sk-1234"

// api is a server on a real database of the test's own.
type api struct {
	t        testing.TB
	h        http.Handler
	server   *server
	prepared sync.Once
	store    *postgres.Store
	spy      *spyStore
	log      *bytes.Buffer
	mu       sync.Mutex
	now      time.Time
	ids      int
}

func setup(t testing.TB, change ...func(*Config)) *api {
	t.Helper()
	return setupAt(t, postgrestest.URL(t), change...)
}

func setupAt(t testing.TB, url string, change ...func(*Config)) *api {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, Timeout: time.Minute}) // a machine that stands still for seconds is not what is tested
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	spy := &spyStore{Store: store}
	a := &api{t: t, store: store, spy: spy, log: &bytes.Buffer{}, now: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)}
	cfg := Config{
		Store: spy, Spend: store, Adjust: spy.WriteEntries, SignIn: store, Answers: store, Kept: store, Refusals: store, Facets: store, AuditLog: store, Version: "test", Clock: a.clock,
		Log:      slog.New(slog.NewTextHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Settings: func() *policy.Settings { return testSettings },
		Catalog:  func() *policy.Catalog { return testCatalog },
	}
	for _, f := range change {
		f(&cfg)
	}
	s := newServer(cfg)
	a.h, a.server = http.HandlerFunc(s.serve), s
	return a
}

var testSettings = policy.Settings{MasterKey: policy.HashKey(master), HasMasterKey: true, MasterUserID: "default_user_id"}.Compile()

var testCatalog = policy.NewCatalog([]*policy.Deployment{
	{ID: "d1", Model: "gpt-4", Provider: "openai", Price: policy.TokenPrice(30_000_000_000, 60_000_000_000), MaxOutput: 4096, Mode: "chat",
		Params: []byte(`{"model":"openai/gpt-4","api_key":"***"}`), Info: []byte(`{"base_model":"gpt-4"}`)},
	{ID: "d2", Model: "gpt-3.5-turbo", Provider: "openai", Price: policy.TokenPrice(500_000_000, 1_500_000_000)},
	{ID: "d3", Model: "claude-3-sonnet", Provider: "anthropic", Price: policy.TokenPrice(3_000_000_000, 15_000_000_000), AccessGroups: []string{"beta-models"}},
	{ID: "d4", Model: "openai/*", Provider: "openai"},
}, nil)

func (a *api) clock() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(time.Millisecond) // creation order is the order of lists
	return a.now
}

// answer is a reply as a test looks at it.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	raw    string
	body   any
}

// call sends a request as a key; body is JSON text, "" for none.
func (a *api) call(key, method, path, body string) *answer {
	a.t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	r.Header.Set("Content-Type", "application/json")
	out := a.do(r)
	out.what = method + " " + path + " " + body
	return out
}

// pass lets time go by.
func (a *api) pass(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(d)
}

func (a *api) do(r *http.Request) *answer {
	a.t.Helper()
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, r)
	out := &answer{t: a.t, what: r.Method + " " + r.URL.String(), status: w.Code, header: w.Header(), raw: w.Body.String()}
	if w.Body.Len() > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		d := json.NewDecoder(w.Body)
		d.UseNumber()
		if err := d.Decode(&out.body); err != nil {
			a.t.Fatalf("%s: %d, not JSON: %s", out.what, out.status, out.raw)
		}
	}
	if out.status < 300 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		a.describes(r, out)
	}
	return out
}

// prepare makes huma's validator see what a schema holds.
func prepare(s *huma.Schema) {
	if s == nil {
		return
	}
	s.PrecomputeMessages()
	for _, p := range s.Properties {
		prepare(p)
	}
	prepare(s.Items)
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		prepare(more)
	}
	for _, p := range s.AnyOf {
		prepare(p)
	}
}

// describes fails the test where a reply is not what the OpenAPI document says.
func (a *api) describes(r *http.Request, out *answer) {
	a.t.Helper()
	_, pattern := a.server.mux.Handler(r)
	item := a.server.openapi.Paths[strings.ReplaceAll(pattern, "...}", "}")]
	if item == nil {
		return
	}
	op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PATCH": item.Patch, "PUT": item.Put, "DELETE": item.Delete}[r.Method]
	response := op.Responses[fmt.Sprint(out.status)]
	if response == nil {
		a.t.Errorf("%s: %d is not described", out.what, out.status)
		return
	}
	if out.raw == "" {
		return
	}
	var body any
	if err := json.Unmarshal([]byte(out.raw), &body); err != nil {
		a.t.Fatal(err)
	}
	var result huma.ValidateResult
	registry := a.server.openapi.Components.Schemas
	a.prepared.Do(func() {
		for _, s := range registry.Map() {
			prepare(s)
		}
	})
	huma.Validate(registry, response.Content["application/json"].Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, body, &result)
	for _, err := range result.Errors {
		a.t.Errorf("%s: the reply is not as described: %.200v", out.what, err)
	}
}

func (a *api) post(path, body string) *answer {
	a.t.Helper()
	return a.call(master, "POST", path, body)
}
func (a *api) get(path string) *answer { a.t.Helper(); return a.call(master, "GET", path, "") }

// ok fails the test unless the answer is a success.
func (r *answer) ok() *answer {
	r.t.Helper()
	if r.status < 200 || r.status > 299 {
		r.t.Fatalf("%s: %d %s", r.what, r.status, r.raw)
	}
	return r
}

// at is the value at a path such as "error.type" or "data.0.id"; nil where there is none.
func (r *answer) at(path string) any {
	v := r.body
	for _, step := range strings.Split(path, ".") {
		switch c := v.(type) {
		case map[string]any:
			v = c[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(c) {
				return nil
			}
			v = c[i]
		default:
			return nil
		}
	}
	return v
}

// text is the string at a path.
func (r *answer) text(path string) string {
	s, _ := r.at(path).(string)
	return s
}

// has checks values by path, each as its JSON text.
func (r *answer) has(want map[string]string) *answer {
	r.t.Helper()
	for path, text := range want {
		got, _ := json.Marshal(r.at(path))
		if string(got) != text {
			r.t.Errorf("%s: %s is %s, want %s\n%s", r.what, path, got, text, r.raw)
		}
	}
	return r
}

// refused checks an E1 error.
func (r *answer) refused(status int, typ, param string) *answer {
	r.t.Helper()
	p := "null"
	if param != "" {
		b, _ := json.Marshal(param)
		p = string(b)
	}
	if r.status != status {
		r.t.Errorf("%s: %d %s, want %d", r.what, r.status, r.raw, status)
		return r
	}
	return r.has(map[string]string{"error.type": fmt.Sprintf("%q", typ), "error.param": p, "error.code": fmt.Sprintf("\"%d\"", status)})
}

// invalid checks an E3 error: 422 with this as its only problem.
func (r *answer) invalid(typ string, loc string) *answer {
	r.t.Helper()
	if r.status != 422 {
		r.t.Errorf("%s: %d %s, want 422", r.what, r.status, r.raw)
		return r
	}
	return r.has(map[string]string{"detail.0.type": fmt.Sprintf("%q", typ), "detail.0.loc": loc, "detail.1": "null"})
}

// spend books requests as if the data plane had.
func (a *api) spend(entries ...policy.Entry) {
	a.t.Helper()
	for i := range entries {
		a.ids++
		e := &entries[i]
		e.Type, e.CallID, e.Status = policy.EntryRequest, fmt.Sprint("call-", a.ids), policy.StatusSuccess
		if e.ReservedAt.IsZero() {
			e.ReservedAt = a.now
		}
		e.StartedAt, e.EndedAt = e.ReservedAt, e.ReservedAt
		e.ModelGroup, e.Model = e.ModelAsked, e.ModelAsked
		e.Usage.Source = policy.UsageReported
	}
	if err := a.store.WriteEntries(context.Background(), entries); err != nil {
		a.t.Fatal(err)
	}
}

// revision moves with every change that was committed: it must not when a call
// is refused.
func (a *api) revision() int64 { return a.spy.changes.Load() }

// spyStore counts what is changed.
type spyStore struct {
	*postgres.Store
	changes atomic.Int64
	dry     atomic.Bool // what would be changed is counted, and taken back: the caller hears an error
}

var errDry = errors.New("this was a dry run")

func (s *spyStore) Write(ctx context.Context, by policy.Actor, f func(policy.Tx) error) error {
	var n int64
	err := s.Store.Write(ctx, by, func(tx policy.Tx) error {
		spy := &spyTx{Tx: tx}
		err := f(spy)
		n = spy.changes
		if err == nil && n > 0 && s.dry.Load() {
			s.changes.Add(n)
			return errDry
		}
		return err
	})
	if err == nil {
		s.changes.Add(n)
	}
	return err
}

func (s *spyStore) WriteEntries(ctx context.Context, entries []policy.Entry) error {
	if s.dry.Load() {
		s.changes.Add(int64(len(entries)))
		return errDry
	}
	err := s.Store.WriteEntries(ctx, entries)
	if err == nil {
		s.changes.Add(int64(len(entries)))
	}
	return err
}

type spyTx struct {
	policy.Tx
	changes int64
}

func (t *spyTx) Adjust(ctx context.Context, entries []policy.Entry) error {
	t.changes += int64(len(entries))
	return t.Tx.(policy.Adjuster).Adjust(ctx, entries)
}

func (t *spyTx) Restart(ctx context.Context, scope policy.Scope) error {
	return t.Tx.(policy.Adjuster).Restart(ctx, scope)
}

func (t *spyTx) Answered(ctx context.Context, id policy.KeyHash, now time.Time) (policy.Answer, error) {
	return t.Tx.(policy.Once).Answered(ctx, id, now)
}

func (t *spyTx) Answer(ctx context.Context, a policy.Answer, now time.Time) error {
	return t.Tx.(policy.Once).Answer(ctx, a, now)
}

func (t *spyTx) Within(ctx context.Context, f func(policy.Tx) error) error {
	n := t.changes
	err := t.Tx.(policy.Once).Within(ctx, func(policy.Tx) error { return f(t) })
	if err != nil {
		t.changes = n
	}
	return err
}

func (t *spyTx) Keep(ctx context.Context, k policy.Kept) error {
	t.changes++
	return t.Tx.Keep(ctx, k)
}

func (t *spyTx) Create(ctx context.Context, e policy.Entity) error {
	t.changes++
	return t.Tx.Create(ctx, e)
}

func (t *spyTx) Update(ctx context.Context, e policy.Entity) error {
	t.changes++
	return t.Tx.Update(ctx, e)
}

func (t *spyTx) Delete(ctx context.Context, ref policy.Ref) error {
	t.changes++
	return t.Tx.Delete(ctx, ref)
}
