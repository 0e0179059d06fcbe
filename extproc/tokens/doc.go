// Package tokens counts tokens of text, exactly with the public encodings and
// quickly by an estimate that is near the true count and not below it.
package tokens
