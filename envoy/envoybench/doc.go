// Package envoybench holds what `purser bench` compares Purser with: the same Envoy without ext_proc, and an ext_proc server
// that decides nothing but says exactly what Purser said to the same request. Both speak Envoy's own types, which is why they
// live here. Nothing in it serves anybody.
package envoybench
