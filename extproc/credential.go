package extproc

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/purser/purser/policy"
)

// credentialHeaders are the headers a key may come in, in the order LiteLLM
// reads them. All of them are removed from what goes on.
var credentialHeaders = []string{
	"x-litellm-api-key", "authorization", "api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key",
}

// neverForwarded are further request headers no provider may see: they are the
// client's relation to us.
var neverForwarded = []string{"cookie", "proxy-authorization"}

// credential is the key a request carries: the first one found.
func credential(h headers, query string) (string, *policy.Refusal) {
	for _, name := range credentialHeaders {
		value := strings.TrimSpace(h.get(name))
		if value == "" {
			continue
		}
		if key := bare(value); key != "" {
			return check(key)
		}
	}
	if strings.Contains(query, "key=") {
		if values, err := url.ParseQuery(query); err == nil {
			if key := values.Get("key"); key != "" {
				return check(key)
			}
		}
	}
	return "", &policy.Refusal{Code: policy.CodeNoKey, Message: "Authentication Error, No api key passed in."}
}

// bare takes the scheme off a credential.
func bare(value string) string {
	scheme, rest, found := strings.Cut(value, " ")
	if !found {
		return value
	}
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "bearer":
		return rest
	case "basic":
		// The key as the user name or the password, as git-like clients send it.
		plain, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return rest
		}
		user, password, _ := strings.Cut(string(plain), ":")
		if password != "" {
			return password
		}
		return user
	}
	return value
}

// maxKey bounds what is hashed.
const maxKey = 1024

func check(key string) (string, *policy.Refusal) {
	if len(key) > maxKey {
		return "", &policy.Refusal{Code: policy.CodeMalformedKey, Message: "Authentication Error, the API key is too long to be one"}
	}
	return key, nil
}

// masked is a key as messages may show it.
func masked(key string) string {
	if len(key) < 12 {
		return "sk-..."
	}
	return "sk-..." + key[len(key)-4:]
}

// withoutKey takes key= out of a query: it must not reach the provider.
func withoutKey(query string) string {
	if !strings.Contains(query, "key=") {
		return query
	}
	parts := strings.Split(query, "&")
	kept := parts[:0]
	for _, p := range parts {
		name, _, _ := strings.Cut(p, "=")
		if plain, err := url.QueryUnescape(name); err == nil && plain == "key" {
			continue
		}
		kept = append(kept, p)
	}
	return strings.Join(kept, "&")
}

// withoutCredentials keeps the key out of all that lives on after the first message,
// in whichever header it came, a configured one included.
func withoutCredentials(h headers, configured string) headers {
	out := make(headers, 0, len(h))
	for _, f := range h {
		if f.name == configured || slices.Contains(credentialHeaders, f.name) {
			f.value = "" // the name stays, so that it is removed
		}
		out = append(out, f)
	}
	return out
}
