package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEnvNamesTheVariableThatCannotBeRead(t *testing.T) {
	type config struct {
		Limit int64         `env:"BODY_LIMIT" envDefault:"7"`
		Wait  time.Duration `env:"WRITE_BARRIER"`
		URL   string        `env:"SOME_URL,notEmpty"`
	}
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("postgres://there\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		env  map[string]string
		want []string // none: it can be read
	}{
		{"defaults, and a value in a file", map[string]string{"SOME_URL_FILE": file}, nil},
		{"a file that is not there", map[string]string{"SOME_URL_FILE": file + "no"}, []string{"SOME_URL_FILE"}},
		{"what must be there is not", nil, []string{"SOME_URL"}},
		{"no number, and no length of time", map[string]string{"SOME_URL": "x", "BODY_LIMIT": "big", "WRITE_BARRIER": "long"}, []string{"BODY_LIMIT: ", `"big"`, "WRITE_BARRIER: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			cfg, err := Env[config]()
			if len(c.want) == 0 && (err != nil || cfg.Limit != 7 || cfg.URL != "postgres://there") {
				t.Errorf("%+v, %v", cfg, err)
			}
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want it to say %s", err, want)
				}
			}
		})
	}
}
