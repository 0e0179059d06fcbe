package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/purser/purser/policy"
)

// maxAnswer bounds an explanation's bytes.
const maxAnswer = 8 << 20

// explainer asks extprocs, one after the other, until one answers: with Redis they all
// know the same, and without there is one.
type explainer struct {
	urls   []string
	token  func() string
	client *http.Client
}

// newExplainer reads EXTPROC_URL, addresses with commas between; nil for none.
func newExplainer(urls string, token func() string) *explainer {
	e := &explainer{token: token, client: &http.Client{Timeout: 5 * time.Second}}
	for u := range strings.SplitSeq(urls, ",") {
		if u = strings.TrimRight(strings.TrimSpace(u), "/"); u != "" {
			e.urls = append(e.urls, u)
		}
	}
	if e.urls == nil {
		return nil
	}
	return e
}

// Explain implements adminsvc.Explainer.
func (e *explainer) Explain(ctx context.Context, q policy.Question) (out policy.Explanation, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return out, err
	}
	var failed []error
	for _, u := range e.urls {
		if out, err = e.ask(ctx, u, body); err == nil {
			return out, nil
		}
		failed = append(failed, err)
	}
	return policy.Explanation{}, errors.Join(failed...)
}

func (e *explainer) ask(ctx context.Context, url string, body []byte) (out policy.Explanation, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/internal/explain", bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	r.Header.Set("Authorization", "Bearer "+e.token())
	r.Header.Set("Content-Type", "application/json")
	resp, err := e.client.Do(r)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return out, fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return out, json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&out)
}
