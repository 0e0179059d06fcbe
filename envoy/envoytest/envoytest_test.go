package envoytest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoytest"
)

func TestEnvoyLivesAsLongAsItsTest(t *testing.T) {
	var e *envoytest.Envoy
	t.Run("running", func(t *testing.T) {
		e = envoytest.Start(t, envoy.Config{})
		res, err := http.Get(e.URL + "/key/info")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if line := e.WaitAccessLog(t, "/key/info"); !strings.Contains(line, `"status":503`) {
			t.Errorf("logged %s", line)
		}
		if got := e.Admin(t, "/ready"); strings.TrimSpace(got) != "LIVE" {
			t.Errorf("/ready says %q", got)
		}
	})
	if _, err := http.Get(e.AdminURL + "/ready"); err == nil {
		t.Error("Envoy goes on after its test")
	}
}

func TestSeveralAtATime(t *testing.T) {
	a, b := envoytest.Start(t, envoy.Config{}), envoytest.Start(t, envoy.Config{})
	if a.Address == b.Address || a.AdminURL == b.AdminURL {
		t.Errorf("both on %s and %s", a.Address, a.AdminURL)
	}
}
