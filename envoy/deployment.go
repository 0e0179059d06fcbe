package envoy

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
	"unicode/utf8"
)

// Deployment is one provider account at one address: one cluster and, if it has a credential, one secret.
type Deployment struct {
	// Name is the cluster's name, the value of RoutingHeader that leads to it, the secret's name and the field "deployment"
	// of the endpoint's metadata. Printable ASCII without spaces, at most 200 characters.
	Name string
	// Endpoint is where to connect to.
	Endpoint Endpoint
	// Hostname is the provider's name for SNI, for the check of its certificate and for the Host header. Default
	// Endpoint.Host; it differs where an endpoint is reached by address or through a private link.
	Hostname string

	// CredentialHeader is the header in which the provider expects its key, in lower case: "authorization", "x-api-key",
	// "api-key", "x-goog-api-key". Default "authorization".
	CredentialHeader string
	// CredentialPrefix goes before the key: "Bearer ". Default "".
	CredentialPrefix string
	// Credential is the provider's key. It is a secret: it only ever appears in Secrets(d). Empty means that Envoy adds none
	// and leaves credential headers to the ext_proc server.
	Credential string
	// Headers are sent with each call besides the credential, names in lower case. They may be credentials too, and are kept
	// as secrets just like it.
	Headers map[string]string
	// SecretSource says where Envoy gets the credential from. Default SecretStatic.
	SecretSource SecretSource
	// SecretName is the secret's name. Default Name.
	SecretName string

	// ConnectTimeout bounds connecting, TLS included. Default 5 s.
	ConnectTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept. It must be below the provider's own, or a request meets a
	// connection that is just being closed and fails, and nobody may send it again. Default 30 s for https, 4 s for http (the
	// Python servers in front of self-hosted models close theirs after 5).
	IdleTimeout time.Duration
	// Protocol is the HTTP version. Default HTTP1.
	Protocol Protocol
	// CABundle is a PEM file, on Envoy's machine, with the authorities to trust. Default DefaultCABundle. https only.
	CABundle string
}

// Endpoint is scheme, host and port of a provider.
type Endpoint struct {
	Scheme string // "https" or "http"
	Host   string // DNS name or IP address, without brackets
	Port   int    // 0 is the scheme's own, 443 or 80
}

// ParseEndpoint takes the endpoint from a base URL such as "https://api.example.com/v1". Path and query are dropped: the
// ext_proc server sets the path. The error never quotes the URL, which may hold a password.
func ParseEndpoint(base string) (Endpoint, error) {
	u, err := url.Parse(base)
	if err != nil {
		return Endpoint{}, errors.New("not a URL")
	}
	if u.User != nil {
		return Endpoint{}, errors.New("a URL with a user or password in it; use a credential")
	}
	e := Endpoint{Scheme: strings.ToLower(u.Scheme), Host: u.Hostname()}
	if p := u.Port(); p != "" {
		if e.Port, err = strconv.Atoi(p); err != nil || !validPort(e.Port) {
			return Endpoint{}, errors.New("the port is not between 1 and 65535")
		}
	}
	return e, e.Validate()
}

// Validate reports what is wrong with the endpoint.
func (e Endpoint) Validate() error {
	if e.Scheme != "https" && e.Scheme != "http" {
		return fmt.Errorf("scheme %q: neither https nor http", e.Scheme)
	}
	if err := validHost(e.Host); err != nil {
		return err
	}
	if e.Port != 0 && !validPort(e.Port) {
		return fmt.Errorf("port %d: not between 1 and 65535", e.Port)
	}
	return nil
}

func (e Endpoint) tls() bool { return e.Scheme == "https" }

func (e Endpoint) defaultPort() int {
	if e.tls() {
		return 443
	}
	return 80
}

// Protocol is the HTTP version spoken to a provider.
type Protocol int

const (
	// HTTP1 is HTTP/1.1: every provider speaks it, and websockets (realtime APIs) need it. The default.
	HTTP1 Protocol = iota
	// HTTP2 is HTTP/2 always, with prior knowledge where the scheme is http. No websockets.
	HTTP2
	// ALPN lets the provider choose between HTTP/2 and HTTP/1.1; https only. No websockets where it chooses HTTP/2.
	ALPN
)

// SecretSource is where Envoy gets a credential from.
type SecretSource int

const (
	// SecretStatic reads it from the bootstrap.
	SecretStatic SecretSource = iota
	// SecretADS asks the xDS server, so that it can be rotated without a restart.
	SecretADS
)

func (d Deployment) withDefaults() Deployment {
	d.Endpoint.Port = cmp.Or(d.Endpoint.Port, d.Endpoint.defaultPort())
	d.Hostname = cmp.Or(d.Hostname, d.Endpoint.Host)
	d.CredentialHeader = cmp.Or(d.CredentialHeader, "authorization")
	d.SecretName = cmp.Or(d.SecretName, d.Name)
	d.ConnectTimeout = cmp.Or(d.ConnectTimeout, 5*time.Second)
	idle := 4 * time.Second
	if d.Endpoint.tls() {
		idle = 30 * time.Second
	}
	d.IdleTimeout = cmp.Or(d.IdleTimeout, idle)
	d.CABundle = cmp.Or(d.CABundle, DefaultCABundle)
	return d
}

// Validate reports everything that is wrong with the deployment. No error holds the credential.
func (d Deployment) Validate() error {
	d = d.withDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	switch {
	case d.Name == "":
		bad("Name: missing")
	case len(d.Name) > 200:
		bad("Name: %d characters, more than 200", len(d.Name))
	case strings.ContainsFunc(d.Name, func(r rune) bool { return r <= ' ' || r > '~' }):
		bad("Name %q: only printable ASCII without spaces can be the value of a header", d.Name)
	case d.Name == ExtProcCluster || d.Name == AdminSvcCluster || d.Name == XDSCluster:
		bad("Name %q: taken by Purser itself", d.Name)
	}
	if err := d.Endpoint.Validate(); err != nil {
		bad("Endpoint of %q: %w", d.Name, err)
	} else if err := validHost(d.Hostname); err != nil {
		bad("Hostname of %q: %w", d.Name, err)
	}
	if !slices.Contains([]Protocol{HTTP1, HTTP2, ALPN}, d.Protocol) {
		bad("Protocol of %q: unknown", d.Name)
	}
	if d.Protocol == ALPN && !d.Endpoint.tls() {
		bad("Protocol of %q: ALPN is part of TLS; the endpoint is http", d.Name)
	}
	if !validHeaderName(d.CredentialHeader) {
		bad("CredentialHeader %q of %q: not a header name in lower case", d.CredentialHeader, d.Name)
	}
	if strings.ContainsFunc(d.CredentialPrefix, isControl) || !utf8.ValidString(d.CredentialPrefix) {
		bad("CredentialPrefix of %q: has control characters", d.Name)
	}
	if strings.ContainsFunc(d.Credential, isControl) || !utf8.ValidString(d.Credential) || strings.TrimSpace(d.Credential) != d.Credential {
		bad("Credential of %q: has control characters or spaces around it", d.Name)
	}
	for name, value := range d.Headers {
		switch {
		case !validHeaderName(name), strings.HasPrefix(name, HeaderPrefix), strings.HasPrefix(name, "x-envoy-"):
			bad("Headers of %q: %q cannot be sent", d.Name, name)
		case name == d.CredentialHeader && d.Credential != "":
			bad("Headers of %q: %q is the credential's", d.Name, name)
		case value == "", strings.ContainsFunc(value, isControl), !utf8.ValidString(value), strings.TrimSpace(value) != value:
			bad("Headers of %q: %q is empty, or has control characters or spaces around it", d.Name, name)
		}
	}
	if d.SecretSource != SecretStatic && d.SecretSource != SecretADS {
		bad("SecretSource of %q: unknown", d.Name)
	}
	if d.ConnectTimeout < time.Millisecond || d.IdleTimeout < time.Millisecond {
		bad("ConnectTimeout and IdleTimeout of %q: less than 1ms", d.Name)
	}
	return errors.Join(errs...)
}

// authority is the value of the Host header: the port only where it is not the scheme's own.
func (d Deployment) authority() string {
	if d.Endpoint.Port != d.Endpoint.defaultPort() {
		return net.JoinHostPort(d.Hostname, strconv.Itoa(d.Endpoint.Port))
	}
	if strings.Contains(d.Hostname, ":") {
		return "[" + d.Hostname + "]"
	}
	return d.Hostname
}

// validHeaderName: Host and pseudo headers are the route's business, not a credential's.
func validHeaderName(s string) bool {
	return s != "" && s != "host" && strings.ToLower(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return !isNameRune(r) })
}
