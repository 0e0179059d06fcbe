package postgres

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purser/purser/policy"
)

// The copy of a directory on disk, from which a data plane starts while PostgreSQL
// is away. It holds what the data plane does: hashes of keys, never keys.
//
//	magic      8 bytes; the last one is the format's version
//	layout     32 bytes: a hash over the columns, for a program with others must not read it
//	epoch      16 bytes, revision 8: where it goes on from
//	records    kind (1 byte, its place in order), length (4), per column a length
//	           (4; ^0 for none) and the bytes as PostgreSQL sends them
//	end        1 byte 0xFF, the number of records (8)
//	checksum   4 bytes, CRC-32C of all before
const snapshotMagic = "PURSERD\x01"

const snapshotEnd = 0xFF

// maxRecord bounds what is believed of a length: a team's members are the most.
const maxRecord = 1 << 28

// ErrSnapshot is what a file that cannot be used is refused with.
var ErrSnapshot = errors.New("not a usable copy of the directory")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func snapshotLayout() [32]byte {
	var b bytes.Buffer
	for _, kind := range order {
		b.WriteString(tables[kind].layout())
	}
	return sha256.Sum256(b.Bytes())
}

func (t *table[E, P]) layout() string { return t.name + ": " + t.sql.warm + "\n" }

// encode appends the columns that the data plane needs.
func (t *table[E, P]) encode(b []byte, e policy.Entity) ([]byte, error) {
	own, err := t.own(e)
	if err != nil {
		return b, err
	}
	for i := range t.columns {
		c := &t.columns[i]
		if c.cold {
			continue
		}
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		var null bool
		if b, null = c.wire(b, own); null {
			b = b[:at+4]
			binary.BigEndian.PutUint32(b[at:], ^uint32(0))
			continue
		}
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	return b, nil
}

func (t *table[E, P]) decode(b []byte, in *interner) (policy.Entity, error) {
	e := new(E)
	for i := range t.columns {
		c := &t.columns[i]
		if c.cold {
			continue
		}
		if len(b) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		n := binary.BigEndian.Uint32(b)
		b = b[4:]
		var value []byte
		if n != ^uint32(0) {
			if uint64(n) > uint64(len(b)) {
				return nil, io.ErrUnexpectedEOF
			}
			value, b = b[:n:n], b[n:]
		}
		if err := c.read(e, value, in); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.name, c.name, err)
		}
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%s: %d bytes too many", t.name, len(b))
	}
	return P(e), nil
}

// copies remembers the last copy made.
type copies struct {
	running sync.WaitGroup
	busy    atomic.Bool
	at      time.Time
	done    position
}

// copy starts writing the copy on disk where there is news and the last one is old.
func (f *Feed) copy(every time.Duration) {
	at := f.at.Load()
	if f.cfg.CopyPath == "" || at == nil || *at == f.copies.done || time.Since(f.copies.at) < every || !f.copies.busy.CompareAndSwap(false, true) {
		return
	}
	f.copies.at, f.copies.done = time.Now(), *at
	f.copies.running.Go(func() {
		defer f.copies.busy.Store(false)
		if err := f.Snapshot(f.cfg.CopyPath); err != nil {
			f.cfg.Log.Error("the directory could not be copied to disk", "path", f.cfg.CopyPath, "error", err)
		}
	})
}

// Snapshot writes a copy of the directory to a file, whole or not at all, readable
// by its owner only. It may run beside Run. A directory that was never loaded is
// not copied.
func (f *Feed) Snapshot(path string) (err error) {
	at := f.at.Load()
	if at == nil {
		return errors.New("the directory is not loaded yet")
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	sum := crc32.New(castagnoli)
	w := bufio.NewWriterSize(io.MultiWriter(tmp, sum), 1<<18)
	layout := snapshotLayout()
	head := append([]byte(snapshotMagic), layout[:]...)
	head = append(head, at.epoch[:]...)
	if _, err := w.Write(binary.BigEndian.AppendUint64(head, uint64(at.revision))); err != nil {
		return err
	}
	// Entities may be newer than the position, which was read first: what is applied
	// again does no harm.
	var record []byte
	count := uint64(0)
	f.cfg.Directory.All(func(e policy.Entity) bool {
		kind := e.Ref().Kind
		record = append(record[:0], byte(slices.Index(order, kind)), 0, 0, 0, 0)
		if record, err = tables[kind].encode(record, e); err != nil {
			return false
		}
		binary.BigEndian.PutUint32(record[1:], uint32(len(record)-5))
		_, err = w.Write(record)
		count++
		return err == nil
	})
	if err != nil {
		return err
	}
	if _, err := w.Write(binary.BigEndian.AppendUint64([]byte{snapshotEnd}, count)); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if _, err := tmp.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32())); err != nil {
		return err
	}
	// On the disk before it takes the old one's place: a crash leaves one of them whole.
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// LoadSnapshot fills an empty directory from a file that Snapshot wrote. Run goes
// on from there, or loads everything where the tables do not reach back so far. A
// file that is damaged, of another version or not there is an error and changes
// nothing.
func (f *Feed) LoadSnapshot(path string) error {
	if err := checkSnapshot(path); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var at position
	err = readSnapshot(bufio.NewReaderSize(file, 1<<18), &at, func(kind byte, record []byte, in *interner) error {
		e, err := tables[order[kind]].decode(record, in)
		if err == nil {
			f.cfg.Directory.Put(e)
		}
		return err
	})
	if err != nil {
		return err
	}
	f.cfg.OnLoad()
	f.at.Store(&at)
	f.cfg.Directory.SetRevision(at.revision)
	f.cfg.Log.Warn("directory loaded from its copy on disk", "revision", at.revision, "keys", f.cfg.Directory.Keys())
	return nil
}

// checkSnapshot reads the whole file once before anything of it is believed.
func checkSnapshot(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	body := info.Size() - 4
	if body < 0 {
		return fmt.Errorf("%w: it is too short", ErrSnapshot)
	}
	sum := crc32.New(castagnoli)
	if _, err := io.CopyN(sum, file, body); err != nil {
		return err
	}
	var want [4]byte
	if _, err := io.ReadFull(file, want[:]); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(want[:]) != sum.Sum32() {
		return fmt.Errorf("%w: it is damaged", ErrSnapshot)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	// Decoded into nothing, so that a file that is whole but wrong changes nothing.
	var at position
	return readSnapshot(bufio.NewReaderSize(file, 1<<18), &at, func(kind byte, record []byte, _ *interner) error {
		_, err := tables[order[kind]].decode(record, nil)
		return err
	})
}

func readSnapshot(r *bufio.Reader, at *position, f func(kind byte, record []byte, in *interner) error) error {
	bad := func(err error) error { return fmt.Errorf("%w: %w", ErrSnapshot, err) }
	head := make([]byte, len(snapshotMagic)+32+16+8)
	if _, err := io.ReadFull(r, head); err != nil {
		return bad(err)
	}
	layout := snapshotLayout()
	if !bytes.HasPrefix(head, []byte(snapshotMagic)) || !bytes.Equal(head[8:40], layout[:]) {
		return bad(errors.New("another version wrote it"))
	}
	copy(at.epoch[:], head[40:])
	at.revision = int64(binary.BigEndian.Uint64(head[56:]))
	in := newInterner()
	var record []byte
	for count := uint64(0); ; count++ {
		kind, err := r.ReadByte()
		if err != nil {
			return bad(err)
		}
		var size [8]byte
		if kind == snapshotEnd {
			if _, err := io.ReadFull(r, size[:]); err != nil {
				return bad(err)
			}
			if binary.BigEndian.Uint64(size[:]) != count {
				return bad(errors.New("records are missing"))
			}
			return nil
		}
		if int(kind) >= len(order) {
			return bad(fmt.Errorf("a record of kind %d", kind))
		}
		if _, err := io.ReadFull(r, size[:4]); err != nil {
			return bad(err)
		}
		n := binary.BigEndian.Uint32(size[:4])
		if n > maxRecord {
			return bad(fmt.Errorf("a record of %d bytes", n))
		}
		record = slices.Grow(record[:0], int(n))[:n]
		if _, err := io.ReadFull(r, record); err != nil {
			return bad(err)
		}
		if err := f(kind, record, in); err != nil {
			return bad(err)
		}
	}
}
