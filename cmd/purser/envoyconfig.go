package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/purser/purser/cmd/boot/clusters"
	"github.com/purser/purser/envoy"
	"github.com/purser/purser/policy/config"
)

func runEnvoyConfig(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("envoy-config", flag.ContinueOnError)
	file := flags.String("config", "", "config.yaml in LiteLLM's format (default $CONFIG_FILE)")
	database := flags.String("database-url", "", "where the models are that the API has added (default $DATABASE_URL, else config.yaml's); --database-url= : the configuration's alone")
	listen := flags.String("listen", "0.0.0.0", "address for clients")
	port := flags.Int("port", 4000, "port for clients")
	adminPort := flags.Int("envoy-admin-port", 0, "port of Envoy's own admin interface on 127.0.0.1; 0: none")
	extproc := flags.String("extproc", "127.0.0.1:9002", "host:port of the extproc service")
	adminsvc := flags.String("adminsvc", "127.0.0.1:9001", "host:port of the adminsvc service")
	xds := flags.String("xds", "", "host:port of the adminsvc's xDS server, which then brings the models, now and later (default: the models are written into the file)")
	cert := flags.String("tls-cert", "", "PEM file, on Envoy's machine, of the listener's certificate (default: plain text)")
	tlsKey := flags.String("tls-key", "", "PEM file of its key")
	clientCA := flags.String("client-ca", "", "PEM file of the authority of clients' certificates, whose SPIFFE ids name callers")
	mesh := flags.String("for", "envoy", "envoy: a whole configuration; istio or envoy-gateway: the resources to apply there")
	host := flags.String("host", "", "with --for: the name that clients call")
	gateway := flags.String("gateway", "", "with --for: the Gateway that serves it, as name or namespace/name")
	namespace := flags.String("namespace", "purser", "with --for: of the resources")
	filterNamespace := flags.String("filter-namespace", "", "with --for istio: of the EnvoyFilter (default istio-system, the root namespace, from where it reaches every namespace)")
	placement := flags.String("placement", "gateway", "with --for istio: gateway, sidecar-outbound or sidecar-inbound")
	selector := flags.String("selector", "", "with --for istio: labels of the proxies (default istio=ingressgateway)")
	perRoute := flags.Bool("per-route", true, "with --for istio: the filter is off but on the host's routes; =false on a gateway that serves nothing else")
	traced := flags.Bool("tracing", false, "with --for istio: the proxies trace, so paths, which may hold keys, are kept out of their spans")
	ports := flags.String("ports", "", "with --for istio: the ports of the Gateway's servers, with commas (default 80,443, for sidecars 80)")
	hops := flags.Uint("trusted-hops", 0, "proxies in front of this Envoy whose x-forwarded-for is believed, for keys' allowed_ips; adminsvc needs it as TRUSTED_HOPS")
	accessLog := flags.String("access-log", "", "file of the access log, or off (default /dev/stdout)")
	if err := parse(flags, args, out); err != nil {
		return err
	}
	if *file = cmp.Or(*file, os.Getenv("CONFIG_FILE")); *file == "" {
		return usageError{"--config or CONFIG_FILE names the config.yaml"}
	}
	cfg, err := config.Load(*file, os.LookupEnv)
	if err != nil {
		return fmt.Errorf("%s:\n%w", *file, err)
	}
	if !isSet(flags, "database-url") {
		*database = cmp.Or(os.Getenv("DATABASE_URL"), cfg.General.DatabaseURL.Reveal())
	}
	if *xds != "" {
		*database = "" // adminsvc brings them
	}
	deployments, err := withStored(ctx, cfg, *database, *mesh == "envoy", slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	if *mesh != "envoy" {
		if *host == "" && *placement != string(envoy.AtModel) {
			return usageError{"--host is the name that clients call"}
		}
		served, err := portList(*ports)
		if err != nil {
			return usageError{"--ports " + err.Error()}
		}
		return meshConfig(*mesh, envoy.Mesh{
			Namespace: *namespace, FilterNamespace: *filterNamespace, Host: *host, Gateway: *gateway, Placement: envoy.Placement(*placement), Tracing: *traced, WholeGateway: !*perRoute, Ports: served,
			ExtProc: given(flags, "extproc"), AdminSvc: given(flags, "adminsvc"),
			Deployments: clusters.Of(deployments), ForwardHeaders: forwardHeaders(cfg), Identity: len(cfg.Identity.JWT)+len(cfg.Identity.SPIFFE.Rules) > 0,
		}, *selector, out)
	}
	otlp, err := tracing()
	if err != nil {
		return err
	}
	of := envoy.Config{
		Tracing:       otlp,
		ListenAddress: *listen, ListenPort: *port, AdminPort: *adminPort, AccessLogPath: *accessLog,
		ExtProc: []string{*extproc}, AdminSvc: []string{*adminsvc}, ForwardHeaders: forwardHeaders(cfg),
		XFFTrustedHops: uint32(min(*hops, 100)),
	}
	if *cert != "" || *tlsKey != "" || *clientCA != "" {
		of.ListenTLS = &envoy.ListenTLS{CertFile: *cert, KeyFile: *tlsKey, ClientCA: *clientCA}
		of.ForwardClientCert = *clientCA != "" && len(cfg.Identity.SPIFFE.TrustedHops) > 0
	}
	of.JWT = jwtProviders(cfg)
	if *xds != "" {
		of.XDS = []string{*xds}
	} else {
		of.Deployments = clusters.Of(deployments)
	}
	text, err := envoy.YAML(of)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// meshConfig prints the resources for somebody else's control plane.
func meshConfig(mesh string, m envoy.Mesh, selector string, out io.Writer) error {
	var err error
	if m.Selector, err = envoy.ParseSelector(selector); err != nil {
		return usageError{"--selector " + err.Error()}
	}
	render := map[string]func(envoy.Mesh) ([]byte, error){"istio": envoy.Istio, "envoy-gateway": envoy.EnvoyGateway}[mesh]
	if render == nil {
		return usageError{"--for is envoy, istio or envoy-gateway"}
	}
	text, err := render(m)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// portList reads "80,443".
func portList(text string) (out []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" && text == "" {
			continue
		}
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%q: write numbers with commas, as in 80,443", text)
		}
		out = append(out, int(n))
	}
	return out, nil
}

// isSet reports whether a flag was given.
func isSet(flags *flag.FlagSet, name string) (set bool) {
	flags.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// given is a flag's value where it was set; the mesh has defaults of its own.
func given(flags *flag.FlagSet, name string) (value string) {
	flags.Visit(func(f *flag.Flag) {
		if f.Name == name {
			value = f.Value.String()
		}
	})
	return value
}

// forwardHeaders are the headers a configuration has extproc read besides the usual.
func forwardHeaders(cfg *config.Config) []string {
	var out []string
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	add(cfg.General.KeyHeader)
	add(cfg.General.UserHeader)
	for _, h := range cfg.General.UserHeaders {
		add(h.Name)
	}
	return out
}

// jwtProviders are the issuers whose tokens Envoy is to verify.
func jwtProviders(cfg *config.Config) (out []envoy.JWTProvider) {
	for _, p := range cfg.Identity.Providers {
		out = append(out, envoy.JWTProvider{Issuer: p.Issuer, Audiences: p.Audiences, JWKSURI: p.JWKSURI, JWKSFile: p.JWKSFile})
	}
	return out
}
