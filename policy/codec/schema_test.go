package codec

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// fill gives every part of v a value of its own, so that a field that the
// schemas leave out, or mix up with another, shows.
func fill(t *testing.T, v reflect.Value, path string, n *int64) {
	t.Helper()
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon.Add(time.Duration(*n) * 1_000_001)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), path+"."+v.Type().Field(i).Name, n)
		}
	case v.Kind() == reflect.Slice:
		if strings.HasSuffix(path, ".Tiers.Price.Tiers") {
			return // no tier has tiers
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(t, v.Index(i), path, n)
		}
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("text %d \xff\x00 ü", *n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(*n * (1 - 2*(*n%2))) // both signs
	case v.CanUint():
		v.SetUint(uint64(*n % 250))
	default:
		t.Fatalf("%s is a %s: teach the codec, then this test", path, v.Type())
	}
}

func TestCodecCoversEveryField(t *testing.T) {
	var n int64
	var e, gotEntry policy.Entry
	fill(t, reflect.ValueOf(&e).Elem(), "Entry", &n)
	if err := entryFields.read(string(entryFields.append(nil, &e)), &gotEntry); err != nil || !reflect.DeepEqual(gotEntry, e) {
		t.Errorf("entry: err %v\n got %+v\nwant %+v", err, gotEntry, e)
	}

	var u, gotUnderway Underway
	u.ReservedAt, u.Output = noon, 7
	fill(t, reflect.ValueOf(&u.Draft).Elem(), "Draft", &n)
	if err := underwayFields.read(string(underwayFields.append(nil, &u)), &gotUnderway); err != nil || !reflect.DeepEqual(gotUnderway, u) {
		t.Errorf("underway: err %v\n got %+v\nwant %+v", err, gotUnderway, u)
	}
}

func TestCodecKeepsExtremes(t *testing.T) {
	for _, e := range []policy.Entry{
		{},
		{Cost: policy.Cost{Total: 1<<63 - 1, Input: -1 << 63}},
		{UserAgent: strings.Repeat("x", 1<<20)},
		{ReservedAt: time.Unix(-1<<40, 999_999_999).UTC(), EndedAt: time.Unix(1<<40, 0).UTC()},
	} {
		var got policy.Entry
		if err := entryFields.read(string(entryFields.append(nil, &e)), &got); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("err %v, got %+v, want %+v", err, got, e)
		}
	}
}

func TestCodecReadsOtherVersions(t *testing.T) {
	b := entryFields.append(nil, &policy.Entry{CallID: "a"})
	b = appendNumber(b, 899, 5) // fields this version does not have
	b = appendText(b, 900, "later")
	b = appendNumber(b, 24, 3)
	var e policy.Entry
	if err := entryFields.read(string(b), &e); err != nil || e.CallID != "a" || e.Attempts != 3 {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestCodecRefusesMalformedBodies(t *testing.T) {
	for name, body := range map[string][]byte{
		"text where a number belongs": appendText(nil, 24, "x"),
		"number where text belongs":   appendNumber(nil, 2, 1),
		"a length beyond the end":     {2<<1 | formText, 200, 'x'},
		"a number beyond its type":    appendNumber(nil, 50, 300),
		"half a key":                  {0x80},
		"half a number":               {24 << 1, 0x80},
		"a key of eleven bytes":       []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		"half a time":                 appendText(nil, 26, "\x01"),
	} {
		if err := entryFields.read(string(body), new(policy.Entry)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzBody(f *testing.F) {
	e, u := policy.Entry{CallID: "a", ReservedAt: noon, Tags: []string{"x", "y"}, Usage: policy.Usage{Input: 5, Source: policy.UsageReported}}, Underway{noon, 5, policy.Draft{Entry: policy.Entry{CallID: "b"}, Price: policy.TokenPrice(3, 5), Input: 7, Choices: 1}}
	u.Draft.Price.Tiers = []policy.Tier{{Above: 1, Price: policy.TokenPrice(1, 2)}}
	f.Add(entryFields.append(nil, &e))
	f.Add(underwayFields.append(nil, &u))
	f.Fuzz(func(t *testing.T, body []byte) {
		var e, again policy.Entry
		if entryFields.read(string(body), &e) == nil {
			if err := entryFields.read(string(entryFields.append(nil, &e)), &again); err != nil || !reflect.DeepEqual(e, again) {
				t.Fatalf("%v: %+v became %+v", err, e, again)
			}
		}
		_ = underwayFields.read(string(body), new(Underway))
	})
}
