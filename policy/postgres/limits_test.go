package postgres

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/purser/purser/policy"
)

// What is read the short way is what encoding/json reads.
func FuzzReadLimits(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"max_budget":10.0,"budget_duration":"30d","rpm_limit":100,"tpm_limit":100000}`, ` { "max_budget" : 0.25 , "rpm_limit":0 } `,
		`{"soft_budget":-1,"tpd_limit":1,"itpm_limit":2,"otpm_limit":3,"max_parallel_requests":4}`, `{"max_budget":1e3}`, `{"rpm_limit":01}`,
		`{"rpm_limit":1.5}`, `{"rpm_limit":null}`, `{"budget_duration":"\u0031d"}`, `{"model_rpm_limit":{"gpt-4":3}}`, `{"RPM_LIMIT":3}`,
		`{"rpm_limit":1,}`, `{"rpm_limit":1}x`, `{"rpm_limit":99999999999999999999}`, `{"rpm_limit":1,"rpm_limit":2}`, `{,"rpm_limit":1}`, `{"rpm_limit":-0}`,
		`{"max_budget":0.0000000001}`, `{"max_budget":123456789012.5}`, `[]`, `null`, `{"temp_budget_increase":1,"temp_budget_expiry":"2026-01-01T00:00:00Z"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var short, long policy.Limits
		if !readFlat(b, &short) {
			return
		}
		if err := json.Unmarshal(b, &long); err != nil || !reflect.DeepEqual(short, long) {
			t.Errorf("%s: read as %+v; encoding/json: %+v, %v", b, short, long, err)
		}
	})
}

func TestReadLimits(t *testing.T) {
	for text, flat := range map[string]bool{
		`{"max_budget":10.5,"budget_duration":"30d","rpm_limit":100}`: true, `{"max_budget": 1, "rpm_limit": 2}`: true,
		`{"model_rpm_limit":{"gpt-4":3},"rpm_limit":7}`: false, `{"rpm_limit":7,"budget_limits":[{"budget_duration":"1d","max_budget":2}]}`: false,
	} {
		var got, want policy.Limits
		if readFlat([]byte(text), &got) != flat {
			t.Errorf("%s: the short way: %v, want %v", text, !flat, flat)
		}
		if err := readLimits([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
	if err := readLimits([]byte(`{"rpm_limit":1,}`), new(policy.Limits)); err == nil {
		t.Error("what is no JSON was read")
	}
}
