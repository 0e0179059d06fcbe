package embedded

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// confine makes cmd run as the account, in its own process group, and get
// deathSignal when the thread that starts it ends. touches names what the
// program will open, so that a capability is granted only where one is needed.
func (a account) confine(cmd *exec.Cmd, deathSignal syscall.Signal, touches ...string) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: deathSignal}
	if !a.drop {
		return nil
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid, NoSetGroups: false}
	for _, path := range touches {
		closed := a.closedParent(path)
		if closed == "" {
			continue
		}
		capability, ok := searchCapability()
		if !ok {
			return fmt.Errorf("PostgreSQL runs as user %d, who may not enter %s, and this process lacks the capability to let it: "+
				"keep the data in a folder outside of it", a.uid, closed)
		}
		cmd.SysProcAttr.AmbientCaps = []uintptr{capability}
		break
	}
	return nil
}

// closedParent returns the first folder above path that the account may not enter.
func (a account) closedParent(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	for dir := filepath.Dir(abs); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil {
			bit := os.FileMode(0o001)
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				switch {
				case st.Uid == a.uid:
					bit = 0o100
				case st.Gid == a.gid:
					bit = 0o010
				}
			}
			if info.Mode().Perm()&bit == 0 {
				return dir
			}
		}
		if dir == "/" || dir == "." {
			return ""
		}
	}
}

// searchCapability picks the weakest capability we hold that lets a process pass
// through folders closed to it. Container engines grant root only the stronger one.
func searchCapability() (uintptr, bool) {
	permitted, err := permittedCapabilities()
	if err != nil {
		return 0, false
	}
	for _, c := range []uintptr{unix.CAP_DAC_READ_SEARCH, unix.CAP_DAC_OVERRIDE} {
		if permitted&(1<<c) != 0 {
			return c, true
		}
	}
	return 0, false
}

func permittedCapabilities() (uint64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if hex, ok := strings.CutPrefix(lines.Text(), "CapPrm:"); ok {
			return strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
		}
	}
	return 0, fmt.Errorf("no CapPrm in /proc/self/status")
}

// isServerOf tells whether pid is a PostgreSQL server that works in dataDir.
// A server changes into its data folder, so its working directory says which.
func isServerOf(pid int, dataDir string) bool {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil || !strings.HasPrefix(filepath.Base(exe), "postgres") {
		return false
	}
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return false
	}
	if real, err := filepath.EvalSymlinks(dataDir); err == nil {
		dataDir = real
	}
	return cwd == dataDir
}
