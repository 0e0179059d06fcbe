package embedded

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// ownerEnv makes this test binary a program that starts a server in the named
// folder, prints its pid, and waits: a parent for the tests to kill.
const ownerEnv = "EMBEDDED_TEST_OWNER"

func TestMain(m *testing.M) {
	RunChildIfAsked()
	if dir := os.Getenv(ownerEnv); dir != "" {
		os.Exit(owner(dir))
	}
	os.Exit(m.Run())
}

func owner(dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := Start(ctx, Config{DataDir: dir})
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println(s.PID())
	<-ctx.Done()
	if err := s.Stop(); err != nil {
		return 1
	}
	return 0
}
