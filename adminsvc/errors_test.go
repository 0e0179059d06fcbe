package adminsvc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
)

// A store that is away and one that takes too long are told apart: of the second the caller can ask for less.
func TestStoreThatDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"away":              {fmt.Errorf("%w: %w", policy.ErrUnavailable, errors.New("connection refused to 10.0.0.1")), "cannot be reached"},
		"too slow":          {fmt.Errorf("%w: %w", policy.ErrUnavailable, fmt.Errorf("timeout at 10.0.0.1: %w", context.DeadlineExceeded)), "fewer days"},
		"the caller's time": {context.DeadlineExceeded, "fewer days"},
		"the caller left":   {context.Canceled, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			e := asError(c.err)
			if e.Status != 503 || e.Type != "no_db_connection" || !strings.Contains(e.Message, c.want) || strings.Contains(e.Message, "10.0.0.1") {
				t.Errorf("got %d %s %q", e.Status, e.Type, e.Message)
			}
		})
	}
}
