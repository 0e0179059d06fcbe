package dialect

import "testing"

// Beside the recording: what is counted names its model, and is no stored response of that name.
func TestInputTokensAreNoStoredResponse(t *testing.T) {
	for _, path := range []string{"/v1/responses/input_tokens", "/responses/input_tokens", "/openai/responses/input_tokens"} {
		m, ok := Find("POST", path)
		if !ok || m.Endpoint.Name != "responses.input_tokens" || m.Endpoint.Billable {
			t.Fatalf("%s is %+v", path, m)
		}
		if _, err := m.Endpoint.Read(Inbound{Method: "POST", Path: path, Body: []byte(`{"input":"x","model":"a","Model":"b"}`)}); err == nil {
			t.Error("a name in two cases is read")
		}
	}
}
