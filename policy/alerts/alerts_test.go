package alerts

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func TestWhatIsDue(t *testing.T) {
	dollars := func(n int64) *policy.Money { m := policy.Money(n) * policy.Dollar; return &m }
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	end := start.AddDate(0, 0, 10)
	all := Rules{Percent: []int{80, 100}, Project: true}
	for _, tc := range []struct {
		behaviour string
		rules     Rules
		budget    Budget
		days      float64
		want      []string
	}{
		{"nothing yet", all, Budget{Limit: dollars(100), Spent: *dollars(10), Start: start, End: end}, 5, nil},
		{"to the cent below a threshold", all, Budget{Limit: dollars(100), Spent: *dollars(80) - 1, Start: start, End: end}, 9, nil},
		{"at a threshold", all, Budget{Limit: dollars(100), Spent: *dollars(80), Start: start, End: end}, 9, []string{"threshold"}},
		{"over all of them", all, Budget{Limit: dollars(100), Spent: *dollars(100), Start: start, End: end}, 5, []string{"threshold", "threshold"}},
		{"a pace too fast", all, Budget{Limit: dollars(100), Spent: *dollars(60), Start: start, End: end}, 5, []string{"projected"}},
		{"too early to tell a pace", all, Budget{Limit: dollars(100), Spent: *dollars(60), Start: start, End: end}, 0.5, nil},
		{"no projections wanted", Rules{}, Budget{Limit: dollars(100), Spent: *dollars(60), Start: start, End: end}, 5, nil},
		{"a lifetime has no pace", all, Budget{Limit: dollars(100), Spent: *dollars(60)}, 5, nil},
		{"a soft budget", Rules{}, Budget{Soft: dollars(5), Spent: *dollars(5), Start: start, End: end}, 5, []string{"soft_budget"}},
		{"a budget of 0 is a lock", all, Budget{Limit: dollars(0), Start: start, End: end}, 5, nil},
		{"amounts beyond 64 bits of their product", all, Budget{Limit: dollars(9_000_000_000), Spent: *dollars(8_000_000_000), Start: start, End: end}, 9.5, []string{"threshold"}},
	} {
		t.Run(tc.behaviour, func(t *testing.T) {
			var got []string
			for _, a := range tc.rules.Due(tc.budget, start.Add(time.Duration(tc.days*24)*time.Hour)) {
				got = append(got, a.Event)
				if a.Message == "" || a.Event == "projected" && !a.ExhaustsAt.Before(end) {
					t.Errorf("%+v", a)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("due %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTheNextWindowIsTold(t *testing.T) {
	a := Alert{Event: "threshold", Percent: 80, Scope: "team", ScopeID: "t", Window: "1d"}
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	if a.Key(day) == a.Key(day.AddDate(0, 0, 1)) || a.Key(day) != a.Key(day) || a.Key(time.Time{}) == a.Key(day) {
		t.Error("windows are not told apart")
	}
}

func TestWebhooksAreSignedAndSlackGetsItsFormat(t *testing.T) {
	type received struct {
		header http.Header
		body   string
	}
	got := make(chan received, 1)
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- received{r.Header, string(body)}
		w.WriteHeader(status)
	}))
	defer server.Close()
	now := time.Unix(1_800_000_000, 0)
	payload, err := json.Marshal(Alert{ID: "a1", Message: "team t has used 80% of its budget"})
	if err != nil {
		t.Fatal(err)
	}
	hook := Webhook{Name: "ops", URL: policy.Secret(server.URL + "/token-in-the-path"), Secret: "s3"}
	if err := hook.Send(t.Context(), http.DefaultClient, "a1", payload, now); err != nil {
		t.Fatal(err)
	}
	r := <-got
	if r.body != string(payload) || r.header.Get(IDHeader) != "a1" || r.header.Get(SignatureHeader) != Sign("s3", now, payload) || Sign("s4", now, payload) == Sign("s3", now, payload) {
		t.Errorf("%+v", r)
	}
	slack := Webhook{Name: "slack", URL: hook.URL, Slack: true}
	if err := slack.Send(t.Context(), http.DefaultClient, "a1", payload, now); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.body != `{"text":"Purser: team t has used 80% of its budget"}` || r.header.Get(SignatureHeader) != "" {
		t.Errorf("%+v", r)
	}
	status = http.StatusInternalServerError
	err = hook.Send(t.Context(), http.DefaultClient, "a1", payload, now)
	<-got
	if err == nil || strings.Contains(err.Error(), "token-in-the-path") {
		t.Errorf("a failure: %v", err)
	}
	server.Close()
	if err := hook.Send(t.Context(), http.DefaultClient, "a1", payload, now); err == nil || strings.Contains(err.Error(), "token-in-the-path") || errors.Is(err, nil) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestBackoffGrowsToAnHour(t *testing.T) {
	if Backoff(1) != 5*time.Second || Backoff(2) != 10*time.Second || Backoff(100) != time.Hour {
		t.Error(Backoff(1), Backoff(2), Backoff(100))
	}
}
