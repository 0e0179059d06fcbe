package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// kind is what a record says.
type kind uint8

const (
	kindEntry kind = 1 // a policy.Entry; closes its call id
	kindOpen  kind = 2 // a request is under way
	kindVoid  kind = 3 // it has no row to come: its Open failed, or its entry went another way
)

const (
	headerLen = 36
	// maxPayload bounds a record, so that a damaged length is seen as such.
	maxPayload = 4 << 20
	maxID      = 1<<16 - 1
)

var (
	magic      = []byte{0xff, 'P', 'S', 1} // the last byte is the format's version
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// record is what a caller wants in the log: an id, then a body, with their sum.
type record struct {
	kind    kind
	idLen   int
	payload []byte
	sum     uint32
	at      int64 // Unix nanoseconds

	op     *opening // kindOpen: what it opens
	carry  bool     // kindOpen: written again, at the end of the log
	closes bool     // kindEntry: an open record of the call may be on disk

	pos   int64 // set when saved
	saved bool
	err   error // why it was not
}

// newRecord starts a record: append its body to payload, then call seal.
func newRecord(k kind, id string, at int64, sizeHint int) *record {
	r := &record{kind: k, idLen: len(id), at: at}
	r.payload = append(make([]byte, 0, len(id)+sizeHint), id...)
	return r
}

func (r *record) seal() *record {
	r.sum = crc32.Checksum(r.payload, castagnoli)
	return r
}

func (r *record) id() string { return string(r.payload[:r.idLen]) }
func (r *record) size() int  { return headerLen + len(r.payload) }

// appendFrame is the record as it lies on disk at position pos.
func (r *record) appendFrame(b []byte, pos int64) []byte {
	start := len(b)
	b = append(b, magic...)
	b = append(b, byte(r.kind), 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(r.idLen))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.payload)))
	b = binary.LittleEndian.AppendUint32(b, r.sum)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.at))
	b = binary.LittleEndian.AppendUint64(b, uint64(pos))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	return append(b, r.payload...)
}

// frame is a record as read. Its parts share the memory read into.
type frame struct {
	kind       kind
	at         int64
	id, body   []byte
	start, end int64 // positions
}

type verdict uint8

const (
	whole verdict = iota
	short         // as far as it goes it may be a record
	broken
)

// parseFrame reads the record that starts at b[0], which is at position pos.
func parseFrame(b []byte, pos int64) (frame, verdict) {
	if len(b) < headerLen {
		if n := min(len(b), len(magic)); !bytes.Equal(b[:n], magic[:n]) {
			return frame{}, broken
		}
		return frame{}, short
	}
	if !bytes.Equal(b[:len(magic)], magic) ||
		binary.LittleEndian.Uint64(b[24:]) != uint64(pos) ||
		binary.LittleEndian.Uint32(b[32:]) != crc32.Checksum(b[:32], castagnoli) {
		return frame{}, broken
	}
	f := frame{kind: kind(b[4]), at: int64(binary.LittleEndian.Uint64(b[16:])), start: pos}
	idLen, size := int(binary.LittleEndian.Uint16(b[6:])), int64(binary.LittleEndian.Uint32(b[8:]))
	if size > maxPayload || int64(idLen) > size || f.kind < kindEntry || f.kind > kindVoid {
		return frame{}, broken
	}
	if int64(len(b)-headerLen) < size {
		return frame{}, short
	}
	payload := b[headerLen : headerLen+size]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[12:]) {
		return frame{}, broken
	}
	f.id, f.body, f.end = payload[:idLen], payload[idLen:], pos+headerLen+size
	return f, whole
}

// walk visits the records in b, which starts at position pos, until visit returns
// false, and tells of every stretch between records that is none. It returns the
// position behind the last record visited; what follows holds no whole record.
// With more, b is the first part of what there is: a record that may go on
// behind it ends the walk, and is never searched for other records.
func walk(b []byte, pos int64, more bool, visit func(frame) bool, damaged func(from, to int64)) int64 {
	for off := 0; off < len(b); {
		f, v := parseFrame(b[off:], pos+int64(off))
		if v == short && more {
			return pos + int64(off)
		}
		if v != whole {
			next := findFrame(b[off+1:], pos+int64(off)+1)
			if next < 0 {
				return pos + int64(off)
			}
			damaged(pos+int64(off), pos+int64(off)+1+int64(next))
			off += 1 + next
			continue
		}
		off = int(f.end - pos)
		if !visit(f) {
			return f.end
		}
	}
	return pos + int64(len(b))
}

// findFrame is the offset of the first whole record in b, or -1.
func findFrame(b []byte, pos int64) int {
	for off := 0; ; off++ {
		i := bytes.Index(b[off:], magic)
		if i < 0 {
			return -1
		}
		off += i
		if _, v := parseFrame(b[off:], pos+int64(off)); v == whole {
			return off
		}
	}
}
