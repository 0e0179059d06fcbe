package envoy

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// YAML is Bootstrap(cfg) as a configuration file. The same Config always gives the same bytes. It holds the credentials in
// clear: write it with mode 0600.
func YAML(cfg Config) ([]byte, error) {
	boot, err := Bootstrap(cfg)
	if err != nil {
		return nil, err
	}
	return MarshalYAML(boot)
}

// JSON is Bootstrap(cfg) as a configuration file in JSON, otherwise like YAML.
func JSON(cfg Config) ([]byte, error) {
	boot, err := Bootstrap(cfg)
	if err != nil {
		return nil, err
	}
	return MarshalJSON(boot)
}

// MarshalJSON is any message of Envoy's in the form that Envoy reads: indented, with the field names of its documentation.
func MarshalJSON(m proto.Message) ([]byte, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("envoy: %w", err)
	}
	var out bytes.Buffer
	// protojson varies its spaces on purpose, so that nobody relies on them.
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("envoy: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// MarshalYAML is MarshalJSON in YAML, fields in the order of Envoy's schema.
func MarshalYAML(m proto.Message) ([]byte, error) {
	raw, err := MarshalJSON(m)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil { // JSON is YAML
		return nil, fmt.Errorf("envoy: %w", err)
	}
	plain(&doc)
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, fmt.Errorf("envoy: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("envoy: %w", err)
	}
	return out.Bytes(), nil
}

// plain drops JSON's braces and quotes; the encoder quotes again where YAML would read something else.
func plain(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		plain(c)
	}
}
