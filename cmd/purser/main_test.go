package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/purser/purser/policy/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	code := postgrestest.Run(m)
	if programsDir != "" {
		os.RemoveAll(programsDir)
	}
	os.Exit(code)
}

func TestDispatch(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		code int
		out  string
		err  string
	}{
		{"nothing", nil, 2, "", "commands:"},
		{"help", []string{"help"}, 0, "envoy-config", ""},
		{"unknown command", []string{"down"}, 2, "", `no command "down"`},
		{"version", []string{"version"}, 0, version, ""},
		{"help of a command", []string{"migrate", "-h"}, 0, "-database-url", ""},
		{"unknown flag", []string{"up", "--nope"}, 2, "", "-nope"},
		{"stray argument", []string{"migrate", "now"}, 2, "", `unexpected argument "now"`},
		{"impossible port", []string{"up", "--port", "70000"}, 2, "", "--port 70000"},
		{"no address", []string{"up", "--listen", "here"}, 2, "", `--listen "here"`},
		{"no such configuration", []string{"up", "--config", "/nonexistent.yaml"}, 1, "", "--config"},
		{"no extproc", []string{"up", "--config", os.DevNull, "--extproc", "/nonexistent"}, 1, "", "make build"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			if code := dispatch(t.Context(), tc.args, &out, &errOut); code != tc.code {
				t.Errorf("status %d, want %d", code, tc.code)
			}
			if !strings.Contains(out.String(), tc.out) || !strings.Contains(errOut.String(), tc.err) {
				t.Errorf("out: %s\nerr: %s", out.String(), errOut.String())
			}
		})
	}
}

func TestMigrateSaysWhatItDid(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := dispatch(t.Context(), []string{"migrate", "--database-url", postgrestest.URL(t)}, &out, &errOut); code != 0 {
		t.Fatalf("status %d: %s", code, errOut.String())
	}
	if !strings.Contains(out.String(), "up to date") {
		t.Errorf("said %q", out.String())
	}
}

func TestEnvoyConfigOfTheDemo(t *testing.T) {
	t.Setenv(fakeProviderURL, "http://127.0.0.1:9/v1")
	t.Setenv(fakeProviderKey, "sk-fake-for-the-test")
	demo := filepath.Join("..", "..", defaultConfig)
	var out, errOut bytes.Buffer
	if code := dispatch(t.Context(), []string{"envoy-config", "--config", demo, "--port", "4321", "--trusted-hops", "2"}, &out, &errOut); code != 0 {
		t.Fatalf("status %d: %s", code, errOut.String())
	}
	for _, want := range []string{"4321", "purser-extproc", "sk-fake-for-the-test", "xff_num_trusted_hops: 2"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the configuration", want)
		}
	}
}

func TestInnerPorts(t *testing.T) {
	first, release, err := innerPorts("a folder", 5)
	if err != nil {
		t.Fatal(err)
	}
	other, releaseOther, err := innerPorts("a folder", 5)
	if err != nil {
		t.Fatal(err)
	}
	defer releaseOther()
	for _, p := range other {
		if slices.Contains(first, p) {
			t.Errorf("port %d is another stack's, which has not bound it yet", p)
		}
	}
	release()
	seen := map[int]bool{}
	for _, p := range first {
		if seen[p] || p < firstInnerPort || p >= lastInnerPort {
			t.Errorf("port %d of %v", p, first)
		}
		seen[p] = true
	}
	l, err := net.Listen("tcp", localAddr(first[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	second, release, err := innerPorts("a folder", 5)
	if err != nil || second[0] == first[0] || second[0] != first[1] {
		t.Errorf("a taken port was chosen: %v, then %v (%v)", first, second, err)
	}
	release()
}

func TestCheckOuterNamesThePortAndTheFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	for _, host := range []string{"127.0.0.1", "0.0.0.0"} {
		err := checkOuter(host, port)
		if err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) || !strings.Contains(err.Error(), "--port") {
			t.Errorf("%s: %v", host, err)
		}
	}
}
