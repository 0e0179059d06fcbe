package boot

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/purser/purser/policy/pricemap"
)

// Prices is the price map in force: the built-in one, or that of PRICE_MAP.
type Prices struct {
	source *pricemap.Source // nil: the built-in one
	now    atomic.Pointer[pricemap.Map]
}

// OpenPrices reads the map that from names, a file or a URL; "" is the built-in one.
// keep is the folder for the last good copy of a URL, "" for none. The error of a file
// that is no price map stops the start; a URL that cannot be read is a warning.
func OpenPrices(ctx context.Context, from, keep string, every time.Duration, log *slog.Logger) (*Prices, error) {
	p := &Prices{}
	p.now.Store(pricemap.Default())
	if from == "" {
		return p, nil
	}
	source, err := pricemap.NewSource(pricemap.SourceConfig{From: from, Keep: keep, Every: every, Log: log})
	if err != nil {
		return nil, fmt.Errorf("PRICE_MAP: %w", err)
	}
	m, err := source.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("PRICE_MAP=%s: %w", source.Name(), err)
	}
	p.source = source
	p.now.Store(m)
	log.Info("prices", "from", source.Name(), "models", m.Len(), "unpriced", m.Skipped())
	return p, nil
}

// Map is the map in force.
func (p *Prices) Map() *pricemap.Map { return p.now.Load() }

// Run reads the map again until ctx ends, and tells of each new one.
func (p *Prices) Run(ctx context.Context, changed func()) {
	if p.source == nil {
		return
	}
	p.source.Run(ctx, p.Map(), func(m *pricemap.Map) {
		p.now.Store(m)
		changed()
	})
}
