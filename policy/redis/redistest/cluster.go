package redistest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Cluster is a Redis Cluster on this machine.
type Cluster struct {
	Nodes []*Server // the masters first, then the replicas
}

const slots = 16384

// StartCluster runs masters that share the slots, each with so many replicas, and
// waits until all of them agree on that.
func StartCluster(masters, replicas int) (*Cluster, error) {
	c := &Cluster{}
	for range masters * (1 + replicas) {
		// Three seconds: a shorter stop of a busy machine is no failure. And a replica that has not heard of its master for
		// ten times that may never take its place, by default: where the machine stands still for longer nobody would.
		s, err := Start("", []string{"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "3000",
			"--repl-ping-replica-period", "1", "--cluster-replica-validity-factor", "0"})
		if err != nil {
			c.Stop()
			return nil, err
		}
		c.Nodes = append(c.Nodes, s)
	}
	if err := c.join(masters); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) join(masters int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	clients := make([]*redis.Client, len(c.Nodes))
	for i, n := range c.Nodes {
		clients[i] = redis.NewClient(&redis.Options{Addr: n.Addr})
		defer clients[i].Close()
	}
	for i, n := range c.Nodes {
		if i < masters {
			if err := clients[i].ClusterAddSlotsRange(ctx, i*slots/masters, (i+1)*slots/masters-1).Err(); err != nil {
				return err
			}
		}
		// An epoch each, so that they need not settle that among themselves.
		if err := clients[i].Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			return err
		}
		if i > 0 {
			if err := clients[0].ClusterMeet(ctx, "127.0.0.1", strconv.Itoa(n.Port)).Err(); err != nil {
				return err
			}
		}
	}
	for i := masters; i < len(c.Nodes); i++ {
		id, err := clients[i%masters].ClusterMyID(ctx).Result()
		if err != nil {
			return err
		}
		for clients[i].ClusterReplicate(ctx, id).Err() != nil { // until it has heard of its master
			if err := pause(ctx); err != nil {
				return fmt.Errorf("node %d knows no master: %w", i, err)
			}
		}
	}
	for i := range clients {
		for !c.agrees(ctx, clients[i], masters) {
			if err := pause(ctx); err != nil {
				return fmt.Errorf("node %d does not see the whole cluster: %w", i, err)
			}
		}
	}
	return nil
}

// agrees reports whether a node sees all slots served, and every replica in step.
func (c *Cluster) agrees(ctx context.Context, node *redis.Client, masters int) bool {
	info, err := node.ClusterInfo(ctx).Result()
	if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r", len(c.Nodes))) {
		return false
	}
	shards, err := node.ClusterSlots(ctx).Result()
	if err != nil || len(shards) != masters {
		return false
	}
	for _, s := range shards {
		if len(s.Nodes) != len(c.Nodes)/masters {
			return false
		}
	}
	if len(c.Nodes) == masters {
		return true
	}
	link, err := node.Info(ctx, "replication").Result()
	return err == nil && (strings.Contains(link, "role:master") || strings.Contains(link, "master_link_status:up"))
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10 * time.Millisecond):
		return nil
	}
}

// Addrs lists the nodes' addresses.
func (c *Cluster) Addrs() []string {
	out := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		out[i] = n.Addr
	}
	return out
}

// URL is the cluster's, as Connect reads it.
func (c *Cluster) URL() string {
	return "redis+cluster://" + c.Nodes[0].Addr + "?addr=" + strings.Join(c.Addrs()[1:], "&addr=")
}

// At is the node with an address.
func (c *Cluster) At(addr string) *Server {
	for _, n := range c.Nodes {
		if n.Addr == addr {
			return n
		}
	}
	return nil
}

// Stop ends all nodes.
func (c *Cluster) Stop() {
	for _, n := range c.Nodes {
		n.Stop()
	}
}
