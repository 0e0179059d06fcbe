// Package config reads config.yaml in LiteLLM's format into policy's types.
package config
