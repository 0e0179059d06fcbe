package dialect

import (
	"bytes"
	"errors"
	"mime/multipart"
	"strings"
	"testing"
)

func form(t *testing.T, body, contentType string) (*Call, error) {
	t.Helper()
	return mustFind(t, "/v1/audio/transcriptions").Read(Inbound{ContentType: contentType, Body: []byte(body)})
}

func TestForms(t *testing.T) {
	const head = "multipart/form-data; boundary=x"
	field := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	for _, tc := range []struct{ name, contentType, body, code string }{
		{"whole", head, field("model", "m") + "--x--\r\n", ""},
		{"without a last newline", head, field("model", "m") + "--x--", ""},
		{"quoted boundary", `multipart/form-data; boundary="x"`, field("model", "m") + "--x--", ""},
		{"unread fields twice", head, field("model", "m") + field("timestamp_granularities[]", "word") + field("timestamp_granularities[]", "segment") + "--x--", ""},
		{"model twice", head, field("model", "m") + field("model", "n") + "--x--", "duplicate_field"},
		{"model twice, once as a list", head, field("model", "m") + field("model[]", "n") + "--x--", "duplicate_field"},
		{"model in another case", head, field("Model", "m") + "--x--", "ambiguous_field"},
		{"stream is a word", head, field("model", "m") + field("stream", "maybe") + "--x--", "invalid_type"},
		{"no model", head, field("prompt", "m") + "--x--", "missing_required_parameter"},
		{"empty model", head, field("model", "") + "--x--", "missing_required_parameter"},
		{"no UTF-8", head, field("prompt", "\xff") + "--x--", "invalid_value"},
		{"JSON", "application/json", `{"model":"m"}`, "invalid_content_type"},
		{"no boundary", "multipart/form-data", field("model", "m") + "--x--", "invalid_multipart"},
		{"another boundary", "multipart/form-data; boundary=y", field("model", "m") + "--x--", "invalid_multipart"},
		{"something before", head, "model\r\n" + field("model", "m") + "--x--", "invalid_multipart"},
		{"something behind", head, field("model", "m") + "--x--\r\n" + field("model", "n"), "invalid_multipart"},
		{"no end", head, field("model", "m"), "invalid_multipart"},
		{"line feeds alone", head, strings.ReplaceAll(field("model", "m")+"--x--", "\r\n", "\n"), "invalid_multipart"},
		{"a boundary that goes on", head, field("model", "m") + "--xy\r\n\r\n\r\n--x--", "invalid_multipart"},
		{"no name", head, "--x\r\nContent-Type: text/plain\r\n\r\nm\r\n--x--", "invalid_multipart"},
		{"two names", head, "--x\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--x--", "invalid_multipart"},
		{"base64", head, "--x\r\nContent-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding: base64\r\n\r\nbQ==\r\n--x--", "invalid_multipart"},
		{"a folded header", head, "--x\r\nContent-Disposition: form-data;\r\n name=\"model\"\r\n\r\nm\r\n--x--", "invalid_multipart"},
		{"control characters in a header", head, "--x\r\nContent-Disposition: form-data; name=\"mo\x00del\"\r\n\r\nm\r\n--x--", "invalid_multipart"},
		{"a header without colon", head, "--x\r\nContent-Disposition: form-data; name=\"model\"\r\nX\r\n\r\nm\r\n--x--", "invalid_multipart"},
		{"no header", head, "--x\r\n\r\nm\r\n--x--", "invalid_multipart"},
		{"nothing", head, "", "invalid_multipart"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			call, err := form(t, tc.body, tc.contentType)
			var bad *Malformed
			switch {
			case tc.code == "" && (err != nil || call.Model != "m"):
				t.Errorf("%v", err)
			case tc.code != "" && (!errors.As(err, &bad) || bad.Code != tc.code):
				t.Errorf("%v", err)
			}
		})
	}
}

// A form whose model is in the path gets it as a part.
func TestFormsGetTheirModel(t *testing.T) {
	m, _ := Find("POST", "/openai/deployments/whisper/audio/transcriptions")
	call, err := m.Endpoint.Read(Inbound{Model: m.Model, ContentType: "multipart/form-data; boundary=x", Body: []byte("--x--")})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := m.Endpoint.Rewrite(call, Change{Model: "whisper-1"})
	if again, err := form(t, string(got), "multipart/form-data; boundary=x"); err != nil || again.Model != "whisper-1" {
		t.Errorf("%v: %q", err, got)
	}
}

// What Go's own writer writes is read, and its parts are found where they are.
func FuzzForm(f *testing.F) {
	f.Add("m", []byte("RIFF"), "file.wav")
	f.Add("\r\n--", []byte("\r\n\r\n"), `a"b`)
	f.Fuzz(func(t *testing.T, model string, file []byte, name string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		p, err := w.CreateFormFile("file", name+".wav") // without a name it would be no file
		if err != nil {
			t.Skip()
		}
		_, _ = p.Write(file)
		_ = w.WriteField("model", model)
		_ = w.Close()
		call, err := form(t, b.String(), w.FormDataContentType())
		if err != nil {
			return
		}
		if call.Model != model {
			t.Fatalf("%q is read as %q", model, call.Model)
		}
		out, _ := mustFind(t, "/v1/audio/transcriptions").Rewrite(call, Change{Model: "other"})
		r := multipart.NewReader(bytes.NewReader(out), w.Boundary())
		read, err := r.ReadForm(1 << 20)
		if err != nil || len(read.Value["model"]) != 1 || read.Value["model"][0] != "other" || read.File["file"][0].Size != int64(len(file)) {
			t.Fatalf("%v %v\n%q", err, read, out)
		}
	})
}
