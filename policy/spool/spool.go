package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/purser/purser/policy"
)

var (
	_ policy.Journal = (*Spool)(nil)
	_ policy.Opener  = (*Spool)(nil)
)

// Spool is a policy.Journal and policy.Opener on a directory. All methods are
// safe for concurrent use.
type Spool struct {
	cfg    Config
	log    *slog.Logger
	lock   *os.File
	cursor *cursor

	token  chan struct{} // held by whoever writes to the log
	writer writer        // guarded by token

	wake       chan struct{} // the drainer's: there is something to do
	wakeSyncer chan struct{}
	stop       context.CancelFunc
	drainer    chan struct{} // closed when it has ended
	syncer     chan struct{}
	rejects    sync.Mutex // guards the rejected file

	scratch batch  // the drainer's, used again and again
	readBuf []byte // likewise

	mu       sync.Mutex
	closed   bool // no more Open and Append
	stopped  bool // the drainer's late results no longer count
	group    *group
	leading  int // groups that are not written yet
	openings map[string]*opening
	opened   int64         // bytes of openings
	unsaved  []*record     // what the disk refused, oldest first: entries and voids
	kept     int           // entries among unsaved
	refusals uint64        // entries ever put into unsaved; the number of the last
	moved    int64         // end of the log when unsaved was last written to it
	failing  error         // the disk refuses writes: why
	progress chan struct{} // closed and replaced whenever entries are done with
	flushing int

	segments []segment // oldest first
	active   file
	unsynced []unsynced
	newFiles bool  // the directory has unsynced names
	dirty    bool  // the active file has unsynced bytes
	end      int64 // of what is saved
	drained  int64 // everything before is in the Sink, or rejected
	pending  int64 // entries between drained and end
	oldest   int64 // when the first of them was appended, Unix nanoseconds
	told     int64 // damage before this position has been reported

	stats    Stats     // the counting part of it
	sinkTold time.Time // when the log last heard of the failing Sink
}

// opening is a request under way.
type opening struct {
	record *record
	pos    int64 // of its last record on disk
	saved  bool
}

// New opens the spool in cfg.Dir, turns the requests that a former process left
// under way into entries, and starts draining. Errors: ErrLocked, and what the
// file system says.
func New(cfg Config) (*Spool, error) {
	if cfg.Dir == "" || cfg.Sink == nil {
		return nil, errors.New("spool: Config.Dir and Config.Sink are required")
	}
	cfg = cfg.filled()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	lock, err := takeLock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &Spool{
		cfg: cfg, log: cfg.Log.With("spool", cfg.Dir), lock: lock,
		token: make(chan struct{}, 1), wake: make(chan struct{}, 1), wakeSyncer: make(chan struct{}, 1),
		drainer: make(chan struct{}), syncer: make(chan struct{}), progress: make(chan struct{}),
		openings: map[string]*opening{},
	}
	s.writer = writer{
		create: cfg.create, path: s.segmentPath, max: cfg.SegmentBytes,
		started: s.segmentStarted, finished: s.segmentFinished,
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	if err := s.recover(); err != nil {
		s.stop()
		if s.cursor != nil {
			s.cursor.file.Close()
		}
		lock.Close()
		return nil, fmt.Errorf("spool: %w", err)
	}
	go s.drain(ctx)
	go s.sync(ctx)
	return s, nil
}

func (s *Spool) cursorPath() string { return filepath.Join(s.cfg.Dir, "cursor") }

// Flush waits until every entry appended before the call is in the Sink, or
// rejected. Errors: ctx's, ErrClosed.
func (s *Spool) Flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushing++
	defer func() { s.flushing-- }()
	signal(s.wake)
	target, last := s.end, s.refusals
	return s.waitFor(ctx, func() bool {
		if last > 0 {
			target = max(target, s.moved) // some of what was in memory may have gone to the log meanwhile
		}
		inMemory := s.kept > 0 && s.refusals-uint64(s.kept) < last
		return !inMemory && (s.drained >= target || s.pending == 0)
	})
}

// waitFor waits until done. The caller holds mu, and done is called with it held.
func (s *Spool) waitFor(ctx context.Context, done func() bool) error {
	for !done() {
		if s.stopped {
			return ErrClosed
		}
		progress := s.progress
		s.mu.Unlock()
		await(ctx, progress)
		s.mu.Lock()
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close refuses new records, drains until all is in the Sink, ctx ends or
// Config.DrainDeadline is over, and leaves the rest on disk for the next start. A
// Sink or a disk that hangs costs a second more each.
// Its error tells of entries that are neither in the Sink nor on disk.
func (s *Spool) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DrainDeadline)
	defer cancel()
	written := func() bool { return s.leading == 0 }

	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	_ = s.waitFor(ctx, written)
	s.mu.Unlock()
	_ = s.Flush(ctx) // what it does not reach stays on disk

	s.stop()
	// Neither a Sink that ignores its context nor a disk that hangs may hold the process up.
	over := context.WithoutCancel(ctx)
	grace, cancelDrainer := context.WithTimeout(over, time.Second)
	defer cancelDrainer()
	await(grace, s.drainer)
	grace, cancelDisk := context.WithTimeout(over, time.Second)
	defer cancelDisk()
	await(grace, s.syncer)
	s.mu.Lock()
	_ = s.waitFor(grace, written)
	s.stopped = true
	s.broadcast()
	s.mu.Unlock()
	return s.finish(grace)
}

// finish leaves the directory as the next start wants it.
func (s *Spool) finish(ctx context.Context) error {
	select {
	case s.token <- struct{}{}: // kept: nothing is written any more
	case <-ctx.Done():
		return errors.New("spool: the disk holds a write; its file is left as it is")
	}
	lost := s.mend()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active != nil {
		s.unsynced = append(s.unsynced, unsynced{s.writer.base, s.active})
		s.active = nil
	}
	for _, f := range s.unsynced {
		if err := s.syncAndClose(f); err != nil {
			s.log.Error("the spool could not be synced: power loss may take entries", "err", err)
		}
	}
	s.unsynced = nil
	if s.pending == 0 && len(s.unsaved) == 0 && len(s.openings) == 0 {
		s.drained = s.end
		if err := s.cursor.store(s.drained); err == nil {
			for _, seg := range s.segments {
				_ = os.Remove(s.segmentPath(seg.base))
			}
			s.segments = nil
		}
	}
	_ = s.cursor.file.Sync()
	_ = s.cursor.file.Close()
	syncDir(s.cfg.Dir)
	_ = s.lock.Close()
	if n := s.kept; n > 0 {
		for _, r := range s.unsaved {
			s.log.Error("an entry is neither in the sink nor on disk", "call_id", r.id(), "err", lost)
		}
		return fmt.Errorf("spool: %d entries are neither in the sink nor on disk: %w", n, lost)
	}
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func await(ctx context.Context, done <-chan struct{}) {
	select {
	case <-done:
	case <-ctx.Done():
	}
}
