package config

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/purser/purser/policy"
)

// id is model_info.id, else the public name and a short hash of what the entry
// is: without its credential, so that a new key is not a new deployment, but
// with the name of the variable that holds it, which tells two accounts apart.
func (b *builder) id(e *entry, d *policy.Deployment) string {
	if !e.id.null() {
		text, ok := b.text(e.id)
		if !ok {
			return ""
		}
		id := text
		if !isID(text) {
			sum := sha256.Sum256([]byte(text))
			id = slug(text, 40) + "-" + hex.EncodeToString(sum[:4])
			b.warn(e.id, "is used as %s: an id is made of a-z, 0-9 and - and has at most 63 characters", id)
		}
		if first, taken := b.ids[id]; taken {
			b.fail(e.id, "is the id of another model as well; see line %d", first.at.line)
		}
		b.ids[id] = e.id
		return id
	}
	variable, _ := e.key.reference()
	identity := strings.Join([]string{
		d.Model, d.Provider, d.Target, d.Scheme, d.Host, strconv.Itoa(d.Port), d.PathPrefix, d.Query, e.organization.Reveal(), variable,
	}, "\x00")
	sum := sha256.Sum256([]byte(identity))
	base := slug(d.Model, 40) + "-" + hex.EncodeToString(sum[:5])
	id := base
	for n := 2; ; n++ {
		if _, taken := b.ids[id]; !taken {
			break
		}
		id = base + "-" + strconv.Itoa(n)
	}
	b.ids[id] = e.at
	return id
}

func isID(text string) bool {
	return len(text) > 0 && len(text) <= 63 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// slug is what is left of a name that is made of a-z, 0-9 and -.
func slug(text string, length int) string {
	var b strings.Builder
	for _, c := range strings.ToLower(text) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case c == '*':
			b.WriteString("any")
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= length {
			break
		}
	}
	return first(strings.Trim(b.String(), "-"), "model")
}
