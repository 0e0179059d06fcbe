package main

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// comparison is what the last one of the counters with the tables found.
type comparison struct {
	at        time.Time
	differing int
	drift     policy.Money
}

// state answers adminsvc, by the internal token alone, with how this process is.
func (s *service) state(w http.ResponseWriter, r *http.Request) {
	settings := s.directory.Settings()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !settings.HasMasterKey || subtle.ConstantTimeCompare([]byte(token), []byte(policy.InternalToken(settings.MasterKey))) != 1 {
		http.Error(w, "this is between Purser's own processes", http.StatusUnauthorized)
		return
	}
	spool := s.counting.spool.Stats()
	out := policy.ProcessState{
		Replica: s.replica, Ledger: s.counting.name, Alone: s.counting.alone(), Open: s.server.Open(), Pending: int64(spool.Pending),
		Oldest: spool.OldestAge.Seconds(), Rejected: int64(spool.Rejected), DiskFails: spool.DiskFailing, DirectoryAge: s.feed.Age().Seconds(),
	}
	if c := s.compared.Load(); c != nil {
		out.Compared, out.Differing, out.Drift = &c.at, c.differing, c.drift
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}
