package extproc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/purser/purser/extproc"
	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/memory"
	"github.com/purser/purser/policy/policytest"
)

// explained is a server without Envoy, and the ledger it counts in.
func explained(t *testing.T, entities ...policy.Entity) (*extproc.Server, *memory.Ledger, *policy.Directory, *policytest.Clock) {
	t.Helper()
	clock := policytest.NewClock(time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
	settings := policy.Settings{MasterKey: policy.HashKey(masterKey), HasMasterKey: true, MasterUserID: "default_user_id"}
	at, _ := url.Parse("http://127.0.0.1:1")
	d := policytest.Directory(settings, models(at), entities...)
	l := memory.New(memory.Config{Journal: &policytest.Journal{}, Clock: clock.Now})
	return extproc.New(extproc.Config{Directory: d, Ledger: l, Counters: l, Clock: clock.Now, Deadline: patience}), l, d, clock
}

func of[T any](v T) *T { return &v }

// What is foreseen is what then happens, and foreseeing changes nothing.
func TestForeseenIsWhatHappens(t *testing.T) {
	hash := policy.HashKey("sk-foresee")
	for _, c := range []struct {
		name      string
		limits    policy.Limits
		model     string
		max       int64
		calls     int
		status    int
		code      policy.Code
		kind      policy.Kind
		lowered   bool
		blocked   bool
		wrongPath bool
	}{
		{name: "no limit", model: "gpt-4", max: 100, status: 200},
		{name: "below a rate", limits: policy.Limits{RPM: of(int64(2))}, model: "gpt-4", max: 10, calls: 1, status: 200},
		{name: "at a rate", limits: policy.Limits{RPM: of(int64(2))}, model: "gpt-4", max: 10, calls: 2, status: 429, code: policy.CodeRate, kind: policy.KindRequests},
		{name: "a budget of nothing", limits: policy.Limits{MaxBudget: of(policy.Money(0))}, model: "gpt-4", max: 10, status: 422, code: policy.CodeBudget, kind: policy.KindSpend},
		{name: "a budget that lowers the answer", limits: policy.Limits{MaxBudget: of(policy.Money(100_000_000))}, model: "gpt-4", max: 4000, status: 200, lowered: true},
		{name: "another model's limit", limits: policy.Limits{ModelRPM: map[string]int64{"gpt-3.5-turbo": 0}}, model: "gpt-4", max: 10, status: 200},
		{name: "this model's limit", limits: policy.Limits{ModelRPM: map[string]int64{"gpt-4": 0}}, model: "gpt-4", max: 10, status: 429, code: policy.CodeRate, kind: policy.KindRequests},
		{name: "an unknown model", model: "gpt-17", status: 400, code: policy.CodeUnknownModel},
		{name: "another format", model: "claude-3-sonnet", status: 400, code: policy.CodeWrongFormat},
		{name: "a blocked key", model: "gpt-4", blocked: true, status: 401, code: policy.CodeKeyBlocked},
		{name: "no such endpoint", model: "gpt-4", wrongPath: true, status: 404, code: policy.CodeNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, l, d, _ := explained(t, &policy.Key{Hash: hash, Name: "sk-...esee", Rules: policy.Rules{Limits: c.limits}, Blocked: c.blocked})
			reserve := func(id string) (policy.Outcome, bool) {
				g, _ := d.Resolve(hash)
				decision := policy.Decide(&g, policy.Request{Model: c.model, Input: 10, MaxOutput: c.max, NeedsModel: true}, time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
				if decision.Refusal != nil {
					return policy.Outcome{}, false
				}
				decision.Ask.ID = id
				out, err := l.Reserve(t.Context(), decision.Ask)
				if err != nil {
					t.Fatal(err)
				}
				return out, out.Granted
			}
			for i := range c.calls {
				reserve(fmt.Sprint("before-", i))
			}
			path := "/v1/chat/completions"
			if c.wrongPath {
				path = "/v1/nothing"
			}
			q := policy.Question{Key: hash.String(), Call: &policy.Asked{Path: path, Model: c.model, Input: 10, MaxOutput: c.max, Choices: 1}}
			var v *policy.Verdict
			var limits []policy.LimitState
			for range 3 { // asking takes nothing
				e, err := s.Explain(t.Context(), q)
				if err != nil || !e.Found {
					t.Fatal(e, err)
				}
				v, limits = e.Verdict, e.Limits
			}
			if v.Status != c.status || v.Allowed != (c.status == 200) || v.Lowered != c.lowered {
				t.Fatalf("%+v, %v", v, v.Refusal)
			}
			if c.code != "" && (v.Refusal.Code != c.code || v.Refusal.Limited && v.Refusal.Kind != c.kind) {
				t.Errorf("refusal %+v", v.Refusal)
			}
			refuses := 0
			for _, st := range limits {
				if st.Refuses {
					refuses++
				}
			}
			if (refuses > 0) != (v.Refusal != nil && v.Refusal.Limited) {
				t.Errorf("limits %+v", limits)
			}
			if c.blocked || c.wrongPath || c.code == policy.CodeWrongFormat {
				return // refused before anything is reserved
			}
			out, granted := reserve("for real")
			if granted != v.Allowed || granted && (out.Output != v.Output || out.Lowered != v.Lowered) {
				t.Errorf("foreseen %+v, happened %+v", v, out)
			}
		})
	}
}

// Where a fallback would answer, that is what is foreseen; where none can, why the model asked for does not.
func TestForeseenFallback(t *testing.T) {
	none := map[string]policy.ModelLimits{"gpt-4": {MaxBudget: of(policy.Money(0))}}
	for _, c := range []struct {
		name      string
		fallbacks map[string][]string
		status    int
		model     string
	}{
		{"another model", map[string][]string{"gpt-4": {"gpt-17", "gpt-3.5-turbo"}}, 200, "gpt-3.5-turbo"},
		{"none that is there", map[string][]string{"gpt-4": {"gpt-17"}}, 422, "gpt-4"},
		{"of another model", map[string][]string{"gpt-3.5-turbo": {"gpt-4"}}, 422, "gpt-4"},
	} {
		hash := policy.HashKey("sk-foresee")
		s, _, _, _ := explained(t, &policy.Key{Hash: hash, Name: "sk-...esee", Rules: policy.Rules{Limits: policy.Limits{ModelMaxBudget: none, BudgetFallbacks: c.fallbacks}}})
		e, err := s.Explain(t.Context(), policy.Question{Key: hash.String(), Call: &policy.Asked{Path: "/v1/chat/completions", Model: "gpt-4", Input: 10, MaxOutput: 10, Choices: 1}})
		if err != nil || e.Verdict == nil || e.Verdict.Status != c.status || e.Verdict.Model != c.model {
			t.Errorf("%s: %+v %v", c.name, e.Verdict, err)
		}
	}
}

// Every limit is listed in the order of the checks, with what is taken of it.
func TestLimitsInForce(t *testing.T) {
	hash := policy.HashKey("sk-inforce")
	s, l, d, _ := explained(t,
		&policy.Organization{ID: "o", Rules: policy.Rules{Limits: policy.Limits{MaxBudget: of(policy.Money(9 * policy.Dollar))}}},
		&policy.Team{ID: "t", OrganizationID: "o", Members: []policy.Member{{UserID: "u", Role: "user"}}, MemberLimits: policy.Limits{RPM: of(int64(7))},
			Rules: policy.Rules{Limits: policy.Limits{TPM: of(int64(1000)), MaxBudget: of(policy.Money(policy.Dollar)), BudgetDuration: "1mo"}}},
		&policy.Project{ID: "p", TeamID: "t", Rules: policy.Rules{Limits: policy.Limits{ModelRPM: map[string]int64{"gpt-4": 5}}}},
		&policy.User{ID: "u", Rules: policy.Rules{Limits: policy.Limits{MaxParallel: of(int64(3))}}},
		&policy.Key{Hash: hash, TeamID: "t", ProjectID: "p", UserID: "u", Rules: policy.Rules{BudgetID: "b"}},
		&policy.Budget{ID: "b", Rules: policy.Rules{Limits: policy.Limits{RPM: of(int64(2))}}},
		&policy.Customer{ID: "c", Rules: policy.Rules{Limits: policy.Limits{TPM: of(int64(50))}}},
	)
	g, _ := d.Resolve(hash)
	decision := policy.Decide(&g, policy.Request{Model: "gpt-4", Input: 10, MaxOutput: 5, NeedsModel: true}, time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
	decision.Ask.ID = "one"
	if out, err := l.Reserve(t.Context(), decision.Ask); err != nil || !out.Granted {
		t.Fatal(out, err)
	}
	e, err := s.Explain(t.Context(), policy.Question{Key: hash.String(), Customer: "c"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, st := range e.Limits {
		got = append(got, fmt.Sprintf("%s %s %s %s %d %d %d", st.Scope.Kind, st.Kind, st.Model, st.Window, st.Limit, st.Used, st.Held))
	}
	want := []string{
		"organization spend  life 9000000000 0 600000",
		"team tokens  minute 1000 15 0",
		"team spend  1mo 1000000000 0 600000",
		"team_member requests  minute 7 1 0",
		"project requests gpt-4 minute 5 1 0",
		"user parallel_requests  live 3 0 1",
		"key requests  minute 2 1 0",
		"customer tokens  minute 50 0 0",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if reset := e.Limits[2].ResetAt; !reset.Equal(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("reset %v", reset)
	}
	// A key that the team would have, without one's user, has neither member nor user.
	team, err := s.Explain(t.Context(), policy.Question{TeamID: "t"})
	if err != nil || len(team.Limits) != 3 {
		t.Errorf("%+v %v", team, err)
	}
	if e, err := s.Explain(t.Context(), policy.Question{Key: policy.HashKey("sk-unknown").String()}); err != nil || e.Found {
		t.Errorf("an unknown key: %+v %v", e, err)
	}
}

// Questions are answered to Purser's own processes alone.
func TestExplainIsInternal(t *testing.T) {
	s, _, _, _ := explained(t)
	ask := func(token, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/internal/explain", bytes.NewBufferString(body))
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.ServeExplain(w, r)
		return w
	}
	token := policy.InternalToken(policy.HashKey(masterKey))
	for _, wrong := range []string{"", "x", masterKey, policy.HashKey(masterKey).String()} {
		if w := ask(wrong, "{}"); w.Code != http.StatusUnauthorized {
			t.Errorf("%q: %d", wrong, w.Code)
		}
	}
	if w := ask(token, "{"); w.Code != http.StatusBadRequest {
		t.Errorf("no question: %d", w.Code)
	}
	var e policy.Explanation
	if w := ask(token, "{}"); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &e) != nil || !e.Found {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
