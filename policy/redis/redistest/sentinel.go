package redistest

import "fmt"

// StartSentinel runs a sentinel that watches a master by the name "ledger", and by
// itself makes a replica of it the master a moment after it is gone.
func StartSentinel(master *Server) (*Server, error) {
	config := fmt.Sprintf("sentinel monitor ledger 127.0.0.1 %d 1\nsentinel down-after-milliseconds ledger 300\nsentinel failover-timeout ledger 3000\n", master.Port)
	return start("", config, []string{"--sentinel"})
}
