package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text writes a result for people.
func (r *Result) Text(w io.Writer) error {
	c := r.Conditions
	var b strings.Builder
	fmt.Fprintf(&b, "\nPurser %s, Envoy %s, Redis %s\n", c.Purser, c.Envoy, or(c.Redis, "not installed: left out"))
	fmt.Fprintf(&b, "%s, gRPC %s, Linux %s, %d cores (%s), load %s before, %s after\n", c.Go, c.GRPC, c.Kernel, c.Cores, c.CPU, c.LoadBefore, c.LoadAfter)
	fmt.Fprintf(&b, "%d rounds in turns; %d limits in each scope; requests of %d bytes, replies of %d; Envoy with one worker\n",
		c.Rounds, c.LimitsPerScope, c.RequestBytes, c.ReplyBytes)
	fmt.Fprintf(&b, "CPU is microseconds per request; a ratio is the median of the rounds [quartiles], ! where these lie more than 10%% apart\n")
	for _, s := range r.Scenarios {
		fmt.Fprintf(&b, "\n%s, %d requests a round\n", s.Name, s.Requests)
		s.text(&b)
	}
	if len(r.Ledger) > 0 {
		fmt.Fprintf(&b, "\nThe ledger in Redis by itself, reserve and settle, %d callers\n", r.Ledger[0].Parallel)
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "holds\tRedis CPU\trequests per core and second\tlatency ms\t")
		for _, f := range r.Ledger {
			fmt.Fprintf(t, "%d\t%.0f\t%.0f\t%.2f\t\n", f.Holds, f.RedisUS, f.PerCore, f.LatencyUS/1000)
		}
		_ = t.Flush()
	}
	if r.Noisy {
		fmt.Fprintf(&b, "\nThe machine was noisy: do not compare figures marked with ! to better than their quartiles.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s ScenarioFigures) text(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tmsgs\tEnvoy\tserver\tRedis\tsum\tto alone\tto no-op\tp50 ms\tadded\tp99 ms\tadded\t")
	for _, v := range s.Variants {
		redis := ""
		if v.RedisCPU != nil {
			redis = fmt.Sprintf("%.0f", v.RedisCPU.Median)
		}
		fmt.Fprintf(t, "%s\t%.1f\t%.0f\t%.0f\t%s\t%.0f\t%s\t%s\t%.2f\t%s\t%.2f\t%s\t\n", v.Name, v.Messages, v.EnvoyCPU.Median, v.ServerCPU.Median, redis,
			v.CPU.Median, ratio(v.ToAlone), ratio(v.ToNoOp), v.P50.Median/1000, added(v.AddedP50), v.P99.Median/1000, added(v.AddedP99))
	}
	_ = t.Flush()
	for _, v := range s.Variants {
		if v.ToOne != nil {
			fmt.Fprintf(w, "%s to the same with one model at one place: %s, %+.0f [%+.0f, %+.0f] microseconds\n", v.Name, ratio(v.ToOne), v.AddedOne.Median, v.AddedOne.Q1, v.AddedOne.Q3)
		}
		if v.ToPlain != nil {
			fmt.Fprintf(w, "%s to the same with gRPC's own codec: %s\n", v.Name, ratio(v.ToPlain))
		}
	}
}

func ratio(q *quartiles) string {
	if q == nil {
		return ""
	}
	mark := " "
	if q.noisy() {
		mark = "!"
	}
	return fmt.Sprintf("%.2f%s[%.2f-%.2f]", q.Median, mark, q.Q1, q.Q3)
}

func added(q *quartiles) string {
	if q == nil {
		return ""
	}
	return fmt.Sprintf("%+.2f", q.Median/1000)
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
