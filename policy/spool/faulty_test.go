package spool

import (
	"errors"
	"sync"
	"syscall"
)

// disk makes files that fail as a disk does: full after so many bytes, with a
// part of the write done.
type disk struct {
	mu       sync.Mutex
	room     int64 // bytes it still takes
	noCreate bool
	noCut    bool
	noSync   error
	syncs    int
	stall    chan struct{} // writes wait until it is closed
	stalled  chan struct{} // tells of one that waits
}

func roomyDisk() *disk { return &disk{room: 1 << 40, stalled: make(chan struct{}, 100)} }

func (d *disk) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *disk) create(path string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.noCreate {
		return nil, syscall.ENOSPC
	}
	f, err := createFile(path)
	return &flakyFile{file: f, d: d}, err
}

type flakyFile struct {
	file
	d *disk
}

func (f *flakyFile) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	stall := f.d.stall
	f.d.mu.Unlock()
	if stall != nil {
		f.d.stalled <- struct{}{}
		<-stall
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	fits := min(int64(len(b)), f.d.room)
	n, err := f.file.WriteAt(b[:fits], off)
	f.d.room -= int64(n)
	if err == nil && n < len(b) {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f *flakyFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.noCut {
		return syscall.EIO
	}
	return f.file.Truncate(size)
}

func (f *flakyFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.syncs++
	return errors.Join(f.d.noSync, f.file.Sync())
}
