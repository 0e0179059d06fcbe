package dialect

import (
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, tc := range []struct{ method, path, name, model, id string }{
		{"POST", "/chat/completions", "chat.completions", "", ""},
		{"POST", "/v1/chat/completions", "chat.completions", "", ""},
		{"POST", "/v1/chat/completions/", "chat.completions", "", ""},
		{"POST", "/v1/chat/completions?api-version=1", "chat.completions", "", ""},
		{"POST", "/openai/v1/chat/completions", "chat.completions", "", ""},
		{"POST", "/engines/gpt-4/chat/completions", "chat.completions", "gpt-4", ""},
		{"POST", "/engines/gpt-4/completions", "completions", "gpt-4", ""},
		{"POST", "/engines/openai/gpt-4/completions", "completions", "openai/gpt-4", ""},
		{"POST", "/openai/deployments/my%20gpt/chat/completions", "chat.completions", "my gpt", ""},
		{"POST", "/openai/deployments/a%2Fb/embeddings", "embeddings", "a/b", ""},
		{"POST", "/completions", "completions", "", ""},
		{"POST", "/v1/embeddings", "embeddings", "", ""},
		{"POST", "/moderations", "moderations", "", ""},
		{"POST", "/v1/responses", "responses", "", ""},
		{"POST", "/openai/responses", "responses", "", ""},
		{"GET", "/v1/responses/resp_1", "responses.get", "", "resp_1"},
		{"DELETE", "/v1/responses/resp_1", "responses.delete", "", "resp_1"},
		{"POST", "/v1/responses/resp_1/cancel", "responses.cancel", "", "resp_1"},
		{"GET", "/v1/responses/resp_1/input_items", "responses.input_items", "", "resp_1"},
		{"POST", "/v1/images/generations", "images.generations", "", ""},
		{"POST", "/images/edits", "images.edits", "", ""},
		{"POST", "/v1/images/variations", "images.variations", "", ""},
		{"POST", "/v1/audio/speech", "audio.speech", "", ""},
		{"POST", "/openai/deployments/whisper/audio/transcriptions", "audio.transcriptions", "whisper", ""},
		{"POST", "/v1/audio/translations", "audio.translations", "", ""},
		{"POST", "/v1/messages", "anthropic.messages", "", ""},
		{"POST", "/v1/messages/count_tokens", "anthropic.count_tokens", "", ""},
		{"POST", "/v1beta/models/gemini-2.5-pro:generateContent", "gemini.generateContent", "gemini-2.5-pro", ""},
		{"POST", "/models/gemini-2.5-pro:countTokens", "gemini.countTokens", "gemini-2.5-pro", ""},
		{"POST", "/v1/models/gemini/pro:streamGenerateContent", "gemini.streamGenerateContent", "gemini/pro", ""},
		{"POST", "/v1beta/models/e:embedContent", "gemini.embedContent", "e", ""},
		{"POST", "/v1beta/models/e:batchEmbedContents", "gemini.batchEmbedContents", "e", ""},
		{"POST", "/rerank", "rerank", "", ""},
		{"POST", "/v2/rerank", "rerank", "", ""},
		{"GET", "/v1/realtime", "realtime", "", ""},
		{"POST", "/v1/files", "files.create", "", ""},
		{"GET", "/v1/files", "files.list", "", ""},
		{"HEAD", "/v1/files", "files.list", "", ""},
		{"GET", "/v1/files/file-abc", "files.get", "", "file-abc"},
		{"GET", "/v1/files/file-abc/content", "files.content", "", "file-abc"},
		{"DELETE", "/files/file-abc", "files.delete", "", "file-abc"},
		{"POST", "/v1/batches", "batches.create", "", ""},
		{"POST", "/v1/batches/b1/cancel", "batches.cancel", "", "b1"},
	} {
		m, ok := Find(tc.method, tc.path)
		if !ok || m.Allow != "" || m.Endpoint.Name != tc.name || m.Model != tc.model || m.ID != tc.id {
			t.Errorf("%s %s: %+v, %v", tc.method, tc.path, m, ok)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	for _, path := range []string{
		"", "/", "/v1", "/v1/chat", "/v1/chat/completions//", "//v1/chat/completions", "/V1/chat/completions", "/v1/Chat/completions",
		"/v1/chat/completions/x", "/v1%2Fchat/completions", "/v1/../v1/chat/completions", "/engines//completions", "/engines/completions",
		"/v1beta/models/:generateContent", "/v1beta/models/x:generatecontent", "/v1beta/models/x", "/v1beta/models/%zz:generateContent",
		"/v1/files/a/b", "/v1/files/..", "/v1/files/a%2Fb", "/v1/files/a b", "/v1/files/" + strings.Repeat("a", 300),
		"/key/generate", "/ui", "/v1/models", "/v1/realtime/client_secrets", "/v1/realtime/sessions", "/v1/fine_tuning/jobs",
	} {
		if m, ok := Find("POST", path); ok && m.Allow == "" {
			t.Errorf("%q is %s", path, m.Endpoint.Name)
		}
	}
}

func TestFindNamesTheMethods(t *testing.T) {
	for _, tc := range []struct{ method, path, allow string }{
		{"GET", "/v1/chat/completions", "POST"},
		{"PUT", "/v1/files", "POST, GET"},
		{"PATCH", "/v1/files/f", "GET, DELETE"},
		{"GET", "/v1beta/models/x:generateContent", "POST"},
	} {
		m, ok := Find(tc.method, tc.path)
		if !ok || m.Endpoint == nil || m.Allow != tc.allow {
			t.Errorf("%s %s: %+v, %v", tc.method, tc.path, m, ok)
		}
	}
}

// Every endpoint answers all its paths, says how it is accounted, and refuses in
// a shape.
func TestEndpointsAreWhole(t *testing.T) {
	var names []string
	for _, e := range Endpoints() {
		if slices.Contains(names, e.Name) {
			t.Errorf("%s twice", e.Name)
		}
		names = append(names, e.Name)
		if e.CallType == "" || e.Format == "" || e.Route == "" || e.Method == "" || len(e.Paths) == 0 || e.shape == nil || e.place == nil || e.read == nil {
			t.Errorf("%s lacks something: %+v", e.Name, e)
		}
		if e.Billable && (e.Unmetered || e.replies == nil || e.tally == nil) {
			t.Errorf("%s is billable and not metered", e.Name)
		}
		for _, p := range e.Paths {
			p = strings.NewReplacer("{model}", "m", "{id}", "i").Replace(p)
			if m, ok := Find(e.Method, p); !ok || m.Endpoint != e {
				t.Errorf("%s %s does not lead to %s", e.Method, p, e.Name)
			}
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, p := range []string{"/v1/chat/completions", "/engines/a/b/completions", "/v1beta/models/%41:generateContent?alt=sse", "/v1/files/x/content"} {
		f.Add("POST", p)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		if m, ok := Find(method, path); ok != (m.Endpoint != nil) {
			t.Errorf("%+v, %v", m, ok)
		}
		Stranger(path).Refuse(Refusal{Status: 404, Message: path})
	})
}
