package spool

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/purser/purser/policy"
)

// rejected is a line of the file rejected.jsonl.
type rejected struct {
	At    time.Time    `json:"at"`
	Error string       `json:"error"`
	Entry policy.Entry `json:"entry"`
}

func (s *Spool) rejectedPath() string { return filepath.Join(s.cfg.Dir, "rejected.jsonl") }

// reject puts an entry aside. Where even that fails the log has it whole: the
// entries behind it must not wait.
func (s *Spool) reject(e policy.Entry, why error) {
	s.mu.Lock()
	s.stats.Rejected++
	s.mu.Unlock()
	line, err := json.Marshal(rejected{s.cfg.Clock().UTC(), why.Error(), e})
	if err == nil {
		err = s.appendRejected(append(line, '\n'))
	}
	if err != nil {
		s.log.Error("an entry was rejected and could not be put aside", "call_id", e.CallID, "why", why, "err", err, "entry", string(line))
		return
	}
	s.log.Error("an entry was rejected", "call_id", e.CallID, "why", why, "file", s.rejectedPath())
}

func (s *Spool) appendRejected(line []byte) error {
	s.rejects.Lock()
	defer s.rejects.Unlock()
	f, err := os.OpenFile(s.rejectedPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Sync(), f.Close())
}

// Requeue appends the rejected entries again, and empties the rejected file if
// all of them could be. Lines that are no entry stay in it. n is how many went.
func (s *Spool) Requeue(ctx context.Context) (n int, err error) {
	s.rejects.Lock()
	defer s.rejects.Unlock()
	f, err := os.Open(s.rejectedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var keep []byte
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4*maxPayload)
	for lines.Scan() {
		var r rejected
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			keep = append(append(keep, lines.Bytes()...), '\n')
			continue
		}
		if err := s.Append(ctx, r.Entry); err != nil {
			return n, err // the file stays as it is: what went twice is one row
		}
		n++
	}
	if err := lines.Err(); err != nil {
		return n, err
	}
	if len(keep) == 0 {
		return n, os.Remove(s.rejectedPath())
	}
	next := s.rejectedPath() + ".new"
	if err := os.WriteFile(next, keep, 0o600); err != nil {
		return n, err
	}
	return n, os.Rename(next, s.rejectedPath())
}
