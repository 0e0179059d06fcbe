package fakeprovider

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Record is what is remembered of a request.
type Record struct {
	Seq  int64     `json:"seq"`  // 1, 2, 3, … since the start
	ID   string    `json:"id"`   // the answer's id, where it has one
	Time time.Time `json:"time"` // of arrival

	Method     string      `json:"method"`
	Path       string      `json:"path"` // with its query
	API        string      `json:"api"`  // chat, messages, …; empty for an unknown path
	Model      string      `json:"model"`
	Stream     bool        `json:"stream"`
	Headers    http.Header `json:"headers"` // with the credential
	BodyBytes  int         `json:"body_bytes"`
	BodySHA256 string      `json:"body_sha256"`
	Body       string      `json:"body"` // the first 64 KiB
	MaxTokens  int         `json:"max_tokens"`

	Status           int  `json:"status"` // 0: none was sent
	PromptTokens     int  `json:"prompt_tokens"`
	CompletionTokens int  `json:"completion_tokens"` // of the whole answer, reasoning included
	ReasoningTokens  int  `json:"reasoning_tokens"`
	CachedTokens     int  `json:"cached_tokens"`
	UsageReported    bool `json:"usage_reported"` // usage was written to the client

	BytesWritten  int64   `json:"bytes_written"`  // of the answer's body, to the socket
	TokensWritten int     `json:"tokens_written"` // of visible text
	ChunksWritten int     `json:"chunks_written"` // stream frames with text
	Outcome       string  `json:"outcome"`        // open, completed, aborted (the client left), reset (by instruction)
	DurationMS    float64 `json:"duration_ms"`

	epoch int // of the book when it was opened
}

// Stats are totals over all requests but those to /_fake/.
type Stats struct {
	Requests         int64            `json:"requests"`
	Open             int64            `json:"open"`
	Completed        int64            `json:"completed"`
	Aborted          int64            `json:"aborted"`
	Reset            int64            `json:"reset"`
	ByStatus         map[int]int64    `json:"by_status"`
	ByAPI            map[string]int64 `json:"by_api"`
	ByModel          map[string]int64 `json:"by_model"`
	PromptTokens     int64            `json:"prompt_tokens"`
	CompletionTokens int64            `json:"completion_tokens"`
	TokensWritten    int64            `json:"tokens_written"`
}

const (
	outcomeOpen      = "open"
	outcomeCompleted = "completed"
	outcomeAborted   = "aborted"
	outcomeReset     = "reset"
)

// book keeps the records: the newest `keep` of them, and totals over all.
type book struct {
	keep int

	mu      sync.Mutex
	seq     int64
	epoch   int       // how often it was reset
	records []*Record // oldest first
	stats   Stats
}

func newStats() Stats {
	return Stats{ByStatus: map[int]int64{}, ByAPI: map[string]int64{}, ByModel: map[string]int64{}}
}

func newBook(keep int) *book { return &book{keep: keep, stats: newStats()} }

// open adds a record. It is changed through update only.
func (b *book) open(r Record) *Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	r.Seq, r.Outcome, r.epoch = b.seq, outcomeOpen, b.epoch
	if len(b.records) >= b.keep {
		b.records = slices.Delete(b.records, 0, len(b.records)-b.keep+1)
	}
	b.records = append(b.records, &r)
	b.stats.Requests++
	b.stats.Open++
	return &r
}

func (b *book) update(r *Record, change func(*Record)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(r)
}

// close settles a record. One that was opened before a reset counts nowhere.
func (b *book) close(r *Record, outcome string, duration time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Outcome, r.DurationMS = outcome, float64(duration)/float64(time.Millisecond)
	if r.epoch != b.epoch {
		return
	}
	s := &b.stats
	s.Open--
	switch outcome {
	case outcomeCompleted:
		s.Completed++
	case outcomeReset:
		s.Reset++
	default:
		s.Aborted++
	}
	s.ByStatus[r.Status]++
	s.ByAPI[r.API]++
	s.ByModel[r.Model]++
	s.PromptTokens += int64(r.PromptTokens)
	s.CompletionTokens += int64(r.CompletionTokens)
	s.TokensWritten += int64(r.TokensWritten)
}

// reset forgets the records and totals; the numbering goes on.
func (b *book) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch++
	b.records, b.stats = nil, newStats()
}

func (b *book) since(seq int64) []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []Record{}
	for _, r := range b.records {
		if r.Seq > seq {
			copied := *r
			out = append(out, copied)
		}
	}
	return out
}

func (b *book) totals() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.ByStatus, s.ByAPI, s.ByModel = maps.Clone(s.ByStatus), maps.Clone(s.ByAPI), maps.Clone(s.ByModel)
	return s
}
