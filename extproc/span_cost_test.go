package extproc

import (
	"context"
	"testing"

	"github.com/purser/purser/policy"
)

// Where nobody wants spans they take no memory.
func TestNoSpansCostNothing(t *testing.T) {
	s := New(Config{Directory: policy.NewDirectory(nil, nil)})
	x := exchange{s: s}
	e := policy.Entry{}
	if n := testing.AllocsPerRun(100, func() {
		s.beginSpan(context.Background(), &x)
		x.decided("admitted")
		x.spent(&e)
		s.endSpan(&x)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
