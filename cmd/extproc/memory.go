package main

import (
	"os"
	"runtime/debug"
)

// manyKeys is from where on the directory is most of what lives in memory.
const manyKeys = 100_000

// thrift keeps the garbage of a load small; the function it returns gives what the
// load used back to the system. A directory of a million keys lives for ever and is
// seldom written, so the collector may run at a smaller share of it than of a small
// heap. GOGC, where it is set, stands.
func (s *service) thrift() (done func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	const usual, thrifty = 100, 40
	debug.SetGCPercent(thrifty)
	return func() {
		if s.directory.Keys() < manyKeys {
			debug.SetGCPercent(usual)
		}
		debug.FreeOSMemory()
	}
}
