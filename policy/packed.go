package policy

import (
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"sync/atomic"
	"time"
	"unique"
)

// packedKey is a key as the Directory holds it: some two hundred bytes without a
// pointer in them, where a Key takes a thousand. There are a million of them, and few
// are asked for at a time.
type packedKey struct {
	own    string                // what is this key's alone
	common unique.Handle[string] // what it shares with many: team, models, lists
}

func packKey(k *Key) packedKey {
	own, common := coder{out: make([]byte, 0, 128)}, coder{out: make([]byte, 0, 256)}
	own.own(k)
	common.common(k)
	return packedKey{string(own.out), unique.Make(string(common.out))}
}

// key is what was packed, but for what the data plane does without: who changed it
// and when, and its fields as they were sent.
func (p packedKey) key(h KeyHash) *Key {
	k := &Key{Hash: h}
	own, common := coder{in: p.own, reading: true}, coder{in: p.common.Value(), reading: true}
	own.own(k)
	common.common(k)
	k.compile(k.CreatedAt)
	return k
}

// own are the fields that differ from key to key.
func (c *coder) own(k *Key) {
	c.text(&k.Name)
	c.text(&k.Alias)
	c.text(&k.UserID)
	c.flag(&k.Blocked)
	c.time(&k.Expires)
	c.time(&k.RevokedAt)
	c.hash(&k.Successor)
	c.time(&k.CreatedAt)
	l := &k.Limits
	optional(c, &l.MaxBudget)
	optional(c, &l.SoftBudget)
	optional(c, &l.RPM)
	optional(c, &l.TPM)
	optional(c, &l.TPD)
	optional(c, &l.ITPM)
	optional(c, &l.OTPM)
	optional(c, &l.MaxParallel)
	optional(c, &l.TempBudgetIncrease)
	c.optionalTime(&l.TempBudgetExpiry)
}

// common are the fields that many keys have the same of.
func (c *coder) common(k *Key) {
	c.text(&k.TeamID)
	c.text(&k.ProjectID)
	c.text(&k.OrganizationID)
	c.text(&k.BudgetID)
	c.text(&k.CustomerBudgetID)
	c.list(&k.Models)
	c.list(&k.AllowedRoutes)
	c.list(&k.AllowedIPs)
	c.list(&k.Tags)
	document(c, &k.Aliases, len(k.Aliases) == 0)
	l := &k.Limits
	c.text(&l.BudgetDuration)
	document(c, &l.BudgetLimits, len(l.BudgetLimits) == 0)
	document(c, &l.ModelMaxBudget, len(l.ModelMaxBudget) == 0)
	document(c, &l.BudgetFallbacks, len(l.BudgetFallbacks) == 0)
	document(c, &l.ModelRPM, len(l.ModelRPM) == 0)
	document(c, &l.ModelTPM, len(l.ModelTPM) == 0)
	document(c, &l.ModelITPM, len(l.ModelITPM) == 0)
	document(c, &l.ModelOTPM, len(l.ModelOTPM) == 0)
	c.text((*string)(&l.Enforcement))
	c.list(&l.ShadowLimits)
}

// coder packs fields one after the other, or with reading unpacks them in the same
// order. It reads only what it has written, in this process.
type coder struct {
	out     []byte
	in      string
	reading bool
}

func (c *coder) number(v *uint64) {
	if !c.reading {
		c.out = binary.AppendUvarint(c.out, *v)
		return
	}
	*v = 0
	for shift := 0; c.in != ""; shift += 7 {
		b := c.in[0]
		c.in = c.in[1:]
		*v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return
		}
	}
}

// text is read without a copy: it lives as long as what it was packed in.
func (c *coder) text(v *string) {
	n := uint64(len(*v))
	if c.number(&n); c.reading {
		n = min(n, uint64(len(c.in)))
		*v, c.in = c.in[:n], c.in[n:]
		return
	}
	c.out = append(c.out, *v...)
}

// hash is that of another key, or of none.
func (c *coder) hash(v *KeyHash) {
	text := ""
	if *v != (KeyHash{}) {
		text = string(v[:])
	}
	if c.text(&text); c.reading {
		*v = KeyHash{}
		copy(v[:], text)
	}
}

func (c *coder) flag(v *bool) {
	n := uint64(0)
	if *v {
		n = 1
	}
	c.number(&n)
	*v = n == 1
}

func (c *coder) signed(v *int64) {
	n := uint64(*v)<<1 ^ uint64(*v>>63)
	c.number(&n)
	*v = int64(n>>1) ^ -int64(n&1)
}

// optional is a number that may be absent.
func optional[N ~int64](c *coder, v **N) {
	there := *v != nil
	if c.flag(&there); !there {
		return
	}
	var n int64
	if !c.reading {
		n = int64(**v)
	}
	if c.signed(&n); c.reading {
		*v = new(N(n))
	}
}

// time comes back in UTC.
func (c *coder) time(v *time.Time) {
	there := !v.IsZero()
	if c.flag(&there); !there {
		return
	}
	seconds, nanos := v.Unix(), uint64(v.Nanosecond())
	c.signed(&seconds)
	if c.number(&nanos); c.reading {
		*v = time.Unix(seconds, int64(nanos)).UTC()
	}
}

func (c *coder) optionalTime(v **time.Time) {
	there := *v != nil
	if c.flag(&there); !there {
		return
	}
	if c.reading {
		*v = new(time.Time)
	}
	c.time(*v)
}

func (c *coder) list(v *[]string) {
	n := uint64(len(*v))
	if c.number(&n); c.reading && n > 0 {
		*v = make([]string, min(n, uint64(len(c.in))))
	}
	for i := range *v {
		c.text(&(*v)[i])
	}
}

// document is what few keys have, as JSON.
func document[V any](c *coder, v *V, empty bool) {
	var text string
	if !c.reading && !empty {
		b, _ := json.Marshal(v) // maps and lists of texts and numbers
		text = string(b)
	}
	if c.text(&text); c.reading && text != "" {
		_ = json.Unmarshal([]byte(text), v)
	}
}

// keyTable holds keys packed, and those asked for lately unpacked too.
type keyTable struct {
	*table[KeyHash, packedKey]
	hot [4096]atomic.Pointer[hotKey]
}

// hotKey is an unpacked key, and what it was unpacked from: it is of use only as
// long as that is what the table holds.
type hotKey struct {
	from packedKey
	key  *Key
}

func newKeyTable() *keyTable { return &keyTable{table: newTable[KeyHash, packedKey]()} }

func (t *keyTable) get(h KeyHash) (*Key, bool) {
	p, ok := t.table.get(h)
	if !ok {
		return nil, false
	}
	// By a seed of ours: who chooses keys must not choose which ones displace which.
	place := &t.hot[maphash.Comparable(seed, h)/shards%uint64(len(t.hot))]
	if hot := place.Load(); hot != nil && hot.key.Hash == h && hot.from == p {
		return hot.key, true
	}
	k := p.key(h)
	place.Store(&hotKey{p, k})
	return k, true
}

func (t *keyTable) put(k *Key) { t.table.put(k.Hash, packKey(k)) }

// each unpacks one key at a time.
func (t *keyTable) each(f func(*Key) bool) bool {
	return t.table.each(func(h KeyHash, p packedKey) bool { return f(p.key(h)) })
}
