package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// mostCachedDays bounds the days of a query that are looked for in memory.
const mostCachedDays = 1000

// wantedDays are the days of a query.
type wantedDays struct {
	labels      []string
	from, until []time.Time
	at          []cachedAt
}

func daysWanted(q policy.ActivityQuery, zone *time.Location) (w wantedDays) {
	by := policy.ScopeProxy
	if q.Scope == policy.ScopeTag || q.Scope == policy.ScopeCustomer {
		by = q.Scope
	}
	y, m, first := q.From.Date()
	uy, um, uday := q.Until.Date()
	end := time.Date(uy, um, uday, 0, 0, 0, 0, time.UTC)
	for i := range maxDays {
		date := time.Date(y, m, first+i, 0, 0, 0, 0, time.UTC)
		if !date.Before(end) {
			break
		}
		from, until := time.Date(y, m, first+i, 0, 0, 0, 0, zone), time.Date(y, m, first+i+1, 0, 0, 0, 0, zone)
		w.labels, w.from, w.until = append(w.labels, date.Format(dayFormat)), append(w.from, from), append(w.until, until)
		w.at = append(w.at, cachedAt{by: by, from: from.Unix(), until: until.Unix()})
	}
	return w
}

// stamps of each day.
func (w *wantedDays) stamps(of map[int64]stamp) [][]stamp {
	out := make([][]stamp, len(w.at))
	for i := range out {
		for _, day := range utcDays(w.from[i], w.until[i]) {
			out[i] = append(out[i], of[day])
		}
	}
	return out
}

// cachedActivity answers from days in memory, which it reads where they are not there or
// have changed; false where that is not for this query: a few entities' sums are read faster
// than everybody's, and what does not fit into the memory meant for it is read in vain.
func (s *Store) cachedActivity(ctx context.Context, q policy.ActivityQuery, zone *time.Location) (out []policy.ActivityRow, ok bool, err error) {
	w := daysWanted(q, zone)
	if s.cfg.ActivityRows < 0 || len(w.at) == 0 || len(w.at) > mostCachedDays {
		return nil, false, nil
	}
	var days []*cachedDay
	var names *naming
	first, last := w.from[0], w.until[len(w.until)-1]
	err = s.with(ctx, s.cfg.LongTimeout, func(ctx context.Context, c *pgx.Conn) error {
		stamps, err := stampsOf(ctx, c, first, last)
		days, ok, names = s.cache.find(w.at, w.stamps(stamps))
		return err
	})
	if err != nil {
		return nil, false, err
	}
	if !ok {
		if q.IDs != nil || q.KeyHash != "" || s.cache.tooLarge(w.at, false) {
			return nil, false, nil
		}
		select {
		case s.cache.loading <- struct{}{}:
			defer func() { <-s.cache.loading }()
		case <-ctx.Done():
			return nil, false, s.fail(ctx, ctx.Err())
		}
		err = s.snapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
			of, err := stampsOf(ctx, tx, first, last)
			if err != nil {
				return err
			}
			stamps := w.stamps(of)
			if days, ok, names = s.cache.find(w.at, stamps); ok {
				return nil
			}
			ok, err = s.loadDays(ctx, tx, &w, stamps, days, names)
			return err
		})
		if err != nil || !ok {
			return nil, false, err
		}
	}
	out, err = reduce(q, w.labels, days, names)
	return out, true, err
}

// countDays adds up what a measure is of the rows of each of some days (UTC) that a query
// of nobody's rows in particular selects; nil where that is not known.
func (s *Store) countDays(ctx context.Context, tx pgx.Tx, of []logDay, q policy.LogQuery, measure int) ([]int64, error) {
	if s.cfg.ActivityRows < 0 {
		return nil, nil
	}
	var w wantedDays
	first, last := of[0].day, of[0].day
	for _, d := range of {
		from, until := d.day, d.day.AddDate(0, 0, 1)
		w.from, w.until, w.at = append(w.from, from), append(w.until, until), append(w.at, cachedAt{by: policy.ScopeProxy, from: from.Unix(), until: until.Unix()})
		if from.Before(first) {
			first = from
		}
		last = later(last, from)
	}
	stamps, err := stampsOf(ctx, tx, first, last)
	if err != nil {
		return nil, err
	}
	days, ok, names := s.cache.find(w.at, w.stamps(stamps))
	if !ok {
		if s.cache.tooLarge(w.at, false) {
			return nil, nil
		}
		if ok, err = s.loadDays(ctx, tx, &w, w.stamps(stamps), days, names); err != nil || !ok {
			return nil, err
		}
	}
	out := make([]int64, len(days))
	model, modelKnown := names.find(clean(q.Model, maxID))
	group, groupKnown := names.find(clean(q.ModelGroup, maxID))
	if q.Model != "" && !modelKnown || q.ModelGroup != "" && !groupKnown {
		return out, nil
	}
	for i, d := range days {
		for n := range d.rows {
			r := &d.rows[n]
			if (q.Model == "" || r.dims[cModel] == model || r.dims[cAsked] == model) && (q.ModelGroup == "" || r.dims[cGroup] == group || r.dims[cAsked] == group) {
				out[i] += r.sums[measure]
			}
		}
	}
	return out, nil
}

// loadDays reads the days that are nil, and keeps them; false where they are too much.
func (s *Store) loadDays(ctx context.Context, tx pgx.Tx, w *wantedDays, stamps [][]stamp, days []*cachedDay, names *naming) (bool, error) {
	by := w.at[0].by
	g, columns, daily := groupOf(by), cacheNames[cOwn+1:], by != policy.ScopeCustomer
	if by != policy.ScopeProxy {
		columns = append([]string{""}, cacheNames[cKey:]...)
	}
	var p parts
	var touched []time.Time
	for i := range days {
		if days[i] == nil {
			days[i] = &cachedDay{at: w.at[i], stamps: stamps[i]}
			p.add(strconv.Itoa(i), w.from[i], w.until[i], daily)
			for _, day := range utcDays(w.from[i], w.until[i]) {
				touched = append(touched, time.Unix(day, 0).UTC())
			}
		} else {
			days[i] = &cachedDay{at: w.at[i], rows: days[i].rows} // not to be kept again
		}
	}
	// Customers are not in the days, only in the hours, of which they have some each.
	count, most := "SELECT FROM "+dailyTables[g.table].name+" WHERE day = ANY($1::date[])", s.cache.most
	if !daily {
		count, most = "SELECT FROM "+g.table+", unnest($1::date[]) AS days(day) WHERE hour >= day::timestamp AT TIME ZONE 'UTC' AND hour < (day + 1)::timestamp AT TIME ZONE 'UTC' AND "+g.hoursWhere, 4*s.cache.most
	}
	var rows int
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM ("+count+" LIMIT $2) AS found", touched, most+1).Scan(&rows); err != nil {
		return false, err
	}
	if rows > most {
		s.cache.tooLarge(w.at, true)
		return false, nil
	}
	var b conditions
	sql := p.union(&b, g, func(entity string, name func(string) string) string {
		out := "t.label"
		for _, c := range columns {
			if c == "" {
				out += ", " + entity + " AS own"
			} else {
				out += ", " + name(c) + " AS " + c
			}
		}
		return out
	}, func(string) string { return "true" })
	if sql != "" && !daily {
		var dims, sums []string
		for i := range len(columns) + 1 {
			dims = append(dims, itoa(i+1))
		}
		for _, m := range measureNames {
			sums = append(sums, "sum("+m+")::bigint")
		}
		if _, err := tx.Exec(ctx, inMemory); err != nil {
			return false, err
		}
		sql = "SELECT label, own, " + strings.Join(columns[1:], ", ") + ", " + strings.Join(sums, ", ") + " FROM (" + sql + ") AS hours GROUP BY " + strings.Join(dims, ", ")
	}
	if sql != "" {
		if err := readDays(ctx, tx, days, names, columns, sql, b.args); err != nil {
			return false, err
		}
	}
	for _, d := range days {
		if d.stamps != nil {
			s.cache.put(d, names)
		}
	}
	return true, nil
}

// readDays adds the rows up that days are made of.
func readDays(ctx context.Context, tx pgx.Tx, days []*cachedDay, names *naming, columns []string, sql string, args []any) error {
	place := make([]int, len(columns))
	for i, c := range columns {
		for d, name := range cacheNames {
			if c == name {
				place[i] = d
			}
		}
	}
	rows, err := tx.Query(ctx, sql, append([]any{binaryFormat}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	type key struct {
		day  int
		dims [cDims]uint32
	}
	at := map[key]int{}
	for rows.Next() {
		v := rows.RawValues()
		var k key
		if k.day, err = strconv.Atoi(string(v[0])); err != nil {
			return err
		}
		names.mu.Lock()
		for i, d := range place {
			k.dims[d] = names.id(v[1+i])
		}
		names.mu.Unlock()
		var sums measures
		for i := range sums {
			b := v[1+len(place)+i]
			if len(b) != 8 {
				return fmt.Errorf("a sum of %d bytes", len(b))
			}
			sums[i] = int64(binary.BigEndian.Uint64(b))
		}
		d := days[k.day]
		i, ok := at[k]
		if !ok {
			i = len(d.rows)
			at[k] = i
			d.rows = append(d.rows, cachedRow{dims: k.dims})
		}
		if !d.rows[i].sums.add(sums, 1) {
			return errOverflow
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, d := range days {
		if d.stamps == nil {
			continue
		}
		kept := make([]cachedRow, 0, len(d.rows)) // of its true size: it stays
		for _, r := range d.rows {
			if r.sums != (measures{}) {
				kept = append(kept, r)
			}
		}
		d.rows = kept
	}
	return nil
}

// entityOf are the columns that name a scope's entities: two for members.
var entityOf = map[policy.ScopeKind][]int{
	policy.ScopeProxy: {}, policy.ScopeOrganization: {cOrganization}, policy.ScopeTeam: {cTeam}, policy.ScopeMember: {cTeam, cUser},
	policy.ScopeProject: {cProject}, policy.ScopeUser: {cUser}, policy.ScopeKey: {cKey}, policy.ScopeTag: {cOwn}, policy.ScopeCustomer: {cOwn},
}

// idSet are the entities of some ids, those that there are.
func (n *naming) idSet(kind policy.ScopeKind, ids []string) map[[2]uint32]bool {
	out := map[[2]uint32]bool{}
	for _, id := range cleanAll(kind, ids) {
		parts, ok := []string{id}, true
		if kind == policy.ScopeMember {
			team, user, _ := strings.Cut(id, "\x1f")
			parts = []string{team, user}
		}
		var k [2]uint32
		for i, p := range parts {
			var there bool
			k[i], there = n.find(p)
			ok = ok && there
		}
		if ok {
			out[k] = true
		}
	}
	return out
}

// reduce answers a query from days.
func reduce(q policy.ActivityQuery, labels []string, days []*cachedDay, names *naming) ([]policy.ActivityRow, error) {
	type group struct {
		day                                        int32
		entity                                     [2]uint32
		key, model, modelGroup, provider, endpoint uint32
	}
	var only, except map[[2]uint32]bool
	if q.IDs != nil {
		only = names.idSet(q.Scope, q.IDs)
	}
	if len(q.Exclude) > 0 {
		except = names.idSet(q.Scope, q.Exclude)
	}
	var told map[uint32]bool
	if q.Keys != nil {
		told = map[uint32]bool{}
		for _, k := range q.Keys {
			if id, ok := names.find(k); ok {
				told[id] = true
			}
		}
	}
	model, modelKnown := names.find(clean(q.Model, maxID))
	key, keyKnown := names.find(q.KeyHash)
	if q.Model != "" && !modelKnown || q.KeyHash != "" && !keyKnown {
		return nil, nil
	}
	entity := entityOf[q.Scope]
	by := func(d policy.Dimensions) bool { return q.By.Has(d) }
	byDay, byEntity, byKey, byModel, byProvider, byRoute := by(policy.ByDay), by(policy.ByEntity), by(policy.ByKey), by(policy.ByModel), by(policy.ByProvider), by(policy.ByRoute)
	room, most := 0, 0
	for _, d := range days {
		room, most = room+len(d.rows), max(most, len(d.rows))
	}
	if !byDay {
		room = most
	}
	if byKey && told == nil || byEntity && len(entity) > 0 && only == nil { // hardly anything falls together
		most = room
	} else {
		room, most = 0, 0
	}
	groups, sums, at := make([]group, 0, room), make([]measures, 0, room), make(map[group]int, most/max(1, len(days)))
	for i, d := range days {
		for n := range d.rows {
			r := &d.rows[n]
			var g group
			named := true
			for e, c := range entity {
				g.entity[e] = r.dims[c]
				named = named && r.dims[c] != 0
			}
			if !named || only != nil && !only[g.entity] || except[g.entity] || q.KeyHash != "" && r.dims[cKey] != key ||
				q.Model != "" && r.dims[cModel] != model && r.dims[cAsked] != model && r.dims[cGroup] != model {
				continue
			}
			if byDay {
				g.day = int32(i)
			}
			if !byEntity {
				g.entity = [2]uint32{}
			}
			if byKey && (told == nil || told[r.dims[cKey]]) {
				g.key = r.dims[cKey]
			}
			if byModel {
				g.model, g.modelGroup = r.dims[cModel], r.dims[cGroup]
			}
			if byProvider {
				g.provider = r.dims[cProvider]
			}
			if byRoute {
				g.endpoint = r.dims[cRoute]
			}
			p, ok := at[g]
			if !ok {
				p = len(groups)
				at[g] = p
				groups, sums = append(groups, g), append(sums, measures{})
			}
			if !sums[p].add(r.sums, 1) {
				return nil, errOverflow
			}
		}
		if byDay {
			clear(at)
		}
	}
	text := names.all()
	out := make([]policy.ActivityRow, 0, len(groups))
	for i, g := range groups {
		m := &sums[i]
		if m[mRequests] == 0 {
			continue
		}
		r := policy.ActivityRow{Entity: text[g.entity[0]], KeyHash: text[g.key], Model: text[g.model], ModelGroup: text[g.modelGroup], Provider: text[g.provider], Route: text[g.endpoint],
			Spend: policy.Money(m[mSpend]), Input: m[mInput], Output: m[mOutput], CacheRead: m[mCacheRead], CacheWrite: m[mCacheWrite],
			Requests: m[mRequests], Succeeded: m[mSucceeded], Failed: m[mFailed], Millis: m[mMillis]}
		if byDay {
			r.Day = labels[g.day]
		}
		if q.Scope == policy.ScopeMember && byEntity {
			r.Entity = policy.MemberID(text[g.entity[0]], text[g.entity[1]])
		}
		out = append(out, r)
	}
	return out, nil
}
