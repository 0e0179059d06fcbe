package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// warm is what a directory holds of an entity: not the fields nor who changed it.
func warm(k *policy.Key) policy.Key {
	c := *k
	c.Fields, c.CreatedBy, c.UpdatedBy, c.UpdatedAt = nil, "", "", time.Time{}
	c.Rules = policy.Rules{Models: k.Models, Limits: k.Limits, BudgetID: k.BudgetID}
	return c
}

func TestLoadFillsTheDirectory(t *testing.T) {
	t.Parallel()
	s := open(t)
	all := full()
	create(t, s, all...)
	d := policy.NewDirectory(policy.Settings{}.Compile(), nil)
	loads := 0
	f := postgres.NewFeed(postgres.FeedConfig{Store: s, Directory: d, ReplicaID: "r", OnLoad: func() { loads++ }})
	if err := f.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	k, ok := d.Key(policy.HashKey("x"))
	want := warm(all[0].(*policy.Key))
	want.Expires = want.Expires.Truncate(time.Microsecond)
	if !ok || !reflect.DeepEqual(warm(k), want) {
		t.Errorf("got  %+v\nwant %+v", warm(k), want)
	}
	if len(k.Compiled()) == 0 {
		t.Error("limits are not compiled")
	}
	found := map[policy.EntityKind]bool{}
	d.Each(func(e policy.Entity) bool { found[e.Ref().Kind] = true; return true })
	if len(found) != 8 || d.Revision() != int64(len(all)) || loads != 1 || f.Age() > time.Minute {
		t.Errorf("found %v, revision %d, loaded %d times", found, d.Revision(), loads)
	}
}

// What a write changed holds on every replica when the write returns, and in the
// end each replica has exactly what the tables have.
func TestTwentyWritersSkipNothing(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	s := openAt(t, url, func(c *postgres.Config) { c.MaxConns, c.Barrier = 24, 20*time.Second })
	other := openAt(t, url)
	var mu sync.Mutex
	told := map[policy.Ref]bool{}
	_, d1 := run(t, s, func(c *postgres.FeedConfig) {
		c.OnChange = func(puts []policy.Entity, gone []policy.Ref) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range puts {
				told[e.Ref()] = true
			}
			for _, r := range gone {
				told[r] = false
			}
		}
	})
	_, d2 := run(t, other)
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(w)))
			for i := range 25 {
				k := key(w*1000 + rng.IntN(10))
				var want policy.Key
				var removed bool
				err := s.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error {
					old, err := policy.Get[*policy.Key](t.Context(), tx, k.Ref())
					switch {
					case errors.Is(err, policy.ErrNotFound):
						want = *k
						return tx.Create(t.Context(), k)
					case err != nil:
						return err
					case rng.IntN(3) == 0:
						removed = true
						return tx.Delete(t.Context(), k.Ref())
					}
					old.Blocked, old.TeamID = !old.Blocked, fmt.Sprint("team-", i)
					want = *old
					return tx.Update(t.Context(), old)
				})
				if err != nil {
					t.Error(err)
					return
				}
				for n, d := range []*policy.Directory{d1, d2} {
					got, ok := d.Key(k.Hash)
					if ok == removed || ok && !reflect.DeepEqual(warm(got), warm(&want)) {
						t.Errorf("replica %d: got %v %+v, want %+v (removed %v)", n, ok, got, want, removed)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	keys, total, err := policy.List[*policy.Key](t.Context(), s, policy.Query{Kind: policy.EntityKey})
	if err != nil {
		t.Fatal(err)
	}
	for n, d := range []*policy.Directory{d1, d2} {
		if d.Keys() != total || d.Revision() < 20*25 || d.Revision() != d1.Revision() {
			t.Errorf("replica %d: %d keys of %d at revision %d", n, d.Keys(), total, d.Revision())
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, k := range keys {
		if !told[k.Ref()] {
			t.Errorf("OnChange was not told of %s", k.Name)
		}
	}
	if n := s.BarrierTimeouts(); n > 0 {
		t.Errorf("%d writes did not wait long enough", n)
	}
}

func TestWriteWaitsForLiveReplicasOnly(t *testing.T) {
	t.Parallel()
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		s := open(t, func(c *postgres.Config) { c.Barrier = time.Minute })
		create(t, s, key(1)) // would not end in time
	})
	t.Run("one that is stuck holds it up for Barrier", func(t *testing.T) {
		t.Parallel()
		s := open(t, func(c *postgres.Config) { c.Barrier = 300 * time.Millisecond })
		stuck := make(chan struct{})
		entered := make(chan struct{})
		_, d := run(t, s, func(c *postgres.FeedConfig) {
			c.OnChange = func([]policy.Entity, []policy.Ref) { close(entered); <-stuck }
		})
		began := time.Now()
		create(t, s, key(1))
		if took := time.Since(began); took < 300*time.Millisecond || s.BarrierTimeouts() != 1 {
			t.Errorf("took %v, %d timeouts", took, s.BarrierTimeouts())
		}
		<-entered
		if _, ok := d.Key(key(1).Hash); !ok || d.Revision() != 0 {
			t.Errorf("OnChange comes after the directory and before the revision: %v, %d", ok, d.Revision())
		}
		close(stuck)
		eventually(t, "the revision is set", func() bool { return d.Revision() == 1 })
	})
	t.Run("one that has not reported for Live", func(t *testing.T) {
		t.Parallel()
		url := postgrestest.URL(t)
		s := openAt(t, url, func(c *postgres.Config) { c.Barrier, c.Live = time.Minute, 400*time.Millisecond })
		exec(t, url, `INSERT INTO replicas VALUES ('dead', 'extproc', 0, now()), ('admin', 'adminsvc', 0, now() + interval '1 hour')`)
		began := time.Now()
		create(t, s, key(1))
		if took := time.Since(began); took < 200*time.Millisecond || took > 20*time.Second {
			t.Errorf("took %v", took)
		}
	})
	t.Run("one that left", func(t *testing.T) {
		t.Parallel()
		s := open(t, func(c *postgres.Config) { c.Barrier, c.Live = time.Minute, time.Hour })
		f := postgres.NewFeed(postgres.FeedConfig{Store: s, ReplicaID: "r", Directory: policy.NewDirectory(policy.Settings{}.Compile(), nil)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.Run(ctx) }()
		create(t, s, key(1))
		eventually(t, "it is ready", f.Ready)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		create(t, s, key(2))
	})
}

func exec(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func TestFeedComesBackByItself(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	s := openAt(t, url, func(c *postgres.Config) { c.Barrier = -1 })
	_, d := run(t, s)
	create(t, s, key(1))
	eventually(t, "the first change", func() bool { return d.Revision() == 1 })
	for i := range 5 {
		exec(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		eventually(t, "the pool works again", func() bool {
			return s.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error { return tx.Create(t.Context(), key(10+i)) }) == nil
		})
	}
	eventually(t, "all changes", func() bool { return d.Revision() == 6 && d.Keys() == 6 })
}

func TestWithoutNotificationsChangesArePolled(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	s := openAt(t, url)
	feed, d := run(t, s, func(c *postgres.FeedConfig) { c.Poll = 20 * time.Millisecond })
	// As a writer would whose notification got lost.
	exec(t, url, `INSERT INTO users (id, created_at, updated_at, revision) VALUES ('u', now(), now(), 1)`)
	exec(t, url, `WITH c AS (INSERT INTO changes (revision, kind, id, deleted) VALUES (1, 'user', 'u', false)) UPDATE revision SET value = 1`)
	eventually(t, "the change", func() bool { return d.Revision() == 1 })
	var mark time.Duration
	eventually(t, "age falls back at each look", func() bool { a := feed.Age(); back := a < mark; mark = a; return back })
}

func TestWhatWasTrimmedIsLoadedAgain(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	s := openAt(t, url)
	d := policy.NewDirectory(policy.Settings{}.Compile(), nil)
	create(t, s, key(1), key(2), &policy.Budget{ID: "b", Record: record(1)})
	if err := postgres.NewFeed(postgres.FeedConfig{Store: s, Directory: d, ReplicaID: "r"}).Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A directory from before, of which key 1 was deleted meanwhile.
	write(t, s, func(tx policy.Tx) error {
		return errors.Join(tx.Delete(t.Context(), key(1).Ref()), tx.Create(t.Context(), key(3)))
	})
	if err := s.TrimChanges(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	loads := 0
	run(t, s, func(c *postgres.FeedConfig) { c.Directory, c.OnLoad = d, func() { loads++ } })
	_, gone := d.Key(key(1).Hash)
	_, new := d.Key(key(3).Hash)
	if d.Keys() != 2 || gone || !new || d.Revision() != 5 || loads != 1 {
		t.Errorf("%d keys, deleted there: %v, new there: %v, revision %d, loads %d", d.Keys(), gone, new, d.Revision(), loads)
	}
	// And while it runs: a gap in the log.
	exec(t, url, `WITH r AS (UPDATE revision SET value = 9), u AS (INSERT INTO users (id, created_at, updated_at, revision) VALUES ('u', now(), now(), 9))
		INSERT INTO changes (revision, kind, id, deleted) VALUES (9, 'user', 'u', false)`)
	eventually(t, "a load", func() bool { return d.Revision() == 9 })
}
