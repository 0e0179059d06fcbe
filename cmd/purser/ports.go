package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Inner ports come from below the range from which Linux takes the ports of
// outgoing connections: there, a port is free now and taken at the next restart.
const (
	firstInnerPort = 20000
	lastInnerPort  = 32000
)

// innerPorts finds n free ports on 127.0.0.1 that no other stack is about to take,
// and keeps them from others until release is called or the process ends. The search
// starts at a place that depends on seed, so that a stack finds the same ports again.
func innerPorts(seed string, n int) (ports []int, release func(), err error) {
	h := fnv.New32a()
	h.Write([]byte(seed))
	const span = lastInnerPort - firstInnerPort
	start := int(h.Sum32() % span)
	var claims []*os.File
	release = func() {
		for _, f := range claims {
			_ = f.Close()
		}
	}
	for i := range span {
		port := firstInnerPort + (start+i)%span
		claim, free := claimPort(port)
		if !free {
			continue
		}
		l, err := net.Listen("tcp", localAddr(port))
		if err != nil {
			_ = claim.Close() // nil where there is none
			continue
		}
		l.Close()
		claims = append(claims, claim)
		if ports = append(ports, port); len(ports) == n {
			return ports, release, nil
		}
	}
	release()
	return nil, nil, fmt.Errorf("no %d free ports between %d and %d on 127.0.0.1", n, firstInnerPort, lastInnerPort)
}

// claimPort locks a port among the stacks of this user: one that is free now, and
// bound a second later, is found by another stack in between, whose Envoy then sends
// its calls to this one's provider. Where no lock can be had at all, nobody has one.
func claimPort(port int) (claim *os.File, free bool) {
	dir := filepath.Join(os.TempDir(), "purser-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, true
	}
	f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, true
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, !errors.Is(err, syscall.EWOULDBLOCK)
	}
	return f, true
}

// checkOuter says whether a port can be listened on. Envoy itself would not notice
// another Envoy there: it shares its ports.
func checkOuter(host string, port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d is taken by another program: choose another with --port (make up PORT=%d)", port, port+1)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d may not be listened on by this user: choose one above 1023 with --port (make up PORT=4000)", port)
	}
	return fmt.Errorf("--listen %s --port %d: %w", host, port, err)
}

func localAddr(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

func localURL(port int) string { return "http://" + localAddr(port) }
