package envoy

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Names that other parts of Purser, and its renderings for other meshes, rely on.
const (
	// RoutingHeader names the deployment that serves a request. Only the ext_proc server sets it.
	RoutingHeader = "x-purser-cluster"
	// HeaderPrefix is the prefix of all headers that are Purser's own. None of them ever reaches a provider.
	HeaderPrefix = "x-purser-"
	// ClientAddressHeader tells adminsvc the caller's address as Envoy knows it. x-forwarded-for does not, of callers on
	// Envoy's own machine: there Envoy writes an address of the machine.
	ClientAddressHeader = HeaderPrefix + "client-address"
	// MetadataNamespace holds the dynamic metadata that the ext_proc server may send, and the endpoint metadata
	// (field "deployment") by which it recognises who served.
	MetadataNamespace = "purser"
	// ExtProcCluster, AdminSvcCluster and XDSCluster are the clusters that are not deployments.
	ExtProcCluster  = "purser-extproc"
	AdminSvcCluster = "purser-adminsvc"
	XDSCluster      = "purser-xds"
)

// CredentialHeaders are the request headers in which a client of any dialect may present its key.
var CredentialHeaders = []string{
	"authorization",
	"proxy-authorization",
	"x-litellm-api-key",
	"api-key",
	"x-api-key",
	"x-goog-api-key",
	"ocp-apim-subscription-key",
}

// Config describes one stand-alone Envoy. The zero value of a field means its default; Validate says what is missing.
type Config struct {
	// ListenAddress is the IP address that clients connect to. Default "0.0.0.0".
	ListenAddress string
	// ListenPort is the TCP port for clients, 1 to 65535. Default 4000.
	ListenPort int
	// AdminPort is the port of Envoy's own admin interface, always on 127.0.0.1: whoever reaches it can stop the proxy.
	// 0 means there is none.
	AdminPort int

	// ExtProc lists the ext_proc servers as host:port, at least one. A name that resolves to several addresses counts as
	// several servers. Each must answer grpc.health.v1 for the empty service name; one that does not is not used.
	ExtProc []string
	// ExtProcTLS makes Envoy speak TLS to the ext_proc servers; nil is plain text, meant for the same host or a mesh.
	ExtProcTLS *TLS
	// ExtProcMaxRequests bounds the requests that may be at the ext_proc servers at a time; every running request is one.
	// Default 100000 (Envoy's own 1024 would refuse the 1025th open stream).
	ExtProcMaxRequests uint32
	// ExtProcMaxConnections bounds the connections to each ext_proc server. Default 1000.
	ExtProcMaxConnections uint32
	// MessageTimeout is how long one answer of the ext_proc server may take. The server bounds its own waiting and answers
	// well before; this is for one that hangs, and health checks take that out of service too. Default 5 s: Envoy's own
	// 200 ms refuses requests and cuts replies whenever a replica is throttled or collects garbage, and on a machine with 16
	// runnable processes a core one second still refused a body of 16 MiB.
	MessageTimeout time.Duration
	// FailOpen lets requests through when no ext_proc server answers: unauthenticated, unlimited and uncounted. Such a
	// request has no deployment chosen for it, so FailOpenDeployment must name one. Default: they are refused with 503.
	FailOpen bool
	// FailOpenDeployment serves the requests nobody judged, under the path and the model name that the client sent. It needs
	// a Credential, so that the callers' keys are not what the provider gets.
	FailOpenDeployment string

	// ForwardHeaders are request headers, in lower case, that the ext_proc servers are configured to read besides the
	// usual: for the key (litellm_key_header_name) or the customer (user_header_name).
	ForwardHeaders []string

	// ListenTLS makes the listener speak TLS; nil is plain text.
	ListenTLS *ListenTLS
	// JWT are the issuers whose tokens name callers.
	JWT []JWTProvider
	// ForwardClientCert keeps what proxies in front say of their own clients' certificates (x-forwarded-client-cert), for the
	// ext_proc servers, which believe only those they are told to. It needs ListenTLS.ClientCA. Default: it is removed.
	ForwardClientCert bool

	// AdminSvc lists the adminsvc servers as host:port, at least one, reached over plain HTTP/1.1.
	AdminSvc []string

	// XDS lists the xDS servers (see XDS, which adminsvc runs) as host:port. They bring the deployments and their
	// credentials, now and later; one is asked at a time. None: only Deployments are there.
	XDS []string
	// XDSTLS makes Envoy speak TLS to the xDS servers; nil is plain text, which carries the providers' keys and so is meant
	// for the same host or a mesh.
	XDSTLS *TLS
	// Deployments are the providers that do not come from XDS. Names must be unique. May be empty.
	Deployments []Deployment

	// BodyLimit is the largest request body in bytes, on both planes. Envoy holds this much per request. On the inference
	// plane the last read (at most 1 MiB) may go over it, and 64 KiB more, which a body may grow by when it is rewritten; the
	// ext_proc server knows the length and is exact. (Envoy's body_size_limit filter would be exact too, but writes the path,
	// query and keys included, to Envoy's own log.) Default 16 MiB.
	BodyLimit uint64
	// RequestTimeout is how long a client may take to send a whole request. Default 5 minutes.
	RequestTimeout time.Duration
	// StreamIdleTimeout is how long a call may go without a byte in either direction: a reasoning model may be silent for
	// many minutes before its first. Default 1 hour (Envoy's own 5 minutes would end slow calls).
	StreamIdleTimeout time.Duration
	// MaxConnections bounds the clients' connections. Default 100000.
	MaxConnections uint64
	// XFFTrustedHops is the number of proxies in front of Envoy whose x-forwarded-for entries are believed. Default 0: the
	// caller's address is that of its connection.
	XFFTrustedHops uint32

	// AccessLogPath is the file for one JSON line per request. Default "/dev/stdout"; "off" for none.
	AccessLogPath string
	// Tracing has Envoy report spans to an OTLP collector; nil: it does not trace.
	Tracing *Tracing
}

// TLS is how Envoy speaks TLS to a server of ours.
type TLS struct {
	CABundle string // PEM file, on Envoy's machine, with the authorities to trust. Default DefaultCABundle.
	Hostname string // name sent as SNI and required in the server's certificate; required
	CertFile string // PEM file with Envoy's client certificate; empty for none
	KeyFile  string // PEM file with its key; given exactly if CertFile is
}

// DefaultCABundle is where Envoy's own images, Debian and Alpine keep the public certificate authorities.
const DefaultCABundle = "/etc/ssl/certs/ca-certificates.crt"

const (
	defaultBodyLimit      = 16 << 20
	defaultMessageTimeout = 5 * time.Second
	// rewriteRoom is what a request may grow by on its way through the ext_proc server. Up to so much more than BodyLimit gets
	// there, which knows the limit itself.
	rewriteRoom = 64 << 10
	// maxBodyLimit leaves room below 4 GiB, where 32-bit lengths in Envoy's buffers end.
	maxBodyLimit = 1 << 30
)

func (c Config) withDefaults() Config {
	c.ListenAddress = cmp.Or(c.ListenAddress, "0.0.0.0")
	c.ListenPort = cmp.Or(c.ListenPort, 4000)
	c.ExtProcMaxRequests = cmp.Or(c.ExtProcMaxRequests, 100_000)
	c.ExtProcMaxConnections = cmp.Or(c.ExtProcMaxConnections, 1000)
	c.MessageTimeout = cmp.Or(c.MessageTimeout, defaultMessageTimeout)
	c.BodyLimit = cmp.Or(c.BodyLimit, defaultBodyLimit)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 5*time.Minute)
	c.StreamIdleTimeout = cmp.Or(c.StreamIdleTimeout, time.Hour)
	c.MaxConnections = cmp.Or(c.MaxConnections, 100_000)
	c.AccessLogPath = cmp.Or(c.AccessLogPath, "/dev/stdout")
	c.Deployments = slices.Clone(c.Deployments)
	for i := range c.Deployments {
		c.Deployments[i] = c.Deployments[i].withDefaults()
	}
	return c
}

// Validate reports everything that is wrong with the configuration, each field by its name; nil if Envoy would take it.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("envoy: "+format, args...)) }

	if net.ParseIP(c.ListenAddress) == nil {
		bad("ListenAddress %q: not an IP address", c.ListenAddress)
	}
	if !validPort(c.ListenPort) {
		bad("ListenPort %d: not between 1 and 65535", c.ListenPort)
	}
	if c.AdminPort != 0 && !validPort(c.AdminPort) {
		bad("AdminPort %d: not between 1 and 65535 (0 for no admin interface)", c.AdminPort)
	}
	for i, h := range c.ForwardHeaders {
		if !validHeaderName(h) {
			bad("ForwardHeaders[%d] %q: not a header name in lower case", i, h)
		}
	}
	if c.AdminPort == c.ListenPort {
		bad("AdminPort %d: the same as ListenPort", c.AdminPort)
	}
	for _, list := range []struct {
		field string
		addrs []string
	}{{"ExtProc", c.ExtProc}, {"AdminSvc", c.AdminSvc}, {"XDS", c.XDS}} {
		if len(list.addrs) == 0 && list.field != "XDS" {
			bad("%s: at least one host:port is needed", list.field)
		}
		for _, a := range list.addrs {
			if _, err := parseHostPort(a); err != nil {
				bad("%s: %w", list.field, err)
			}
		}
	}
	for field, t := range map[string]*TLS{"ExtProcTLS": c.ExtProcTLS, "XDSTLS": c.XDSTLS} {
		if t == nil {
			continue
		}
		if t.Hostname == "" {
			bad("%s.Hostname: missing; without it any certificate would be accepted", field)
		}
		if (t.CertFile == "") != (t.KeyFile == "") {
			bad("%s: CertFile and KeyFile belong together", field)
		}
	}
	if t := c.ListenTLS; t != nil && (t.CertFile == "" || t.KeyFile == "") {
		bad("ListenTLS: CertFile and KeyFile are needed")
	}
	if c.ForwardClientCert && (c.ListenTLS == nil || c.ListenTLS.ClientCA == "") {
		bad("ForwardClientCert: without ListenTLS.ClientCA nobody's certificate is known")
	}
	if c.Tracing != nil {
		if err := c.Tracing.validate(); err != nil {
			bad("Tracing.%w", err)
		}
	}
	for i, p := range c.JWT {
		if err := p.validate(); err != nil {
			bad("JWT[%d]: %w", i, err)
		}
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"MessageTimeout", c.MessageTimeout}, {"RequestTimeout", c.RequestTimeout}, {"StreamIdleTimeout", c.StreamIdleTimeout}} {
		if d.value < time.Millisecond { // Envoy counts in milliseconds
			bad("%s %s: less than 1ms", d.field, d.value)
		}
	}
	if c.BodyLimit > maxBodyLimit {
		bad("BodyLimit %d: more than %d", c.BodyLimit, maxBodyLimit)
	}
	if strings.ContainsFunc(c.AccessLogPath, isControl) || !utf8.ValidString(c.AccessLogPath) {
		bad("AccessLogPath %q: has control characters", c.AccessLogPath)
	}
	errs = append(errs, c.validateDeployments()...)
	return errors.Join(errs...)
}

func (c Config) validateDeployments() (errs []error) {
	var failOpen *Deployment
	seen := map[string]bool{}
	for i, d := range c.Deployments {
		if err := d.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("envoy: Deployments[%d]: %w", i, err))
		}
		if seen[d.Name] {
			errs = append(errs, fmt.Errorf("envoy: Deployments[%d]: the name %q is taken", i, d.Name))
		}
		seen[d.Name] = true
		if d.Name == c.FailOpenDeployment {
			failOpen = &c.Deployments[i]
		}
	}
	if !c.FailOpen {
		return errs
	}
	switch {
	case c.FailOpenDeployment == "":
		errs = append(errs, errors.New("envoy: FailOpenDeployment: missing; FailOpen needs a deployment to send unjudged requests to"))
	case failOpen == nil:
		errs = append(errs, fmt.Errorf("envoy: FailOpenDeployment %q: no such deployment", c.FailOpenDeployment))
	case failOpen.Credential == "":
		errs = append(errs, fmt.Errorf("envoy: FailOpenDeployment %q: has no Credential, so the provider would get the callers' keys", c.FailOpenDeployment))
	}
	return errs
}

// hostPort is the address of a server.
type hostPort struct {
	host string
	port uint32
}

// parseHostPort reads "host:port" or "[v6]:port". The error quotes the address.
func parseHostPort(s string) (hostPort, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return hostPort{}, fmt.Errorf("%q: not host:port", s)
	}
	if err := validHost(host); err != nil {
		return hostPort{}, fmt.Errorf("%q: %w", s, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil || !validPort(n) {
		return hostPort{}, fmt.Errorf("%q: the port is not between 1 and 65535", s)
	}
	return hostPort{host, uint32(n)}, nil
}

func validPort(n int) bool { return n >= 1 && n <= 65535 }

// validHost accepts an IP address or what can be a DNS name (underscores too: container names have them).
func validHost(s string) error {
	switch {
	case s == "":
		return errors.New("the host is missing")
	case net.ParseIP(s) != nil:
		return nil
	case len(s) > 253:
		return fmt.Errorf("the host has %d characters, more than 253", len(s))
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return !isNameRune(r) }) {
			return fmt.Errorf("the host %q is neither an IP address nor a DNS name", s)
		}
	}
	return nil
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
