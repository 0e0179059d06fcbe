package adminsvc

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// millionRows are a month's requests of a thousand keys in a hundred teams: row n is of
// key n % 1000 and model n % 4. The sums are those that the journal's writer keeps.
const millionRows = `
INSERT INTO spend_logs (day, call_id, type, source, reserved_at, started_at, first_byte_at, ended_at, request_id, session_id, key_hash, key_alias, user_id, team_id, project_id,
	organization_id, customer_id, tags, call_type, route, model_asked, model_group, model, deployment, provider, api_base, stream, status, http_status, error, spend, cost_input, cost_output, input, output)
SELECT (at AT TIME ZONE 'UTC')::date, 'call-' || n, 'request', 1, at, at, at + interval '1 s', at + interval '3 s', 'chatcmpl-' || n, 'session-' || n / 50,
	encode(sha256(convert_to((n % 1000)::text, 'UTF8')), 'hex'), 'alias-' || n % 1000, 'user-' || n % 500, 'team-' || n % 100, 'project-' || n % 200, 'org-' || n % 10, 'customer-' || n % 5000,
	ARRAY['tag-' || n % 20], 'acompletion', '/chat/completions', 'gpt-' || n % 4, 'gpt-' || n % 4, 'gpt-' || n % 4 || '-2026', 'd' || n % 4, 'openai', 'https://api.openai.com', true,
	CASE WHEN n % 50 = 0 THEN 'failure' ELSE 'success' END, CASE WHEN n % 50 = 0 THEN 500 ELSE 200 END, CASE WHEN n % 50 = 0 THEN 'the provider answered 500' END, 1000 + n % 5000000, 500, 500, 1000, 200
FROM (SELECT n, timestamptz '2026-03-01 00:00:00Z' + n * interval '2.5 s' AS at FROM generate_series(1, 1000000) AS n) AS rows`

const millionSums = `
INSERT INTO spend_hourly (hour, combination, key_hash, user_id, team_id, project_id, organization_id, customer_id, model_asked, model_group, model, provider, route,
	spend, input, output, cache_read, cache_write, requests, succeeded, failed, millis)
SELECT hour, md5(concat_ws('|', key_hash, user_id, team_id, project_id, organization_id, customer_id, model))::uuid, key_hash, user_id, team_id, project_id, organization_id, customer_id, model_asked, model_group, model, provider, route,
	sum(spend), sum(input), sum(output), 0, 0, count(*), count(*) FILTER (WHERE status = 'success'), count(*) FILTER (WHERE status <> 'success'), sum(3000)
FROM (SELECT date_trunc('hour', reserved_at, 'UTC') AS hour, * FROM spend_logs WHERE call_id LIKE 'call-%') AS rows
GROUP BY hour, key_hash, user_id, team_id, project_id, organization_id, customer_id, model_asked, model_group, model, provider, route
ORDER BY hour, 2`

const millionTagSums = `
INSERT INTO spend_hourly_tag (hour, combination, tag, key_hash, model_asked, model_group, model, provider, route, spend, input, output, cache_read, cache_write, requests, succeeded, failed, millis)
SELECT hour, md5(concat_ws('|', tag, key_hash, model))::uuid, tag, key_hash, model_asked, model_group, model, provider, route,
	sum(spend), sum(input), sum(output), 0, 0, count(*), count(*) FILTER (WHERE status = 'success'), count(*) FILTER (WHERE status <> 'success'), sum(3000)
FROM (SELECT date_trunc('hour', reserved_at, 'UTC') AS hour, * FROM spend_logs, unnest(tags) AS tag WHERE call_id LIKE 'call-%') AS rows
GROUP BY hour, tag, key_hash, model_asked, model_group, model, provider, route ORDER BY hour, 2`

// millionDays makes the days as the migration does, at once.
const millionDays = `DO $$ BEGIN
	EXECUTE spend_daily_sql('spend_hourly', 'SELECT 1 AS sign, * FROM spend_hourly');
	EXECUTE spend_daily_sql('spend_hourly_tag', 'SELECT 1 AS sign, * FROM spend_hourly_tag');
END $$`

// manyKeys are 50 000, of which the first thousand made the million requests.
const manyKeys = `
INSERT INTO keys (hash, name, alias, user_id, team_id, project_id, models, limits, created_at, updated_at, created_by, updated_by, fields, revision)
SELECT sha256(n::text::bytea), 'sk-...' || lpad((n % 10000)::text, 4, '0'), 'alias-' || n, 'user-' || n % 500, 'team-' || n % 200, 'project-' || n % 2000, '{gpt-4o,gpt-4o-mini}',
	json_build_object('max_budget', n / 100.0, 'budget_duration', '30d', 'rpm_limit', 100), now(), now(), 'admin', 'admin', '{"models":["gpt-4o","gpt-4o-mini"],"max_budget":10.0,"budget_duration":"30d"}', n
FROM generate_series(0, 49999) AS n`

// BenchmarkMillionRows asks for what people look at, with a million rows there, and
// reports the median and the 99th percentile of each, what the first answer of a program
// that has just been started takes, and the time on the processors, which a busy machine
// changes least. Customers are in the sums, so that there are
// about as many sums as rows: the worst case of daily activity.
func BenchmarkMillionRows(b *testing.B) {
	url := os.Getenv("BENCH_DATABASE_URL") // a database that an earlier run has filled, or an empty one to fill and keep
	if url == "" {
		url = postgrestest.URL(b)
	}
	if err := postgres.Migrate(b.Context(), url); err != nil {
		b.Fatal(err)
	}
	store, err := postgres.Open(b.Context(), postgres.Config{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(store.Close)
	fillEntities(b, store)
	fillMillion(b, url, store)
	timeMillion(b, store, url, newCPUMeter(b, url))
}

// fillMillion makes the rows and their sums where they are not there.
func fillMillion(b *testing.B, url string, store *postgres.Store) {
	var days []policy.Entry // one row a day makes the writer make its table
	for day := range 31 {
		at := time.Date(2026, 3, 1+day, 0, 0, 1, 0, time.UTC)
		days = append(days, policy.Entry{Type: policy.EntryRequest, CallID: fmt.Sprint("day-", day), KeyHash: "k", ModelAsked: "gpt-0", ModelGroup: "gpt-0", Model: "gpt-0", Status: policy.StatusSuccess,
			CallType: "acompletion", Route: "/chat/completions", ReservedAt: at, StartedAt: at, EndedAt: at})
	}
	if err := store.WriteEntries(b.Context(), days); err != nil {
		b.Fatal(err)
	}
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	var filled bool
	if err := conn.QueryRow(b.Context(), `SELECT EXISTS (SELECT FROM spend_logs WHERE call_id = 'call-1000000')`).Scan(&filled); err != nil || filled {
		_ = conn.Close(b.Context())
		return
	}
	for _, sql := range []string{"SET purser.daily = 'stamped'; SET work_mem = '128MB'; DELETE FROM spend_hourly; DELETE FROM spend_daily", millionRows, millionSums, millionTagSums, millionDays, manyKeys, "VACUUM ANALYZE"} {
		started := time.Now()
		if _, err := conn.Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
		b.Logf("%.20q took %v", sql, time.Since(started).Round(time.Second))
	}
	_ = conn.Close(b.Context())
}

// fillEntities makes what the lists are of, where it is not there.
func fillEntities(b *testing.B, store *postgres.Store) {
	if _, err := store.Get(b.Context(), policy.Ref{Kind: policy.EntityProject, ID: "project-1999"}); err == nil {
		return
	}
	if err := store.Write(b.Context(), policy.Actor{}, func(tx policy.Tx) error {
		var all []policy.Entity
		budget := policy.Limits{MaxBudget: new(policy.Money), BudgetDuration: "30d"}
		*budget.MaxBudget = 1000 * policy.Dollar
		for n := range 2000 {
			record := policy.Record{CreatedAt: time.Now(), UpdatedAt: time.Now(), Fields: []byte("{}")}
			if n < 200 {
				all = append(all, &policy.Team{ID: fmt.Sprint("team-", n), Alias: fmt.Sprint("Team ", n), Rules: policy.Rules{Limits: budget}, Record: record})
			}
			all = append(all, &policy.Project{ID: fmt.Sprint("project-", n), Alias: fmt.Sprint("Project ", n), TeamID: fmt.Sprint("team-", n%200), Rules: policy.Rules{Limits: budget}, Record: record})
		}
		return tx.(postgres.BulkTx).CreateAll(b.Context(), all)
	}); err != nil {
		b.Fatal(err)
	}
}

func timeMillion(b *testing.B, writer *postgres.Store, url string, cpu *cpuMeter) {
	key := policy.HashKey("7").String()
	const month = "start_date=2026-03-01&end_date=2026-03-31"
	for _, c := range []struct{ what, path string }{
		{"newest page", "/spend/logs/v2?page_size=50&start_date=2026-03-01+00:00:00&end_date=2026-03-31+23:59:59"},
		{"page 100", "/spend/logs/v2?page=100&page_size=50&start_date=2026-03-01+00:00:00&end_date=2026-03-31+23:59:59"},
		{"a key's rows", "/spend/logs/v2?api_key=" + key + "&start_date=2026-03-01+00:00:00&end_date=2026-03-31+23:59:59"},
		{"a team's rows", "/spend/logs/v2?team_id=team-7&start_date=2026-03-01+00:00:00&end_date=2026-03-31+23:59:59"},
		{"a customer's rows", "/spend/logs/v2?end_user=customer-7&start_date=2026-03-01+00:00:00&end_date=2026-03-31+23:59:59"},
		{"a model's rows", "/spend/logs/v2?model=gpt-3&start_date=2026-03-01+00:00:00&end_date=2026-03-31+23:59:59"},
		{"failures", "/spend/logs/v2?status_filter=failure&start_date=2026-03-01+00:00:00&end_date=2026-03-31+23:59:59"},
		{"one request", "/spend/logs/v2?request_id=chatcmpl-500000&start_date=2026-03-01+00:00:00&end_date=2026-03-31+23:59:59"},
		{"one session", "/spend/logs/session/ui?session_id=session-7000"},
		{"the dearest", "/spend/logs/v2?sort_by=spend&start_date=2026-03-30+00:00:00&end_date=2026-03-31+23:59:59"},
		{"a key's day", "/spend/logs?api_key=" + key + "&start_date=2026-03-07&end_date=2026-03-08&summarize=false"},
		{"daily activity of a team", "/team/daily/activity?team_ids=team-7&" + month},
		{"daily activity of a project", "/project/daily/activity?project_ids=project-7&" + month},
		{"daily activity of a user", "/user/daily/activity?user_id=user-7&" + month},
		{"daily activity of a customer", "/customer/daily/activity?end_user_ids=customer-7&" + month},
		{"daily activity of an organization", "/organization/daily/activity?organization_ids=org-7&" + month},
		{"daily activity of all teams, a week", "/team/daily/activity?start_date=2026-03-25&end_date=2026-03-31"},
		{"daily activity of all teams, a month", "/team/daily/activity?" + month},
		{"spend of the proxy by day", "/global/spend/logs?" + month},
		{"daily activity of all users, a month", "/user/daily/activity?" + month},
		{"daily activity of all customers, a day", "/customer/daily/activity?start_date=2026-03-28&end_date=2026-03-28"},
		{"daily activity of all tags, a month", "/tag/daily/activity/aggregated?" + month},
		{"the Usage page: teams, a month, in Los Angeles", "/team/daily/activity/aggregated?timezone=420&" + month},
		{"the Usage page: teams, a month, in Delhi", "/team/daily/activity/aggregated?timezone=-330&" + month},
		{"the Home page: everything, a month", "/user/daily/activity/aggregated?timezone=0&" + month},
		{"the Home page: everything, a day", "/user/daily/activity/aggregated?timezone=0&start_date=2026-03-28&end_date=2026-03-28"},
		{"the Home page: projects, a month", "/project/daily/activity/aggregated?timezone=0&" + month},
		{"keys, by spend", "/global/spend/keys?limit=10"},
		{"spend by tag", "/spend/tags?" + month},
		{"a report by team", "/global/spend/report?group_by=team&" + month},
		{"a report by key", "/global/spend/report?group_by=api_key&" + month},
		{"a page of keys", "/key/list?size=50&return_full_object=true&include_team_keys=true&sort_by=created_at&sort_order=desc"},
		{"keys by a part of their name", "/key/list?size=25&return_full_object=true&search=alias-77"},
		{"all teams", "/team/list"},
		{"a page of teams", "/v2/team/list?page=1&page_size=100"},
		{"all projects", "/project/list"},
		{"a page of projects", "/project/list?page=1&page_size=100"},
		{"customers, by spend", "POST /global/spend/end_users"},
		{"with requests coming in: the newest page", "LIVE /spend/logs/v2?page_size=50&start_date=2026-03-01+00:00:00&end_date=2026-03-31+23:59:59"},
		{"with requests coming in: everything, a month", "LIVE /user/daily/activity/aggregated?timezone=0&" + month},
		{"with requests coming in: teams, a month, in Los Angeles", "LIVE /team/daily/activity/aggregated?timezone=420&" + month},
		{"with requests coming in: teams, a month, in Delhi", "LIVE /team/daily/activity/aggregated?timezone=-330&" + month},
	} {
		b.Run(c.what, func(b *testing.B) {
			// A program that has just been started: what it keeps in memory comes with the first answer.
			store, err := postgres.Open(b.Context(), postgres.Config{URL: url})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			s := newServer(Config{Store: store, Spend: store, Settings: func() *policy.Settings { return testSettings }, Catalog: func() *policy.Catalog { return testCatalog },
				Clock: func() time.Time { return time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC) }})
			live := false
			var took []time.Duration
			bytes := 0
			ask := func() {
				method, path, found := strings.Cut(c.path, " ")
				if !found {
					method, path = "GET", c.path
				}
				if method == "LIVE" {
					method, live = "GET", true
					at := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
					if err := writer.WriteEntries(b.Context(), []policy.Entry{{Type: policy.EntryRequest, CallID: fmt.Sprint("live-", time.Now().UnixNano()), KeyHash: "k", ModelAsked: "gpt-0", ModelGroup: "gpt-0",
						Model: "gpt-0", Status: policy.StatusSuccess, CallType: "acompletion", Route: "/chat/completions", ReservedAt: at, StartedAt: at, EndedAt: at}}); err != nil {
						b.Fatal(err)
					}
				}
				r := httptest.NewRequest(method, path, nil)
				r.Header.Set("Authorization", "Bearer "+master)
				w := &counted{header: http.Header{}}
				started := time.Now()
				s.serve(w, r)
				took = append(took, time.Since(started))
				bytes = w.bytes
				if w.status != 200 || w.bytes < 20 {
					b.Fatalf("%s: %d %.300s", c.path, w.status, w.start)
				}
			}
			firstOwn, connections := cpu.read(b)
			ask() // what is read the first time comes off the disk
			firstOwn, firstDatabase := cpu.since(b, firstOwn, connections)
			first := took[0]
			took = nil
			own, connections := cpu.read(b)
			for b.Loop() {
				ask()
			}
			own, database := cpu.since(b, own, connections)
			per := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(len(took)) }
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(first.Microseconds())/1000, "first-ms")
			b.ReportMetric(float64((firstOwn+firstDatabase).Microseconds())/1000, "first-cpu-ms")
			if !live { // else it is the writing as well
				b.ReportMetric(per(own), "own-cpu-ms")
				b.ReportMetric(per(database), "db-cpu-ms")
			}
			b.ReportMetric(float64(bytes)/1000, "kB")
			b.ReportMetric(0, "ns/op") // the average of what has such tails says nothing
		})
	}
}

// counted is an answer of which only the start is kept: a recorder's copy of twenty
// megabytes takes as long as to make them.
type counted struct {
	header        http.Header
	status, bytes int
	start         []byte
}

func (c *counted) Header() http.Header    { return c.header }
func (c *counted) WriteHeader(status int) { c.status = status }
func (c *counted) Write(b []byte) (int, error) {
	c.bytes += len(b)
	c.start = append(c.start, b[:min(len(b), 300-len(c.start))]...)
	return len(b), nil
}
