package supervise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// claimFile holds the pid of the supervisor that owns a folder, and its lock.
const claimFile = "supervisor.pid"

// ErrInUse says that a folder belongs to a supervisor that is alive.
var ErrInUse = errors.New("in use")

// Claim takes a folder for this process until release is called or the process
// ends, however it ends. If another one has it, the error is an ErrInUse with its pid.
func Claim(dir string) (release func(), err error) {
	path := filepath.Join(dir, claimFile)
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			text, _ := os.ReadFile(path)
			f.Close()
			if err != syscall.EWOULDBLOCK {
				return nil, fmt.Errorf("locking %s: %w", path, err)
			}
			return nil, fmt.Errorf("%s: %w by another supervisor, pid %s", dir, ErrInUse, strings.TrimSpace(string(text)))
		}
		// The last owner may have removed the file between our open and our lock.
		if !isAt(f, path) {
			f.Close()
			continue
		}
		if err := errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid())+"\n")); err != nil {
			f.Close()
			return nil, err
		}
		return func() {
			_ = os.Remove(path)
			_ = f.Close()
		}, nil
	}
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

func isAt(f *os.File, path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	theirs, err := os.Stat(path)
	return err == nil && os.SameFile(ours, theirs)
}
