// Package outage keeps deciding while the shared ledger is away.
//
// A Ledger passes every call on to the shared one and remembers how each counter
// stood when it was last seen. When a call fails, the rule says what happens to
// requests until a probe succeeds:
//
//	share   each replica enforces, in its own memory, its share of what was left
//	        of each limit when it was last seen
//	deny    they are refused: the caller gets our error, not a wrong answer
//	allow   they pass unlimited, and are counted afterwards
//
// # Invariants
//
//   - What is settled while the shared ledger is away is in the spool before Settle
//     returns, and is told to the shared ledger when it is back, in order.
//   - A request is settled where it was reserved: one that began before the outage
//     in the shared ledger (through the spool), one that began in it here.
//   - An outage is over when the shared ledger has counted what was admitted without it:
//     what is settled as the spool is told, and what is under way as if it had been
//     reserved there, from then on its own. (Where that takes longer than Handover, as of
//     days, the rest follows; what was settled beyond 20,000 requests is found when the
//     counters are next compared with the tables. Rolling minutes count it from then on.)
//   - What the shared ledger acknowledged is remembered for some seconds, and told again
//     when it was away or is another: a Redis killed while it syncs its file, flushed,
//     or replaced by a replica that was behind has forgotten the last of it.
//   - A request under way is in the spool too, where that is an Underway: if the shared
//     ledger forgets it and this process dies, the next start makes its row.
//   - With share, all replicas together admit no more than was left, as far as each
//     saw it; what one replica took after another last looked is not known to the
//     other. Counters never seen count as untouched.
//   - A request of which the shared ledger's answer never came is decided here from then
//     on: that may hold it, or come to, however late. If it is refused in the end it is
//     taken back there, before or after it arrives, and never charged.
//   - An outage costs one call its deadline; from then on nobody waits.
package outage
