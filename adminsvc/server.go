package adminsvc

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/purser/purser/adminsvc/ui"
	"github.com/purser/purser/policy"
)

//go:embed docs.html
var docsPage []byte

// SpendReader answers from the ledger's tables.
type SpendReader interface {
	// Spent answers in the order of the queries.
	Spent(ctx context.Context, queries []policy.SpendQuery) ([]policy.Money, error)
	// ModelSpend is what a scope spent on each model, ever.
	ModelSpend(ctx context.Context, scope policy.Scope) (map[string]policy.Money, error)
	// LastUsed is when keys, by their hashes, last made a request: those that did.
	LastUsed(ctx context.Context, hashes []string) (map[string]time.Time, error)
	// TeamKeys counts the keys in force of some teams.
	TeamKeys(ctx context.Context, teams []string) (map[string]int, error)
	// Logs returns a page of journal rows, how many there are in all, and whether
	// that number is only a lower bound.
	Logs(ctx context.Context, q policy.LogQuery) ([]policy.Entry, int, bool, error)
	Activity(ctx context.Context, q policy.ActivityQuery) ([]policy.ActivityRow, error)
}

// Config is what the API needs. Store, Spend, Catalog and Settings are required.
type Config struct {
	Store    policy.Store
	Spend    SpendReader
	Catalog  func() *policy.Catalog
	Settings func() *policy.Settings // who holds the master key is there

	// Adjust books manual changes of spend: journal entries of type adjustment,
	// idempotent by call id. It returns once budgets count them. nil: spend cannot
	// be reset, nor a key that has spent be regenerated, and the API says so.
	Adjust func(ctx context.Context, entries []policy.Entry) error

	// Flush returns once what a scope's finished requests cost is in the tables, as far
	// as the data planes can say within a second; nil: it always is.
	Flush func(ctx context.Context, scope policy.Scope) error

	// UserDefaults fill in what /user/new was not sent: a JSON object of its fields
	// (default_internal_user_params). nil: nothing.
	UserDefaults []byte
	// UserBudget is max_budget of new users who are no admins and were given none,
	// and UserBudgetDuration when it resets (max_internal_user_budget,
	// internal_user_budget_duration). nil: no limit.
	UserBudget         *policy.Money
	UserBudgetDuration string

	// KeyDefaults fill in what a new key was not sent, KeyBounds are the most that keys may
	// be given and what they get where nothing is asked for, TeamDefaults fill in what
	// /team/new was not sent and nobody set with /update/default_team_settings: JSON
	// objects of the API's fields (default_key_generate_params,
	// upperbound_key_generate_params, default_team_params). nil: nothing.
	KeyDefaults, KeyBounds, TeamDefaults []byte

	// CountTokens counts a text's tokens in an encoding, "" for the default, for
	// /spend/calculate. nil: it prices answers only.
	CountTokens func(encoding, text string) int64

	// Enforcement reads and sets whether refusals happen, for the whole proxy, and
	// RefusalSums adds up those of a time, shadow for those that did not happen. nil: the
	// API has none of it.
	Enforcement Enforcer
	RefusalSums func(ctx context.Context, shadow bool, from, until time.Time) ([]policy.RefusalSum, error)

	// Models keeps models in the database; nil: they are in config.yaml alone.
	Models ModelKeeper
	// Prober calls deployments for /health; nil: they cannot be probed here.
	Prober Prober
	// System looks at the gateway's other parts; nil: /health/system says so.
	System func(ctx context.Context) System
	// Settled returns once what was written is in force in every Envoy and data plane, or
	// with an error when it took too long; nil: Store.Write waits long enough.
	Settled func(ctx context.Context) error

	// Explainer answers what binds a caller; nil: /limits and /policy/simulate say so.
	Explainer Explainer
	Refusals  RefusalReader // nil: refused calls are not listed
	Facets    FacetReader   // nil: who made calls is not listed
	AuditLog  AuditReader   // nil: there is none

	// Answers finds what creating calls with an Idempotency-Key answered. nil: the header is refused.
	Answers policy.AnswerReader

	// SignIn keeps sessions, passwords and invitations; nil: nobody can sign in, keys alone count.
	SignIn SignInStore
	// UIUsername and UIPassword sign in as the master key's holder; default admin, and
	// the master key as the password.
	UIUsername, UIPassword string
	SessionLife            time.Duration // default 24 h
	// Kept reads settings that were made here; nil: there are none.
	Kept SettingReader

	Clock   func() time.Time // default time.Now
	NewID   func() string    // default a random UUID
	NewKey  func() string    // default sk- and 16 random bytes in URL-safe base64
	Log     *slog.Logger     // default discards
	Version string           // default "dev"
	Timeout time.Duration    // of one request; default 30 s

	// Ready says whether requests can be served now; nil is always.
	Ready func(ctx context.Context) error
	// TeamListFormat is what GET /team/list answers with: "object", the default,
	// is {"teams":[…]} as documented, "array" the bare array of LiteLLM.
	TeamListFormat string
	// TrustForwarded takes the caller's address from the last entry of
	// X-Forwarded-For, which the Envoy in front appends. Default: the peer's.
	TrustForwarded bool
	// TrustedHops is how many proxies in front of that Envoy are believed as well. It
	// is Envoy's own xff_num_trusted_hops. Default 0: callers come to Envoy themselves.
	TrustedHops int
	// AddressHeader is where Envoy tells the caller's address, whatever a caller wrote
	// there. Default: it does not, and X-Forwarded-For is read.
	AddressHeader string
}

type server struct {
	Config
	log     *slog.Logger
	mux     *http.ServeMux
	paths   map[string]map[string]http.HandlerFunc // path pattern → method → handler
	openapi *huma.OpenAPI

	accounts, addresses *throttle // of sign-ins
	probed              probed
}

// New makes the handler of every management path, and of the web UI.
func New(cfg Config) http.Handler {
	api, pages := http.HandlerFunc(newServer(cfg).serve), ui.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ui" || strings.HasPrefix(r.URL.Path, "/ui/") {
			pages.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

func newServer(cfg Config) *server {
	cfg.Version = cmp.Or(cfg.Version, "dev")
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.TeamListFormat = cmp.Or(cfg.TeamListFormat, "object")
	cfg.UIUsername = cmp.Or(cfg.UIUsername, "admin")
	cfg.SessionLife = cmp.Or(cfg.SessionLife, 24*time.Hour)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = newUUID
	}
	if cfg.NewKey == nil {
		cfg.NewKey = newKey
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Store = gated(cfg.Store)
	s := &server{Config: cfg, log: cfg.Log, mux: http.NewServeMux(), paths: map[string]map[string]http.HandlerFunc{}, openapi: newOpenAPI(cfg.Version)}
	s.accounts = newThrottle(guessesPerAccount, accountRefill, mostThrottled)
	s.addresses = newThrottle(guessesPerAddress, addressRefill, mostThrottled)
	for _, add := range resources {
		add(s)
	}
	s.handle(http.MethodGet, "/openapi.json", s.serveOpenAPI)
	s.handle(http.MethodGet, "/docs", s.serveDocs)
	for path, methods := range s.paths {
		s.mux.Handle(path, dispatch(methods))
	}
	return s
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand stops the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return "sk-" + base64.RawURLEncoding.EncodeToString(b[:])
}

// now is the time, as the stores keep it: UTC, whole microseconds.
func (s *server) now() time.Time { return s.Clock().UTC().Truncate(time.Microsecond) }

// operation declares one endpoint.
type operation struct {
	Method  string
	Path    string
	Also    []string // other paths it answers at
	Methods []string // other methods it answers at
	Tag     string
	Summary string
	// Description in Markdown, where the summary does not say it all.
	Description  string
	Reply        any // a value of the reply's row type, or a slice of it; nil: anything
	Status       int // of success; default 200
	Public       bool
	BodyOptional bool
	CSV          bool // the reply may also be text/csv
	Form         bool // the body may also be a form
	Lines        bool // the reply is JSON lines
	// Creates is set for calls that an Idempotency-Key makes safe to repeat. With Late
	// the handler says itself what is one write, by onceHere; else the whole of it is.
	Creates, Late bool
}

// route adds an endpoint whose request is an In: a struct of Opt fields tagged
// json, query or path, with an embedded Body where it has a body. The reply is
// marshalled; nil sends none.
func route[In any](s *server, op operation, h func(ctx context.Context, c *Caller, in *In) (any, error)) {
	t := reflect.TypeFor[In]()
	p := planOf(t)
	op.Status = cmp.Or(op.Status, http.StatusOK)
	serve := func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
		defer cancel()
		ctx = context.WithValue(ctx, requestKey{}, r)
		if op.Form {
			formToJSON(r)
		}
		reply, err := func() (any, error) {
			var c *Caller
			if !op.Public {
				var err error
				if c, err = s.authenticate(ctx, r); err != nil {
					return nil, err
				}
			}
			in := new(In)
			if err := decode(p, r, reflect.ValueOf(in).Elem(), op.BodyOptional); err != nil {
				return nil, err
			}
			if b, ok := any(in).(interface{ body() Fields }); ok && c != nil && !c.Admin() && mentionsShadow(b.body()) {
				return nil, onlyAdmins(c, enforcementWrite)
			}
			if op.Creates && r.Header.Values(idempotencyHeader) != nil {
				return s.once(ctx, c, r, op, in, func(ctx context.Context) (any, error) { return h(ctx, c, in) })
			}
			return h(ctx, c, in)
		}()
		switch {
		case err != nil:
			s.fail(w, r, err)
		case op.Status == http.StatusNoContent:
			w.WriteHeader(op.Status)
		default:
			if a, ok := reply.(*answered); ok {
				maps.Copy(w.Header(), a.header)
				if a.body == nil {
					w.WriteHeader(cmp.Or(a.status, op.Status))
					return
				}
				if err := write(w, cmp.Or(a.status, op.Status), a.body); err != nil {
					s.log.ErrorContext(ctx, "a reply cannot be written", "route", op.Path, "error", err)
				}
				return
			}
			if d, ok := reply.(*document); ok {
				d.send(w, op.Status)
				return
			}
			if err := write(w, op.Status, reply); err != nil {
				s.log.ErrorContext(ctx, "a reply cannot be written", "route", op.Path, "error", err)
			}
		}
	}
	for _, path := range append([]string{op.Path}, op.Also...) {
		for _, method := range append([]string{op.Method}, op.Methods...) {
			s.handle(method, path, serve)
			s.describe(op, path, method, t)
		}
	}
}

func (s *server) handle(method, path string, h http.HandlerFunc) {
	if s.paths[path] == nil {
		s.paths[path] = map[string]http.HandlerFunc{}
	}
	s.paths[path][method] = h
}

// dispatch picks a path's handler by method. net/http's own dispatch answers in plain text.
func dispatch(methods map[string]http.HandlerFunc) http.HandlerFunc {
	allow := make([]string, 0, len(methods)+2)
	for m := range methods {
		allow = append(allow, m)
	}
	if methods[http.MethodGet] != nil {
		allow = append(allow, http.MethodHead)
	}
	allow = append(allow, http.MethodOptions)
	slices.Sort(allow)
	return func(w http.ResponseWriter, r *http.Request) {
		h := methods[r.Method]
		if r.Method == http.MethodHead {
			h = methods[http.MethodGet] // net/http drops the body
		}
		switch {
		case h != nil:
			h(w, r)
		case r.Method == http.MethodOptions:
			w.Header().Set("Allow", strings.Join(allow, ", "))
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Allow", strings.Join(allow, ", "))
			writeError(w, detail(http.StatusMethodNotAllowed, "Method Not Allowed"))
		}
	}
}

// serve is what every request passes through.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	started := s.Clock()
	h := w.Header()
	id := requestID(r.Header.Get("x-litellm-call-id"))
	if id == "" {
		id = s.NewID()
	}
	h.Set("x-litellm-call-id", id)
	if up := requestID(r.Header.Get("x-request-id")); up != "" {
		h.Set("x-request-id", up)
	}
	h.Set("x-litellm-version", s.Version)
	h.Set("X-Content-Type-Options", "nosniff")
	rec := &recorder{ResponseWriter: w}
	_, pattern := s.mux.Handler(r)
	if p := r.URL.EscapedPath(); path.Clean(p) != p {
		pattern = "" // net/http would redirect, and turn a POST into a GET
	}
	defer func() {
		if p := recover(); p != nil {
			// The value of a panic may hold what was sent, so only its type is logged.
			s.log.Error("a handler panicked", "call_id", id, "route", pattern, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			if rec.status == 0 {
				writeError(rec, asError(errPanic))
			}
		}
		// The pattern, never the path: a path can hold a key.
		s.log.Debug("request", "call_id", id, "method", r.Method, "route", pattern, "status", rec.status, "took", s.Clock().Sub(started))
	}()
	if pattern == "" {
		writeError(rec, detail(http.StatusNotFound, "Not Found"))
		return
	}
	s.mux.ServeHTTP(rec, r)
}

var errPanic = fmt.Errorf("panic")

// fail answers with an error, and logs what the caller is not told.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	if e.Status >= http.StatusInternalServerError && e.Status != http.StatusNotImplemented {
		level := slog.LevelError
		if r.Context().Err() != nil {
			level = slog.LevelDebug // the caller has gone: nobody's fault
		}
		s.log.Log(r.Context(), level, "request failed", "call_id", w.Header().Get("x-litellm-call-id"), "method", r.Method, "route", r.Pattern, "error", err)
	}
	writeError(w, e)
}

// requestID is an id a client may choose: printable, no spaces, not long.
func requestID(id string) string {
	if len(id) > 128 || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ""
	}
	return id
}

func statusText(code int) string { return strconv.Itoa(code) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
