// Package tokens counts tokens of text: exactly, with the public encodings, and
// quickly, by an estimate that is near the true count and not below it.
//
// Counting takes about 0.1 ms a kilobyte, an estimate one to two microseconds.
// So requests are estimated, and counted only where it matters: near a limit,
// and where a provider reports nothing. The vocabularies (35 ms and 6 MB each) are
// loaded once, when first needed or by Warm.
//
// An unknown encoding counts as o200k_base. Nothing here fails or panics,
// whatever the bytes.
package tokens
