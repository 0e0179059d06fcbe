package adminsvc

import (
	"context"
	"sync"

	"github.com/purser/purser/policy"
)

// gatedStore lets one write of this process run at a time. Writes take turns in
// the database anyway, each holding a connection as it waits there: a burst of
// them would leave none for the one whose turn it is, which reads besides.
type gatedStore struct {
	policy.Store
	turn chan struct{} // of capacity 1
}

func gated(s policy.Store) policy.Store { return &gatedStore{Store: s, turn: make(chan struct{}, 1)} }

func (g *gatedStore) Write(ctx context.Context, by policy.Actor, f func(policy.Tx) error) error {
	if b := boundIn(ctx); b != nil {
		return b.tx.(policy.Once).Within(ctx, f) // policy.Once: or it would not have begun
	}
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return policy.ErrUnavailable
	}
	var once sync.Once
	release := func() { once.Do(func() { <-g.turn }) }
	defer release()
	return g.Store.Write(ctx, by, func(tx policy.Tx) error {
		defer release() // committing, and waiting for the data planes, need no turn
		return f(tx)
	})
}

// bound is one write that everything a request reads and writes is a part of.
type bound struct {
	tx    policy.Tx
	after []func(context.Context) // what waits for the commit
}

type boundKey struct{}

func boundIn(ctx context.Context) *bound {
	b, _ := ctx.Value(boundKey{}).(*bound)
	return b
}

func (g *gatedStore) Get(ctx context.Context, ref policy.Ref) (policy.Entity, error) {
	if b := boundIn(ctx); b != nil {
		return b.tx.Get(ctx, ref)
	}
	return g.Store.Get(ctx, ref)
}

func (g *gatedStore) List(ctx context.Context, q policy.Query) (policy.Page, error) {
	if b := boundIn(ctx); b != nil {
		return b.tx.List(ctx, q)
	}
	return g.Store.List(ctx, q)
}
