package extproc

import (
	"sync"

	"github.com/purser/purser/policy"
)

// conversations remembers how long the responses were that passed here, with all that
// went before them: a request that continues one has so much of its prompt at the
// provider. It is kept per process and bounded; of what it does not know, the model's
// window is held.
type conversations struct {
	mu  sync.Mutex
	now map[string]int64
	old map[string]int64 // the generation before
}

// conversationsKept bounds each of the two generations.
const conversationsKept = 20_000

// continuedOverhead is what a provider may add where one turn meets the next, in tokens.
const continuedOverhead = 16

// length of a response with all that went before it, in tokens; 0: not known.
func (c *conversations) length(id string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, ok := c.now[id]; ok {
		return n
	}
	return c.old[id]
}

// learn what a provider reported of a response. Nobody else's count is good enough.
func (c *conversations) learn(id string, u policy.Usage) {
	if id == "" || u.Source != policy.UsageReported {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil || len(c.now) >= conversationsKept {
		c.old, c.now = c.now, make(map[string]int64)
	}
	c.now[id] = u.Total() + continuedOverhead
}
