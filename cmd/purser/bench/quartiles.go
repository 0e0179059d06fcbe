package bench

import (
	"math"
	"slices"
	"time"
)

// quartiles of a sample: the median, and what a quarter and three quarters of it lie below.
type quartiles struct {
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
}

func quartilesOf(sample []float64) quartiles {
	s := slices.Sorted(slices.Values(sample))
	return quartiles{at(s, 0.25), at(s, 0.5), at(s, 0.75)}
}

// at is a quantile of a sorted sample, between two values where it falls between them; NaN of none.
func at(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	place := q * float64(len(sorted)-1)
	below := int(place)
	if below+1 >= len(sorted) {
		return sorted[below]
	}
	part := place - float64(below)
	return sorted[below]*(1-part) + sorted[below+1]*part
}

// noisyFrom is the distance of the quartiles, relative to the median, from which on a figure is marked.
const noisyFrom = 0.10

// noise is how far the quartiles lie apart, relative to the median.
func (q quartiles) noise() float64 {
	if q.Median == 0 {
		return 0
	}
	return (q.Q3 - q.Q1) / math.Abs(q.Median)
}

func (q quartiles) noisy() bool { return q.noise() > noisyFrom }

// sorted is a sample of times in microseconds, in order.
func sorted(times []time.Duration) []float64 {
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = micros(t)
	}
	slices.Sort(out)
	return out
}
