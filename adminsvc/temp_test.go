package adminsvc

import (
	"context"
	"errors"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
)

type spendStore struct{ *postgres.Store }

func (spendStore) Logs(context.Context, policy.LogQuery) ([]policy.Entry, int, bool, error) {
	return nil, 0, false, errors.New("not yet")
}
func (spendStore) Activity(context.Context, policy.ActivityQuery) ([]policy.ActivityRow, error) {
	return nil, errors.New("not yet")
}
