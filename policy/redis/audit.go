package redis

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/purser/purser/policy"
)

//go:embed audit.lua
var auditText string

var auditScript = redis.NewScript(auditText)

// Audit implements policy.Auditor. Redis serves nobody else while the reservations
// under way are added up: some microseconds for each.
func (l *Ledger) Audit(ctx context.Context) (int, []policy.Account, error) {
	live, held, err := l.heldNow(ctx, nil)
	if err != nil {
		return 0, nil, err
	}
	var out []policy.Account
	var again []policy.Counter
	if err := l.hashes(ctx, func(scope policy.Scope, all map[string]string) bool {
		for name, c := range counters(scope, all) {
			a := policy.Account{Counter: c, Used: number(all[name+":u"]), Held: number(all[name+":h"])}
			if c.Window == policy.Minute.Name() {
				a.Used, a.Parts = number(all[name+":s"]), minuteParts(all, name)
			} else if h, ok := held[c]; ok {
				a.Held, a.Parts = h.Held, h.Parts
				delete(held, c)
			} else if a.Held != 0 {
				again = append(again, c) // reserved since, or by nobody
			}
			out = append(out, a)
		}
		return true
	}); err != nil {
		return 0, nil, err
	}
	for _, h := range held { // held by reservations, and nowhere counted
		out = append(out, h)
	}
	if len(again) == 0 {
		return live, out, nil
	}
	if _, held, err = l.heldNow(ctx, again); err != nil {
		return 0, nil, err
	}
	for i, a := range out {
		if h, ok := held[a.Counter]; ok && a.Held != 0 && a.Parts == 0 {
			out[i].Held, out[i].Parts = h.Held, h.Parts
		}
	}
	return live, out, nil
}

// heldNow adds up the reservations under way, and tells also of the counters asked for.
func (l *Ledger) heldNow(ctx context.Context, also []policy.Counter) (live int, held map[policy.Counter]policy.Account, err error) {
	args := make([]any, 1, 1+2*len(also))
	args[0] = l.key("r") + ":"
	for _, c := range also {
		name := field(c)
		args = append(args, l.scopeKey(c.Scope, c.Window), name)
	}
	reply, err := auditScript.Run(ctx, l.client, []string{l.key("expiry")}, args...).Slice()
	if err != nil {
		return 0, nil, err
	}
	held = make(map[policy.Counter]policy.Account, len(reply))
	for _, row := range reply[min(1, len(reply)):] {
		v, _ := row.([]any)
		if len(v) != 4 {
			return 0, nil, fmt.Errorf("audit: an answer of %d parts", len(v))
		}
		key, _ := v[0].(string)
		name, _ := v[1].(string)
		scope, ok := policy.ParseScope(strings.TrimPrefix(key, l.key("c")+":"))
		c, known := counter(scope, name)
		if !ok || !known {
			return 0, nil, fmt.Errorf("audit: nobody knows a counter %q of %q", name, key)
		}
		held[c] = policy.Account{Counter: c, Held: number(v[2]), Parts: number(v[3])}
	}
	return int(number(reply[0])), held, nil
}

// counter reads a counter's name within its scope's hash.
func counter(scope policy.Scope, name string) (policy.Counter, bool) {
	parts := strings.SplitN(name, "|", 4)
	if len(parts) != 4 {
		return policy.Counter{}, false
	}
	kind, ok := policy.ParseKind(parts[0])
	start, err := strconv.ParseInt(parts[2], 10, 64)
	return policy.Counter{Scope: scope, Kind: kind, Model: parts[3], Window: parts[1], Start: start}, ok && err == nil
}

// counters are those of a scope's hash, by their names in it.
func counters(scope policy.Scope, all map[string]string) map[string]policy.Counter {
	out := map[string]policy.Counter{}
	for f := range all {
		i := strings.LastIndexByte(f, ':')
		if i < 0 {
			continue
		}
		if c, ok := counter(scope, f[:i]); ok {
			out[f[:i]] = c
		}
	}
	return out
}

// minuteParts adds up the sub-windows that are still kept.
func minuteParts(all map[string]string, name string) (sum int64) {
	for id := all[name+":o"]; id != "" && id != "0"; {
		sum += number(all[name+":"+id])
		info := all[name+":"+id+"i"]
		id = info[strings.LastIndexByte(info, ' ')+1:]
	}
	return sum
}
