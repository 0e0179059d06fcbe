package extproc

import (
	"sync"

	"github.com/purser/purser/policy"
)

// habits remembers how long the answers of a key and model usually are: the
// floor under which a cap is not worth lowering to. It is a hint, kept per
// process and bounded; nothing is wrong where it is empty.
type habits struct {
	mu  sync.Mutex
	now map[habit]int64
	old map[habit]int64 // the generation before: what is asked for moves back
}

type habit struct {
	key   policy.KeyHash
	model string
}

// habitsKept bounds each of the two generations.
const habitsKept = 20_000

func (h *habits) usual(key policy.KeyHash, model string) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := habit{key, model}
	if n, ok := h.now[k]; ok {
		return n
	}
	return h.old[k]
}

// learn moves the usual length a quarter of the way to the last one.
func (h *habits) learn(key policy.KeyHash, model string, output int64) {
	if output <= 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	k := habit{key, model}
	n, ok := h.now[k]
	if !ok {
		n, ok = h.old[k]
	}
	if !ok {
		n = output
	} else {
		n += (output - n) / 4
	}
	if h.now == nil || len(h.now) >= habitsKept {
		h.old, h.now = h.now, make(map[habit]int64)
	}
	h.now[k] = max(n, 1)
}
