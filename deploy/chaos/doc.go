// Package chaos proves that nothing is lost whatever dies. Its tests run a whole
// stack (`purser up --replicas 2`: two extprocs, two adminsvcs, Redis, PostgreSQL and a
// real Envoy in front of the fake provider), put it under load, kill, freeze or
// flush its parts, and then hold the books against what the provider says it served.
//
//	go test ./deploy/chaos                        what the admin API answered holds, with 20 writers at once
//	CHAOS=short go test ./deploy/chaos            kills, pairs of them, every cell of the failure matrix
//	CHAOS=long go test ./deploy/chaos             more pairs, longer absences
//	CHAOS_SOAK=10m go test -run Soak ./deploy/chaos       random faults for so long
//	CHAOS_KEYS=1000000 go test -run ManyKeys ./deploy/chaos   memory, start and changes beside so many keys
//
// The cells of design.md's failure matrix and the tests that stand for them:
//
//	PostgreSQL away, frozen, killed     TestAway, TestKill
//	PostgreSQL away at the start        TestStartWithoutPostgres
//	Redis away, frozen, killed          TestAway, TestKill (REDIS_DOWN=share), TestRedisDown (deny, allow, share)
//	Redis flushed, or without a file    TestRedisForgets
//	extproc killed, alone and in pairs  TestKill
//	adminsvc killed, away               TestKill, TestAway
//	a store that freezes                TestAway: nobody meets Envoy's own timeout
//	the extproc's disk is full          TestDiskFull
//	SIGTERM while streams run           TestTermination, of an adminsvc: TestAdminTermination
//	an extproc that stood still         TestChangesHoldAtOnce: what it missed holds
//	a store that hangs, at the edge     extproc: TestRedisHangs, TestRedisIsDownAndDenies
//	nobody governs                      envoy: TestReplyWhenNobodyGoverns; extproc: TestNobodyGetsThroughUnjudged
//
// PURSER_BIN_DIR names a folder with the three programs; without it they are built.
//
// # What must hold in the end
//
//   - Every request that the provider served has exactly one row of spend_logs,
//     found by the x-request-id that Envoy gave it, with the provider's own count of
//     tokens and the price of the configuration; so has every answer a client got.
//   - A row that nobody could count exactly is marked as an estimate, pays for at
//     least what the provider wrote, and for no more than the request's hold.
//   - A row without a request at the provider costs nothing, or is such an estimate: a
//     process died between the reservation and the call.
//   - The sums equal the rows they are of. Nothing is held any more, all parallel
//     slots are back, and the counters agree with the tables.
//   - Nothing was put aside as unreadable.
//
// # What may fail
//
// Requests under way in an extproc that is killed: Envoy tries another one only for a
// stream that was refused at its start, since what was said on one stream cannot be
// said again on another. They are answered 503, or cut, and never pass unjudged; for
// about a second, until Envoy has ejected the address, so are a few others. While
// PostgreSQL, Redis or adminsvc is away, no request fails (TestAway).
//
// Times (requests failed during a fault, time until the last of them) depend on the
// machine: they are printed, not asserted.
package chaos
