package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// verifyWithin bounds one comparison of the counters with the tables.
const verifyWithin = 5 * time.Minute

// verified is the answer of GET /ledger/verify. Amounts are in the kind's unit, those
// of spend in nano-USD.
type verified struct {
	OK           bool              `json:"ok"`
	At           time.Time         `json:"at"`
	Ledger       string            `json:"ledger"`
	Reservations int               `json:"reservations"` // under way
	Counters     []verifiedCounter `json:"counters"`
	Tables       []string          `json:"tables"` // where the rows, their sums by hour, and the totals do not agree
}

// verifiedCounter is one counter of one window.
type verifiedCounter struct {
	Scope   string     `json:"scope"`
	ID      string     `json:"id,omitempty"`
	Kind    string     `json:"kind"`
	Model   string     `json:"model,omitempty"`
	Window  string     `json:"window"`
	Start   *time.Time `json:"start,omitempty"`
	OK      bool       `json:"ok"`
	Used    int64      `json:"used"`             // settled; of a rolling minute: counted
	Held    int64      `json:"held"`             // by requests under way
	Parts   int64      `json:"parts"`            // the reservations, or the minute's sub-windows, added up
	Booked  *int64     `json:"booked,omitempty"` // what the tables have; absent where they are not comparable
	Settled int64      `json:"settled_off"`      // what Used lacks of Booked for certain
	Off     int64      `json:"held_off"`         // what Held, or the minute, has beyond Parts
}

// verify answers with the ledger's invariant. It is the master key's to ask: ids and
// amounts of all scopes are in it, and it reads the tables whole.
func (s *service) verify(w http.ResponseWriter, r *http.Request) {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if settings := s.directory.Settings(); !settings.HasMasterKey || !policy.HashKey(key).Equal(settings.MasterKey) {
		http.Error(w, "the master key is needed", http.StatusUnauthorized)
		return
	}
	if !s.verifying.TryLock() {
		http.Error(w, "another comparison is under way", http.StatusConflict)
		return
	}
	defer s.verifying.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), verifyWithin)
	defer cancel()
	out, err := s.compare(ctx)
	if err != nil {
		http.Error(w, "the ledger cannot be verified now: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

func (s *service) compare(ctx context.Context) (*verified, error) {
	verification := policy.Verification{Healing: s.healing, Auditor: s.counting.auditor}
	out := &verified{OK: true, At: s.clock().UTC(), Ledger: s.counting.name, Tables: []string{}}
	live, found, err := verification.Run(ctx)
	if err != nil {
		return nil, err
	}
	out.Reservations = live
	slices.SortFunc(found, func(a, b policy.Verified) int {
		x, y := a.Counter, b.Counter
		return cmp.Or(cmp.Compare(x.Scope.Kind, y.Scope.Kind), cmp.Compare(x.Scope.ID, y.Scope.ID), cmp.Compare(x.Kind, y.Kind),
			cmp.Compare(x.Model, y.Model), cmp.Compare(x.Window, y.Window), cmp.Compare(x.Start, y.Start))
	})
	out.Counters = make([]verifiedCounter, len(found))
	for i, f := range found {
		c := verifiedCounter{
			Scope: f.Counter.Scope.Kind.String(), ID: strings.ReplaceAll(f.Counter.Scope.ID, "\x1f", "/"), Kind: f.Counter.Kind.String(), Model: f.Counter.Model,
			Window: f.Counter.Window, OK: f.OK(), Used: f.Used, Held: f.Held, Parts: f.Parts, Settled: f.Settled, Off: f.Off(),
		}
		if f.Counter.Start != 0 {
			start := time.Unix(f.Counter.Start, 0).UTC()
			c.Start = &start
		}
		if f.InTables {
			c.Booked = &f.Booked
		}
		out.OK = out.OK && c.OK
		out.Counters[i] = c
	}
	tables, err := s.store.Verify(ctx)
	if err != nil {
		return nil, err
	}
	out.Tables = append(out.Tables, tables...)
	out.OK = out.OK && len(tables) == 0
	return out, nil
}
