package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"strconv"
	"syscall"
)

// Inner ports come from below the range from which Linux takes the ports of
// outgoing connections: there, a port is free now and taken at the next restart.
const (
	firstInnerPort = 20000
	lastInnerPort  = 32000
)

// innerPorts finds n free ports on 127.0.0.1. The search starts at a place that
// depends on seed, so that a stack finds the same ports again and two stacks that
// start at once do not meet.
func innerPorts(seed string, n int) ([]int, error) {
	h := fnv.New32a()
	h.Write([]byte(seed))
	const span = lastInnerPort - firstInnerPort
	start := int(h.Sum32() % span)
	var ports []int
	for i := range span {
		port := firstInnerPort + (start+i)%span
		l, err := net.Listen("tcp", localAddr(port))
		if err != nil {
			continue
		}
		l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports between %d and %d on 127.0.0.1", n, firstInnerPort, lastInnerPort)
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
