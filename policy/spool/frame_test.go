package spool

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/codec"
)

// logOf is n records at position base, and where each begins.
func logOf(base int64, n int) (b []byte, starts []int64) {
	for i := range n {
		starts = append(starts, base+int64(len(b)))
		r := newRecord(kindEntry, fmt.Sprintf("id-%d", i), int64(i), 64)
		r.payload = append(r.payload, bytes.Repeat([]byte{byte(i)}, 40+i)...)
		b = r.seal().appendFrame(b, base+int64(len(b)))
	}
	return b, starts
}

// walked is what walk finds in b: the ids, the damage, and where it stopped.
func walked(b []byte, base int64, more bool) (ids []string, damage [][2]int64, end int64) {
	end = walk(b, base, more, func(f frame) bool {
		ids = append(ids, string(f.id))
		return true
	}, func(from, to int64) { damage = append(damage, [2]int64{from, to}) })
	return ids, damage, end
}

func TestWalkSkipsWhatIsNoRecord(t *testing.T) {
	const base = 1 << 20
	whole, at := logOf(base, 4)
	all := []string{"id-0", "id-1", "id-2", "id-3"}
	end := base + int64(len(whole))
	off := func(i int) int64 { return at[i] - base }
	change := func(f func(b []byte) []byte) []byte { return f(slices.Clone(whole)) }
	for _, c := range []struct {
		name   string
		b      []byte
		ids    []string
		damage [][2]int64
		end    int64
	}{
		{"nothing", nil, nil, nil, base},
		{"all whole", whole, all, nil, end},
		{"last record torn in its header", whole[:off(3)+10], all[:3], nil, at[3]},
		{"last record torn in its body", whole[:len(whole)-1], all[:3], nil, at[3]},
		{"a body changed", change(func(b []byte) []byte { b[off(1)+headerLen+9] ^= 1; return b }),
			[]string{"id-0", "id-2", "id-3"}, [][2]int64{{at[1], at[2]}}, end},
		{"a length changed", change(func(b []byte) []byte { b[off(1)+10] ^= 0x7f; return b }),
			[]string{"id-0", "id-2", "id-3"}, [][2]int64{{at[1], at[2]}}, end},
		{"the first two gone to zeros", change(func(b []byte) []byte { clear(b[:off(2)]); return b }),
			all[2:], [][2]int64{{base, at[2]}}, end},
		{"the last changed", change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), all[:3], nil, at[3]},
		{"bytes between", slices.Concat(whole[:off(3)], []byte("xyz")), all[:3], nil, at[3]},
		{"an intact record in another's place", slices.Concat(whole[:off(1)], whole[:off(1)], whole[2*off(1):]),
			[]string{"id-0", "id-2", "id-3"}, [][2]int64{{at[1], at[2]}}, end},
	} {
		t.Run(c.name, func(t *testing.T) {
			ids, damage, end := walked(c.b, base, false)
			if !slices.Equal(ids, c.ids) || !slices.Equal(damage, c.damage) || end != c.end {
				t.Errorf("got %v, damage %v, end %d; want %v, %v, %d", ids, damage, end, c.ids, c.damage, c.end)
			}
		})
	}
}

// A client may put the bytes of a record into a field that we log, at a guessed position.
func TestWalkTakesNoRecordOutOfARecord(t *testing.T) {
	inner := newRecord(kindEntry, "forged", 1, 0).seal()
	outer := newRecord(kindEntry, "outer", 1, 0)
	outer.payload = inner.appendFrame(outer.payload, headerLen+5)
	outer.payload = append(outer.payload, "and more"...)
	b := outer.seal().appendFrame(nil, 0)
	for cut := range len(b) {
		// The first part of a segment, as the drainer reads it.
		if ids, damage, _ := walked(b[:cut], 0, true); len(ids)+len(damage) > 0 {
			t.Fatalf("cut at %d: %v, %v", cut, ids, damage)
		}
	}
	if ids, _, _ := walked(b, 0, false); !slices.Equal(ids, []string{"outer"}) {
		t.Errorf("got %v", ids)
	}
}

// FuzzWalk damages a log: every record outside the damage must be found, in
// order, and every byte must be accounted for once.
func FuzzWalk(f *testing.F) {
	f.Add(uint16(0), uint16(10), []byte("hello"), false)
	f.Add(uint16(100), uint16(100), []byte{}, true)
	f.Add(uint16(300), uint16(0), []byte{0xff, 'P', 'S', 1}, false)
	base := int64(4096)
	whole, at := logOf(base, 8)
	at = append(at, base+int64(len(whole)))
	f.Fuzz(func(t *testing.T, from, size uint16, patch []byte, more bool) {
		// The patch replaces bytes in place, or cuts the log off.
		b := slices.Clone(whole)
		lo := min(int(from), len(b))
		hi := min(lo+int(size), len(b))
		touched := [2]int64{base + int64(lo), base + int64(hi)}
		if len(patch) == 0 {
			b = b[:lo]
			touched[1] = base + int64(len(whole))
		} else {
			for i := lo; i < hi; i++ {
				b[i] = patch[(i-lo)%len(patch)]
			}
		}
		pos := base
		var ids []string
		end := walk(b, base, more, func(f frame) bool {
			if f.start != pos {
				t.Fatalf("record at %d, but %d is not accounted for", f.start, pos)
			}
			pos = f.end
			ids = append(ids, string(f.id))
			return true
		}, func(from, to int64) {
			if from != pos || to <= from {
				t.Fatalf("damage [%d, %d) at %d", from, to, pos)
			}
			pos = to
		})
		if end != pos {
			t.Fatalf("end %d, accounted to %d", end, pos)
		}
		for i := range 8 {
			id := fmt.Sprintf("id-%d", i)
			hurt := at[i] < touched[1] && touched[0] < at[i+1]
			if !hurt && !slices.Contains(ids, id) && !(more && at[i] >= end) {
				t.Errorf("%s is lost: %v", id, ids)
			}
		}
		if !slices.IsSorted(ids) {
			t.Errorf("out of order: %v", ids)
		}
	})
}

// FuzzBytes feeds walk with anything at all.
func FuzzBytes(f *testing.F) {
	b, _ := logOf(0, 3)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		end := walk(b, 0, false, func(f frame) bool {
			_ = codec.ReadEntry(string(f.body), new(policy.Entry))
			return true
		}, func(int64, int64) {})
		if end < 0 || end > int64(len(b)) {
			t.Fatal(end)
		}
	})
}
