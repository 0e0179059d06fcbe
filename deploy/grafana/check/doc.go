// Package check holds tests that read the alerting rules and the dashboard with Prometheus'
// own parsers, and evaluate the rules on made-up series. They are a module of their own, so
// that who builds Purser does not fetch Prometheus.
package check
