// Package envoytest runs a real Envoy for a test, on free ports, with the configuration that package envoy builds. It never
// skips: without a binary the test fails and says how to get one.
package envoytest
