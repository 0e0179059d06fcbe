package boot

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Check collects what is wrong with a service's settings, so that all of it is told at
// once. Each error names its variable and what it may be.
type Check struct{ errs []error }

// Err is nil where nothing is wrong.
func (c *Check) Err() error { return errors.Join(c.errs...) }

func (c *Check) fail(name string, value any, want string) {
	c.errs = append(c.errs, fmt.Errorf("%s=%q: it is %s", name, fmt.Sprint(value), want))
}

// OneOf takes one of some words.
func (c *Check) OneOf(name, value string, words ...string) {
	if !slices.Contains(words, value) {
		last := len(words) - 1
		c.fail(name, value, strings.Join(words[:last], ", ")+" or "+words[last])
	}
}

// Within takes a number from low to high.
func Within[N cmp.Ordered](c *Check, name string, value, low, high N) {
	if value < low || value > high {
		c.fail(name, value, fmt.Sprintf("from %v to %v", low, high))
	}
}

// NotNegative takes a length of time, or none.
func (c *Check) NotNegative(name string, value time.Duration) {
	if value < 0 {
		c.fail(name, value, "not negative")
	}
}

// Positive takes a length of time.
func (c *Check) Positive(name string, value time.Duration) {
	if value <= 0 {
		c.fail(name, value, "longer than nothing")
	}
}

// Address takes host:port to listen on, or "" where it may be absent.
func (c *Check) Address(name, value string) {
	if value == "" {
		return
	}
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		c.fail(name, value, "host:port, as in 127.0.0.1:9001")
	}
}

// URLs takes addresses of HTTP servers with commas between, or "".
func (c *Check) URLs(name, value string) {
	for text := range strings.SplitSeq(value, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			c.fail(name, value, "http://host:port, or more with commas between")
			return
		}
	}
}
