package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetention(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, tc := range []struct {
		name, env, file string
		want            time.Duration
		bad             bool
	}{
		{name: "nothing said", want: 0},
		{name: "the environment's", env: "90d", want: 90 * 24 * time.Hour},
		{name: "the file's", file: "7d", want: 7 * 24 * time.Hour},
		{name: "the environment goes first", env: "3d", file: "7d", want: 3 * 24 * time.Hour},
		{name: "months by the calendar", env: "1mo", want: 31 * 24 * time.Hour},
		{name: "too short", env: "1h", bad: true},
		{name: "no duration", env: "soon", bad: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := retention(tc.env, tc.file, now)
			if got != tc.want || (err != nil) != tc.bad {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// fading remembers when it was asked to forget, and fails the first time.
type fading struct {
	retained, trimmed []time.Time
	fail              error
}

func (f *fading) Retain(context.Context, time.Duration) ([]string, error) {
	f.retained = append(f.retained, time.Now())
	err := f.fail
	f.fail = nil
	return nil, err
}

func (f *fading) TrimAnswers(context.Context) error { return nil }

func (f *fading) TrimChanges(context.Context, time.Duration) error {
	f.trimmed = append(f.trimmed, time.Now())
	return nil
}

func TestRetainDailyAndSoonerAfterAFailure(t *testing.T) {
	for _, tc := range []struct {
		name              string
		keep              time.Duration
		fail              error
		retained, trimmed int
	}{
		{"rows and changes", 72 * time.Hour, nil, 3, 3},
		{"changes alone", 0, nil, 0, 3},
		{"the database was away", 72 * time.Hour, errors.New("away"), 4, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fading{fail: tc.fail}
				ctx, cancel := context.WithTimeout(t.Context(), 2*retainEvery+time.Hour)
				defer cancel()
				retain(ctx, f, tc.keep, slog.New(slog.DiscardHandler))
				if len(f.retained) != tc.retained || len(f.trimmed) != tc.trimmed {
					t.Errorf("retained %v, trimmed %v", f.retained, f.trimmed)
				}
			})
		})
	}
}
