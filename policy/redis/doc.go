// Package redis is the Ledger that any number of extproc replicas share.
//
// # Layout
//
// Every key carries the hash tag {purser} (Config.Prefix), so in a Cluster the
// whole ledger lives in one slot, and a script may touch all of it at once.
//
//	{purser}:epoch        exists while the counters are to be believed
//	{purser}:c:<scope>    hash: budgets, daily tokens, parallel slots of one scope
//	{purser}:m:<scope>    hash: the rolling minutes of one scope; expires by itself
//	{purser}:r:<id>       hash: one reservation under way
//	{purser}:t:<id>       string: a settled id, for a day (s, e and its holds: at its estimate); for an
//	                      hour one that was taken back (r), and from which attempt on they count (x<n>)
//	{purser}:expiry       sorted set: reservations by the time they expire
//	{purser}:journal      stream: entries, appended in the step that settles
//
// A counter's field is <kind>|<window>|<start>|<model>; to it are added
//
//	:u used   :h held   :b when it began (µs)   :d seeded   :e when its window ends (ms)   in c
//	:s sum   :o oldest sub-window   :l newest   :<id> what was taken in it
//	:<id>i its first and last taking (µs) and the next one's id           in m
//
// and <kind>|<window>||<model>:w lists a limit's calendar windows that are kept: those
// under way, and those that ended less than a day ago. A scope's minutes are apart
// from the rest so that Redis forgets idle ones.
//
// # Invariants
//
//   - One script call reserves, one settles; nothing is read in between.
//   - Time is Redis's own, so replicas' clocks do not matter; tests pass one in.
//   - Amounts are counted by HINCRBY, on 64-bit integers. Comparisons are on
//     doubles, exact below 2^53 nano-USD (nine million dollars); above that, limits
//     err towards refusing.
//   - Every call may be sent twice, and the first copy carried out whenever it arrives: what
//     settles, renews or takes back does so once. Only attempt.go sends again what reserves:
//     a further attempt voids those on their way, for its answer is what the caller is told.
//   - After an error Redis may hold what was asked, or come to: Release takes that back,
//     now or when it arrives. (policy/outage does so.)
//   - A call that finds no epoch changes nothing and says ErrNoEpoch: a Redis that
//     lost its memory must not admit what was already spent.
//   - Entries and drafts are policy/codec's bytes; a reader takes JSON too, of before.
//   - Scripts name the scope keys of a settlement from the reservation, undeclared:
//     all are in one slot.
//
// # Failure
//
// Every method returns Redis's error as it is; what then happens to requests is
// the caller's decision. A script that a restart or SCRIPT FLUSH removed is sent
// again by itself.
package redis
