package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/purser/purser/policy"
)

const (
	retainEvery = 24 * time.Hour
	retainAgain = 5 * time.Minute // after a failure
	// changesKept is how long an extproc may be away and still catch up; one that was
	// away longer loads everything again.
	changesKept = 24 * time.Hour
	// minRetention keeps budgets and late settlements right: they look at rows of the
	// current hour, and a row may come a day late.
	minRetention = 48 * time.Hour
)

// retainer forgets what is old. Replicas take turns by themselves.
type retainer interface {
	Retain(ctx context.Context, keep time.Duration) (dropped []string, err error)
	TrimChanges(ctx context.Context, d time.Duration) error
	TrimAnswers(ctx context.Context) error
}

// retention reads how long rows are kept, the environment before config.yaml; 0 is
// for ever.
func retention(env, file string, now time.Time) (time.Duration, error) {
	text := cmp.Or(env, file)
	if text == "" {
		return 0, nil
	}
	d, err := policy.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("SPEND_LOG_RETENTION: %w", err)
	}
	keep := d.After(now).Sub(now)
	if keep < minRetention {
		return 0, fmt.Errorf("SPEND_LOG_RETENTION=%s: rows are kept for two days at least", text)
	}
	return keep, nil
}

// retain forgets what is old now and every day, until ctx ends.
func retain(ctx context.Context, r retainer, keep time.Duration, log *slog.Logger) {
	for {
		wait := retainEvery
		if err := retainOnce(ctx, r, keep, log); err != nil {
			if ctx.Err() != nil {
				return
			}
			wait = retainAgain
			log.Warn("what is old could not be dropped yet", "err", err, "again_in", wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func retainOnce(ctx context.Context, r retainer, keep time.Duration, log *slog.Logger) error {
	if keep > 0 {
		dropped, err := r.Retain(ctx, keep)
		if err != nil {
			return err
		}
		if len(dropped) > 0 {
			log.Info("dropped the rows of old days", "days", dropped, "kept", keep)
		}
	}
	if err := r.TrimAnswers(ctx); err != nil {
		return err
	}
	return r.TrimChanges(ctx, changesKept)
}
