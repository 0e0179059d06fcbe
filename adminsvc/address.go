package adminsvc

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientIP is the caller's address: as Envoy tells it, or as it works it out too, of what
// proxies wrote into X-Forwarded-For: what the farthest one that is believed has seen.
// What a caller writes there itself stands farther left.
func (s *server) clientIP(r *http.Request) string {
	if s.AddressHeader != "" {
		if told := r.Header.Get(s.AddressHeader); told != "" {
			return told
		}
	}
	if s.TrustForwarded {
		if all := r.Header.Values("X-Forwarded-For"); len(all) > 0 {
			seen := strings.Split(strings.Join(all, ","), ",")
			return strings.TrimSpace(seen[max(len(seen)-1-max(s.TrustedHops, 0), 0)])
		}
	}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return ap.Addr().Unmap().String()
	}
	return r.RemoteAddr
}
