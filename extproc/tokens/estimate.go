package tokens

// Chat models spend these beside the text.
const (
	PerMessage = 3 // around each message
	PerName    = 1 // where a message carries a name
	PerReply   = 3 // the reply is primed with its role
)

// Estimate is near the number of tokens of a text and not below it.
func Estimate(text []byte) int64 { return int64(len(text)+1) / 2 }

// EstimateJSON is Estimate of what a JSON string (without its quotes) says.
func EstimateJSON(raw []byte) int64 { return Estimate(raw) }
