// Package spool makes the journal survive its process: an append-only log on an
// extproc's own disk, and a drainer that hands what is in it to a Sink, in order,
// until the Sink has taken it. Without Redis the Sink writes the ledger's tables;
// with Redis it replays the settlements that Redis had not acknowledged.
//
//	Open ───┐   group commit    ┌───────┬───────┬───────┐  read, decode   ┌──────┐
//	        ├──────────────────▶│ 0….log│ 8….log│ f….log├────────────────▶│ Sink │
//	Append ─┘   one write(2)    └───────┴───────┴───────┘  batches, retry  └──────┘
//	   │                                    ▲   cursor: all before is drained
//	   └─ disk refuses: memory (bounded) ───┘   rejected.jsonl: what the Sink calls bad
//
// # Invariants
//
//   - Open and Append return nil only when the record is in the kernel's page
//     cache: kill -9 cannot take it back. Power loss can take what was not yet
//     synced: the last Config.Sync, or what the kernel had not written of the
//     segment in use.
//   - The order of the log is the order of the calls. The Sink sees entries in
//     that order, each at least once: after a crash the entries between the last
//     batch and the stored cursor come again, so a Sink must be idempotent by call id.
//   - A request that was opened and not closed when its process ended becomes an
//     entry, policy.Draft.Estimated, when the next process starts on the directory.
//   - A segment is removed when all its entries are drained. Requests still under
//     way that were opened in it are first written again at the end of the log, so
//     a stream of an hour keeps one record, not an hour of segments.
//   - One process per directory: the lock dies with its holder.
//   - Files are 0600, a directory made here 0700. Entries hold no secrets.
//
// # Positions
//
// Every byte ever logged has a position; a segment's name is the position of its
// first byte. The cursor, the segments and every record are in those terms, so
// nothing has to be compared across files. A record repeats its own position, under
// the header's checksum: an intact record found in the wrong place (a reused disk
// block, or bytes that a client put into a field that we log) is not taken for one.
//
//	 0  FF 'P' 'S'  version            16  time of the call, Unix nanoseconds
//	 4  kind, 0, length of the id      24  position
//	 8  length of id and body          32  CRC-32C of bytes 0 to 31
//	12  CRC-32C of id and body         36  id, body
//
// Integers are little-endian. The body is a list of numbered fields (policy/codec): a
// reader skips numbers it does not know, so that the processes before and after an
// upgrade read each other's log.
//
// # Failures
//
//   - Sink fails: the drainer tries again with growing pauses, for ever; entries
//     stay on disk. Nothing is dropped by age or size.
//   - Sink says *BadEntry: the batch is cut in halves until the entry stands alone;
//     it goes to rejected.jsonl, counted and logged, and the rest goes on. Requeue
//     puts rejected entries back, once what was wrong with them is mended.
//   - Disk full or failing: Append returns the error and keeps the entry in memory
//     (Config.MaxUnsaved of them), from where it goes to the Sink, or to disk as soon
//     as that takes writes again. Open returns the error and remembers nothing.
//     Tolerant is for who would rather serve than be sure.
//   - A torn record at the end of the log was never acknowledged: it is cut off. Any
//     other damage is skipped to the next intact record, logged, counted, and its
//     bytes are kept in a file damaged-….
//   - A slow disk: Open and Append return when their context ends, except the one
//     caller whose write(2) the kernel is holding.
//
// Nothing here panics; a Sink that does is taken to have met a bad entry.
package spool
