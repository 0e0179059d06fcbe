// Package compose is the demo in containers: compose.yaml, the Dockerfile of its
// images, and the tests that hold them to the programs they run. There is no
// container engine where these tests run, so what an engine would find out is
// checked here: names, stages, files, ports, settings, Envoy's configuration.
package compose
