// Command generate makes the embedded price map out of LiteLLM's: only the
// fields that pricemap reads, every figure as it is written there.
//
//	generate -from litellm.whl -o default.json.gz
//	generate -from model_prices_and_context_window.json -source "its main branch" -o default.json.gz
package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy/pricemap"
)

const inWheel = "litellm/model_prices_and_context_window_backup.json"

func main() {
	from := flag.String("from", "", "a litellm wheel (.whl), or the price map's JSON")
	source := flag.String("source", "", "what the figures are from; a wheel says it itself")
	date := flag.String("date", time.Now().UTC().Format(time.DateOnly), "when they were taken")
	out := flag.String("o", "default.json.gz", "where to write")
	flag.Parse()
	if err := run(*from, *source, *date, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(from, source, date, out string) error {
	data, version, err := read(from)
	if err != nil {
		return err
	}
	if source == "" {
		source = version
	}
	kept, err := keep(data, source, date)
	if err != nil {
		return err
	}
	m, err := pricemap.Parse(kept)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	gz, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := gz.Write(kept); err != nil {
		return err
	}
	if err := gz.Close(); err != nil {
		return err
	}
	fmt.Printf("%s: %d models, %d of them with a figure that is no price; %d bytes, packed %d\n",
		m.Version(), m.Len(), m.Skipped(), len(kept), packed.Len())
	return os.WriteFile(out, packed.Bytes(), 0o644)
}

// read returns the map's JSON and what it is from.
func read(from string) ([]byte, string, error) {
	if !strings.HasSuffix(from, ".whl") {
		data, err := os.ReadFile(from)
		return data, from, err
	}
	wheel, err := zip.OpenReader(from)
	if err != nil {
		return nil, "", err
	}
	defer wheel.Close()
	file, err := wheel.Open(inWheel)
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	version := "litellm"
	for _, f := range wheel.File {
		if folder, ok := strings.CutSuffix(f.Name, ".dist-info/METADATA"); ok {
			version = strings.Replace(folder, "-", " ", 1)
		}
	}
	return data, version, err
}

// keep copies the fields in use, one model a line, numbers untouched.
func keep(data []byte, source, date string) ([]byte, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\n%s:{\"source\":%s,\"date\":%s}", quote("purser_about"), quote(source), quote(date))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		model := name.String()
		fields, err := keepFields(dec)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", model, err)
		}
		if len(fields) > 0 && model != "sample_spec" {
			fmt.Fprintf(&out, ",\n%s:{%s}", quote(model), strings.Join(fields, ","))
		}
	}
	out.WriteString("\n}\n")
	return out.Bytes(), nil
}

func keepFields(dec *jsontext.Decoder) ([]string, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var fields []string
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		field := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		if !pricemap.Keep(field) || value.Kind() == 'n' {
			continue
		}
		if err := value.Compact(); err != nil {
			return nil, err
		}
		fields = append(fields, quote(field)+":"+string(value))
	}
	_, err := dec.ReadToken()
	return fields, err
}

func quote(text string) string {
	b, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return `""`
	}
	return string(b)
}
