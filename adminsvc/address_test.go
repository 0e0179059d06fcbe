package adminsvc

import (
	"net/http/httptest"
	"testing"
)

func TestWhereACallerIs(t *testing.T) {
	const client, balancer = "203.0.113.9", "10.0.0.1"
	for _, c := range []struct {
		name      string
		trust     bool
		hops      int
		forwarded []string
		want      string
	}{
		{"nothing is forwarded", true, 0, nil, "192.0.2.1"},
		{"nobody is believed", false, 1, []string{client}, "192.0.2.1"},
		{"Envoy saw the caller", true, 0, []string{client}, client},
		{"what a caller writes itself", true, 0, []string{"6.6.6.6, " + client}, client},
		{"in a line of its own", true, 0, []string{"6.6.6.6", client}, client},
		{"behind a balancer", true, 1, []string{client + ", " + balancer}, client},
		{"behind a balancer, and pretends", true, 1, []string{"6.6.6.6," + client + "," + balancer}, client},
		{"behind two", true, 2, []string{"6.6.6.6", client + ", 10.0.0.2", balancer}, client},
		{"past the balancer", true, 1, []string{client}, client},
		{"in IPv6", true, 1, []string{"2001:db8::9, " + balancer}, "2001:db8::9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/models", nil) // from 192.0.2.1:1234
			r.Header["X-Forwarded-For"] = c.forwarded
			s := &server{Config: Config{TrustForwarded: c.trust, TrustedHops: c.hops}}
			if got := s.clientIP(r); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			s.AddressHeader = "x-told"
			if got := s.clientIP(r); got != c.want {
				t.Errorf("Envoy tells nothing: %s, want %s", got, c.want)
			}
			if r.Header.Set("X-Told", "127.0.0.1"); s.clientIP(r) != "127.0.0.1" {
				t.Errorf("Envoy tells 127.0.0.1, and it is %s", s.clientIP(r))
			}
		})
	}
}
