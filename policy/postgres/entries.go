package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/purser/purser/policy"
)

// entryColumns are those of spend_logs: the row's key first.
var entryColumns = []column[policy.Entry]{
	{name: "day", typ: "date",
		value: func(e *policy.Entry) any { return e.ReservedAt },
		read:  func(*policy.Entry, []byte, *interner) error { return nil }},
	text("call_id", func(e *policy.Entry) *string { return &e.CallID }),
	shared("type", func(e *policy.Entry) *string { return (*string)(&e.Type) }),
	// What the columns do not tell of a usage; the columns after it overwrite the rest.
	{name: "usage_more", typ: "json", value: usageMore, read: func(e *policy.Entry, b []byte, _ *interner) error {
		e.Usage = policy.Usage{}
		if b == nil {
			return nil
		}
		return json.Unmarshal(b, &e.Usage)
	}},
	{name: "source", typ: "smallint",
		value: func(e *policy.Entry) any { return int16(e.Usage.Source) },
		read: func(e *policy.Entry, b []byte, _ *interner) error {
			n, err := readInt(b)
			e.Usage.Source = policy.UsageSource(n)
			return err
		}},
	moment("reserved_at", func(e *policy.Entry) *time.Time { return &e.ReservedAt }),
	moment("started_at", func(e *policy.Entry) *time.Time { return &e.StartedAt }),
	moment("first_byte_at", func(e *policy.Entry) *time.Time { return &e.FirstByte }),
	moment("ended_at", func(e *policy.Entry) *time.Time { return &e.EndedAt }),
	text("request_id", func(e *policy.Entry) *string { return &e.RequestID }),
	text("session_id", func(e *policy.Entry) *string { return &e.Session }),
	text("upstream_id", func(e *policy.Entry) *string { return &e.Upstream }),
	text("key_hash", func(e *policy.Entry) *string { return &e.KeyHash }),
	text("key_alias", func(e *policy.Entry) *string { return &e.KeyAlias }),
	text("user_id", func(e *policy.Entry) *string { return &e.UserID }),
	text("team_id", func(e *policy.Entry) *string { return &e.TeamID }),
	text("team_alias", func(e *policy.Entry) *string { return &e.TeamAlias }),
	text("project_id", func(e *policy.Entry) *string { return &e.ProjectID }),
	text("project_alias", func(e *policy.Entry) *string { return &e.ProjectAlias }),
	text("organization_id", func(e *policy.Entry) *string { return &e.OrganizationID }),
	text("customer_id", func(e *policy.Entry) *string { return &e.CustomerID }),
	tagsOfEntry(),
	text("call_type", func(e *policy.Entry) *string { return &e.CallType }),
	text("route", func(e *policy.Entry) *string { return &e.Route }),
	text("model_asked", func(e *policy.Entry) *string { return &e.ModelAsked }),
	text("model_group", func(e *policy.Entry) *string { return &e.ModelGroup }),
	text("model", func(e *policy.Entry) *string { return &e.Model }),
	text("deployment", func(e *policy.Entry) *string { return &e.Deployment }),
	text("provider", func(e *policy.Entry) *string { return &e.Provider }),
	text("api_base", func(e *policy.Entry) *string { return &e.APIBase }),
	integer("attempts", func(e *policy.Entry) *int { return &e.Attempts }),
	flag("stream", func(e *policy.Entry) *bool { return &e.Stream }),
	shared("status", func(e *policy.Entry) *string { return (*string)(&e.Status) }),
	integer("http_status", func(e *policy.Entry) *int { return &e.HTTPStatus }),
	text("error", func(e *policy.Entry) *string { return &e.Error }),
	always(number("spend", func(e *policy.Entry) *int64 { return (*int64)(&e.Cost.Total) })),
	number("cost_input", func(e *policy.Entry) *int64 { return (*int64)(&e.Cost.Input) }),
	number("cost_output", func(e *policy.Entry) *int64 { return (*int64)(&e.Cost.Output) }),
	number("cost_cache_read", func(e *policy.Entry) *int64 { return (*int64)(&e.Cost.CacheRead) }),
	number("cost_cache_write", func(e *policy.Entry) *int64 { return (*int64)(&e.Cost.CacheWrite) }),
	number("cost_reasoning", func(e *policy.Entry) *int64 { return (*int64)(&e.Cost.Reasoning) }),
	number("cost_other", func(e *policy.Entry) *int64 { return (*int64)(&e.Cost.Other) }),
	always(number("input", func(e *policy.Entry) *int64 { return &e.Usage.Input })),
	always(number("output", func(e *policy.Entry) *int64 { return &e.Usage.Output })),
	number("cached", func(e *policy.Entry) *int64 { return &e.Usage.Cached }),
	number("cache_write_5m", func(e *policy.Entry) *int64 { return &e.Usage.CacheWrite5m }),
	number("cache_write_1h", func(e *policy.Entry) *int64 { return &e.Usage.CacheWrite1h }),
	number("reasoning", func(e *policy.Entry) *int64 { return &e.Usage.Reasoning }),
	text("client_ip", func(e *policy.Entry) *string { return &e.ClientIP }),
	text("user_agent", func(e *policy.Entry) *string { return &e.UserAgent }),
	number("clamped", func(e *policy.Entry) *int64 { return &e.Clamped }),
	text("limits", func(e *policy.Entry) *string { return &e.Limits }),
	text("adjusted_kind", func(e *policy.Entry) *string { return &e.AdjustedKind }),
	text("adjusted_id", func(e *policy.Entry) *string { return &e.AdjustedID }),
}

// entryNames are the columns' names, and entryList the same as SQL.
var entryNames, entryList = func() ([]string, string) {
	names := make([]string, len(entryColumns))
	for i := range entryColumns {
		names[i] = entryColumns[i].name
	}
	return names, strings.Join(names, ", ")
}()

// number is a count; 0 is NULL.
func number[E any](name string, at func(*E) *int64) column[E] {
	return column[E]{name: name, typ: "bigint",
		value: func(e *E) any {
			if n := *at(e); n != 0 {
				return n
			}
			return nil
		},
		read: func(e *E, b []byte, _ *interner) (err error) {
			*at(e), err = readInt(b)
			return err
		}}
}

// always stores a number's 0 as 0: sums over the column are what it is for.
func always[E any](c column[E]) column[E] {
	value := c.value
	c.value = func(e *E) any {
		if v := value(e); v != nil {
			return v
		}
		return int64(0)
	}
	return c
}

// integer is a small count; 0 is NULL.
func integer[E any](name string, at func(*E) *int) column[E] {
	return column[E]{name: name, typ: "int",
		value: func(e *E) any {
			if n := *at(e); n != 0 {
				return int32(n)
			}
			return nil
		},
		read: func(e *E, b []byte, _ *interner) error {
			n, err := readInt(b)
			*at(e) = int(n)
			return err
		}}
}

// readInt decodes an integer of any width; NULL is 0.
func readInt(b []byte) (int64, error) {
	switch len(b) {
	case 0:
		return 0, nil
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b))), nil
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b))), nil
	case 8:
		return int64(binary.BigEndian.Uint64(b)), nil
	}
	return 0, fmt.Errorf("integer of %d bytes", len(b))
}

func tagsOfEntry() column[policy.Entry] {
	c := list("tags", func(e *policy.Entry) *[]string { return &e.Tags })
	c.value = func(e *policy.Entry) any {
		if len(e.Tags) == 0 {
			return nil
		}
		return e.Tags
	}
	return c
}

// usageMore is the rest of a usage, which few requests have.
func usageMore(e *policy.Entry) any {
	u := e.Usage
	u.Input, u.Output, u.Cached, u.CacheWrite5m, u.CacheWrite1h, u.Reasoning, u.Source = 0, 0, 0, 0, 0, 0, 0
	if u == (policy.Usage{}) {
		return nil
	}
	b, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return string(b)
}

// Texts are cut, in bytes, so that no client can make a row, or an index entry (some
// 2700 bytes), too large to store.
const (
	maxID   = 512
	maxText = 1024
)

// clean makes a text storable: valid, without zero bytes, at most max bytes. What is
// cut ends in a hash of the whole, so that different ids stay different.
func clean(s string, max int) string {
	if len(s) <= max && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	whole := s
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= max {
		return s
	}
	sum := sha256.Sum256([]byte(whole))
	cut := max - 20
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…" + hex.EncodeToString(sum[:8])
}

// scopeID is a scope's id as rows have it.
func scopeID(s policy.Scope) string {
	if group, user, ok := strings.Cut(s.ID, "\x1f"); ok && s.Kind == policy.ScopeMember {
		return policy.MemberID(clean(group, maxID), clean(user, maxID))
	}
	return clean(s.ID, maxID)
}

// Times outside these bounds are a broken clock's, and would each make a partition.
var (
	earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC)
)

// normalize makes an entry storable and its times what they read back as.
func normalize(e policy.Entry) policy.Entry {
	for _, f := range []*string{&e.CallID, &e.RequestID, &e.Session, &e.Upstream, &e.KeyHash, &e.KeyAlias, &e.UserID, &e.TeamID, &e.TeamAlias,
		&e.ProjectID, &e.ProjectAlias, &e.OrganizationID, &e.CustomerID, &e.CallType, &e.Route, &e.ModelAsked, &e.ModelGroup, &e.Model,
		&e.Deployment, &e.Provider, &e.ClientIP, &e.AdjustedKind, &e.Usage.ServiceTier} {
		*f = clean(*f, maxID)
	}
	if kind, ok := policy.ParseScopeKind(e.AdjustedKind); ok {
		e.AdjustedID = scopeID(policy.Scope{Kind: kind, ID: e.AdjustedID})
	}
	if e.Type == policy.EntryAdjustment {
		scopeOfAdjustment(&e)
	}
	for _, f := range []*string{&e.APIBase, &e.Error, &e.UserAgent, &e.AdjustedID, &e.Limits} {
		*f = clean(*f, maxText)
	}
	if len(e.Tags) > 0 {
		tags := make([]string, 0, len(e.Tags))
		seen := map[string]bool{}
		for _, t := range e.Tags {
			if t = clean(t, maxID); t != "" && !seen[t] {
				seen[t] = true
				tags = append(tags, t)
			}
		}
		e.Tags = tags
	}
	if e.Type == "" {
		e.Type = policy.EntryRequest
	}
	if e.Status == "" {
		e.Status = policy.StatusSuccess
	}
	micro := func(t time.Time) time.Time {
		if t.Before(earliest) || t.After(latest) {
			return time.Time{}
		}
		return t.UTC().Truncate(time.Microsecond)
	}
	e.ReservedAt, e.StartedAt, e.FirstByte, e.EndedAt = micro(e.ReservedAt), micro(e.StartedAt), micro(e.FirstByte), micro(e.EndedAt)
	for _, t := range []time.Time{e.StartedAt, e.EndedAt, micro(time.Now())} {
		if e.ReservedAt.IsZero() {
			e.ReservedAt = t
		}
	}
	if e.StartedAt.IsZero() {
		e.StartedAt = e.ReservedAt
	}
	return e
}

// scopeOfAdjustment gives an adjustment the ids that its scope is found by.
func scopeOfAdjustment(e *policy.Entry) {
	kind, _ := policy.ParseScopeKind(e.AdjustedKind)
	switch kind {
	case policy.ScopeOrganization:
		e.OrganizationID = e.AdjustedID
	case policy.ScopeTeam:
		e.TeamID = e.AdjustedID
	case policy.ScopeMember:
		e.TeamID, e.UserID, _ = strings.Cut(e.AdjustedID, "\x1f")
	case policy.ScopeProject:
		e.ProjectID = e.AdjustedID
	case policy.ScopeUser:
		e.UserID = e.AdjustedID
	case policy.ScopeKey:
		e.KeyHash = e.AdjustedID
	case policy.ScopeCustomer:
		e.CustomerID = e.AdjustedID
	case policy.ScopeTag:
		e.Tags = []string{e.AdjustedID}
	}
}
