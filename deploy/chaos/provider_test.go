package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/purser/purser/deploy/fakeprovider"
)

// provider keeps what the fake provider remembers: it forgets the oldest.
type provider struct {
	url string

	mu      sync.Mutex
	records map[int64]fakeprovider.Record
	last    int64
}

// provider starts collecting, until the test ends.
func (s *stack) provider() *provider {
	p := &provider{url: s.info.FakeProviderURL, records: map[int64]fakeprovider.Record{}}
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			_ = p.collect()
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
	})
	s.t.Cleanup(func() { stop(); done.Wait() })
	return p
}

// collect reads what is new, and again what was open when it was last read.
func (p *provider) collect() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := p.last
	for seq, r := range p.records {
		if r.Outcome == "open" {
			since = min(since, seq-1)
		}
	}
	resp, err := client.Get(fmt.Sprintf("%s/_fake/requests?since=%d", p.url, since))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var records []fakeprovider.Record
	if err := json.NewDecoder(resp.Body).Decode(&records); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the provider's records: %s %w", resp.Status, err)
	}
	for _, r := range records {
		r.Body = "" // they are many
		p.records[r.Seq] = r
		p.last = max(p.last, r.Seq)
	}
	return nil
}

// all there are, oldest first; an error while some are still open.
func (p *provider) all() ([]fakeprovider.Record, error) {
	if err := p.collect(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]fakeprovider.Record, 0, len(p.records))
	for i, seq := range slices.Sorted(maps.Keys(p.records)) {
		r := p.records[seq]
		if r.Outcome == "open" {
			return nil, fmt.Errorf("request %d is still under way", seq)
		}
		if i > 0 && p.records[seq-1].Seq == 0 {
			return nil, fmt.Errorf("the provider's record %d was missed", seq-1)
		}
		out = append(out, r)
	}
	return out, nil
}

// open is how many requests the provider was answering when it was last asked.
func (p *provider) open() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.records {
		if r.Outcome == "open" {
			n++
		}
	}
	return n
}
