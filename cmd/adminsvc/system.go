package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/purser/purser/adminsvc"
	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres"
)

// systemWithin bounds each look at another part: the page that asks is for when one of them is away.
const systemWithin = 2 * time.Second

// overview looks at what the gateway stands on.
type overview struct {
	store *postgres.Store
	lag   func(ctx context.Context) (int64, error) // of the journal in Redis; nil without
	peers *explainer                               // nil: no extproc can be asked
}

// look asks everything at once.
func (o *overview) look(ctx context.Context) (out adminsvc.System) {
	ctx, cancel := context.WithTimeout(ctx, systemWithin)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		began := time.Now()
		err := o.store.Ping(ctx)
		out.PostgreSQL = adminsvc.Part{Used: true, Up: err == nil, Took: time.Since(began)}
		if err == nil {
			out.Replicas, _ = o.store.Replicas(ctx)
		}
	})
	if o.lag != nil {
		all.Go(func() {
			began := time.Now()
			n, err := o.lag(ctx)
			out.Redis = adminsvc.Part{Used: true, Up: err == nil, Took: time.Since(began)}
			if err == nil {
				out.Journal = &n
			}
		})
	}
	if o.peers != nil {
		states := make([]*policy.ProcessState, len(o.peers.urls))
		for i, url := range o.peers.urls {
			all.Go(func() { states[i], _ = o.peers.state(ctx, url) })
		}
		defer func() {
			for _, s := range states {
				if s == nil {
					out.Silent++
				} else {
					out.Processes = append(out.Processes, *s)
				}
			}
		}()
	}
	all.Wait()
	return out
}

// state asks one extproc how it is.
func (e *explainer) state(ctx context.Context, url string) (*policy.ProcessState, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/internal/state", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+e.token())
	resp, err := e.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", url, resp.Status)
	}
	var out policy.ProcessState
	return &out, json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&out)
}
