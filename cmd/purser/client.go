package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// apiClient speaks the management API: PURSER_URL as the key PURSER_KEY.
type apiClient struct {
	url, key string
	http     *http.Client
}

func newAPIClient() (*apiClient, error) {
	c := &apiClient{url: strings.TrimRight(cmp.Or(os.Getenv("PURSER_URL"), "http://localhost:4000"), "/"), key: os.Getenv("PURSER_KEY"), http: &http.Client{Timeout: 60 * time.Second}}
	if c.key == "" {
		return nil, usageError{"set PURSER_KEY to the master key or a virtual key, and PURSER_URL to where Purser is (default http://localhost:4000)"}
	}
	return c, nil
}

// apiError is what the API answered other than success.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%d)", e.message, e.status) }

// call sends a request; body nil: none. The answer is JSON, numbers as they were written.
func (c *apiClient) call(ctx context.Context, method, path string, query url.Values, body map[string]any) (any, error) {
	address := c.url + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, sent)
	if err != nil {
		return nil, usageError{"PURSER_URL is no address"}
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be reached: %w", c.url, withoutURL(err))
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	var out any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	bad := d.Decode(&out)
	if resp.StatusCode >= 300 {
		return nil, &apiError{resp.StatusCode, cmp.Or(messageOf(out), http.StatusText(resp.StatusCode))}
	}
	if bad != nil && len(data) > 0 {
		return nil, fmt.Errorf("%s answered what is no JSON: is it Purser?", c.url)
	}
	return out, nil
}

// withoutURL keeps the address, whose query can hold a key, out of an error.
func withoutURL(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}

// messageOf finds the text in any of the API's error shapes.
func messageOf(body any) string {
	switch v := body.(type) {
	case string:
		return v
	case []any: // what is wrong with a request, field by field
		var parts []string
		for _, p := range v {
			m, _ := p.(map[string]any)
			var at []string
			for _, step := range asList(m["loc"]) {
				at = append(at, fmt.Sprint(step))
			}
			parts = append(parts, strings.Join(at, ".")+": "+fmt.Sprint(m["msg"]))
		}
		return strings.Join(parts, "; ")
	case map[string]any:
		for _, name := range []string{"error", "detail", "message"} {
			if text := messageOf(v[name]); text != "" {
				return text
			}
		}
	}
	return ""
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}
