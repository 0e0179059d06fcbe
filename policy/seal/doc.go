// Package seal encrypts the few secrets that must be kept in the database because
// somebody else wants them in clear: the credentials of providers.
//
// # What a sealed text is
//
//	sealed:v1:<key>:<base64url of nonce, ciphertext and tag>
//
// AES-256-GCM under a key that HKDF-SHA256 derives from the operator's secret. <key>
// names that key (the first bytes of another derivation), so that a text sealed under
// a secret that is no longer known says so instead of failing as if it were damaged.
// What a text belongs to is authenticated with it: copied to another row, it does not
// open.
//
// # Changing the secret
//
// A Box seals with its first secret and opens with all of them. So a new secret goes
// to the front and the old one stays until everything was written anew; and giving a
// SALT_KEY where before there was none (and the master key served) loses nothing as
// long as the master key stays what it is.
//
// # Failure
//
// Open answers ErrUnknownKey or ErrDamaged and nothing else; neither holds any of the
// text. There is no way to open without a secret, and none to seal: New refuses an
// empty list.
package seal
