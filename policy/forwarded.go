package policy

import "strings"

// ForwardedURIs lists the first URI of each element of an x-forwarded-client-cert
// header, in order; "" where an element has none. A header that cannot be read
// lists nothing: half of one could name somebody else.
func ForwardedURIs(xfcc string) []string {
	var out []string
	for rest := xfcc; strings.TrimSpace(rest) != ""; {
		uri, more := "", true
		for more {
			name, value, after, sep, ok := forwardedPair(rest)
			if !ok {
				return nil
			}
			if uri == "" && strings.EqualFold(name, "uri") {
				uri = value
			}
			rest, more = after, sep == ';'
		}
		out = append(out, uri)
	}
	return out
}

// forwardedPair reads one Name=value, quoted or not, and what separates it from
// what follows: ';' , ',' or 0 at the end.
func forwardedPair(s string) (name, value, rest string, sep byte, ok bool) {
	name, s, ok = strings.Cut(s, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" || strings.ContainsAny(name, `,;"`) {
		return "", "", "", 0, false
	}
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, `;,"`)
		if end < 0 {
			return name, strings.TrimSpace(s), "", 0, true
		}
		if s[end] == '"' {
			return "", "", "", 0, false
		}
		return name, strings.TrimSpace(s[:end]), s[end+1:], s[end], true
	}
	var b strings.Builder
	for k := 1; k < len(s); k++ {
		switch c := s[k]; c {
		case '\\':
			if k++; k < len(s) {
				b.WriteByte(s[k])
			}
		case '"':
			after := strings.TrimLeft(s[k+1:], " ")
			if after == "" {
				return name, b.String(), "", 0, true
			}
			if after[0] != ';' && after[0] != ',' {
				return "", "", "", 0, false
			}
			return name, b.String(), after[1:], after[0], true
		default:
			b.WriteByte(c)
		}
	}
	return "", "", "", 0, false // the quote never ends
}
