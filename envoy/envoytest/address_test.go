package envoytest_test

import (
	"net"
	"testing"

	"github.com/purser/purser/envoy/envoytest"
)

func TestReservedAddressIsClosedUntilReleased(t *testing.T) {
	addr, release := envoytest.ReserveAddress(t)
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("somebody listens there")
	}
	if l, err := net.Listen("tcp", addr); err == nil {
		l.Close()
		t.Error("it can be taken")
	}
	release()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
