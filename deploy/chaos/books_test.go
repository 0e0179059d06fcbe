package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/deploy/fakeprovider"
	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/redis"
)

// rates are what deploy/local/config.yaml charges, in nano-USD per token, written
// here once more: the books are not to be checked by the code that keeps them.
var rates = map[string]struct{ input, output int64 }{
	"gpt-4": {30_000, 60_000}, "gpt-4o": {2_500, 10_000}, "claude-3-sonnet": {3_000, 15_000}, "gemini-2.0-flash": {100, 400},
}

func priced(model string, input, output int64) int64 {
	r := rates[model]
	return input*r.input + output*r.output
}

// row is what the books need of spend_logs.
type row struct {
	callID, requestID, upstreamID, status, problem, model string
	source                                                policy.UsageSource
	spend, input, output                                  int64
}

func (r row) String() string {
	return fmt.Sprintf("row %s (%s, %s) of %s, %s: %d in, %d out, %d nano-USD %s", r.callID, r.requestID, r.status, r.model, r.source, r.input, r.output, r.spend, r.problem)
}

// books is what is held against what.
type books struct {
	s        *stack
	provider *provider
}

// settled waits until no request is under way and none of its traces is left, then
// checks everything the package's documentation promises.
func (b *books) check(t testing.TB, results []result) {
	t.Helper()
	began := time.Now()
	var records []fakeprovider.Record
	eventually(t, 30*time.Second, "the provider has ended every answer", func() (ok bool) {
		var err error
		records, err = b.provider.all()
		return err == nil
	})
	b.quiet(t)
	rows := b.rows(t)
	problems := b.compare(records, rows, results)
	problems = append(problems, b.sums(t)...)
	problems = append(problems, b.counters(t)...)
	problems = append(problems, b.leftovers()...)
	for i, p := range problems {
		if i == 20 {
			t.Errorf("… and %d more", len(problems)-i)
			break
		}
		t.Error(p)
	}
	count := map[string]int{}
	for _, r := range rows {
		count[r.source.String()]++
	}
	t.Logf("%d requests at the provider, %d rows (%v), %d requests of clients; looked at after %s", len(records), len(rows), count, len(results), time.Since(began).Round(time.Millisecond))
}

// quiet waits until every reservation is settled and every entry is in the tables.
func (b *books) quiet(t testing.TB) {
	t.Helper()
	client, err := redis.Connect(b.s.info.RedisURL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	why := ""
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never comes to rest: %s", why)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		live, err := client.ZCard(ctx, "{purser}:expiry").Result()
		waiting, err2 := client.XLen(ctx, "{purser}:journal").Result()
		cancel()
		spooled := 0.0
		for _, port := range b.s.extprocHTTP() {
			n, ok := metric(port, "purser_spool_pending")
			if !ok {
				err = errors.Join(err, errors.New("no metrics"))
			}
			spooled += n
		}
		if err = errors.Join(err, err2); err == nil && live == 0 && waiting == 0 && spooled == 0 {
			return
		}
		why = fmt.Sprintf("%d reservations, %d entries in Redis, %v in spools (%v)", live, waiting, spooled, err)
	}
}

func (b *books) rows(t testing.TB) []row {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.s.info.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	found, err := conn.Query(t.Context(), `SELECT call_id, coalesce(request_id, ''), coalesce(upstream_id, ''), status, coalesce(error, ''),
		coalesce(model_asked, ''), source, spend, input, output FROM spend_logs WHERE type = 'request'`)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := pgx.CollectRows(found, func(r pgx.CollectableRow) (out row, err error) {
		err = r.Scan(&out.callID, &out.requestID, &out.upstreamID, &out.status, &out.problem, &out.model, &out.source, &out.spend, &out.input, &out.output)
		return out, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// compare finds the row of each request at the provider and of each answer a
// client got, and whoever has none or two.
func (b *books) compare(records []fakeprovider.Record, rows []row, results []result) (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	byUpstream, byCall := map[string][]row{}, map[string]row{}
	for _, r := range rows {
		byUpstream[r.upstreamID] = append(byUpstream[r.upstreamID], r)
		if other, twice := byCall[r.callID]; twice {
			problem("one call has two rows: %s and %s", other, r)
		}
		byCall[r.callID] = r
	}
	lost := 0
	for _, rec := range records {
		id := rec.Headers.Get("X-Request-Id")
		own := byUpstream[id]
		delete(byUpstream, id)
		switch {
		case len(own) == 0:
			lost++
			problem("LOST: request %d (%s, %s, %s, %d+%d tokens, %d written, at %s) has no row", rec.Seq, rec.ID, rec.Model, rec.Outcome,
				rec.PromptTokens, rec.CompletionTokens, rec.TokensWritten, rec.Time.Format("15:04:05.000"))
		case len(own) > 1:
			problem("request %d has %d rows: %v", rec.Seq, len(own), own)
		default:
			if what := misstated(rec, own[0]); what != "" {
				problem("request %d (%s): %s: %s", rec.Seq, rec.Outcome, what, own[0])
			}
		}
	}
	if lost > 0 {
		problem("%d of %d requests that the provider served are lost", lost, len(records))
	}
	for _, own := range byUpstream {
		for _, r := range own {
			if r.source != policy.UsageEstimated && (r.spend != 0 || r.source != policy.UsageNone) {
				problem("the provider never saw the request of %s", r)
			}
		}
	}
	for _, r := range results {
		if r.outcome != served {
			continue
		}
		own, ok := byCall[r.callID]
		switch {
		case !ok:
			problem("the answer %s (%s) has no row", r.callID, r.shape)
		case r.cost != "" && r.cost != policy.Money(own.spend).String():
			problem("the answer said it cost %s: %s", r.cost, own)
		}
	}
	return problems
}

// misstated says what is wrong with a row, by the provider's record of the request.
func misstated(rec fakeprovider.Record, r row) string {
	wrote := int64(rec.TokensWritten)
	if rec.UsageReported {
		wrote = int64(rec.CompletionTokens)
	}
	switch r.source {
	case policy.UsageReported:
		if r.input != int64(rec.PromptTokens) || r.output != int64(rec.CompletionTokens) || r.requestID != rec.ID {
			return fmt.Sprintf("the provider reported %d+%d tokens as %s", rec.PromptTokens, rec.CompletionTokens, rec.ID)
		}
	case policy.UsageCounted:
		if r.output > int64(rec.CompletionTokens) || r.input != int64(rec.PromptTokens) {
			return fmt.Sprintf("counted more than the %d+%d tokens there were", rec.PromptTokens, rec.CompletionTokens)
		}
	case policy.UsageEstimated:
		if r.input < int64(rec.PromptTokens) || r.output < wrote {
			return fmt.Sprintf("an estimate below the %d+%d tokens there were", rec.PromptTokens, wrote)
		}
		if r.output > maxTokens || r.input > 2*int64(rec.PromptTokens)+64 {
			return "an estimate above the request's hold"
		}
		if !strings.Contains(r.problem, "never seen") {
			return "an estimate that does not say so"
		}
	case policy.UsageNone:
		if rec.Outcome == "completed" && rec.Status == 200 || r.spend != 0 {
			return fmt.Sprintf("%d tokens were written for nothing", wrote)
		}
		return ""
	default:
		return "nobody counted"
	}
	if want := priced(r.model, r.input, r.output); r.spend != want {
		return fmt.Sprintf("the price is %d", want)
	}
	return ""
}

// sums compares the sums with their rows.
func (b *books) sums(t testing.TB) []string {
	store := b.store(t)
	defer store.Close()
	differences, err := store.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return differences
}

func (b *books) store(t testing.TB) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Config{URL: b.s.info.DatabaseURL, Name: "chaos", Barrier: -1})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// counters sees that nothing is held any more and that what was settled is what the
// tables say. The stack heals itself; a minute after the last fault it must have.
func (b *books) counters(t testing.TB) (problems []string) {
	t.Helper()
	client, err := redis.Connect(b.s.info.RedisURL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	store := b.store(t)
	defer store.Close()
	ledger := redis.New(redis.Config{Client: client})
	healing := policy.Healing{
		Directory: policy.NewDirectory(policy.Settings{}.Compile(), nil), Ledger: ledger, History: store, Clock: time.Now,
		Flush: func(context.Context) error { return nil },
	}
	for deadline := time.Now().Add(75 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		problems = nil
		err := ledger.Each(t.Context(), func(s policy.Standing) bool {
			if s.Held != 0 || s.Counter.Kind == policy.KindParallel && s.Used != 0 {
				problems = append(problems, fmt.Sprintf("%s %s still holds %d (used %d)", s.Counter.Scope, s.Counter.Kind, s.Held, s.Used))
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		drifts, err := healing.All(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range drifts {
			problems = append(problems, fmt.Sprintf("%s counts %d, the tables have %d", d.Counter.Scope, d.Counted, d.Booked))
		}
		if len(problems) == 0 || time.Now().After(deadline) {
			slices.Sort(problems)
			return problems
		}
	}
}

// leftovers are what the spools could not read, or were told to put aside.
func (b *books) leftovers() (problems []string) {
	for _, pattern := range []string{"damaged-*", "rejected.jsonl"} {
		found, _ := filepath.Glob(b.s.file("extproc*", "spool", pattern))
		for _, f := range found {
			problems = append(problems, "the spool left "+f)
		}
	}
	return problems
}
