package adminsvc

import (
	"context"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

func TestHealthOfTheSystem(t *testing.T) {
	t.Parallel()
	compared, waiting := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), int64(7)
	well := System{
		PostgreSQL: Part{Used: true, Up: true, Took: 1234 * time.Microsecond}, Redis: Part{Used: true, Up: true}, Journal: &waiting,
		Replicas:  []policy.Replica{{ID: "a", Kind: "adminsvc", Seen: time.Second}, {ID: "e", Kind: "extproc", Behind: 2, Seen: time.Second}},
		Processes: []policy.ProcessState{{Replica: "e", Ledger: "redis", Open: 3, Compared: &compared, Pending: 4, Oldest: 1.26, DirectoryAge: 0.5}},
	}
	for name, c := range map[string]struct {
		change  func(*System)
		problem string
	}{
		"all is well":              {func(*System) {}, ""},
		"no Redis, none needed":    {func(s *System) { s.Redis, s.Journal = Part{}, nil }, ""},
		"PostgreSQL is away":       {func(s *System) { s.PostgreSQL.Up, s.Replicas = false, nil }, "PostgreSQL does not answer: inference goes on, changes and reports do not"},
		"Redis is away":            {func(s *System) { s.Redis.Up, s.Journal = false, nil }, "Redis does not answer: data planes act as REDIS_DOWN says"},
		"the journal is long":      {func(s *System) { n := int64(longJournal); s.Journal = &n }, "the journal is long: what was spent comes late to reports"},
		"the data plane is silent": {func(s *System) { s.Replicas[1].Seen = 9 * time.Second }, "no data plane is alive"},
		"it has no ledger":         {func(s *System) { s.Processes[0].Alone = true }, "data plane e is without the shared ledger"},
		"its disk is full":         {func(s *System) { s.Processes[0].DiskFails = true }, "data plane e cannot write to its spool"},
		"it has put entries aside": {func(s *System) { s.Processes[0].Rejected = 1 }, "data plane e has put entries aside that the tables do not take"},
		"its spool does not empty": {func(s *System) { s.Processes[0].Oldest = 31 }, "settled requests wait in a spool"},
		"it cannot be asked":       {func(s *System) { s.Processes, s.Silent = nil, 1 }, "a data plane does not answer at EXTPROC_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := well
			now.Replicas, now.Processes = append([]policy.Replica{}, well.Replicas...), append([]policy.ProcessState{}, well.Processes...)
			c.change(&now)
			a := setup(t, func(cfg *Config) { cfg.System = func(context.Context) System { return now } })
			r := a.get("/health/system").ok()
			if c.problem != "" {
				r.has(map[string]string{"status": `"degraded"`, "problems": `["` + c.problem + `"]`})
				return
			}
			r.has(map[string]string{"status": `"healthy"`, "problems": "[]", "postgresql.status": `"up"`, "postgresql.took_ms": "1.2", "replicas.1.id": `"e"`, "replicas.1.alive": "true",
				"replicas.1.behind": "2", "data_planes.0.open_requests": "3", "journal.waiting_in_spools": "4", "journal.oldest_seconds": "1.3", "ledger.differing_counters": "0", "ledger.difference": "0.0"})
		})
	}
	if r := setup(t).get("/health/system"); r.status != 501 {
		t.Error(r.raw)
	}
}
