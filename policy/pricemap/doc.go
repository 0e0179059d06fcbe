// Package pricemap reads LiteLLM's price map.
package pricemap
