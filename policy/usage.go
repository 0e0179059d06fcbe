package policy

// UsageSource tells who counted.
type UsageSource uint8

// The sources, from best to worst.
const (
	UsageNone      UsageSource = iota // nothing was used: refused, or failed before the provider worked
	UsageReported                     // the provider's own figures
	UsageCounted                      // counted by us from the bytes that passed
	UsageEstimated                    // the hold: the request ended where nobody could count
	UsageUnmetered                    // passed on purpose without a count: realtime, files, batches
)

var usageSources = [...]string{"none", "reported", "counted", "estimated", "unmetered"}

func (s UsageSource) String() string { return usageSources[s] }

// Usage is what one request consumed. Cached, CacheWrite*, AudioInput and
// ImageInput are parts of Input; Reasoning, AudioOutput and ImageOutput are
// parts of Output, whatever shape the provider reports them in.
type Usage struct {
	Input        int64 `json:"input"`                    // tokens of the prompt, all of it
	Cached       int64 `json:"cached,omitempty"`         // of Input: read from the provider's cache
	CacheWrite5m int64 `json:"cache_write_5m,omitempty"` // of Input: written to the cache for five minutes
	CacheWrite1h int64 `json:"cache_write_1h,omitempty"` // of Input: written to the cache for an hour
	AudioInput   int64 `json:"audio_input,omitempty"`    // of Input: audio tokens
	ImageInput   int64 `json:"image_input,omitempty"`    // of Input: image tokens
	Output       int64 `json:"output"`                   // tokens produced, all of them
	Reasoning    int64 `json:"reasoning,omitempty"`      // of Output: hidden reasoning
	AudioOutput  int64 `json:"audio_output,omitempty"`   // of Output: audio tokens
	ImageOutput  int64 `json:"image_output,omitempty"`   // of Output: image tokens

	Images     int64 `json:"images,omitempty"`     // pictures made
	Pixels     int64 `json:"pixels,omitempty"`     // their pixels together
	Characters int64 `json:"characters,omitempty"` // characters spoken or read, for models priced by them
	Millis     int64 `json:"millis,omitempty"`     // milliseconds of audio or video, for models priced by time
	Queries    int64 `json:"queries,omitempty"`    // rerank or search calls
	Searches   int64 `json:"searches,omitempty"`   // web searches the model made

	ServiceTier string      `json:"service_tier,omitempty"` // "priority", "flex" as the reply says; "" is the base tier
	Source      UsageSource `json:"source"`
}

// Total is the tokens a total-token limit counts: input and output.
func (u Usage) Total() int64 { return u.Input + u.Output }
