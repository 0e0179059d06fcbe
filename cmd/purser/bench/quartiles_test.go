package bench

import (
	"math"
	"testing"
)

func TestQuartiles(t *testing.T) {
	for _, c := range []struct {
		name   string
		sample []float64
		want   quartiles
	}{
		{"one", []float64{3}, quartiles{3, 3, 3}},
		{"between two values", []float64{2, 1}, quartiles{1.25, 1.5, 1.75}},
		{"out of order", []float64{5, 1, 4, 2, 3}, quartiles{2, 3, 4}},
		{"an outlier moves nothing", []float64{1, 2, 3, 4, 1000}, quartiles{2, 3, 4}},
	} {
		if got := quartilesOf(c.sample); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if got := quartilesOf(nil).Median; !math.IsNaN(got) {
		t.Errorf("of nothing: %v", got)
	}
}

func TestNoise(t *testing.T) {
	for _, c := range []struct {
		q     quartiles
		noisy bool
	}{
		{quartiles{0.99, 1, 1.01}, false},
		{quartiles{0.96, 1, 1.05}, false},
		{quartiles{0.94, 1, 1.06}, true},
		{quartiles{-1, 0, 1}, false}, // nothing to be relative to
	} {
		if c.q.noisy() != c.noisy {
			t.Errorf("%v: noise %.3f", c.q, c.q.noise())
		}
	}
}
