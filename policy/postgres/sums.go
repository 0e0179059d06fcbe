package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
)

// scopesOf lists whose spend an entry counts to.
func scopesOf(e *policy.Entry) []policy.Scope {
	if e.Type == policy.EntryAdjustment {
		kind, _ := policy.ParseScopeKind(e.AdjustedKind)
		return []policy.Scope{{Kind: kind, ID: e.AdjustedID}}
	}
	out := make([]policy.Scope, 1, 8+len(e.Tags)) // the proxy's is the zero Scope
	add := func(kind policy.ScopeKind, id string) {
		if id != "" {
			out = append(out, policy.Scope{Kind: kind, ID: id})
		}
	}
	add(policy.ScopeOrganization, e.OrganizationID)
	add(policy.ScopeTeam, e.TeamID)
	if e.TeamID != "" && e.UserID != "" {
		add(policy.ScopeMember, policy.MemberID(e.TeamID, e.UserID))
	}
	add(policy.ScopeProject, e.ProjectID)
	add(policy.ScopeUser, e.UserID)
	add(policy.ScopeKey, e.KeyHash)
	add(policy.ScopeCustomer, e.CustomerID)
	for _, t := range e.Tags {
		add(policy.ScopeTag, t)
	}
	return out
}

// publicModel is the name a model's limits and totals know it by.
func publicModel(e *policy.Entry) string { return cmp.Or(e.ModelAsked, e.ModelGroup, e.Model) }

// measures are what is summed, in the order of the tables' columns.
type measures [9]int64

const (
	mSpend = iota
	mInput
	mOutput
	mCacheRead
	mCacheWrite
	mRequests
	mSucceeded
	mFailed
	mMillis
)

var measureNames = []string{"spend", "input", "output", "cache_read", "cache_write", "requests", "succeeded", "failed", "millis"}

// measuresOf an entry. A request the client left counts as neither succeeded nor failed.
func measuresOf(e *policy.Entry) (m measures) {
	m[mSpend] = int64(e.Cost.Total)
	m[mInput], m[mOutput] = e.Usage.Input, e.Usage.Output
	if e.Type == policy.EntryAdjustment {
		return m
	}
	m[mRequests] = 1
	m[mCacheRead], m[mCacheWrite] = e.Usage.Cached, e.Usage.CacheWrite5m+e.Usage.CacheWrite1h
	switch e.Status {
	case policy.StatusSuccess:
		m[mSucceeded] = 1
	case policy.StatusFailure:
		m[mFailed] = 1
	}
	if e.EndedAt.After(e.StartedAt) {
		m[mMillis] = e.EndedAt.Sub(e.StartedAt).Milliseconds()
	}
	return m
}

// add reports whether the sums still fit.
func (m *measures) add(o measures, sign int64) bool {
	ok := true
	for i := range m {
		was, by := m[i], sign*o[i]
		m[i] += by
		ok = ok && (m[i] > was) == (by > 0)
	}
	return ok
}

// errOverflow: a batch of sums beyond an int64, of which PostgreSQL's own would be as well.
var errOverflow = errors.New("the sums are out of range")

// Dimensions of the sums by hour, in the order of the tables' columns. The tag is
// of spend_hourly_tag only, the five ids between are of spend_hourly only.
type hourKey struct {
	hour time.Time
	dims [13]string
}

const (
	dAdjusted = iota
	dTag
	dKey
	dUser
	dTeam
	dProject
	dOrganization
	dCustomer
	dAsked
	dGroup
	dModel
	dProvider
	dRoute
)

var (
	dimNames    = [...]string{"adjusted", "tag", "key_hash", "user_id", "team_id", "project_id", "organization_id", "customer_id", "model_asked", "model_group", "model", "provider", "route"}
	hourDims    = []int{dAdjusted, dKey, dUser, dTeam, dProject, dOrganization, dCustomer, dAsked, dGroup, dModel, dProvider, dRoute}
	hourTagDims = []int{dAdjusted, dTag, dKey, dAsked, dGroup, dModel, dProvider, dRoute}
)

// combination is the hash that a row is unique by within its hour.
func (k *hourKey) combination(dims []int) (id [16]byte) {
	h := sha256.New()
	var size [4]byte
	for _, d := range dims {
		binary.BigEndian.PutUint32(size[:], uint32(len(k.dims[d])))
		h.Write(size[:])
		h.Write([]byte(k.dims[d]))
	}
	copy(id[:], h.Sum(nil))
	return id
}

type totalKey struct{ kind, id, model string }

// sums gathers what a batch changes.
type sums struct {
	hours  map[hourKey]*measures
	tags   map[hourKey]*measures
	totals map[totalKey]*measures
	starts starts // what was reserved before is in no total
	over   bool   // one of them did not fit
}

func newSums(began starts) *sums {
	return &sums{starts: began, hours: map[hourKey]*measures{}, tags: map[hourKey]*measures{}, totals: map[totalKey]*measures{}}
}

func addTo[K comparable](s *sums, m map[K]*measures, k K, by measures, sign int64) {
	have, ok := m[k]
	if !ok {
		have = new(measures)
		m[k] = have
	}
	if !have.add(by, sign) {
		s.over = true
	}
}

// add counts an entry in, or with sign -1 out.
func (s *sums) add(e *policy.Entry, sign int64) {
	m, model := measuresOf(e), publicModel(e)
	for _, scope := range scopesOf(e) {
		kind := scope.Kind.String()
		if e.ReservedAt.Before(s.starts.of(policy.Scope{Kind: scope.Kind, ID: scopeID(scope)})) {
			continue
		}
		addTo(s, s.totals, totalKey{kind, scope.ID, ""}, m, sign)
		if model != "" {
			addTo(s, s.totals, totalKey{kind, scope.ID, model}, m, sign)
		}
	}
	k := hourKey{hour: e.ReservedAt.Truncate(time.Hour)}
	k.dims[dAsked], k.dims[dGroup], k.dims[dModel], k.dims[dProvider], k.dims[dRoute] = e.ModelAsked, e.ModelGroup, e.Model, e.Provider, e.Route
	if e.Type == policy.EntryAdjustment {
		k.adjust(e)
		if k.dims[dTag] != "" {
			addTo(s, s.tags, k, m, sign)
		} else {
			addTo(s, s.hours, k, m, sign)
		}
		return
	}
	k.dims[dKey] = e.KeyHash
	for _, t := range e.Tags {
		k.dims[dTag] = t
		addTo(s, s.tags, k, m, sign)
	}
	k.dims[dTag] = ""
	k.dims[dUser], k.dims[dTeam], k.dims[dProject] = e.UserID, e.TeamID, e.ProjectID
	k.dims[dOrganization], k.dims[dCustomer] = e.OrganizationID, e.CustomerID
	addTo(s, s.hours, k, m, sign)
}

// adjust sets the dimensions of the one scope that an adjustment is of.
func (k *hourKey) adjust(e *policy.Entry) {
	var own policy.Entry
	own.AdjustedKind, own.AdjustedID = e.AdjustedKind, e.AdjustedID
	scopeOfAdjustment(&own)
	k.dims[dAdjusted] = e.AdjustedKind
	k.dims[dKey], k.dims[dUser], k.dims[dTeam], k.dims[dProject] = own.KeyHash, own.UserID, own.TeamID, own.ProjectID
	k.dims[dOrganization], k.dims[dCustomer] = own.OrganizationID, own.CustomerID
	if len(own.Tags) > 0 {
		k.dims[dTag] = own.Tags[0]
	}
}

// write adds the sums to the tables, each table's rows in the order of their key:
// the same for all writers.
func (s *sums) write(ctx context.Context, tx pgx.Tx) error {
	if s.over {
		return errOverflow
	}
	if err := writeHours(ctx, tx, "spend_hourly", hourDims, s.hours); err != nil {
		return err
	}
	if err := writeHours(ctx, tx, "spend_hourly_tag", hourTagDims, s.tags); err != nil {
		return err
	}
	if err := writeDays(ctx, tx, "spend_hourly", s.hours); err != nil {
		return err
	}
	if err := writeDays(ctx, tx, "spend_hourly_tag", s.tags); err != nil {
		return err
	}
	if err := s.writeTotals(ctx, tx); err != nil {
		return err
	}
	return s.stampDays(ctx, tx)
}

// hourSQL adds rows given as arrays.
func hourSQL(table string, dims []int) string {
	names, types, sets := []string{"hour", "combination"}, []string{"$1::timestamptz[]", "$2::uuid[]"}, []string{}
	hole := 3
	add := func(name, typ string) {
		names = append(names, name)
		types = append(types, "$"+itoa(hole)+"::"+typ+"[]")
		hole++
	}
	for _, d := range dims {
		add(dimNames[d], "text")
	}
	for _, m := range measureNames {
		add(m, "bigint")
		sets = append(sets, m+" = "+table+"."+m+" + excluded."+m)
	}
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") SELECT * FROM unnest(" + strings.Join(types, ", ") +
		") ON CONFLICT (hour, combination) DO UPDATE SET " + strings.Join(sets, ", ")
}

var hourStatements = map[string]string{
	"spend_hourly": hourSQL("spend_hourly", hourDims), "spend_hourly_tag": hourSQL("spend_hourly_tag", hourTagDims),
}

func writeHours(ctx context.Context, tx pgx.Tx, table string, dims []int, rows map[hourKey]*measures) error {
	type row struct {
		id  [16]byte
		key *hourKey
		m   *measures
	}
	var sorted []row
	for k, m := range rows {
		if *m != (measures{}) {
			sorted = append(sorted, row{k.combination(dims), &k, m})
		}
	}
	if len(sorted) == 0 {
		return nil
	}
	slices.SortFunc(sorted, func(a, b row) int {
		return cmp.Or(a.key.hour.Compare(b.key.hour), slices.Compare(a.id[:], b.id[:]))
	})
	hours, ids := make([]time.Time, len(sorted)), make([][16]byte, len(sorted))
	texts := columnsOf[string](len(dims), len(sorted))
	counts := columnsOf[int64](len(measureNames), len(sorted))
	for i, r := range sorted {
		hours[i], ids[i] = r.key.hour, r.id
		for c, d := range dims {
			texts[c][i] = r.key.dims[d]
		}
		for c := range counts {
			counts[c][i] = r.m[c]
		}
	}
	_, err := tx.Exec(ctx, hourStatements[table], arguments([]any{hours, ids}, texts, counts)...)
	return err
}

const totalsSQL = `INSERT INTO spend_totals (scope_kind, scope_id, model, spend, input, output, requests)
	SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
	ON CONFLICT (scope_kind, scope_id, model) DO UPDATE SET spend = spend_totals.spend + excluded.spend,
		input = spend_totals.input + excluded.input, output = spend_totals.output + excluded.output,
		requests = spend_totals.requests + excluded.requests`

func (s *sums) writeTotals(ctx context.Context, tx pgx.Tx) error {
	keys := make([]totalKey, 0, len(s.totals))
	for k, m := range s.totals {
		if m[mSpend] != 0 || m[mInput] != 0 || m[mOutput] != 0 || m[mRequests] != 0 {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	// The proxy's rows, which every writer wants, come last and are held shortest.
	slices.SortFunc(keys, func(a, b totalKey) int {
		return cmp.Or(strings.Compare(totalRank(a.kind), totalRank(b.kind)), strings.Compare(a.id, b.id), strings.Compare(a.model, b.model))
	})
	texts := columnsOf[string](3, len(keys))
	counts := columnsOf[int64](4, len(keys))
	for i, k := range keys {
		m := s.totals[k]
		texts[0][i], texts[1][i], texts[2][i] = k.kind, k.id, k.model
		counts[0][i], counts[1][i], counts[2][i], counts[3][i] = m[mSpend], m[mInput], m[mOutput], m[mRequests]
	}
	_, err := tx.Exec(ctx, totalsSQL, arguments(nil, texts, counts)...)
	return err
}

func totalRank(kind string) string {
	if kind == policy.ScopeProxy.String() {
		return "~"
	}
	return kind
}

func columnsOf[T any](columns, rows int) [][]T {
	out := make([][]T, columns)
	for i := range out {
		out[i] = make([]T, rows)
	}
	return out
}

func arguments(first []any, texts [][]string, counts [][]int64) []any {
	for _, t := range texts {
		first = append(first, t)
	}
	for _, c := range counts {
		first = append(first, c)
	}
	return first
}
