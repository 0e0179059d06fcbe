package embedded

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// accountNames are tried in order. initdb looks its user up by number and gives
// up when there is none, so a bare number such as 65534 would not do.
var accountNames = []string{"nobody", "daemon", "bin", "www-data"}

// account is who PostgreSQL's programs run as.
type account struct {
	uid, gid uint32
	drop     bool // we are root and have to become this account
}

func currentAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}, nil
	}
	for _, name := range accountNames {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil || uid == 0 {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return account{uid: uint32(uid), gid: uint32(gid), drop: true}, nil
	}
	return account{}, fmt.Errorf("PostgreSQL cannot run as root, and this machine has none of the accounts %v to run it as: "+
		"run as another user, or set DATABASE_URL to a server of your own", accountNames)
}

// own gives a path that this package made to the account.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// makeDir creates dir, private to the account. Missing parents stay ours.
func (a account) makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	return a.own(dir)
}
