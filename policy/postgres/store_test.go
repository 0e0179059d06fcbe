package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
)

// full has every field of every kind set, so that a column that is forgotten or
// swapped shows.
func full() []policy.Entity {
	rules := func(n int64) policy.Rules {
		return policy.Rules{
			Models:   []string{"gpt-4o", "", `odd "name", {x}`, "NULL"},
			BudgetID: fmt.Sprint("budget-", n),
			Limits: policy.Limits{
				MaxBudget: ptr(policy.Money(n)), SoftBudget: ptr(policy.Money(1)), BudgetDuration: "30d",
				BudgetLimits: []policy.BudgetLimit{{Duration: "1d", MaxBudget: 7}}, RPM: ptr(n), TPM: ptr(int64(0)), MaxParallel: ptr(int64(3)),
				ModelMaxBudget: map[string]policy.ModelLimits{"gpt-4o": {MaxBudget: ptr(policy.Money(5)), Duration: "1d"}},
				ModelRPM:       map[string]int64{"a": 1}, TempBudgetIncrease: ptr(policy.Money(2)), TempBudgetExpiry: ptr(epoch),
			},
		}
	}
	rec := policy.Record{CreatedAt: epoch, UpdatedAt: epoch.Add(time.Hour), CreatedBy: "c", UpdatedBy: "u", Fields: []byte(`{"b":1, "a" : [ "\u0000" ], "b2":1e2}`)}
	aliases := map[string]string{"fast": "gpt-4o-mini"}
	return []policy.Entity{
		&policy.Key{Hash: policy.HashKey("x"), Name: "sk-...x", Alias: "key-alias", UserID: "user", TeamID: "team", ProjectID: "project",
			OrganizationID: "org", Rules: rules(1), Aliases: aliases, AllowedRoutes: []string{"/a", "/b*"}, AllowedIPs: []string{"10.0.0.1"},
			Tags: []string{"t1", "t2"}, CustomerBudgetID: "cb", Blocked: true, Expires: epoch.Add(2), RevokedAt: epoch.Add(time.Minute), Successor: policy.HashKey("next"), Record: rec},
		&policy.Team{ID: "team", Alias: "Team", OrganizationID: "org", Rules: rules(2), Aliases: aliases, Blocked: true,
			Members:      []policy.Member{{UserID: "u2", Role: "admin"}, {Email: "e@x", Role: "user"}, {UserID: "u1", Email: "a@x", Role: "user"}},
			MemberLimits: rules(20).Limits, MemberModels: []string{"m"}, Tags: []string{"z", "a"}, Record: rec},
		&policy.Membership{TeamID: "team", UserID: "user", Role: "admin", Rules: rules(3), Record: rec},
		&policy.Project{ID: "project", Alias: "Project", TeamID: "team", Rules: rules(4), Blocked: true, Tags: []string{"t"}, Record: rec},
		&policy.Organization{ID: "org", Alias: "Org", Rules: rules(5), Record: rec},
		&policy.OrganizationMember{OrganizationID: "org", UserID: "user", Role: policy.RoleOrgAdmin, Rules: rules(6), Record: rec},
		&policy.User{ID: "user", Alias: "User", Email: "U@x", Role: policy.RoleUser, Rules: rules(7), Blocked: true, Record: rec},
		&policy.Customer{ID: "customer", Alias: "Customer", Rules: rules(8), DefaultModel: "gpt-4o", Blocked: true, Record: rec},
		&policy.Budget{ID: "budget", Rules: rules(9), Record: rec},
		&policy.Tag{Name: "tag", Rules: rules(10), Record: rec},
		&policy.AccessGroup{ID: "group", Name: "Group", Models: []string{"b", "a"}, Record: rec},
		&policy.StoredModel{ID: "model", Name: "gpt-4o", Params: []byte(`{"model":"openai/gpt-4o", "api_key":"sealed"}`), Info: []byte(`{"mode": "chat"}`), Blocked: true, Record: rec},
	}
}

// unset lists the exported fields of a struct that have their zero value.
func unset(v reflect.Value, path string) (out []string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case !f.IsExported():
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]():
			if f.Type != reflect.TypeFor[policy.Limits]() {
				out = append(out, unset(v.Field(i), path+"."+f.Name)...)
			}
		case v.Field(i).IsZero():
			out = append(out, path+"."+f.Name)
		}
	}
	return out
}

func TestEveryFieldReadsBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, e := range full() {
		ref := e.Ref()
		t.Run(string(ref.Kind), func(t *testing.T) {
			if missing := unset(reflect.ValueOf(e).Elem(), ""); missing != nil {
				t.Fatalf("the test forgets %v", missing)
			}
			want := e
			if k, ok := e.(*policy.Key); ok {
				cut := *k
				cut.Expires = cut.Expires.Truncate(time.Microsecond)
				want = &cut
			}
			create(t, s, e)
			got, err := s.Get(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			// The same row with nothing set but its id, by way of Update.
			bare := reflect.New(reflect.TypeOf(e).Elem()).Interface().(policy.Entity)
			switch b := bare.(type) {
			case *policy.Key:
				b.Hash = policy.HashKey("x")
			case *policy.Team:
				b.ID = ref.ID
			case *policy.Membership:
				b.TeamID, b.UserID = "team", "user"
			case *policy.Project:
				b.ID = ref.ID
			case *policy.Organization:
				b.ID = ref.ID
			case *policy.OrganizationMember:
				b.OrganizationID, b.UserID = "org", "user"
			case *policy.User:
				b.ID = ref.ID
			case *policy.Customer:
				b.ID = ref.ID
			case *policy.Budget:
				b.ID = ref.ID
			case *policy.Tag:
				b.Name = ref.ID
			case *policy.AccessGroup:
				b.ID = ref.ID
			case *policy.StoredModel:
				b.ID = ref.ID
			}
			policy.RecordOf(bare).CreatedAt, policy.RecordOf(bare).UpdatedAt = epoch, epoch
			write(t, s, func(tx policy.Tx) error { return tx.Update(t.Context(), bare) })
			if got, err = s.Get(t.Context(), ref); err != nil || !reflect.DeepEqual(got, bare) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got, bare)
			}
			write(t, s, func(tx policy.Tx) error { return tx.Delete(t.Context(), ref) })
			if _, err := s.Get(t.Context(), ref); !errors.Is(err, policy.ErrNotFound) {
				t.Errorf("after deletion: %v", err)
			}
		})
	}
}

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	s := open(t)
	one, two := key(1), key(2)
	one.Alias = "one"
	create(t, s, one, two, &policy.AccessGroup{ID: "g", Name: "group", Record: record(0)})
	same, alias := *one, *two
	alias.Alias = "one"
	old := key(3)
	old.Alias, old.RevokedAt = "one", epoch
	for name, c := range map[string]struct {
		do    func(policy.Tx) error
		want  error
		field string
	}{
		"creating what exists":            {func(tx policy.Tx) error { return tx.Create(t.Context(), &same) }, policy.ErrConflict, "key"},
		"creating another's alias":        {func(tx policy.Tx) error { k := key(9); k.Alias = "one"; return tx.Create(t.Context(), k) }, policy.ErrConflict, "key_alias"},
		"creating the same without alias": {func(tx policy.Tx) error { return tx.Create(t.Context(), key(2)) }, policy.ErrConflict, "key"},
		"taking another's alias":          {func(tx policy.Tx) error { return tx.Update(t.Context(), &alias) }, policy.ErrConflict, "key_alias"},
		"a key in its grace period may":   {func(tx policy.Tx) error { return tx.Create(t.Context(), old) }, nil, ""},
		"a group's name":                  {func(tx policy.Tx) error { return tx.Create(t.Context(), &policy.AccessGroup{ID: "g2", Name: "group"}) }, policy.ErrConflict, "access_group_name"},
		"updating what is not there":      {func(tx policy.Tx) error { return tx.Update(t.Context(), key(7)) }, policy.ErrNotFound, ""},
		"deleting what is not there":      {func(tx policy.Tx) error { return tx.Delete(t.Context(), key(7).Ref()) }, policy.ErrNotFound, ""},
		"deleting what cannot be an id": {func(tx policy.Tx) error {
			return tx.Delete(t.Context(), policy.Ref{Kind: policy.EntityKey, ID: "sk-x"})
		}, policy.ErrNotFound, ""},
		"a member id that is none": {func(tx policy.Tx) error {
			_, err := tx.Get(t.Context(), policy.Ref{Kind: policy.EntityMembership, ID: "x"})
			return err
		}, policy.ErrNotFound, ""},
		"many of which one conflicts": {func(tx policy.Tx) error {
			return tx.(postgres.BulkTx).CreateAll(t.Context(), []policy.Entity{key(50), key(2)})
		}, policy.ErrConflict, "key"},
		"many of which an alias conflicts": {func(tx policy.Tx) error {
			k := key(51)
			k.Alias = "one"
			return tx.(postgres.BulkTx).CreateAll(t.Context(), []policy.Entity{k})
		}, policy.ErrConflict, "key_alias"},
	} {
		t.Run(name, func(t *testing.T) {
			var after bool
			err := s.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error {
				err := c.do(tx)
				// The transaction goes on after a refusal.
				_, getErr := tx.Get(t.Context(), one.Ref())
				after = getErr == nil
				return err
			})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			var inv *policy.Invalid
			if errors.As(err, &inv); c.field != "" && (inv == nil || inv.Field != c.field) {
				t.Errorf("names %+v", inv)
			}
			if !after {
				t.Error("the transaction cannot be used any more")
			}
		})
	}
	t.Run("text that cannot be stored", func(t *testing.T) {
		for _, alias := range []string{"a\x00b", "\xff", strings.Repeat("ü", 10_000)} {
			var inv *policy.Invalid
			err := s.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error {
				k := key(11)
				k.Alias = alias
				return tx.Create(t.Context(), k)
			})
			if alias[0] == "ü"[0] && err == nil {
				continue // compressed, it fits the index
			}
			if !errors.As(err, &inv) || errors.Is(err, policy.ErrUnavailable) {
				t.Errorf("%.5q: %v", alias, err)
			}
		}
	})
}

func TestFailedWriteChangesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	boom := errors.New("boom")
	err := s.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error {
		if err := tx.Create(t.Context(), key(1)); err != nil {
			return err
		}
		if _, err := tx.Get(t.Context(), key(1).Ref()); err != nil {
			t.Errorf("a write does not read its own writes: %v", err)
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	err = s.Write(t.Context(), policy.Actor{}, func(tx policy.Tx) error {
		_ = tx.Create(t.Context(), key(1))
		panic("in f")
	})
	if err == nil {
		t.Error("a panic went unnoticed")
	}
	if _, err := s.Get(t.Context(), key(1).Ref()); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("after a failed write: %v", err)
	}
	// And the next write is not kept waiting by the last one's lock.
	create(t, s, key(1))
}

func TestUnreachableDatabaseFailsFast(t *testing.T) {
	t.Parallel()
	// A server that takes connections and says nothing, as one that is stopped does.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	for name, addr := range map[string]string{"refused": "127.0.0.1:1", "silent": silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openAt(t, "postgres://x:secret@"+addr+"/none?sslmode=disable", func(c *postgres.Config) { c.Timeout = 300 * time.Millisecond })
			for what, f := range map[string]func() error{
				"get":     func() error { _, err := s.Get(t.Context(), key(1).Ref()); return err },
				"list":    func() error { _, err := s.List(t.Context(), policy.Query{Kind: policy.EntityKey}); return err },
				"write":   func() error { return s.Write(t.Context(), policy.Actor{}, func(policy.Tx) error { return nil }) },
				"ping":    func() error { return s.Ping(t.Context()) },
				"journal": func() error { return s.WriteEntries(t.Context(), entries(1, 3)) },
				"history": func() error { _, err := s.Spent(t.Context(), []policy.SpendQuery{{}}); return err },
				"feed": func() error {
					return postgres.NewFeed(postgres.FeedConfig{Store: s, Directory: policy.NewDirectory(policy.Settings{}.Compile(), nil), ReplicaID: "r"}).Load(t.Context())
				},
			} {
				began := time.Now()
				err := f()
				if took := time.Since(began); !errors.Is(err, policy.ErrUnavailable) || strings.Contains(fmt.Sprint(err), "secret") || took > 5*time.Second {
					t.Errorf("%s: after %v: %v", what, took, err)
				}
			}
		})
	}
	if _, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://x:se%zzcret@h/d"}); err == nil || strings.Contains(err.Error(), "cret") {
		t.Errorf("got %v", err)
	}
}

func TestCallersCancellationIsTheirs(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, key(1).Ref()); !errors.Is(err, context.Canceled) || errors.Is(err, policy.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestManyKeysInOneWrite(t *testing.T) {
	t.Parallel()
	s := open(t)
	const n = 10_000
	var one, all time.Duration
	for i, bulk := range []bool{false, true} {
		began := time.Now()
		write(t, s, func(tx policy.Tx) error {
			var es []policy.Entity
			for j := range n {
				k := key(i*n + j)
				k.Alias = fmt.Sprint("alias-", i*n+j)
				k.TeamID = "team"
				es = append(es, k)
			}
			if bulk {
				return tx.(postgres.BulkTx).CreateAll(t.Context(), es)
			}
			for _, e := range es {
				if err := tx.Create(t.Context(), e); err != nil {
					return err
				}
			}
			return nil
		})
		if bulk {
			all = time.Since(began)
		} else {
			one = time.Since(began)
		}
	}
	t.Logf("%d keys: one by one %v, CreateAll %v", n, one, all)
	_, total, err := policy.List[*policy.Key](t.Context(), s, policy.Query{Kind: policy.EntityKey, Limit: 1})
	if err != nil || total != 2*n {
		t.Errorf("%d keys, %v", total, err)
	}
	changes, err := s.Audit(t.Context(), postgres.AuditQuery{Limit: 1})
	if err != nil || changes.Total != 2*n {
		t.Errorf("%d audit rows, %v", changes.Total, err)
	}
}

func TestDeletedKeysAndTeamsAreKept(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := key(1)
	k.Alias, k.TeamID, k.Models = "gone", "team", []string{"b", "a"}
	create(t, s, k, &policy.Team{ID: "team", Alias: "T", Record: record(1)}, &policy.User{ID: "u", Record: record(1)})
	for range 2 { // the same key may be deleted again
		before := time.Now().Add(-time.Minute)
		write(t, s, func(tx policy.Tx) error { return tx.Delete(t.Context(), k.Ref()) })
		keys, _, err := policy.List[*policy.Key](t.Context(), s, policy.Query{Kind: policy.EntityKey, Deleted: true, Sort: "deleted_at",
			Where: []policy.Condition{{Field: "hash", Value: k.Hash.String()}, {Field: "team_id", Value: "team"}}})
		if err != nil || len(keys) == 0 {
			t.Fatalf("%v, %v", keys, err)
		}
		got := keys[len(keys)-1]
		if got.UpdatedBy != "admin" || got.UpdatedAt.Before(before) {
			t.Errorf("deleted by %q at %v", got.UpdatedBy, got.UpdatedAt)
		}
		got.UpdatedAt, got.UpdatedBy = k.UpdatedAt, k.UpdatedBy
		if !reflect.DeepEqual(got, k) {
			t.Errorf("got  %+v\nwant %+v", got, k)
		}
		create(t, s, k) // the alias is free again
	}
	write(t, s, func(tx policy.Tx) error {
		return errors.Join(tx.Delete(t.Context(), policy.Ref{Kind: policy.EntityTeam, ID: "team"}), tx.Delete(t.Context(), policy.Ref{Kind: policy.EntityUser, ID: "u"}))
	})
	for kind, want := range map[policy.EntityKind]int{policy.EntityKey: 2, policy.EntityTeam: 1, policy.EntityUser: 0} {
		page, err := s.List(t.Context(), policy.Query{Kind: kind, Deleted: true})
		if err != nil || page.Total != want {
			t.Errorf("%s: %d deleted, %v", kind, page.Total, err)
		}
	}
}

func TestAuditLogTellsWhoChangedWhat(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := key(1)
	k.Fields = []byte(`{"key":"sk-very-secret","models":[ "a" ]}`)
	create(t, s, k)
	k2 := *k
	k2.Fields = []byte(`{"models":[]}`)
	write(t, s, func(tx policy.Tx) error { return tx.Update(t.Context(), &k2) })
	write(t, s, func(tx policy.Tx) error { return tx.Delete(t.Context(), k.Ref()) })
	got, err := s.Audit(t.Context(), postgres.AuditQuery{ObjectID: k.Hash.String(), ChangedBy: "admin", Ascending: true, Limit: 10})
	if err != nil || got.Total != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	var story []string
	for _, e := range got.Entries {
		story = append(story, fmt.Sprint(e.Action, " ", string(e.Before), " -> ", string(e.After), " ", e.ChangedBy, "/", e.ChangedByKey))
	}
	want := []string{
		`created  -> {"key":"redacted","models":["a"]} admin/abc`,
		`updated {"key":"redacted","models":["a"]} -> {"models":[]} admin/abc`,
		`deleted {"models":[]} ->  admin/abc`,
	}
	if !slices.Equal(story, want) {
		t.Errorf("got  %q\nwant %q", story, want)
	}
}
