package postgres_test

import (
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
)

func model(id string) *policy.StoredModel {
	return &policy.StoredModel{ID: id, Name: "name-" + id, Params: []byte(`{"model":"openai/x"}`), Record: record(1)}
}

func TestModelsReachTheDirectory(t *testing.T) {
	t.Parallel()
	s := open(t)
	create(t, s, model("before"), key(1))
	_, d := run(t, s)
	later := model("a-later")
	later.CreatedAt = epoch.Add(time.Hour)
	create(t, s, later)
	ids := func() (out []string) {
		for _, m := range d.Models() {
			out = append(out, m.ID)
		}
		return out
	}
	if got := ids(); len(got) != 2 || got[0] != "before" || got[1] != "a-later" {
		t.Errorf("%q, want both, the older one first", got)
	}
	got := d.Models()[0]
	if string(got.Params) != `{"model":"openai/x"}` || got.Name != "name-before" || got.Fields != nil {
		t.Errorf("%+v", got)
	}
	write(t, s, func(tx policy.Tx) error { return tx.Delete(t.Context(), later.Ref()) })
	if got := ids(); len(got) != 1 {
		t.Errorf("after a deletion: %q", got)
	}
}

func TestAFeedOfModelsAloneReportsAllRevisions(t *testing.T) {
	t.Parallel()
	s := open(t)
	create(t, s, model("m1"), key(1))
	_, d := run(t, s, func(c *postgres.FeedConfig) { c.Only = []policy.EntityKind{policy.EntityModel} })
	create(t, s, model("m2"), key(2))
	if len(d.Models()) != 2 || d.Keys() != 0 || d.Revision() != 4 {
		t.Errorf("%d models, %d keys, revision %d", len(d.Models()), d.Keys(), d.Revision())
	}
}

// A model is applied where requests are routed only after those have it that see to
// it that Envoy can reach it.
func TestModelsGoThroughTheOthersFirst(t *testing.T) {
	t.Parallel()
	s := open(t)
	applied := make(chan string, 10) // who applied, in order
	release := make(chan struct{})
	_, _ = run(t, s, func(c *postgres.FeedConfig) {
		c.Kind, c.ReplicaID, c.Only = "adminsvc", "admin", []policy.EntityKind{policy.EntityModel}
		c.OnChange = func(puts []policy.Entity, _ []policy.Ref) {
			if len(puts) > 0 {
				<-release
				applied <- "adminsvc"
			}
		}
	})
	_, d := run(t, s, func(c *postgres.FeedConfig) {
		c.After, c.AfterWait = "adminsvc", 20*time.Second
		c.OnChange = func(puts []policy.Entity, _ []policy.Ref) { applied <- "extproc: " + string(puts[0].Ref().Kind) }
	})
	create(t, s, key(1)) // waits for nobody but the extproc
	if got := <-applied; got != "extproc: key" {
		t.Fatal(got)
	}
	done := make(chan struct{})
	go func() { defer close(done); create(t, s, model("m")) }()
	eventually(t, "the adminsvc has the change", func() bool {
		n, err := s.LiveReplicas(t.Context())
		return err == nil && n == 1 // the stuck one is not asked about; it only passes time
	})
	if len(d.Models()) != 0 {
		t.Error("the extproc was first")
	}
	close(release)
	<-done
	if first, second := <-applied, <-applied; first != "adminsvc" || second != "extproc: model" || len(d.Models()) != 1 {
		t.Errorf("%s before %s", first, second)
	}
}

func TestAStuckReplicaHoldsModelsUpForAWhileOnly(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *postgres.Config) { c.Barrier = 10 * time.Millisecond })
	stuck := make(chan struct{})
	defer close(stuck)
	run(t, s, func(c *postgres.FeedConfig) {
		c.Kind, c.ReplicaID = "adminsvc", "admin"
		c.OnChange = func([]policy.Entity, []policy.Ref) { <-stuck }
	})
	_, d := run(t, s, func(c *postgres.FeedConfig) { c.After, c.AfterWait = "adminsvc", 100*time.Millisecond })
	began := time.Now()
	create(t, s, model("m"))
	if len(d.Models()) != 0 {
		t.Error("applied at once")
	}
	if err := s.Await(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); len(d.Models()) != 1 || took < 100*time.Millisecond || took > 10*time.Second {
		t.Errorf("%d models after %v", len(d.Models()), took)
	}
	if err := s.Await(t.Context(), time.Hour); err != nil { // nothing to wait for
		t.Error(err)
	}
}
