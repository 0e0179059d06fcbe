package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/purser/purser/policy/postgres"
)

func runMigrate(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	url := flags.String("database-url", "", "the database, past any pooler in transaction mode (default $DATABASE_DIRECT_URL, else $DATABASE_URL)")
	if err := parse(flags, args, out); err != nil {
		return err
	}
	for _, name := range []string{"DATABASE_DIRECT_URL", "DATABASE_URL"} {
		if *url == "" {
			*url = os.Getenv(name)
		}
	}
	if *url == "" {
		return usageError{"set DATABASE_URL or --database-url"}
	}
	before, _, err := postgres.SchemaVersion(ctx, *url)
	if err != nil {
		return err
	}
	if err := postgres.Migrate(ctx, *url); err != nil {
		return err
	}
	after, _, err := postgres.SchemaVersion(ctx, *url)
	if err != nil {
		return err
	}
	if after == before {
		_, err = fmt.Fprintf(out, "the schema is up to date, version %d\n", after)
		return err
	}
	_, err = fmt.Fprintf(out, "the schema went from version %d to %d\n", before, after)
	return err
}
