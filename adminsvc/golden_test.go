package adminsvc

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

const golden = "testdata/openapi.json"

// What the API promises changes on purpose, and shows in a review. Where it did:
// OPENAPI=write go test ./adminsvc -run Golden
func TestOpenAPIIsTheGoldenOne(t *testing.T) {
	t.Parallel()
	document, err := OpenAPI("")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Indent(&want, document, "", " "); err != nil {
		t.Fatal(err)
	}
	want.WriteByte('\n')
	if os.Getenv("OPENAPI") == "write" {
		if err := os.WriteFile(golden, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want.Bytes()) {
		a, b := strings.Split(string(have), "\n"), strings.Split(want.String(), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("%s:%d is %q, the API's is %q; where that is meant: OPENAPI=write go test ./adminsvc -run Golden", golden, i+1, a[i], b[i])
			}
		}
		t.Fatalf("%s has %d lines, the API's %d", golden, len(a), len(b))
	}
}
