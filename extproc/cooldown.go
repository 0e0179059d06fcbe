package extproc

import (
	"sync"
	"time"
)

const (
	// longestCooldown bounds how long a deployment that keeps failing is left out, and
	// how much of a provider's retry-after is believed.
	longestCooldown = time.Minute
)

// cooldowns remembers which deployments fail, so that the next requests go to others
// of the model. It is this server's own experience: a call costs each server at most one
// failure, and a deployment that is well for one is not left out by all.
type cooldowns struct {
	mu  sync.Mutex
	ill map[string]*illness
}

type illness struct {
	failures int       // in a row
	times    int       // left out so often in a row
	until    time.Time // left out so long
}

// out reports whether a deployment is left out.
func (c *cooldowns) out(id string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.ill[id]
	return i != nil && now.Before(i.until)
}

// well forgets what was wrong with a deployment.
func (c *cooldowns) well(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ill) > 0 {
		delete(c.ill, id)
	}
}

// failed notes a failure. After more than allowed in a row the deployment is left out:
// for least, twice as long each time it is found no better, or as long as it asked for.
func (c *cooldowns) failed(id string, now time.Time, allowed int, least, asked time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ill == nil {
		c.ill = map[string]*illness{}
	}
	i := c.ill[id]
	if i == nil {
		i = &illness{}
		c.ill[id] = i
	}
	i.failures++
	if i.failures <= allowed && i.times == 0 || now.Before(i.until) {
		return
	}
	i.times++
	wait := least
	for n := 1; n < i.times && wait < longestCooldown; n++ {
		wait *= 2
	}
	i.until = now.Add(min(max(wait, asked), max(least, longestCooldown)))
}
