package adminsvc

import (
	"math"
	"testing"

	json "github.com/go-json-experiment/json"

	"github.com/purser/purser/policy"
)

// What is written by hand is what the declared shape marshals to, names and order included.
func TestActivityMetricsAreWrittenAsTheyAreDeclared(t *testing.T) {
	t.Parallel()
	for _, m := range []metrics{
		{},
		{spend: 1, input: 2, output: 3, cacheRead: 4, cacheWrite: 5, requests: 6, succeeded: 7, failed: 8, millis: 9},
		{spend: -1_500_000_000, input: math.MaxInt64 / 2, requests: 1},
		{spend: policy.Money(math.MinInt64)}, {spend: policy.Money(math.MaxInt64)}, {spend: 12 * policy.Dollar}, {spend: 100_000_000},
	} {
		want, err := json.Marshal(m.row())
		if err != nil {
			t.Fatal(err)
		}
		var w activityWriter
		w.metrics(&m)
		if string(w.b) != string(want) {
			t.Errorf("%+v:\ngot  %s\nwant %s", m, w.b, want)
		}
	}
}
