package pricemap

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

// TestCostsAsLiteLLM charges usages that testdata/compare.py had the litellm
// package charge. PRICEMAP_COSTS names a longer list.
func TestCostsAsLiteLLM(t *testing.T) {
	file := os.Getenv("PRICEMAP_COSTS")
	if file == "" {
		file = "testdata/costs.json"
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]json.RawMessage
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 500 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		var provider, model, dollars string
		var usage policy.Usage
		// The usage's source is not in the list.
		if err := json.Unmarshal(row[2], &usage); err != nil {
			t.Fatal(err)
		}
		for i, into := range map[int]*string{0: &provider, 1: &model, 3: &dollars} {
			if err := json.Unmarshal(row[i], into); err != nil {
				t.Fatal(err)
			}
		}
		e, ok := Default().Lookup(provider, strings.TrimPrefix(model, provider+"/"))
		if !ok {
			t.Errorf("%s: %s is not in the map", provider, model)
			continue
		}
		usage.Source = policy.UsageReported
		want, err := strconv.ParseFloat(dollars, 64)
		if err != nil {
			t.Fatal(err)
		}
		got := float64(policy.CostOf(usage, e.Price).Total)
		// LiteLLM adds floats; ours is exact, and rounds once, to whole nano-USD.
		if math.Abs(got-want*1e9) > 1+want*1e9*1e-12 {
			t.Errorf("%s %s: %.9f, LiteLLM says %s, for %s", provider, model, got/1e9, dollars, bytes.TrimSpace(row[2]))
		}
	}
}
