package envoytest

import (
	"net"
	"testing"
)

// ClosedAddress is an address of this machine where nobody listens until the test ends.
func ClosedAddress(t testing.TB) string {
	t.Helper()
	addr, _ := ReserveAddress(t)
	return addr
}

// ReserveAddress is ClosedAddress for a test that wants to listen there itself, after release. The port is the near end of
// a connection: nobody else can get it, and whoever connects to it is refused. (One that was merely free a moment ago is soon
// another test's.)
func ReserveAddress(t testing.TB) (addr string, release func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("envoytest: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("envoytest: %v", err)
	}
	release = func() {
		_ = conn.(*net.TCPConn).SetLinger(0) // no TIME_WAIT on the port
		_ = conn.Close()
	}
	t.Cleanup(release)
	return conn.LocalAddr().String(), release
}
