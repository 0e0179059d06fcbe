package policy_test

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// unpacked are the fields of a key that the data plane does without.
var unpacked = []string{"Record.UpdatedAt", "Record.CreatedBy", "Record.UpdatedBy", "Record.Fields"}

// fill sets every field below v to something that is not its zero value, and calls
// each with its name; n makes values differ.
func fill(v reflect.Value, name string, n *int, each func(string, reflect.Value)) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1_780_000_000+int64(*n), int64(*n)*1000).UTC()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				path := f.Name
				if f.Anonymous && f.Name == "Rules" {
					path = name // its fields are the key's own
				} else if name != "" {
					path = name + "." + f.Name
				}
				fill(v.Field(i), path, n, each)
			}
		}
		return
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name, n, func(string, reflect.Value) {})
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(k, name, n, func(string, reflect.Value) {})
		fill(e, name, n, func(string, reflect.Value) {})
		v.SetMapIndex(k, e)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), name, n, func(string, reflect.Value) {})
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(i + *n))
		}
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("%s-%d", strings.ToLower(name), *n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(*n) * 1_000_003)
	case v.CanUint():
		v.SetUint(uint64(*n%200 + 1))
	default:
		panic("no value for " + v.Type().String())
	}
	each(name, v)
}

func uncompiled(k policy.Key) policy.Key {
	k.Rules = policy.Rules{Models: k.Models, Limits: k.Limits, BudgetID: k.BudgetID}
	return k
}

// Whoever gives a key another field must pack it, or say here that the data plane
// does without.
func TestKeysAreKeptWhole(t *testing.T) {
	var k policy.Key
	n := 0
	cold := map[string]reflect.Value{}
	fill(reflect.ValueOf(&k).Elem(), "", &n, func(name string, v reflect.Value) {
		if slices.Contains(unpacked, name) {
			cold[name] = v
		}
	})
	if len(cold) != len(unpacked) {
		t.Fatalf("of %q only %v were found", unpacked, cold)
	}
	d := policy.NewDirectory(nil, nil)
	d.Put(&k)
	for _, v := range cold {
		v.SetZero()
	}
	for range 2 { // unpacked, and as asked for before
		got, ok := d.Key(k.Hash)
		if !ok || !reflect.DeepEqual(uncompiled(*got), k) {
			t.Errorf("got  %+v\nwant %+v", got, k)
		}
		if len(got.Compiled()) == 0 {
			t.Error("its limits are not compiled")
		}
	}

	// And one with nothing in it.
	empty := policy.Key{Hash: policy.HashKey("empty")}
	d.Put(&empty)
	if got, ok := d.Key(empty.Hash); !ok || !reflect.DeepEqual(*got, empty) {
		t.Errorf("got  %+v\nwant %+v", got, empty)
	}
	// One that changes is another at once, also if it was asked for.
	empty.Blocked = true
	d.Put(&empty)
	if got, _ := d.Key(empty.Hash); !got.Blocked {
		t.Error("a key that was blocked is not")
	}
}

// teamKey is one of many keys as companies make them.
func teamKey(i int) *policy.Key {
	budget, requests, tokens := policy.Money(i)*policy.Dollar/100, int64(100), int64(100_000)
	return &policy.Key{
		Hash: policy.HashKey(fmt.Sprint(i)), Name: fmt.Sprintf("sk-...%04d", i%10000), Alias: fmt.Sprintf("alias-of-%d", i), UserID: fmt.Sprintf("user-%d", i/10),
		TeamID: fmt.Sprintf("team-%d", i/100), ProjectID: fmt.Sprintf("project-%d", i/50),
		Rules:  policy.Rules{Models: []string{"gpt-4o", "gpt-4o-mini"}, Limits: policy.Limits{MaxBudget: &budget, BudgetDuration: "30d", RPM: &requests, TPM: &tokens}},
		Record: policy.Record{CreatedAt: time.Unix(1_780_000_000+int64(i), 0)},
	}
}

// BenchmarkDirectoryMemory tells what a key takes, each with a budget of its own.
func BenchmarkDirectoryMemory(b *testing.B) {
	const keys = 1_000_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		d := policy.NewDirectory(nil, nil)
		for i := range keys {
			d.Put(teamKey(i))
		}
		b.ReportMetric(float64(heap()-before)/keys, "B/key")
		runtime.KeepAlive(d)
	}
}

func BenchmarkResolve(b *testing.B) {
	d := policy.NewDirectory(policy.Settings{}.Compile(), nil)
	hashes := make([]policy.KeyHash, 100_000)
	for i := range hashes {
		k := teamKey(i)
		hashes[i] = k.Hash
		d.Put(k)
	}
	for name, of := range map[string]int{"asked for lately": 1000, "not asked for lately": len(hashes)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := d.Resolve(hashes[i%of]); !ok {
					b.Fatal("unknown")
				}
			}
		})
	}
}
