package postgres_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// cold empties what a directory does not hold.
func coldless(e policy.Entity) policy.Entity {
	c := reflect.New(reflect.TypeOf(e).Elem())
	c.Elem().Set(reflect.ValueOf(e).Elem())
	out := c.Interface().(policy.Entity)
	r := policy.RecordOf(out)
	*r = policy.Record{CreatedAt: r.CreatedAt}
	return out
}

func TestSnapshotHoldsWhatTheDirectoryHolds(t *testing.T) {
	t.Parallel()
	s := open(t)
	all := full()
	create(t, s, all...)
	create(t, s, &policy.Team{ID: "bare", Record: policy.Record{CreatedAt: epoch}}, &policy.Key{Record: policy.Record{CreatedAt: epoch}})
	feed := func() (*postgres.Feed, *policy.Directory) {
		d := policy.NewDirectory(policy.Settings{}.Compile(), nil)
		return postgres.NewFeed(postgres.FeedConfig{Store: s, Directory: d, ReplicaID: "r"}), d
	}
	f, d := feed()
	path := filepath.Join(t.TempDir(), "directory")
	if err := f.Snapshot(path); err == nil {
		t.Error("an empty directory was copied")
	}
	if err := f.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Snapshot(path); err != nil {
		t.Fatal(err)
	}
	if err := f.Snapshot(path); err != nil { // in place of the first
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if left, _ := os.ReadDir(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o600 || len(left) != 1 {
		t.Errorf("%v, mode %v, %d files", err, info.Mode(), len(left))
	}
	f2, d2 := feed()
	if err := f2.LoadSnapshot(path); err != nil {
		t.Fatal(err)
	}
	byRef := func(d *policy.Directory) map[policy.Ref]policy.Entity {
		m := map[policy.Ref]policy.Entity{}
		d.All(func(e policy.Entity) bool {
			m[e.Ref()] = e
			return true
		})
		return m
	}
	got, want := byRef(d2), byRef(d)
	if len(got) != len(all)+1 || d2.Revision() != d.Revision() || f2.Age() < 1<<60 {
		t.Errorf("%d entities at %d, age %v", len(got), d2.Revision(), f2.Age())
	}
	for ref, e := range want {
		if !reflect.DeepEqual(got[ref], e) {
			t.Errorf("%v\ngot  %+v\nwant %+v", ref, got[ref], e)
		}
	}
	for _, e := range all[1:] {
		if e.Ref().Kind == policy.EntityOrganizationMember {
			continue // decisions ask for none: no directory holds them
		}
		if !reflect.DeepEqual(stripCompiled(want[e.Ref()]), coldless(e)) {
			t.Errorf("got  %+v\nwant %+v", want[e.Ref()], coldless(e))
		}
	}

	// Damage of any sort is refused, and leaves the directory as it was.
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": nil, "cut short": whole[:len(whole)/2], "cut by one": whole[:len(whole)-1], "one more": append(slices.Clone(whole), 0),
		"a bit turned": append(append(slices.Clone(whole[:100]), whole[100]^1), whole[101:]...), "another version": append([]byte("PURSERD\x09"), whole[8:]...),
		"something else": bytes.Repeat([]byte("x"), 1000),
	} {
		f3, d3 := feed()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f3.LoadSnapshot(path); !errors.Is(err, postgres.ErrSnapshot) || d3.Keys() != 0 {
			t.Errorf("%s: %v, %d keys", name, err, d3.Keys())
		}
	}
	if err := f2.LoadSnapshot(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// stripCompiled copies an entity's exported fields only.
func stripCompiled(e policy.Entity) policy.Entity {
	from := reflect.ValueOf(e).Elem()
	to := reflect.New(from.Type())
	copyExported(to.Elem(), from)
	return to.Interface().(policy.Entity)
}

func copyExported(to, from reflect.Value) {
	for i := range from.NumField() {
		switch f := from.Type().Field(i); {
		case !f.IsExported():
		case f.Anonymous:
			copyExported(to.Field(i), from.Field(i))
		default:
			to.Field(i).Set(from.Field(i))
		}
	}
}

func TestFeedGoesOnFromASnapshot(t *testing.T) {
	t.Parallel()
	s := open(t)
	create(t, s, key(1), key(2))
	path := filepath.Join(t.TempDir(), "directory")
	d := policy.NewDirectory(policy.Settings{}.Compile(), nil)
	f := postgres.NewFeed(postgres.FeedConfig{Store: s, Directory: d, ReplicaID: "a"})
	if err := errors.Join(f.Load(t.Context()), f.Snapshot(path)); err != nil {
		t.Fatal(err)
	}
	write(t, s, func(tx policy.Tx) error {
		return errors.Join(tx.Delete(t.Context(), key(1).Ref()), tx.Create(t.Context(), key(3)))
	})
	start := func(s *postgres.Store) (loads int, d *policy.Directory) {
		d = policy.NewDirectory(policy.Settings{}.Compile(), nil)
		f := postgres.NewFeed(postgres.FeedConfig{Store: s, Directory: d, ReplicaID: "b", OnLoad: func() { loads++ }})
		if err := f.LoadSnapshot(path); err != nil {
			t.Fatal(err)
		}
		follow(t, f)()
		return loads, d
	}
	loads, d := start(s)
	if _, gone := d.Key(key(1).Hash); gone || d.Keys() != 2 || loads != 1 {
		t.Errorf("%d keys, %d loads: want the copy's only", d.Keys(), loads)
	}
	// Another database is not what the copy goes on in.
	url := postgrestest.URL(t)
	other := openAt(t, url)
	exec(t, url, `UPDATE revision SET epoch = gen_random_uuid()`) // which tests' databases share
	create(t, other, key(7), key(8), key(9), key(10))
	loads, d = start(other)
	if _, there := d.Key(key(7).Hash); !there || d.Keys() != 4 || loads != 2 {
		t.Errorf("%d keys, %d loads", d.Keys(), loads)
	}
}

func TestStartWithoutPostgres(t *testing.T) {
	t.Parallel()
	s, path := open(t), filepath.Join(t.TempDir(), "directory")
	create(t, s, key(1))
	feed := func(s *postgres.Store) (*postgres.Feed, *policy.Directory) {
		d := policy.NewDirectory(policy.Settings{}.Compile(), nil)
		return postgres.NewFeed(postgres.FeedConfig{Store: s, Directory: d, ReplicaID: "r", CopyPath: path, CopyEvery: time.Hour}), d
	}
	away := openAt(t, "postgres://x@127.0.0.1:1/none")
	f, _ := feed(away)
	if err := f.Start(t.Context()); !errors.Is(err, policy.ErrUnavailable) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("with neither tables nor a copy: %v", err)
	}
	f, _ = feed(s)
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := follow(t, f)
	create(t, s, key(2))
	stop() // writes what changed since the first copy
	f, d := feed(away)
	if err := f.Start(t.Context()); err != nil || d.Keys() != 2 {
		t.Errorf("%v, %d keys", err, d.Keys())
	}
}
