package chaos_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/purser/purser/policy/redis/redistest"
)

// The cells of design.md's failure matrix that kills and absences under load
// (chaos_test.go) do not show.

// Data plane, admin plane and Envoy all start while PostgreSQL is away: from their
// copies on disk, with the models that were stored, and who was blocked stays so.
func TestStartWithoutPostgres(t *testing.T) {
	chaos(t)
	s := up(t, nil)
	callers := s.callersOf()
	b := &books{s, s.provider()}
	s.must("POST", "/model/new", fmt.Sprintf(`{"model_name":"stored","litellm_params":{"model":"openai/stored","api_base":%q,"api_key":%q}}`,
		s.info.FakeProviderURL, s.info.FakeProviderKey))
	blocked, free := callers[0], callers[1]
	s.must("POST", "/key/block", fmt.Sprintf(`{"key":%q}`, blocked.key))
	changed := time.Now()
	for _, copied := range []string{s.file("extproc", "directory.copy"), s.file("adminsvc", "models.copy")} {
		eventually(t, time.Minute, copied+" is current", func() bool {
			info, err := os.Stat(copied)
			return err == nil && info.ModTime().After(changed)
		})
	}
	stored := shapes[0]
	stored.model = "stored"
	var results []result
	ask := func(sh shape, c caller) result {
		r := s.request(sh, c, `{"output_tokens":5}`, -1)
		results = append(results, r)
		return r
	}
	names := []string{"extproc", "adminsvc", "envoy"}
	var programs []program
	for _, name := range names {
		programs = append(programs, s.program(name))
	}
	s.takeAway(func() {
		began := time.Now()
		for _, p := range programs {
			defer s.start(p)()
		}
		eventually(t, 2*time.Minute, "a model of the file is served without PostgreSQL", func() bool { return ask(shapes[0], free).outcome == served })
		eventually(t, time.Minute, "a stored model is served without PostgreSQL", func() bool { return ask(stored, free).outcome == served })
		t.Logf("everything but PostgreSQL started anew: served again after %.1f s", time.Since(began).Seconds())
		if r := ask(shapes[0], blocked); r.status != http.StatusUnauthorized && r.status != http.StatusForbidden {
			t.Errorf("a blocked key: %d %s", r.status, r.why)
		}
		if r := ask(shapes[0], caller{"sk-nobody"}); r.status != http.StatusUnauthorized {
			t.Errorf("an unknown key: %d %s", r.status, r.why)
		}
		if status, got := s.call("GET", "/team/info?team_id=deck", ""); status != http.StatusServiceUnavailable {
			t.Errorf("the admin API without its database: %d %s", status, got)
		}
	}, append([]string{"postgres"}, names...)...)
	eventually(t, 2*time.Minute, "all is well again", func() bool {
		status, _ := s.call("GET", "/team/info?team_id=deck", "")
		return status == http.StatusOK && ask(shapes[0], free).outcome == served && ask(stored, free).outcome == served
	})
	b.check(t, results)
}

// What becomes of requests while Redis is away is what REDIS_DOWN says; each that
// was served is accounted for afterwards.
func TestRedisDown(t *testing.T) {
	chaos(t)
	const limit, asked = 6, 20
	for _, c := range []struct {
		rule     string
		replicas string
		served   [2]int // of a caller that may have 6 requests a minute, one of them used: at least, at most
	}{
		{"deny", "1", [2]int{0, 0}},
		{"allow", "1", [2]int{asked, asked}},
		{"share", "2", [2]int{1, limit - 1}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := up(t, []string{"REDIS_DOWN=" + c.rule}, "--replicas", c.replicas)
			free := s.callersOf()[4]
			bound := s.key(fmt.Sprintf(`{"rpm_limit":%d}`, limit))
			b := &books{s, s.provider()}
			var results []result
			ask := func(who caller) result {
				r := s.request(shapes[0], who, `{"output_tokens":5}`, -1)
				results = append(results, r)
				return r
			}
			if r := ask(bound); r.outcome != served {
				t.Fatalf("with Redis: %d %s", r.status, r.why)
			}
			eventually(t, time.Minute, "the replicas know of each other", func() bool {
				for _, port := range s.extprocHTTP() {
					if n, ok := metric(port, "purser_replicas"); !ok || int(n) != len(s.extprocHTTP()) {
						return false
					}
				}
				return true
			})
			count := map[outcome]int{}
			began := time.Now()
			s.takeAway(func() {
				for range asked {
					r := ask(bound)
					count[r.outcome]++
					if r.outcome == failed && (c.rule != "deny" || r.status != http.StatusServiceUnavailable || strings.Contains(r.why, "upstream")) {
						t.Errorf("without Redis: %d %s", r.status, r.why)
					}
				}
				// A caller without limits is not in anybody's way, unless all are denied.
				if r := ask(free); (r.outcome == served) != (c.rule != "deny") {
					t.Errorf("without limits: %d %s", r.status, r.why)
				}
			}, "redis")
			if n := count[served]; n < c.served[0] || n > c.served[1] {
				t.Errorf("%d of %d were served (%v), want %d to %d", n, asked, count, c.served[0], c.served[1])
			}
			if took := time.Since(began); took > 50*time.Second {
				t.Skipf("the minute is nearly over: %s", took) // then the limit admits more
			}
			eventually(t, time.Minute, "requests are served with Redis back", func() bool { return ask(free).outcome == served })
			b.check(t, results)
		})
	}
}

// A Redis that keeps nothing is flushed and killed under load: what it acknowledged
// is told to it again, and its counters are made anew from the tables.
func TestRedisForgets(t *testing.T) {
	chaos(t)
	server, err := redistest.Start("", nil) // without append-only file
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	s := up(t, []string{"REDIS_URL=redis://" + server.Addr}, "--replicas", "2")
	s.info.RedisURL = "redis://" + server.Addr
	callers := s.callersOf()
	b := &books{s, s.provider()}
	p := s.prober()
	l := s.traffic(callers, clients)
	time.Sleep(time.Second)
	l.fault(t, p, "FLUSHALL", 4*time.Second, func() { s.flush() })
	l.fault(t, p, "kill -9 redis, which kept nothing", 4*time.Second, func() {
		server.Kill()
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
	})
	l.end()
	b.check(t, l.since(time.Time{}))
}

// The extproc's disk is full: it serves on, what would go to disk waits in memory, even
// while Redis is away, and goes its way when there is room again.
func TestDiskFull(t *testing.T) {
	chaos(t)
	state, err := os.MkdirTemp("", "purser-chaos-state-")
	if err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(state, "extproc")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=6m,mode=0700"); err != nil {
		_ = os.RemoveAll(state)
		t.Skipf("a small file system takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(state)
	})
	s := upIn(t, state, nil)
	callers := s.callersOf()
	b := &books{s, s.provider()}
	p := s.prober()
	l := s.traffic(callers, clients/2)
	time.Sleep(time.Second)
	port := s.extprocHTTP()[0]
	failing := func() bool { v, ok := metric(port, "purser_spool_disk_failing"); return ok && v == 1 }
	ballast := filepath.Join(disk, "ballast")
	began := time.Now()
	l.fault(t, p, "the disk is full", time.Second, func() {
		fillDisk(t, ballast)
		eventually(t, time.Minute, "the spool tells that its disk fails", failing)
	})
	l.fault(t, p, "the disk is full, and Redis is away for 3 s", time.Second, func() {
		s.takeAway(func() { time.Sleep(3 * time.Second) }, "redis")
	})
	if bad := failures(l.since(began)); len(bad) > 0 {
		t.Errorf("%d requests failed for a full disk, as: %d %s", len(bad), bad[0].status, bad[0].why)
	}
	l.fault(t, p, "there is room again", time.Second, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Minute, "the disk takes writes", func() bool { return !failing() })
	})
	l.end()
	b.check(t, l.since(time.Time{}))
}

// fillDisk writes until nothing more goes in.
func fillDisk(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

func failures(results []result) (bad []result) {
	for _, r := range results {
		if r.outcome == failed {
			bad = append(bad, r)
		}
	}
	return bad
}

// Told to stop, an extproc is unready at once, lets streams end for as long as it
// may, and cuts the rest so that their clients notice. New requests go elsewhere.
func TestTermination(t *testing.T) {
	chaos(t)
	s := up(t, []string{"DRAIN_TIMEOUT=4s"}, "--replicas", "2")
	callers := s.callersOf()
	b := &books{s, s.provider()}
	var mu sync.Mutex
	var results []result
	note := func(r result) {
		mu.Lock()
		defer mu.Unlock()
		results = append(results, r)
	}
	var streams sync.WaitGroup
	const each = 8
	short, long := make([]result, each), make([]result, each)
	run := func(into []result, instructions string) {
		for i := range into {
			streams.Go(func() {
				into[i] = s.request(shapes[1], callers[i%4], instructions, -1)
				note(into[i])
			})
		}
	}
	underway := func(n int) {
		t.Helper()
		eventually(t, time.Minute, fmt.Sprintf("%d streams are under way", n), func() bool {
			return b.provider.collect() == nil && b.provider.open() == n
		})
	}
	run(long, `{"output_tokens":60,"chunks":60,"delay_ms":300}`)
	underway(each) // the balancer has spread them over both replicas
	run(short, `{"output_tokens":20,"chunks":20,"delay_ms":100}`)
	underway(2 * each)
	pid := s.pid("extproc")
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// Unready before anything is cut; a process that has gone is as good.
	eventually(t, 20*time.Second, "it is unready", func() bool {
		resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/health/readiness", s.extprocHTTP()[0]))
		if err != nil {
			return true
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	for i := range 20 {
		r := s.request(shapes[0], callers[i%4], `{"output_tokens":5}`, -1)
		note(r)
		if r.outcome != served {
			t.Errorf("a new request while one of two drains: %d %s", r.status, r.why)
		}
	}
	streams.Wait()
	whole, cut := 0, 0
	for i := range each {
		if short[i].outcome != served {
			t.Errorf("a stream that ends within the bound: %s", short[i].why)
		}
		switch {
		case long[i].outcome == served:
			whole++
		case strings.HasPrefix(long[i].why, "cut: ") && !strings.Contains(long[i].why, "ended early"):
			cut++
		default:
			t.Errorf("a stream beyond the bound ended cleanly: %s", long[i].why)
		}
	}
	t.Logf("of %d long streams over two replicas, %d ended whole and %d were cut", each, whole, cut)
	if cut == 0 {
		t.Error("no stream was cut: none ran in the replica that stopped")
	}
	eventually(t, time.Minute, "it runs again", func() bool { now := s.pid("extproc"); return now != 0 && now != pid })
	eventually(t, time.Minute, "its metrics are there", func() bool { _, ok := metric(s.extprocHTTP()[0], "purser_spool_pending"); return ok })
	b.check(t, results)
}

// Told to stop, an adminsvc answers what it was asked, and what comes then goes
// elsewhere. Who is just being connected at the end can be turned away, once: Envoy
// does not send again what may have been done.
func TestAdminTermination(t *testing.T) {
	chaos(t)
	s := up(t, nil, "--replicas", "2")
	s.must("POST", "/team/new", `{"team_id":"t"}`)
	stop := make(chan struct{})
	var asking sync.WaitGroup
	var asked, away atomic.Int64
	for i := range 8 {
		asking.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				method, path, body := "GET", "/team/info?team_id=t", ""
				if i%2 == 0 {
					method, path, body = "POST", "/key/generate", fmt.Sprintf(`{"key":"sk-while-one-ends-%d-%06d","team_id":"t"}`, i, n)
				}
				status, got := s.call(method, path, body)
				asked.Add(1)
				switch {
				case status == http.StatusServiceUnavailable && strings.Contains(got, "closed the connection"):
					away.Add(1)
				case status != http.StatusOK:
					t.Errorf("the admin API while one of two drains: %d %s", status, got)
				}
			}
		})
	}
	for _, name := range s.replicas("adminsvc") {
		pid, before := s.pid(name), asked.Load()
		eventually(t, time.Minute, "requests are under way", func() bool { return asked.Load() > before+20 })
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Minute, name+" runs again", func() bool { now := s.pid(name); return now != 0 && now != pid })
		port := s.adminsvcs()[slices.Index(s.replicas("adminsvc"), name)]
		eventually(t, time.Minute, name+" serves again", func() bool {
			status, _, _ := s.send(t.Context(), "GET", fmt.Sprintf("http://127.0.0.1:%d/health/readiness", port), s.info.MasterKey, "")
			return status == http.StatusOK
		})
		// The next one goes when Envoy has taken this one back.
		eventually(t, time.Minute, "Envoy sends to "+name, func() bool {
			_, got, _ := s.send(t.Context(), "GET", s.info.EnvoyAdminURL+"/clusters", "", "")
			return strings.Contains(got, fmt.Sprintf("purser-adminsvc::127.0.0.1:%d::health_flags::healthy\n", port))
		})
	}
	before := asked.Load()
	eventually(t, time.Minute, "requests go on", func() bool { return asked.Load() > before+20 })
	close(stop)
	asking.Wait()
	t.Logf("%d requests, %d turned away", asked.Load(), away.Load())
	if away.Load()*100 > asked.Load() {
		t.Error("that is more than one in a hundred")
	}
}
