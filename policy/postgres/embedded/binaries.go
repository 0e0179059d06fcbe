package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// version of PostgreSQL that is fetched. A data folder belongs to one major version.
const version = embeddedpostgres.V18

const majorVersion = "18"

// DefaultCacheDir is where the programs are kept when Config.CacheDir is empty:
// $PURSER_CACHE_DIR/postgres, else purser/postgres in the user's cache folder. For
// root that is /var/cache: the account that runs the programs must be able to reach
// them, and /root is closed.
func DefaultCacheDir() string {
	if dir := os.Getenv("PURSER_CACHE_DIR"); dir != "" {
		return filepath.Join(dir, "postgres")
	}
	if os.Geteuid() == 0 {
		return "/var/cache/purser/postgres"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Geteuid()))
	}
	return filepath.Join(dir, "purser", "postgres")
}

// binaries makes sure that the programs are in the cache and returns the folder
// that holds bin/postgres and bin/initdb. Several processes may ask at once: the
// first one fetches, the others wait for it.
func binaries(ctx context.Context, acc account, cacheDir string, progress func(string)) (string, error) {
	home := filepath.Join(cacheDir, string(version))
	if isExecutable(filepath.Join(home, "bin", "postgres")) {
		return home, nil
	}
	if err := makeOpenDir(cacheDir); err != nil {
		return "", err
	}
	if closed := acc.closedParent(filepath.Join(home, "bin")); acc.drop && closed != "" {
		// No capability would help: initdb checks with access(2), which ignores them.
		return "", fmt.Errorf("PostgreSQL runs as user %d, who may not enter %s: set PURSER_CACHE_DIR to a folder outside of it", acc.uid, closed)
	}
	unlock, err := Lock(ctx, filepath.Join(cacheDir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if isExecutable(filepath.Join(home, "bin", "postgres")) {
		return home, nil
	}

	progress(fmt.Sprintf("fetching PostgreSQL %s (about 15 MB, once) into %s", version, cacheDir))
	began := time.Now()
	scratch := filepath.Join(cacheDir, "scratch")
	task := fetchTask{
		Archive: filepath.Join(cacheDir, "archive"),
		// Below a folder of the account's, since the library extracts beside the target.
		Into:    filepath.Join(scratch, "programs"),
		Scratch: scratch,
	}
	if err := os.RemoveAll(scratch); err != nil {
		return "", err
	}
	for _, dir := range []string{task.Archive, scratch, task.Into} {
		if err := acc.makeDir(dir); err != nil {
			return "", err
		}
	}
	defer os.RemoveAll(scratch)
	port, err := freePort()
	if err != nil {
		return "", err
	}
	task.Port = uint32(port)
	if err := fetch(ctx, acc, task); err != nil {
		return "", err
	}
	if err := os.Rename(task.Into, home); err != nil {
		return "", err
	}
	progress(fmt.Sprintf("PostgreSQL %s is ready (%.1f s)", version, time.Since(began).Seconds()))
	return home, nil
}

// makeOpenDir is MkdirAll with folders that others may enter, whatever the umask.
func makeOpenDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := makeOpenDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		if os.IsExist(err) {
			return nil
		}
		return err
	}
	return os.Chmod(dir, 0o755)
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// Lock takes an exclusive lock on a file, made if absent, and waits for it until
// ctx ends. The kernel frees it when the process dies.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	for {
		unlock, ok, err := TryLock(path)
		if err != nil || ok {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lock %s: %w", path, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TryLock is Lock without waiting; ok is false when another holds it.
func TryLock(path string) (unlock func(), ok bool, err error) {
	// Go opens with O_CLOEXEC, so a child does not inherit (and outlive us with) the lock.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if err == syscall.EWOULDBLOCK {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { f.Close() }, true, nil
}
