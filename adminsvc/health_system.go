package adminsvc

import (
	"context"
	"net/http"
	"time"

	"github.com/purser/purser/policy"
)

// System is how the parts of the gateway are.
type System struct {
	PostgreSQL, Redis Part
	Journal           *int64 // entries in Redis that are not in PostgreSQL yet; nil: not known, or there is no Redis
	Replicas          []policy.Replica
	Processes         []policy.ProcessState // of the extprocs that could be asked
	Silent            int                   // that could not
}

// Part is a server that others stand on.
type Part struct {
	Used bool
	Up   bool
	Took time.Duration // to answer
}

const systemRead action = "see how the gateway's parts are"

func init() { rules[systemRead] = rule{allow: readers, reads: true} }

// systemHealth: how PostgreSQL, Redis, the journal, the ledger and the data planes are.
func systemHealth(s *server) {
	route(s, operation{Method: http.MethodGet, Path: "/health/system", Tag: "health", Reply: systemRow{},
		Summary: "How PostgreSQL, Redis, the journal, the ledger and the data planes are",
		Description: "Of each extproc that can be asked: requests under way, what waits in its spool, and what the counters and the tables last differed by (the ledger's invariant; " +
			"what differs is set right). `status` is `healthy`, or `degraded` with `problems` in words."}, s.system)
}

type systemRow struct {
	Status   Opt[string]   `json:"status"`
	Problems Opt[[]string] `json:"problems"`
	Version  Opt[string]   `json:"version"`
	DB       Opt[Fields]   `json:"postgresql"`
	Redis    Opt[Fields]   `json:"redis"`
	Journal  Opt[Fields]   `json:"journal"`
	Ledger   Opt[Fields]   `json:"ledger"`
	Replicas Opt[rows]     `json:"replicas"`
	Planes   Opt[rows]     `json:"data_planes"`
}

// A journal that is this long, or a settled request this old, waits for somebody to look.
const (
	longJournal = 50_000
	oldSpool    = 30.0 // seconds
)

func (s *server) system(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.authorize(ctx, c, systemRead, target{}); err != nil {
		return nil, err
	}
	if s.System == nil {
		return nil, &Error{Status: http.StatusNotImplemented, Type: "not_implemented_error", Message: "This server cannot see the gateway's other parts"}
	}
	sys := s.System(ctx)
	problems := []string{}
	unless := func(well bool, problem string) {
		if !well {
			problems = append(problems, problem)
		}
	}
	unless(sys.PostgreSQL.Up, "PostgreSQL does not answer: inference goes on, changes and reports do not")
	unless(!sys.Redis.Used || sys.Redis.Up, "Redis does not answer: data planes act as REDIS_DOWN says")
	unless(sys.Journal == nil || *sys.Journal < longJournal, "the journal is long: what was spent comes late to reports")
	replicas, alive := []Object{}, 0
	for _, r := range sys.Replicas {
		lives := r.Seen <= policy.ReplicaLives
		if lives && r.Kind == "extproc" {
			alive++
		}
		replicas = append(replicas, Object{{"id", r.ID}, {"kind", r.Kind}, {"alive", lives}, {"behind", r.Behind}, {"seen_seconds_ago", round(r.Seen.Seconds())}})
	}
	unless(!sys.PostgreSQL.Up || alive > 0, "no data plane is alive")
	planes, pending, differing := []Object{}, int64(0), 0
	oldest, drift := 0.0, policy.Money(0)
	var compared *time.Time
	for _, p := range sys.Processes {
		pending, oldest, differing, drift = pending+p.Pending, max(oldest, p.Oldest), differing+p.Differing, drift+p.Drift
		if p.Compared != nil && (compared == nil || p.Compared.After(*compared)) {
			compared = p.Compared
		}
		unless(!p.Alone, "data plane "+p.Replica+" is without the shared ledger")
		unless(!p.DiskFails, "data plane "+p.Replica+" cannot write to its spool")
		unless(p.Rejected == 0, "data plane "+p.Replica+" has put entries aside that the tables do not take")
		planes = append(planes, Object{{"id", p.Replica}, {"ledger", p.Ledger}, {"alone", p.Alone}, {"open_requests", p.Open}, {"spool_pending", p.Pending},
			{"spool_oldest_seconds", round(p.Oldest)}, {"spool_rejected", p.Rejected}, {"directory_age_seconds", round(p.DirectoryAge)}})
	}
	unless(oldest < oldSpool, "settled requests wait in a spool")
	unless(sys.Silent == 0, "a data plane does not answer at EXTPROC_URL")
	status := "healthy"
	if len(problems) > 0 {
		status = "degraded"
	}
	out := Object{{"status", status}, {"problems", problems}, {"version", s.Version}, {"postgresql", sys.PostgreSQL.object()}, {"redis", sys.Redis.object()}}
	out = append(out, Member{"journal", Object{{"waiting_in_redis", sys.Journal}, {"waiting_in_spools", pending}, {"oldest_seconds", round(oldest)}}})
	ledger := Object{{"compared_at", nil}, {"differing_counters", nil}, {"difference", nil}}
	if compared != nil {
		ledger = Object{{"compared_at", compared.UTC()}, {"differing_counters", differing}, {"difference", drift}}
	}
	return append(out, Member{"ledger", ledger}, Member{"replicas", replicas}, Member{"data_planes", planes}), nil
}

func (p Part) object() Object {
	status := "down"
	switch {
	case !p.Used:
		status = "not used"
	case p.Up:
		status = "up"
	}
	return Object{{"status", status}, {"took_ms", round(float64(p.Took.Microseconds()) / 1000)}}
}

// round keeps a tenth.
func round(f float64) float64 { return float64(int64(f*10+0.5)) / 10 }
