package adminsvc

import (
	"context"
	"errors"
	"net/http"
)

// inDetail puts an error in the raw style that LiteLLM answers with for budgets,
// organizations, tags, access groups and activity: {"detail":{"error":…}}, and the field
// at fault where there is one. Beside it stands the envelope of all others. What refuses
// the credential itself stays as it is.
func inDetail(err error) error {
	if err == nil {
		return nil
	}
	e := asError(err)
	if e.Detail != nil || e.Status < http.StatusBadRequest || e.Status >= http.StatusInternalServerError || e.Status == http.StatusUnauthorized {
		return err
	}
	body := Object{{"error", e.Message}}
	if e.Param != "" && e.Param != "None" {
		body = append(body, Member{"param", e.Param})
	}
	raw := *e
	raw.Detail, raw.cause = body, errors.Unwrap(e)
	return &raw
}

// routeRaw is route for endpoints whose errors are in the raw style.
func routeRaw[In any](s *server, op operation, h func(ctx context.Context, c *Caller, in *In) (any, error)) {
	route(s, op, func(ctx context.Context, c *Caller, in *In) (any, error) {
		reply, err := h(ctx, c, in)
		return reply, inDetail(err)
	})
}
