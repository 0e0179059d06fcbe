package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// Channels of notifications. Their payload says nothing: they wake, tables tell.
const (
	channelChanges = "purser_changes" // something was committed
	channelApplied = "purser_applied" // a replica has applied it
)

// Actions in the audit log.
const (
	created = "created"
	updated = "updated"
	deleted = "deleted"
)

// changeLog gathers what one write changed, as columns.
type changeLog struct {
	kinds, ids []string
	gone       []bool
	audit      struct {
		kinds, ids, actions []string
		befores, afters     []*string
	}
}

func (l *changeLog) len() int { return len(l.ids) }

// tell adds a change that only those who follow need to know of.
func (l *changeLog) tell(ref policy.Ref) {
	l.kinds, l.ids, l.gone = append(l.kinds, string(ref.Kind)), append(l.ids, ref.ID), append(l.gone, false)
}

func (l *changeLog) add(ref policy.Ref, action string, before, after []byte) {
	l.tell(ref)
	l.gone[len(l.gone)-1] = action == deleted
	a := &l.audit
	a.kinds, a.ids, a.actions = append(a.kinds, string(ref.Kind)), append(a.ids, ref.ID), append(a.actions, action)
	a.befores, a.afters = append(a.befores, redact(before)), append(a.afters, redact(after))
}

// logMark is a place in a changeLog to go back to.
type logMark struct{ changes, audits int }

func (l *changeLog) mark() logMark { return logMark{len(l.ids), len(l.audit.ids)} }

// cut forgets what was added since.
func (l *changeLog) cut(m logMark) {
	l.kinds, l.ids, l.gone = l.kinds[:m.changes], l.ids[:m.changes], l.gone[:m.changes]
	a := &l.audit
	a.kinds, a.ids, a.actions = a.kinds[:m.audits], a.ids[:m.audits], a.actions[:m.audits]
	a.befores, a.afters = a.befores[:m.audits], a.afters[:m.audits]
}

// write stores the log as the changes after revision first.
func (l *changeLog) write(ctx context.Context, tx pgx.Tx, first int64, by policy.Actor) error {
	var batch pgx.Batch
	batch.Queue(`INSERT INTO changes (revision, kind, id, deleted, at)
		SELECT $1 + n, kind, id, deleted, clock_timestamp()
		FROM unnest($2::text[], $3::text[], $4::boolean[]) WITH ORDINALITY AS t(kind, id, deleted, n)`,
		first, l.kinds, l.ids, l.gone)
	batch.Queue(`INSERT INTO audit_log (at, changed_by, changed_by_key, action, kind, object_id, before, after)
		SELECT clock_timestamp(), $1, $2, action, kind, id, before, after
		FROM unnest($3::text[], $4::text[], $5::text[], $6::json[], $7::json[]) AS t(action, kind, id, before, after)`,
		by.UserID, by.KeyHash, l.audit.actions, l.audit.kinds, l.audit.ids, l.audit.befores, l.audit.afters)
	batch.Queue(`UPDATE revision SET value = $1`, first+int64(l.len()))
	batch.Queue(`SELECT pg_notify('` + channelChanges + `', '')`)
	return tx.SendBatch(ctx, &batch).Close()
}

// secretFields are never written to the audit log, should an entity carry them.
var secretFields = []string{"key", "new_key", "token", "api_key", "password"}

// redact blanks top-level secrets in a document of fields; nil for none.
func redact(fields []byte) *string {
	if len(fields) == 0 {
		return nil
	}
	text := string(fields)
	for _, name := range secretFields {
		if bytes.Contains(fields, []byte(`"`+name+`"`)) {
			var m map[string]json.RawMessage
			if json.Unmarshal(fields, &m) != nil {
				text = `"unreadable"`
				break
			}
			for _, name := range secretFields {
				if _, ok := m[name]; ok {
					m[name] = json.RawMessage(`"redacted"`)
				}
			}
			b, err := json.Marshal(m)
			if err != nil {
				b = []byte(`"unreadable"`)
			}
			text = string(b)
			break
		}
	}
	return &text
}

// TrimChanges forgets changes older than d. A replica that has not applied them
// yet loads everything again.
func (s *Store) TrimChanges(ctx context.Context, d time.Duration) error {
	return s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		// The newest change stays: its revision tells how far the log reaches back.
		_, err := c.Exec(ctx, `DELETE FROM changes WHERE at < now() - $1::interval AND revision < (SELECT value FROM revision)`, d)
		if err != nil {
			return err
		}
		_, err = c.Exec(ctx, `DELETE FROM replicas WHERE seen_at < now() - interval '1 day'`)
		return err
	})
}
