package adminsvc

import (
	"context"
	"time"

	"github.com/purser/purser/policy"
)

type globalCustomerQuery struct {
	Body
	APIKey    Opt[string] `json:"api_key"`
	StartTime Opt[string] `json:"startTime" doc:"A date or a time: its day"`
	EndTime   Opt[string] `json:"endTime" doc:"A date or a time: its day, inclusive"`
}

type globalCustomer struct {
	EndUser Opt[string]       `json:"end_user"`
	Count   Opt[int64]        `json:"total_count"`
	Spend   Opt[policy.Money] `json:"total_spend"`
}

func (s *server) globalCustomers(ctx context.Context, c *Caller, in *globalCustomerQuery) (any, error) {
	day := func(field string, o Opt[string]) (Opt[string], error) {
		if o.Or("") == "" {
			return Opt[string]{}, nil
		}
		t, ok := parseTime(o.Value)
		if !ok {
			return o, badRequest(field, "%s is a date like 2026-01-31, or a time", field)
		}
		return Opt[string]{Value: t.Format(time.DateOnly), Sent: true}, nil
	}
	q := &globalQuery{APIKey: in.APIKey, Limit: Opt[int64]{Value: 100, Sent: true}}
	var err error
	if q.StartDate, err = day("startTime", in.StartTime); err != nil {
		return nil, err
	}
	if q.EndDate, err = day("endTime", in.EndTime); err != nil {
		return nil, err
	}
	limit, list, err := s.globalSums(ctx, c, q, policy.ScopeCustomer, policy.ByEntity)
	if err != nil {
		return nil, err
	}
	sums := grouped(list, ofEntity)
	out := []Object{}
	for _, id := range dearest(sums, limit) {
		out = append(out, Object{{"end_user", id}, {"total_count", sums[id].requests}, {"total_spend", dollars(sums[id].spend)}})
	}
	return out, nil
}
