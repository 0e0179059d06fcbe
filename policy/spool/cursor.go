package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// cursor stores the position up to which the log is drained: 16 bytes, written
// in place, small enough to be on disk whole or not at all. Losing it costs a
// replay of the segments that are left.
type cursor struct{ file *os.File }

var errCursor = errors.New("the cursor file is damaged")

const cursorVersion = 1

func openCursor(path string) (*cursor, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	var b [16]byte
	switch _, err := f.ReadAt(b[:], 0); {
	case errors.Is(err, io.EOF):
		if info, err := f.Stat(); err == nil && info.Size() == 0 {
			return &cursor{f}, 0, nil
		}
		return &cursor{f}, 0, errCursor
	case err != nil:
		f.Close()
		return nil, 0, err
	}
	pos := int64(binary.LittleEndian.Uint64(b[4:]))
	if b[0] != cursorVersion || binary.LittleEndian.Uint32(b[12:]) != crc32.Checksum(b[:12], castagnoli) || pos < 0 {
		return &cursor{f}, 0, errCursor
	}
	return &cursor{f}, pos, nil
}

func (c *cursor) store(pos int64) error {
	var b [16]byte
	b[0] = cursorVersion
	binary.LittleEndian.PutUint64(b[4:], uint64(pos))
	binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(b[:12], castagnoli))
	_, err := c.file.WriteAt(b[:], 0)
	return err
}
