// Package policytest holds what tests of the policy and of everything that stores
// or counts for it have in common: a clock that moves when told to, a journal that
// remembers and can fail, builders, and Ledger, the suite that every policy.Ledger
// must pass.
//
// The suite is the contract. It knows nothing of an implementation but its
// interfaces: policy.Ledger, policy.Inspector, policy.Seeder and Reaper. Time
// comes from the Clock alone, so nothing in it waits.
//
// # Where each promise of the ledger is proved
//
//	exactly K of N pass       "exactly K of N borrowers pass" here; three clients, Sentinel, and a Cluster of
//	                          three in policy/redis; two servers behind one Envoy: extproc/plane_test.go
//	never over, none stuck    extproc/edge_test.go (64 at once; capped, capped too high, without a cap),
//	                          "random schedules …" (SCHEDULES=2000 for longer), deploy/chaos
//	rolling minutes           minute.go: bound, bursts, 98 % steady, Retry-After; through Envoy: extproc/rate_test.go
//	windows, zones, DST       window.go, policy/window_test.go, extproc/rate_test.go
//	settled once, late, never settle.go, expiry.go; copies of a call that arrive late: policy/redis/late_test.go
//	crashes, clock steps      trouble.go, "a clock that …" in minute.go; processes for real: deploy/chaos
//	Redis away, slow, new     policy/outage, extproc/outage_test.go, policy/redis (epoch, failover, retry)
//	slots                     "parallel slots come back"; streams that end in any way: extproc/plane_test.go, socket_test.go
//	counters = journal        "what is held is what reservations hold", heal_test.go, `purser verify` in cmd/purser
//	each level and kind       extproc/plane_test.go
package policytest
