package policy

import "time"

// Replica is a process that follows the changes.
type Replica struct {
	ID     string
	Kind   string        // extproc, adminsvc
	Behind int64         // changes it has not reported yet
	Seen   time.Duration // since it last said that it lives
}

// ReplicaLives is how long ago a replica that lives was last heard of, at most.
const ReplicaLives = 3 * time.Second

// ProcessState is what an extproc says of itself to adminsvc.
type ProcessState struct {
	Replica      string     `json:"replica"`
	Ledger       string     `json:"ledger"` // memory or redis
	Alone        bool       `json:"alone"`  // the shared ledger is away, and this replica decides alone
	Open         int64      `json:"open"`   // requests under way
	Compared     *time.Time `json:"compared,omitempty"`
	Differing    int        `json:"differing"`  // counters that differed from the tables at the last comparison, and were set right
	Drift        Money      `json:"drift"`      // those of spend, added up
	Pending      int64      `json:"pending"`    // settled requests in the spool
	Oldest       float64    `json:"oldest"`     // age of the first of them, in seconds
	Rejected     int64      `json:"rejected"`   // put aside since the start
	DiskFails    bool       `json:"disk_fails"` // the disk refuses the spool's writes
	DirectoryAge float64    `json:"directory_age"`
}
