package adminsvc

import (
	"context"

	"github.com/purser/purser/policy"
)

type spendResetReply struct {
	Message Opt[string] `json:"message"`
	Status  Opt[string] `json:"status"`
}

// resetAllSpend books, for every key and team, what brings the spend of its
// current window to 0. The log keeps what was spent.
func (s *server) resetAllSpend(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if !c.Master {
		return nil, onlyAdmins(c, spendResetAll)
	}
	if err := s.resetEach(ctx, c, policy.EntityKey, func(e policy.Entity) spender { return keySpender(e.(*policy.Key)) }); err != nil {
		return nil, err
	}
	if err := s.resetEach(ctx, c, policy.EntityTeam, func(e policy.Entity) spender { return teamSpender(e.(*policy.Team)) }); err != nil {
		return nil, err
	}
	return Object{{"message", "Spend for all API Keys and Teams reset successfully"}, {"status", "success"}}, nil
}

const spendResetAll action = "reset all spend"

// resetEach goes through the entities of a kind in batches.
func (s *server) resetEach(ctx context.Context, c *Caller, kind policy.EntityKind, of func(policy.Entity) spender) error {
	for offset := 0; ; offset += mostAtOnce {
		page, err := s.Store.List(ctx, policy.Query{Kind: kind, Limit: mostAtOnce, Offset: offset})
		if err != nil {
			return err
		}
		spenders := make([]spender, len(page.Entities))
		for i, e := range page.Entities {
			spenders[i] = of(e)
		}
		spends, err := s.spent(ctx, spenders...)
		if err != nil {
			return err
		}
		var entries []policy.Entry
		for i, spent := range spends {
			if spent != 0 {
				entries = append(entries, s.adjustment(c, spenders[i].scope, "", -spent, s.now(), s.NewID()))
			}
		}
		if err := s.adjust(ctx, entries); err != nil {
			return err
		}
		if len(page.Entities) < mostAtOnce {
			return nil
		}
	}
}
