package extproc

import "net/netip"

// clientIP is the caller's address as Envoy knows it: with its trusted hops counted, so
// that what a client writes into x-forwarded-for itself is never believed, and a proxy
// in front of Envoy is not taken for its clients. "" where Envoy does not tell.
func clientIP(in *inbound) string {
	at, err := netip.ParseAddrPort(in.attrs["source.address"])
	if err != nil {
		return ""
	}
	return at.Addr().Unmap().String()
}
