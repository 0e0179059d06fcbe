package envoy

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BinaryVersion is the version of Envoy that the configuration is written for and tested with.
const BinaryVersion = "1.40.0"

// localBinary is where a checkout keeps its Envoy, relative to go.mod.
const localBinary = ".local/envoy/envoy/_bin/envoy"

// ErrNoBinary says how to get an Envoy.
var ErrNoBinary = errors.New("no Envoy found: set ENVOY_BIN to an Envoy " + BinaryVersion +
	" binary, put one at " + localBinary + " in the checkout, or put envoy into PATH")

// FindBinary finds Envoy's binary: ENVOY_BIN, else the one of the checkout that the working directory is in, else PATH.
// If ENVOY_BIN is set but is no executable file, that is an error; nothing else is tried. Without any: ErrNoBinary.
func FindBinary() (string, error) {
	if path := os.Getenv("ENVOY_BIN"); path != "" {
		if !executable(path) {
			return "", fmt.Errorf("ENVOY_BIN is %q, which is not an executable file", path)
		}
		return path, nil
	}
	if dir, err := os.Getwd(); err == nil {
		for ; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				if path := filepath.Join(dir, localBinary); executable(path) {
					return path, nil
				}
				break
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	if path, err := exec.LookPath("envoy"); err == nil {
		return path, nil
	}
	return "", ErrNoBinary
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
