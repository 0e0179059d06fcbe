package extproc

import "strings"

// header is one header field; names are lower case.
type header struct{ name, value string }

// headers are a message's fields, in order.
type headers []header

func (h headers) get(name string) string {
	for i := range h {
		if h[i].name == name {
			return h[i].value
		}
	}
	return ""
}

// inbound is one message of Envoy's, free of protobuf.
type inbound struct {
	kind    messageKind
	headers headers
	body    []byte
	end     bool              // no more of this direction follows
	attrs   map[string]string // what Envoy knows: upstream.address, …
	claims  []byte            // of a token that Envoy has verified: a protobuf Struct; nil for none
}

type messageKind uint8

const (
	requestHeaders messageKind = iota
	requestBody
	responseHeaders
	responseBody
	trailers
)

// bodyMode is how Envoy shall send a body.
type bodyMode uint8

const (
	modeAsConfigured bodyMode = iota
	modeNone
	modeBuffered
	modeStreamed
	// modeHeld sends no body, but asks for trailers: of a socket, which has none, so that
	// Envoy keeps our stream for as long as the socket is open. Without it Envoy ends the
	// stream as soon as it has nothing more to send us.
	modeHeld
)

// outbound answers one message.
type outbound struct {
	set        []header
	remove     []string
	body       []byte // replaces the body where replace is set
	replace    bool
	clearRoute bool     // the routing headers changed
	request    bodyMode // override for the request's body, in the answer to its headers
	response   bodyMode // override for the response's body, in the answer to its headers
	answer     *answer  // an immediate response in place of everything
	note       []header // for Envoy's access log
}

// splitPath takes the query off a :path.
func splitPath(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	return path, query
}

// joinPath puts it back.
func joinPath(path, query string) string {
	if query == "" {
		return path
	}
	if strings.Contains(path, "?") {
		return path + "&" + query
	}
	return path + "?" + query
}
