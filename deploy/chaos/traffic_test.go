package chaos_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// caller is a key that sends traffic.
type caller struct{ key string }

// shape is one sort of request.
type shape struct {
	name, path, model string
	stream            bool
	header            string // the credential's
	done              string // what the last line of a whole stream starts with
}

var shapes = []shape{
	{name: "chat", path: "/v1/chat/completions", model: "gpt-4o", header: "Authorization"},
	{name: "chat stream", path: "/v1/chat/completions", model: "gpt-4", stream: true, header: "Authorization", done: "data: [DONE]"},
	{name: "messages", path: "/v1/messages", model: "claude-3-sonnet", header: "x-api-key"},
	{name: "messages stream", path: "/v1/messages", model: "claude-3-sonnet", stream: true, header: "x-api-key", done: "event: message_stop"},
	{name: "gemini", path: "/v1beta/models/gemini-2.0-flash:generateContent", model: "gemini-2.0-flash", header: "x-goog-api-key"},
}

// maxTokens is the cap every request asks for: a hold is of its prompt and so many.
const maxTokens = 64

// body of a request whose answer the fake provider makes of the instructions.
func (s shape) body(instructions string) string {
	text, _ := json.Marshal("Say something about the weather at sea. fake:" + instructions)
	if s.header == "x-goog-api-key" {
		return fmt.Sprintf(`{"contents":[{"role":"user","parts":[{"text":%s}]}],"generationConfig":{"maxOutputTokens":%d}}`, text, maxTokens)
	}
	return fmt.Sprintf(`{"model":%q,"max_tokens":%d,"stream":%v,"messages":[{"role":"user","content":%s}]}`, s.model, maxTokens, s.stream, text)
}

// outcome sorts what became of a request.
type outcome string

const (
	served  outcome = "served"  // whole
	left    outcome = "left"    // this client went away on purpose
	limited outcome = "limited" // 429 or the status of a budget
	failed  outcome = "failed"  // anything else
)

// result is one request as its client saw it.
type result struct {
	shape      string
	began, end time.Time
	outcome    outcome
	status     int
	why        string // of a failure
	callID     string
	cost       string // as the headers told it
}

// load is clients that send one request after the other.
type load struct {
	s       *stack
	callers []caller
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu      sync.Mutex
	results []result
}

// start begins traffic of so many clients at once.
func (s *stack) traffic(callers []caller, clients int) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{s: s, callers: callers, stop: stop}
	for i := range clients {
		l.done.Go(func() {
			rng := rand.New(rand.NewPCG(7, uint64(i)))
			for ctx.Err() == nil {
				l.note(l.one(rng))
			}
		})
	}
	s.t.Cleanup(l.end)
	return l
}

// end lets the requests under way finish, and returns when they have.
func (l *load) end() {
	l.stop()
	l.done.Wait()
}

func (l *load) note(r result) {
	l.mu.Lock()
	l.results = append(l.results, r)
	l.mu.Unlock()
	if r.outcome == failed {
		time.Sleep(10 * time.Millisecond) // a client that is refused does not spin
	}
}

// since lists what began from a moment on.
func (l *load) since(from time.Time) []result {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []result
	for _, r := range l.results {
		if !r.began.Before(from) {
			out = append(out, r)
		}
	}
	return out
}

// one sends a request of a random shape by a random caller.
func (l *load) one(rng *rand.Rand) result {
	s := shapes[rng.IntN(len(shapes))]
	c := l.callers[rng.IntN(len(l.callers))]
	tokens := 1 + rng.IntN(maxTokens)
	instructions := fmt.Sprintf(`{"output_tokens":%d,"first_byte_delay_ms":%d}`, tokens, rng.IntN(60))
	if s.stream {
		instructions = fmt.Sprintf(`{"output_tokens":%d,"chunks":%d,"delay_ms":%d}`, tokens, 1+rng.IntN(12), rng.IntN(25))
	}
	leaveAfter := -1
	if s.stream && rng.IntN(25) == 0 {
		leaveAfter = rng.IntN(4)
	}
	return l.s.request(s, c, instructions, leaveAfter)
}

// request sends one and reads the answer; with leaveAfter ≥ 0 it goes away after
// so many lines of a stream.
func (s *stack) request(sh shape, c caller, instructions string, leaveAfter int) (r result) {
	r = result{shape: sh.name, began: time.Now(), outcome: failed}
	defer func() { r.end = time.Now() }()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.info.URL+sh.path, strings.NewReader(sh.body(instructions)))
	if err != nil {
		r.why = err.Error()
		return r
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(sh.header, c.key)
	if sh.header == "Authorization" {
		req.Header.Set(sh.header, "Bearer "+c.key)
	}
	resp, err := client.Do(req)
	if err != nil {
		r.why = "no answer: " + plain(err)
		return r
	}
	defer resp.Body.Close()
	r.status, r.callID, r.cost = resp.StatusCode, resp.Header.Get("x-litellm-call-id"), resp.Header.Get("x-litellm-response-cost")
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 2000))
		if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusUnprocessableEntity {
			r.outcome = limited
		}
		r.why = fmt.Sprintf("%d %s", resp.StatusCode, message(text))
		return r
	}
	if !sh.stream {
		if _, err := io.ReadAll(resp.Body); err != nil {
			r.why = "cut: " + plain(err)
			return r
		}
		r.outcome = served
		return r
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), sh.done) {
			r.outcome = served
		}
		if n == leaveAfter {
			r.outcome = left
			return r
		}
	}
	if err := lines.Err(); err != nil {
		r.outcome, r.why = failed, "cut: "+plain(err)
	} else if r.outcome == failed {
		r.why = "cut: the stream ended early"
	}
	return r
}

// plain is an error without the addresses in it, so that like ones count together.
func plain(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e
	}
	return err.Error()
}

// message is the text of an error's body.
func message(body []byte) string {
	var e struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &e) == nil && e.Error.Message != "" {
		return e.Error.Message
	}
	return string(body)
}

// callersOf makes teams, projects and keys with limits that the load does not
// reach, each of another make.
func (s *stack) callersOf() []caller {
	s.t.Helper()
	var out []caller
	add := func(body string) { out = append(out, s.key(body)) }
	s.must("POST", "/team/new", `{"team_id":"deck","team_alias":"deck","max_budget":5000,"budget_duration":"30d","max_parallel_requests":200,"rpm_limit":1000000}`)
	s.must("POST", "/team/new", `{"team_id":"engine","team_alias":"engine","max_budget":5000,"tpm_limit":100000000}`)
	s.must("POST", "/project/new", `{"project_id":"charts","project_alias":"charts","team_id":"deck","max_budget":2000,"budget_duration":"1d"}`)
	add(`{"team_id":"deck","key_alias":"mate","max_budget":1000,"budget_duration":"1d","max_parallel_requests":100}`)
	add(`{"team_id":"deck","project_id":"charts","key_alias":"navigator","max_parallel_requests":100,"tpm_limit":100000000}`)
	add(`{"team_id":"engine","key_alias":"stoker","max_budget":1000,"rpm_limit":1000000}`)
	add(`{"user_id":"passenger","key_alias":"passenger","max_budget":1000,"budget_duration":"30d","max_parallel_requests":100}`)
	add(`{"key_alias":"stowaway","tags":["hold"]}`)
	return out
}

// key makes one.
func (s *stack) key(body string) caller {
	s.t.Helper()
	var made struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal([]byte(s.must("POST", "/key/generate", body)), &made); err != nil || made.Key == "" {
		s.t.Fatalf("no key: %v", err)
	}
	return caller{made.Key}
}
