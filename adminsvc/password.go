package adminsvc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/purser/purser/policy"
)

// Passwords are kept as argon2id, each with a salt of its own, in the form that
// other programs write it too: $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16

	minPassword = 8
	maxPassword = 1024
)

// hashing bounds the memory that hashes under way take: whoever comes next waits.
var hashing = make(chan struct{}, 4)

// hashPassword takes some 20 ms of one core.
func hashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt)
	return argonHash(ctx, password, salt)
}

func argonHash(ctx context.Context, password string, salt []byte) (string, error) {
	select {
	case hashing <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-hashing }()
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, enc.EncodeToString(salt), enc.EncodeToString(key)), nil
}

// nobodysPassword takes the time of a check where there is no hash, so that the
// time of an answer does not tell who has a password.
var nobodysPassword = "$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43)

// passwordIs checks a password against a hash; "" is nobody's.
func passwordIs(ctx context.Context, hash, password string) (bool, error) {
	known := hash != ""
	if !known {
		hash = nobodysPassword
	}
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || len(password) > maxPassword {
		return false, nil
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, nil
	}
	again, err := argonHash(ctx, password, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare([]byte(again), []byte(hash)) == 1 && known, nil
}

// goodPassword refuses what is too easily guessed, or no text.
func goodPassword(field, password string) error {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return badRequest(field, "A password has %d characters at least", minPassword)
	case len(password) > maxPassword:
		return badRequest(field, "A password has %d bytes at most", maxPassword)
	}
	return nil
}

// newPassword hashes a password that somebody chose, after checking it.
func newPassword(ctx context.Context, field, password string) (string, error) {
	if err := goodPassword(field, password); err != nil {
		return "", err
	}
	return hashPassword(ctx, password)
}

// passwordOf is the hash of a user's password, "" for none.
func (s *server) passwordOf(ctx context.Context, user string) (string, error) {
	hash, err := s.SignIn.Password(ctx, user)
	if errors.Is(err, policy.ErrNotFound) {
		return "", nil
	}
	return hash, err
}
