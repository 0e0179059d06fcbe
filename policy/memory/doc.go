// Package memory is the single-process Ledger: the counters live in the extproc
// that uses them, so one replica is all there can be.
//
// One mutex guards everything, held for a microsecond or two per call and never
// across I/O. Invariants, checked by the conformance suite of policytest:
//
//   - held of a counter = the sum of the live reservations' amounts in it;
//   - a reservation is settled once: its id then lives on as a tombstone, so that a
//     second settlement changes nothing, and for 24 hours a true one that comes
//     after expiry corrects what expiry charged;
//   - refused asks change nothing.
//
// Counters do not survive the process. Spend is seeded from the tables (Seed),
// before a limit's first use; the rolling minute starts empty.
//
// The journal entry is appended before the counters move: if it cannot be, the
// reservation stays and the caller tries again.
package memory
