// Package migrations holds the database schema as a sequence of SQL files, built
// into the binaries. policy/postgres applies them.
package migrations

import "embed"

// FS holds NNNN_name.sql, each with goose's Up and Down sections. A file that has
// been released is never edited: what changes is the next file.
//
//go:embed *.sql
var FS embed.FS
