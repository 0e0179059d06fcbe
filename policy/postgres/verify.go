package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// maxDifferences bounds what Verify lists of each sort.
const maxDifferences = 20

// Verify compares the sums with the rows they are of (hours older than the oldest
// row kept are left out), the days with the hours, and the totals with the hours, but for scopes whose id had
// another life before. It returns the differences,
// none where the ledger's tables agree. It reads everything: for tools and tests.
func (s *Store) Verify(ctx context.Context) (differences []string, err error) {
	statements := []string{
		hoursDiffer("spend_hourly", hourDims, "spend_logs AS l"),
		hoursDiffer("spend_hourly_tag", hourTagDims, "spend_logs AS l CROSS JOIN unnest(l.tags) AS t(tag)"),
		daysDiffer("spend_hourly"),
		daysDiffer("spend_hourly_tag"),
		totalsDiffer(),
	}
	err = s.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for _, sql := range statements {
			rows, err := tx.Query(ctx, sql)
			if err != nil {
				return err
			}
			found, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			differences = append(differences, found...)
		}
		return nil
	})
	return differences, err
}

// rowMeasures are measureNames computed from a row of spend_logs.
var rowMeasures = []string{
	"l.spend", "l.input", "l.output",
	"CASE WHEN request THEN coalesce(l.cached, 0) ELSE 0 END",
	"CASE WHEN request THEN coalesce(l.cache_write_5m, 0) + coalesce(l.cache_write_1h, 0) ELSE 0 END",
	"request::int", "(request AND l.status = 'success')::int", "(request AND l.status = 'failure')::int",
	"CASE WHEN request THEN greatest(0, trunc(extract(epoch FROM coalesce(l.ended_at, l.started_at) - l.started_at) * 1000)) ELSE 0 END",
}

// adjustedWith are the kinds of adjustments whose sums have a dimension, requests among them.
var adjustedWith = map[int]string{
	dKey: "'', 'key'", dUser: "'', 'user', 'team_member'", dTeam: "'', 'team', 'team_member'",
	dProject: "'', 'project'", dOrganization: "'', 'organization'", dCustomer: "'', 'customer'",
}

func hoursDiffer(table string, dims []int, from string) string {
	var keys, rows, sums, same []string
	for _, d := range dims {
		name := dimNames[d]
		keys = append(keys, name)
		switch d {
		case dAdjusted:
			rows = append(rows, "coalesce(l.adjusted_kind, '') AS adjusted")
		case dTag:
			rows = append(rows, "t.tag")
		case dKey, dUser, dTeam, dProject, dOrganization, dCustomer:
			// Of an adjustment only the scope that it is of: a row's user is who made it.
			rows = append(rows, "CASE WHEN coalesce(l.adjusted_kind, '') IN ("+adjustedWith[d]+") THEN coalesce(l."+name+", '') ELSE '' END AS "+name)
		default:
			rows = append(rows, "coalesce(l."+name+", '') AS "+name)
		}
	}
	for i, m := range measureNames {
		sums = append(sums, "sum("+rowMeasures[i]+")::bigint AS "+m)
		same = append(same, fmt.Sprintf("coalesce(a.%[1]s, 0) = coalesce(b.%[1]s, 0)", m))
	}
	only := "true"
	if table == "spend_hourly" {
		only = "coalesce(l.adjusted_kind, '') <> 'tag'"
	} else {
		only = "coalesce(l.adjusted_kind, 'tag') = 'tag'"
	}
	return `WITH a AS (
			SELECT date_trunc('hour', l.reserved_at, 'UTC') AS hour, ` + strings.Join(rows, ", ") + `, ` + strings.Join(sums, ", ") + `
			FROM ` + from + ` CROSS JOIN LATERAL (SELECT l.type = '` + string(policy.EntryRequest) + `' AS request) AS is_request
			WHERE ` + only + ` GROUP BY hour, ` + strings.Join(numbered(2, len(dims)), ", ") + `),
		b AS (SELECT * FROM ` + table + ` WHERE hour >= (SELECT min(day)::timestamp AT TIME ZONE 'UTC' FROM spend_logs))
		SELECT format('` + table + `: rows %s, sums %s', row_to_json(a), row_to_json(b))
		FROM a FULL JOIN b USING (hour, ` + strings.Join(keys, ", ") + `)
		WHERE NOT (` + strings.Join(same, " AND ") + `) LIMIT ` + itoa(maxDifferences)
}

func numbered(from, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = itoa(from + i)
	}
	return out
}

func totalsDiffer() string {
	const model = "coalesce(nullif(model_asked, ''), nullif(model_group, ''), model)"
	var parts []string
	for kind := policy.ScopeProxy; kind <= policy.ScopeTag; kind++ {
		g := groupOf(kind)
		parts = append(parts, fmt.Sprintf("SELECT '%[1]s' AS scope_kind, %[2]s AS scope_id, %[3]s AS model, spend, input, output, requests FROM %[4]s WHERE adjusted IN ('', '%[1]s') AND %[5]s",
			kind, g.hours, model, g.table, g.hoursWhere))
	}
	return `WITH hours AS (` + strings.Join(parts, " UNION ALL ") + `),
		a AS (
			SELECT scope_kind, scope_id, model, sum(spend)::bigint AS spend, sum(input)::bigint AS input, sum(output)::bigint AS output, sum(requests)::bigint AS requests
			FROM (SELECT * FROM hours WHERE model <> '' UNION ALL SELECT scope_kind, scope_id, '', spend, input, output, requests FROM hours) AS h
			GROUP BY 1, 2, 3),
		b AS (SELECT * FROM spend_totals)
		SELECT format('spend_totals: sums %s, totals %s', row_to_json(a), row_to_json(b))
		FROM a FULL JOIN b USING (scope_kind, scope_id, model) CROSS JOIN LATERAL (SELECT scope_kind AS kind, scope_id AS id) AS q
		WHERE NOT EXISTS (SELECT FROM spend_starts AS s WHERE started_at IS NOT NULL AND (s.scope_kind = q.kind AND s.scope_id = q.id OR
			q.kind = 'team_member' AND (s.scope_kind = 'team' AND s.scope_id = split_part(q.id, E'\x1f', 1) OR s.scope_kind = 'user' AND s.scope_id = split_part(q.id, E'\x1f', 2))))
			AND NOT (coalesce(a.spend, 0) = coalesce(b.spend, 0) AND coalesce(a.input, 0) = coalesce(b.input, 0)
			AND coalesce(a.output, 0) = coalesce(b.output, 0) AND coalesce(a.requests, 0) = coalesce(b.requests, 0)) LIMIT ` + itoa(maxDifferences)
}
