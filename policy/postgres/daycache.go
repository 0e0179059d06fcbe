package postgres

import (
	linked "container/list"
	"slices"
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

// A row of a day in memory is told apart by these, as numbers of names. What is summed
// by tag or customer has that and what comes from cKey on.
const (
	cOwn = iota // the tag or the customer
	cUser
	cTeam
	cProject
	cOrganization
	cKey
	cAsked
	cGroup
	cModel
	cProvider
	cRoute
	cDims
)

// cacheNames are the columns.
var cacheNames = [cDims]string{"", "user_id", "team_id", "project_id", "organization_id", "key_hash", "model_asked", "model_group", "model", "provider", "route"}

// cachedRow is some 130 bytes.
type cachedRow struct {
	dims [cDims]uint32
	sums measures
}

// cachedDay is what was counted between two moments, a day of some time zone. It does
// not change.
type cachedDay struct {
	at     cachedAt
	stamps []stamp // of the days (UTC) that it touches
	rows   []cachedRow
}

type cachedAt struct {
	by          policy.ScopeKind // what it is summed by: tags, customers, or the proxy's for all others
	from, until int64            // in seconds
}

// naming numbers names, "" being 0.
type naming struct {
	mu    sync.Mutex
	ids   map[string]uint32
	names []string // only ever appended to
}

// id of a name, a new one where it has none. The caller holds the lock.
func (n *naming) id(name []byte) uint32 {
	if id, ok := n.ids[string(name)]; ok {
		return id
	}
	id, text := uint32(len(n.names)), string(name)
	n.ids[text], n.names = id, append(n.names, text)
	return id
}

// find returns a name's number; false where there is none.
func (n *naming) find(name string) (uint32, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id, ok := n.ids[name]
	return id, ok
}

// all are the names there are by now.
func (n *naming) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.names
}

// dayCache keeps days in memory, those that were asked for last. Whether a day is still
// what the tables have is told by its stamps.
type dayCache struct {
	most    int           // rows
	loading chan struct{} // held by who loads: what many ask for at once is read once

	mu    sync.Mutex
	days  map[cachedAt]*linked.Element // of *cachedDay
	order linked.List                  // that asked for last in front
	rows  int
	names *naming              // of the rows of all of them
	large map[[2]cachedAt]bool // from what day to what day there is too much to keep
}

func newDayCache(most int) *dayCache {
	c := &dayCache{most: most, loading: make(chan struct{}, 1)}
	c.clear()
	return c
}

func (c *dayCache) clear() {
	c.days, c.rows = map[cachedAt]*linked.Element{}, 0
	c.names = &naming{ids: map[string]uint32{"": 0}, names: []string{""}}
	c.order.Init()
	c.large = map[[2]cachedAt]bool{}
}

// tooLarge tells, or with set remembers, that some days do not fit.
func (c *dayCache) tooLarge(at []cachedAt, set bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := [2]cachedAt{at[0], at[len(at)-1]}
	if set && len(c.large) < 1000 {
		c.large[k] = true
	}
	return set || c.large[k]
}

// aDay is what a day costs beside its rows, in rows.
const aDay = 4

// find returns the days that are there with these stamps, nil for the others, and what
// their rows' names are, or are to be.
func (c *dayCache) find(at []cachedAt, stamps [][]stamp) (found []*cachedDay, all bool, names *naming) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.names.all()) > 2*c.most { // most of them of days that are long gone
		c.clear()
	}
	found, all = make([]*cachedDay, len(at)), true
	for i := range at {
		e := c.days[at[i]]
		if e == nil || !slices.Equal(e.Value.(*cachedDay).stamps, stamps[i]) {
			all = false
			continue
		}
		c.order.MoveToFront(e)
		found[i] = e.Value.(*cachedDay)
	}
	return found, all, c.names
}

// put keeps a day, and lets those go that nobody asked for the longest.
func (c *dayCache) put(d *cachedDay, names *naming) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if names != c.names {
		return
	}
	if e := c.days[d.at]; e != nil {
		c.drop(e)
	}
	if len(d.rows)+aDay > c.most {
		return
	}
	c.days[d.at] = c.order.PushFront(d)
	c.rows += len(d.rows) + aDay
	for c.rows > c.most {
		c.drop(c.order.Back())
	}
}

func (c *dayCache) drop(e *linked.Element) {
	d := c.order.Remove(e).(*cachedDay)
	delete(c.days, d.at)
	c.rows -= len(d.rows) + aDay
}

// utcDays are the days (UTC) that [from, until) touches, by their start.
func utcDays(from, until time.Time) (out []int64) {
	for at := from.UTC().Truncate(24 * time.Hour); at.Before(until); at = at.Add(24 * time.Hour) {
		out = append(out, at.Unix())
	}
	return out
}
