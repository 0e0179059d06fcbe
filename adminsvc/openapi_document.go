package adminsvc

import json "github.com/go-json-experiment/json"

// OpenAPI is the document that GET /openapi.json answers with, made without a server:
// the web UI's types are generated from it.
func OpenAPI(version string) ([]byte, error) {
	return json.Marshal(newServer(Config{Version: version}).openapi)
}
