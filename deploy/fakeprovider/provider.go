package fakeprovider

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options of a Provider.
type Options struct {
	// APIKeys that are accepted, as a bearer token, x-api-key, api-key, x-goog-api-key
	// or ?key=. Empty: no key is asked for.
	APIKeys []string
	// Keep is how many records are kept. Default 10000.
	Keep int
	// MaxBody is the largest request read, in bytes; default 64 MiB.
	MaxBody int64
	// Now is the clock of records and created fields. Default time.Now.
	Now func() time.Time
}

// Provider is an http.Handler; the zero value is not usable.
type Provider struct {
	opts Options
	book *book
	mu   sync.Mutex // of opts.APIKeys, which POST /_fake/keys changes
}

// New returns a provider without records.
func New(opts Options) *Provider {
	opts.Keep = cmp.Or(opts.Keep, 10_000)
	opts.MaxBody = cmp.Or(opts.MaxBody, 64<<20)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Provider{opts: opts, book: newBook(opts.Keep)}
}

// Requests returns the kept records with Seq > since, oldest first.
func (p *Provider) Requests(since int64) []Record { return p.book.since(since) }

// Stats returns the totals since the start or the last Reset.
func (p *Provider) Stats() Stats { return p.book.totals() }

// Reset forgets records and totals. Numbering goes on.
func (p *Provider) Reset() { p.book.reset() }

// Serve answers on l until ctx ends, then gives the requests under way 2 seconds.
// It speaks HTTP/1.1 and, without TLS, HTTP/2.
func (p *Provider) Serve(ctx context.Context, l net.Listener) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: p, Protocols: protocols, ReadHeaderTimeout: 30 * time.Second}
	go func() { _, _ = codec() }() // some 40 ms, before the first request rather than in it
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return server.Close()
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/_fake/"); ok {
		p.serveControl(w, r, rest)
		return
	}
	began := p.opts.Now()
	api, model := routeOf(r)
	c := &call{p: p, w: w, r: r, api: api, model: model, errors: errorShapeOf(api, r.URL.Path)}
	c.rec = p.book.open(Record{Time: began, Method: r.Method, Path: r.URL.RequestURI(), API: api, Model: model, Headers: r.Header.Clone()})
	outcome := outcomeAborted // also when a handler panics
	defer func() { p.book.close(c.rec, outcome, p.opts.Now().Sub(began)) }()

	err := c.serve()
	switch {
	case errors.Is(err, errReset):
		outcome = outcomeReset
		panic(http.ErrAbortHandler) // closes the connection without an end
	case err == nil:
		outcome = outcomeCompleted
	}
}

func (p *Provider) serveControl(w http.ResponseWriter, r *http.Request, action string) {
	var reply any
	switch r.Method + " " + action {
	case "GET requests":
		since, err := strconv.ParseInt(cmp.Or(r.URL.Query().Get("since"), "0"), 10, 64)
		if err != nil {
			http.Error(w, "since: not a number", http.StatusBadRequest)
			return
		}
		reply = p.Requests(since)
	case "GET stats":
		reply = p.Stats()
	case "POST keys": // the credentials that are accepted from now on, as a list
		var keys []string
		if err := json.NewDecoder(r.Body).Decode(&keys); err != nil || len(keys) == 0 {
			http.Error(w, "expected a list of keys", http.StatusBadRequest)
			return
		}
		p.mu.Lock()
		p.opts.APIKeys = keys
		p.mu.Unlock()
		reply = struct{}{}
	case "POST reset":
		p.Reset()
		reply = struct{}{}
	default:
		http.Error(w, "GET requests?since=, GET stats, POST keys, POST reset", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(reply)
}

// call is one request being answered.
type call struct {
	p      *Provider
	w      http.ResponseWriter
	r      *http.Request
	api    string
	model  string // from the path, until the body says otherwise
	errors errorShape
	rec    *Record
	in     Instructions
	body   []byte
}

// errAborted says that the client has left, errReset that an instruction said so.
var (
	errAborted = errors.New("the client left")
	errReset   = errors.New("reset by instruction")
)

// serve returns nil when a complete answer, of whatever status, was written.
func (c *call) serve() error {
	handler, known := handlers[c.api]
	if !known {
		return c.fail(http.StatusNotFound, "Invalid URL ("+c.r.Method+" "+c.r.URL.Path+")")
	}
	if want := cmp.Or(methods[c.api], http.MethodPost); c.r.Method != want {
		c.w.Header().Set("Allow", want)
		return c.fail(http.StatusMethodNotAllowed, "Not allowed to "+c.r.Method+" on "+c.r.URL.Path)
	}
	if !c.p.accepts(c.r) {
		return c.fail(http.StatusUnauthorized, "Incorrect API key provided.")
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, c.p.opts.MaxBody+1))
	switch {
	case err != nil:
		return errAborted
	case int64(len(body)) > c.p.opts.MaxBody:
		return c.fail(http.StatusRequestEntityTooLarge, "The request is too large.")
	}
	c.body = body
	sum := sha256.Sum256(body)
	c.note(func(r *Record) {
		r.BodyBytes, r.BodySHA256, r.Body = len(body), hex.EncodeToString(sum[:]), string(body[:min(len(body), 64<<10)])
	})
	return handler(c)
}

func (c *call) note(change func(*Record)) { c.p.book.update(c.rec, change) }

// decode reads the body as JSON, or answers 400 and returns false.
func (c *call) decode(into any) (ok bool, err error) {
	if err := json.Unmarshal(c.body, into); err != nil {
		return false, c.fail(http.StatusBadRequest, "We could not parse the JSON body of your request: "+err.Error())
	}
	return true, nil
}

// ask is what a handler has understood of a request.
type ask struct {
	model  string
	stream bool
	text   string // that may hold instructions
	prompt int    // tokens
	limit  int    // cap on output tokens, 0 for none
	id     string // of the answer
}

// begin notes the request, reads its instructions and follows those that decide
// what comes before any answer. ok is false when nothing more is to be written.
func (c *call) begin(a ask) (ok bool, err error) {
	c.model = cmp.Or(a.model, c.model)
	c.note(func(r *Record) {
		r.Model, r.Stream, r.PromptTokens, r.MaxTokens, r.ID = c.model, a.stream, a.prompt, a.limit, a.id
	})
	if c.model == "" {
		return false, c.fail(http.StatusBadRequest, "you must provide a model parameter")
	}
	if a.limit < 0 {
		return false, c.fail(http.StatusBadRequest, "Invalid value for the output limit: expected a positive number.")
	}
	if c.in, err = readInstructions(a.text, c.r.Header); err != nil {
		return false, c.fail(http.StatusBadRequest, "fake provider: "+err.Error())
	}
	c.in.CachedTokens = min(c.in.CachedTokens, a.prompt)
	c.in.CacheWriteTokens = min(c.in.CacheWriteTokens, a.prompt-c.in.CachedTokens)
	c.in.AudioTokens = min(c.in.AudioTokens, a.prompt)
	c.model = cmp.Or(c.in.Model, c.model)
	for name, v := range c.in.Headers {
		c.w.Header().Set(name, v)
	}
	if c.in.RetryAfter > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(c.in.RetryAfter))
	}
	if !c.pause(c.in.FirstByteDelayMS) {
		return false, errAborted
	}
	if c.in.Hang {
		<-c.r.Context().Done()
		return false, errAborted
	}
	if c.in.Status >= 400 {
		return false, c.fail(c.in.Status, "The fake provider was told to answer "+strconv.Itoa(c.in.Status)+".")
	}
	return true, nil
}

// bill notes what an answer costs in full.
func (c *call) bill(completion, reasoning int) {
	c.note(func(r *Record) {
		r.CompletionTokens, r.ReasoningTokens, r.CachedTokens = completion, reasoning, c.in.CachedTokens
	})
}

// pause waits; false means that the client left meanwhile.
func (c *call) pause(ms int) bool {
	if ms <= 0 {
		return c.r.Context().Err() == nil
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.r.Context().Done():
		return false
	}
}

// accepts checks the credential, in any of the places that providers look.
func (p *Provider) accepts(r *http.Request) bool {
	p.mu.Lock()
	keys := p.opts.APIKeys
	p.mu.Unlock()
	if len(keys) == 0 {
		return true
	}
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	ok := 0
	for _, got := range []string{bearer, r.Header.Get("X-Api-Key"), r.Header.Get("Api-Key"), r.Header.Get("X-Goog-Api-Key"), r.URL.Query().Get("key")} {
		for _, key := range keys {
			ok |= subtle.ConstantTimeCompare([]byte(got), []byte(key))
		}
	}
	return ok == 1
}

// newID makes an id as providers do: a prefix and random letters. They are random so
// that two runs of the provider cannot give one id to two answers.
func newID(prefix string) string { return prefix + rand.Text() }
