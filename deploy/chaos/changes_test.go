package chaos_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// writers change things at once.
const writers = 20

// What the admin API has answered holds for the next request, whichever replica
// meets it, with 20 writers at once.
func TestChangesHoldAtOnce(t *testing.T) {
	s := up(t, patient, "--replicas", "2")
	s.changesHold(1)
	s.changesHoldAfterAStop()
}

// changesHoldAfterAStop has every extproc stand still, as a machine does that is
// paused or starved, for longer than writes wait for whoever is silent. What they
// answered meanwhile holds for the first requests that are looked at again.
func (s *stack) changesHoldAfterAStop() {
	s.t.Helper()
	key := fmt.Sprintf("sk-stopped-%d", rand.Uint32())
	s.must("POST", "/key/generate", fmt.Sprintf(`{"key":%q}`, key))
	ask := func() result { return s.request(shapes[0], caller{key}, `{"output_tokens":1}`, -1) }
	if r := ask(); r.outcome != served {
		s.t.Fatalf("a new key: %d %s", r.status, r.why)
	}
	var asked sync.WaitGroup
	results := make([]result, 16)
	s.freeze(func() {
		s.must("POST", "/key/block", fmt.Sprintf(`{"key":%q}`, key))
		for i := range results {
			asked.Go(func() { results[i] = ask() })
		}
	}, s.replicas("extproc")...)
	asked.Wait()
	decided := 0
	for _, r := range results {
		switch r.status {
		case 200:
			s.t.Errorf("a key that was blocked while the extprocs stood still was served")
		case 401, 403:
			decided++
		}
	}
	s.t.Logf("%d of %d requests were decided by extprocs that had stood still", decided, len(results))
	eventually(s.t, time.Minute, "the block is told", func() bool { r := ask(); return r.status == 401 || r.status == 403 })
}

// patient lets a write wait for the replicas for as long as a busy machine takes.
var patient = []string{"WRITE_BARRIER=30s"}

// The same beside many keys, CHAOS_KEYS of them: what they take in memory, how long
// an extproc takes to start with them, and how long a change takes.
func TestManyKeys(t *testing.T) {
	keys, _ := strconv.Atoi(os.Getenv("CHAOS_KEYS"))
	if keys == 0 {
		t.Skip("set CHAOS_KEYS=1000000 to run")
	}
	s := up(t, patient, "--replicas", "2")
	s.insertKeys(keys)
	for _, name := range s.replicas("extproc") {
		began := time.Now()
		s.kill(name)
		port := s.extprocHTTP()[slices.Index(s.replicas("extproc"), name)]
		eventually(t, 10*time.Minute, name+" serves again", func() bool {
			resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/health/readiness", port))
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			return resp.StatusCode == 200
		})
		t.Logf("%s started with %d keys in %.1f s, of which %.1f s CPU; it holds %d MB", name, keys, time.Since(began).Seconds(),
			processTime(s.pid(name)).Seconds(), resident(s.pid(name))>>20)
	}
	s.changesHold(2)
	for i, name := range s.replicas("extproc") {
		eventually(t, 10*time.Minute, name+" has compared its counters with the tables", func() bool {
			took, _ := metric(s.extprocHTTP()[i], "purser_ledger_comparison_seconds")
			if took > 0 {
				t.Logf("%s compared all counters with the tables in %.1f s", name, took)
			}
			return took > 0
		})
		mb := resident(s.pid(name)) >> 20
		t.Logf("%s holds %d MB after the changes", name, mb)
		if mb > 500*int64(keys)/1_000_000+100 {
			t.Errorf("%s holds %d MB with %d keys", name, mb, keys)
		}
	}
}

// insertKeys makes keys as a company has them, each with budget and rates, a hundred to a team.
func (s *stack) insertKeys(n int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.info.DatabaseURL)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	// Beside the API, so without a revision: replicas learn of them at their start.
	_, err = conn.Exec(ctx, `INSERT INTO keys (hash, name, alias, user_id, team_id, project_id, models, limits, created_at, updated_at, created_by, updated_by, fields, revision)
		SELECT sha256(('many-' || n)::bytea), 'sk-...' || lpad(n::text, 4, '0'), 'many-' || n, 'user-' || n / 10, 'team-' || n / 100, 'project-' || n / 50, '{gpt-4o,gpt-4o-mini}',
			json_build_object('max_budget', n / 100.0, 'budget_duration', '30d', 'rpm_limit', 100, 'tpm_limit', 100000), now(), now(), 'admin', 'admin', '{"models":["gpt-4o","gpt-4o-mini"]}', 0
		FROM generate_series(1, $1::int) AS n`, n)
	if err != nil {
		s.t.Fatal(err)
	}
}

// changesHold has each writer change what is its own, and asks both replicas after each answer.
func (s *stack) changesHold(rounds int) {
	s.t.Helper()
	var mu sync.Mutex
	var took []time.Duration
	wrong := 0
	change := func(path, body string) bool {
		began := time.Now()
		status, got := s.call("POST", path, body)
		mu.Lock()
		defer mu.Unlock()
		took = append(took, time.Since(began))
		if status != 200 {
			s.t.Errorf("%s %s: %d %s", path, body, status, got)
		}
		return status == 200
	}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for r := range rounds {
				id := fmt.Sprintf("%d-%d-%d", w, r, rand.Uint32())
				key := "sk-writer-" + id
				holds := func(after string, want ...int) {
					for range 3 { // the balancer asks one replica, then the other
						got := s.request(shapes[0], caller{key}, `{"output_tokens":1}`, -1)
						if !slices.Contains(want, got.status) {
							mu.Lock()
							if wrong++; wrong <= 5 {
								s.t.Errorf("after %s: %d %s", after, got.status, got.why)
							}
							mu.Unlock()
						}
					}
				}
				ok := change("/team/new", fmt.Sprintf(`{"team_id":"t-%s","team_alias":"t-%s"}`, id, id)) &&
					change("/project/new", fmt.Sprintf(`{"project_id":"p-%s","project_alias":"p-%s","team_id":"t-%s"}`, id, id, id)) &&
					change("/key/generate", fmt.Sprintf(`{"key":%q,"team_id":"t-%s","project_id":"p-%s"}`, key, id, id))
				if !ok {
					return
				}
				holds("/key/generate", 200)
				for _, step := range []struct {
					path, body string
					want       []int
				}{
					{"/key/block", fmt.Sprintf(`{"key":%q}`, key), []int{401, 403}},
					{"/key/unblock", fmt.Sprintf(`{"key":%q}`, key), []int{200}},
					{"/team/block", fmt.Sprintf(`{"team_id":"t-%s"}`, id), []int{401, 403}},
					{"/team/unblock", fmt.Sprintf(`{"team_id":"t-%s"}`, id), []int{200}},
					{"/project/update", fmt.Sprintf(`{"project_id":"p-%s","blocked":true}`, id), []int{401, 403}},
					{"/project/update", fmt.Sprintf(`{"project_id":"p-%s","blocked":false}`, id), []int{200}},
					{"/key/update", fmt.Sprintf(`{"key":%q,"rpm_limit":0}`, key), []int{429}},
					{"/key/update", fmt.Sprintf(`{"key":%q,"rpm_limit":1000000}`, key), []int{200}},
					{"/team/update", fmt.Sprintf(`{"team_id":"t-%s","models":["gpt-4"]}`, id), []int{401, 403}},
					{"/key/delete", fmt.Sprintf(`{"keys":[%q]}`, key), []int{401}},
				} {
					if change(step.path, step.body) {
						holds(step.path, step.want...)
					}
				}
			}
		})
	}
	all.Wait()
	if wrong > 0 {
		s.t.Errorf("%d requests were decided by what held before", wrong)
	}
	slices.Sort(took)
	at := func(percent int) time.Duration {
		return took[min(len(took)*percent/100, len(took)-1)].Round(time.Millisecond)
	}
	s.t.Logf("%d changes by %d writers at once: median %s, 99%% within %s, slowest %s", len(took), writers, at(50), at(99), at(100))
}

// processTime is the CPU time a process has used.
func processTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return 0
	}
	var main int64
	_, _ = fmt.Sscan(string(text), &main)
	var sum int64
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		var n int64
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, task.Name()))
		_, _ = fmt.Sscan(string(text), &n)
		sum += n
	}
	return time.Duration(cmp.Or(sum, main))
}
