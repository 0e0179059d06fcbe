package alerts

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/purser/purser/policy"
)

// Webhook is who is told.
type Webhook struct {
	Name   string        // what the store knows it by: a changed address is the same webhook
	URL    policy.Secret // may hold a token, as Slack's do
	Secret policy.Secret // signs; "": unsigned
	Slack  bool          // Slack's format instead of ours
}

// SignatureHeader holds "t=<Unix seconds>,v1=<hex>": the HMAC-SHA256, with the
// webhook's secret, of the seconds, a dot and the body.
const SignatureHeader = "X-Purser-Signature"

// IDHeader is the alert's id, the same however often it is sent.
const IDHeader = "X-Purser-Alert-Id"

// Sign makes the value of SignatureHeader.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Body is what is sent of an alert: its JSON as stored, or Slack's.
func (w Webhook) Body(payload []byte) ([]byte, error) {
	if !w.Slack {
		return payload, nil
	}
	var a Alert
	if err := json.Unmarshal(payload, &a); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"text": "Purser: " + a.Message})
}

// Send tells a webhook once. Any status but 2xx is an error, which never holds the
// address.
func (w Webhook) Send(ctx context.Context, client *http.Client, id string, payload []byte, now time.Time) error {
	body, err := w.Body(payload)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook %s: not an address", w.Name)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(IDHeader, id)
	if w.Secret != "" {
		req.Header.Set(SignatureHeader, Sign(w.Secret.Reveal(), now, body))
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("webhook %s: %w", w.Name, ctx.Err())
		}
		return fmt.Errorf("webhook %s cannot be reached", w.Name) // the cause quotes the address
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("webhook %s answered %d", w.Name, resp.StatusCode)
	}
	return nil
}

// Backoff is how long to wait after so many failures: 5 s, doubling to an hour.
func Backoff(failures int) time.Duration {
	d := 5 * time.Second
	for range min(max(failures-1, 0), 12) {
		d *= 2
	}
	return min(d, time.Hour)
}
