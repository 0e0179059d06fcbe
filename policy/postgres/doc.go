// Package postgres keeps Purser's entities, its journal and its history in
// PostgreSQL (15 or newer).
//
// # Writing entities
//
// Store.Write runs a function in one transaction that holds a transaction-level
// advisory lock, so that no two writes run beside each other and the order of
// revisions is the order of commits. Every change appends a row to `changes` and
// one to `audit_log` in the same transaction. The `revision` row is raised with
// them, so revisions have no gaps: who has applied 1…n has missed nothing.
//
//	Write ── lock, rows, changes, audit, revision, NOTIFY purser_changes, COMMIT
//	   │                                                     │
//	   │                                   Feed of each replica: reads changes > its own,
//	   │                                   puts them into its Directory, OnChange, then
//	   ▼                                   UPDATE replicas SET revision, NOTIFY purser_applied
//	waits until every replica seen in the last 3 s has reported the revision, at most 1 s
//
// A replica that starts is ready (Feed.Ready) once it has looked for changes after its
// first report: from then on no write is answered without it.
//
// Notifications only wake: what is true is in the tables, and both sides look there
// once in a while when none comes. A replica that was away longer than the log of
// changes reaches back, or that finds another database, loads everything again.
//
// # The journal
//
// WriteEntries is idempotent by (day of ReservedAt in UTC, CallID), and sums follow
// rows in the same transaction: spend_hourly and spend_hourly_tag, spend_daily and
// spend_daily_tag, and spend_totals always equal the sums over spend_logs. Every writer
// touches rows in the same order (logs, then hours, tags, days, totals, each by key), so
// writers wait but do not deadlock. A program of before there were days writes none:
// triggers do it then. Adjustments count for the one scope they were made to.
//
// # The copy on disk
//
// A Feed keeps a copy of its directory in a file (Snapshot), from which a data plane
// starts while PostgreSQL is away, and goes on by the changes since. It holds hashes
// of keys, never keys.
//
// # Failure
//
// What cannot be reached, is shutting down, or does not answer in time is
// policy.ErrUnavailable; nothing is retried here, and no caller waits for a
// dead server longer than Config.Timeout. Where the connection broke during
// COMMIT itself, the outcome is unknown and the error the same.
package postgres
