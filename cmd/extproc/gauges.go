package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// drift is the ledger's invariant, as last seen.
var drift = promauto.NewGauge(prometheus.GaugeOpts{
	Name: "purser_ledger_drift_nanousd", Help: "What the counters and the tables differed by at the last comparison, in nano-USD, all scopes together.",
})

// compared is how long a comparison takes: as often as it is repeated depends on it.
var compared = promauto.NewGauge(prometheus.GaugeOpts{
	Name: "purser_ledger_comparison_seconds", Help: "How long the last comparison of the counters with the tables took.",
})

// expired counts what nobody settled in time.
var expired = promauto.NewCounter(prometheus.CounterOpts{
	Name: "purser_reservations_expired_total", Help: "Reservations that expired and were charged at their holds, whichever replica made them.",
})

// gauges tell how far what is settled is on its way to the tables, and how current
// what is decided by is.
func (s *service) gauges(r prometheus.Registerer) {
	spool := s.counting.spool
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	flag := func(name, help string, on func() bool) {
		gauge(name, help, func() float64 {
			if on() {
				return 1
			}
			return 0
		})
	}
	gauge("purser_spool_pending", "Entries in the spool that their sink has not taken yet.", func() float64 { return float64(spool.Stats().Pending) })
	gauge("purser_spool_oldest_seconds", "Age of the first of them.", func() float64 { return spool.Stats().OldestAge.Seconds() })
	gauge("purser_spool_rejected", "Entries put aside since the start because their sink calls them bad.", func() float64 { return float64(spool.Stats().Rejected) })
	flag("purser_spool_disk_failing", "1 while the disk refuses the spool's writes.", func() bool { return spool.Stats().DiskFailing })
	gauge("purser_directory_age_seconds", "How long ago keys, teams and projects were last known to be current.", func() float64 { return s.feed.Age().Seconds() })
	gauge("purser_replicas", "The extprocs that share the limits while the shared ledger is away.", func() float64 { return float64(s.counting.replicas()) })
	flag("purser_ledger_alone", "1 while the shared ledger is away and this replica decides alone.", s.counting.alone)
}
