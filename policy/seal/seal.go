package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Prefix begins every sealed text.
const Prefix = "sealed:v1:"

// What Open answers with.
var (
	// ErrUnknownKey: sealed under a secret that this Box was not given.
	ErrUnknownKey = errors.New("sealed under another SALT_KEY than is set now")
	// ErrDamaged: no sealed text, changed since, or sealed for something else.
	ErrDamaged = errors.New("not a sealed value of this thing, or a damaged one")
)

// Box seals and opens. It may be used concurrently.
type Box struct {
	first string                 // the id of the key that seals
	keys  map[string]cipher.AEAD // by id
}

// New makes a Box of one or more secrets, of which the first seals. Empty ones are
// left out.
func New(secrets ...string) (*Box, error) {
	b := &Box{keys: map[string]cipher.AEAD{}}
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		key, err := hkdf.Key(sha256.New, []byte(secret), nil, "purser credentials v1", 32)
		if err != nil {
			return nil, err
		}
		name, err := hkdf.Key(sha256.New, []byte(secret), nil, "purser credentials v1 name", 4)
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		id := hex.EncodeToString(name)
		if b.first == "" {
			b.first = id
		}
		b.keys[id] = aead
	}
	if b.first == "" {
		return nil, errors.New("there is no secret to seal with: set SALT_KEY")
	}
	return b, nil
}

// Seal encrypts a text that belongs to owner.
func (b *Box) Seal(owner, text string) string {
	sealed := b.keys[b.first].Seal(nil, nil, []byte(text), []byte(owner)) // with a nonce of its own
	return Prefix + b.first + ":" + base64.RawURLEncoding.EncodeToString(sealed)
}

// Open is the text that was sealed for owner.
func (b *Box) Open(owner, sealed string) (string, error) {
	rest, ok := strings.CutPrefix(sealed, Prefix)
	id, body, found := strings.Cut(rest, ":")
	if !ok || !found {
		return "", ErrDamaged
	}
	key, ok := b.keys[id]
	if !ok {
		return "", ErrUnknownKey
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return "", ErrDamaged
	}
	text, err := key.Open(nil, nil, raw, []byte(owner))
	if err != nil {
		return "", ErrDamaged
	}
	return string(text), nil
}

// Is reports whether a text is a sealed one.
func Is(text string) bool { return strings.HasPrefix(text, Prefix) }

// String keeps a Box from being printed.
func (b *Box) String() string { return fmt.Sprintf("seal.Box(%d keys)", len(b.keys)) }

// GoString keeps %#v from printing it.
func (b *Box) GoString() string { return b.String() }
