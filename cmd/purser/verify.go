package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/purser/purser/policy"
)

// verification is what extproc answers at /ledger/verify.
type verification struct {
	OK           bool
	At           time.Time
	Ledger       string
	Reservations int
	Counters     []verifiedCounter
	Tables       []string
}

type verifiedCounter struct {
	Scope, ID, Kind, Model, Window string
	Start                          *time.Time
	OK                             bool
	Used, Held, Parts              int64
	Booked                         *int64
	SettledOff                     int64 `json:"settled_off"`
	HeldOff                        int64 `json:"held_off"`
}

// runVerify has an extproc compare the ledger's counters with the tables. Its status
// is 1 where they differ.
func runVerify(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	stateDir := flags.String("state-dir", ".state", "folder of the stack that `purser up` runs")
	url := flags.String("extproc", "", "an extproc's HTTP address instead, as http://127.0.0.1:9003, with the master key in $LITELLM_MASTER_KEY")
	all := flags.Bool("all", false, "list every counter, not only those that differ")
	asJSON := flags.Bool("json", false, "print the answer as JSON: every counter")
	if err := parse(flags, args, out); err != nil {
		return err
	}
	key := os.Getenv("LITELLM_MASTER_KEY")
	if *url == "" {
		var info stackInfo
		text, err := os.ReadFile(filepath.Join(*stateDir, "stack.json"))
		if err != nil {
			return fmt.Errorf("no stack is running in %s (--state-dir, --extproc): %w", *stateDir, err)
		}
		if err := json.Unmarshal(text, &info); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(*stateDir, "stack.json"), err)
		}
		*url, key = info.ExtprocURL, info.MasterKey
	}
	if key == "" {
		return usageError{"set LITELLM_MASTER_KEY"}
	}
	text, err := askVerify(ctx, strings.TrimSuffix(*url, "/")+"/ledger/verify", key)
	if err != nil {
		return err
	}
	var v verification
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("%s answers what nobody can read: %w", *url, err)
	}
	if *asJSON {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, text, "", "  "); err != nil {
			return err
		}
		_, err = pretty.WriteTo(out)
	} else {
		err = v.write(out, *all)
	}
	if err == nil && !v.OK {
		return exitStatus(1)
	}
	return err
}

func askVerify(ctx context.Context, url, key string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := localClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	return text, err
}

// write prints how many counters there are at each level, and those that differ.
func (v *verification) write(out io.Writer, all bool) error {
	fmt.Fprintf(out, "ledger in %s, at %s, %d requests under way\n\n", v.Ledger, v.At.Format(time.RFC3339), v.Reservations)
	type sum struct{ counters, booked, differ int }
	levels, order := map[string]*sum{}, []string{}
	for _, c := range v.Counters {
		if levels[c.Scope] == nil {
			levels[c.Scope] = &sum{}
			order = append(order, c.Scope)
		}
		s := levels[c.Scope]
		s.counters++
		if c.Booked != nil {
			s.booked++
		}
		if !c.OK {
			s.differ++
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "level\tcounters\tin the tables\tdiffer")
	for _, level := range order {
		s := levels[level]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\n", level, s.counters, s.booked, s.differ)
	}
	listed := false
	for _, c := range v.Counters {
		if !all && c.OK {
			continue
		}
		if !listed {
			fmt.Fprintln(w, "\ncounter\twindow\tsettled\tin the tables\theld\treservations\t")
			listed = true
		}
		c.write(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, t := range v.Tables {
		fmt.Fprintf(out, "\ntables differ: %s", t)
	}
	end := "\nAll agrees: counters, reservations, rows and their sums.\n"
	if !v.OK {
		end = "\nThe ledger DIFFERS.\n"
	}
	_, err := io.WriteString(out, end)
	return err
}

func (c *verifiedCounter) write(w io.Writer) {
	name := c.Scope
	if c.ID != "" {
		name += ":" + c.ID
	}
	name += " " + c.Kind
	if c.Model != "" {
		name += " of " + c.Model
	}
	window := c.Window
	if c.Start != nil {
		window += " from " + c.Start.Format(time.RFC3339)
	}
	amount := func(n int64) string {
		if c.Kind == policy.KindSpend.String() {
			return "$" + policy.Money(n).String()
		}
		return fmt.Sprint(n)
	}
	booked, held, parts, note := "-", amount(c.Held), amount(c.Parts), ""
	if c.Booked != nil {
		booked = amount(*c.Booked)
	}
	switch {
	case c.SettledOff != 0:
		note = "SETTLED differs by " + amount(c.SettledOff)
	case c.HeldOff != 0:
		note = "HELD differs by " + amount(c.HeldOff)
	}
	if c.Window == policy.Minute.Name() {
		held, parts = "-", "-"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, window, amount(c.Used), booked, held, parts, note)
}
