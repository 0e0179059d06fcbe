package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/purser/purser/adminsvc"
)

// runOpenAPI prints the API's description: what the web UI's types are made from.
func runOpenAPI(_ context.Context, args []string, out io.Writer) error {
	if err := parse(flag.NewFlagSet("openapi", flag.ContinueOnError), args, out); err != nil {
		return err
	}
	// Without the version: the same API is the same document, whatever the commit.
	document, err := adminsvc.OpenAPI("")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, string(document))
	return err
}
