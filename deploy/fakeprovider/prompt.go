package fakeprovider

import "encoding/json"

// What OpenAI's models spend beside the text.
const (
	perMessage = 3
	perName    = 1
	perReply   = 3
	perImage   = 85 // the low-detail price of a picture
)

// part is a member of a content list: OpenAI's, Anthropic's and Gemini's all have
// their text in "text".
type part struct {
	Type string `json:"type"`
	Text string `json:"text"`
	// Anthropic's tool results nest content.
	Content json.RawMessage `json:"content"`
}

// content reads a string or a list of parts: its text, and its tokens with pictures.
func content(raw json.RawMessage) (text string, tokens int) {
	if len(raw) == 0 {
		return "", 0
	}
	if json.Unmarshal(raw, &text) == nil {
		return text, countTokens(text)
	}
	var parts []part
	if json.Unmarshal(raw, &parts) != nil {
		return "", 0
	}
	for _, p := range parts {
		switch {
		case len(p.Content) > 0:
			inner, n := content(p.Content)
			text, tokens = text+inner, tokens+n
		case p.Text == "" && p.Type != "" && p.Type != "text":
			tokens += perImage
		default:
			text, tokens = text+p.Text, tokens+countTokens(p.Text)
		}
	}
	return text, tokens
}

// message of a chat.
type message struct {
	Role    string          `json:"role"`
	Name    string          `json:"name"`
	Content json.RawMessage `json:"content"`
}

// chatPrompt counts messages and returns the text of the last one from the user.
func chatPrompt(messages []message) (tokens int, last string) {
	tokens = perReply
	for _, m := range messages {
		text, n := content(m.Content)
		tokens += perMessage + countTokens(m.Role) + n
		if m.Name != "" {
			tokens += perName + countTokens(m.Name)
		}
		if m.Role == "user" {
			last = text
		}
	}
	return tokens, last
}

// countJSON is what definitions of tools and the like cost: the tokens of their text.
func countJSON(raw json.RawMessage) int {
	if len(raw) == 0 || string(raw) == "null" {
		return 0
	}
	return countTokens(string(raw))
}

// inputs reads OpenAI's prompt and input: a string, a list of strings, a list of
// tokens, or a list of such lists.
func inputs(raw json.RawMessage) (texts []string, tokens int, ok bool) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, countTokens(one), true
	}
	if json.Unmarshal(raw, &texts) == nil {
		for _, t := range texts {
			tokens += countTokens(t)
		}
		return texts, tokens, len(texts) > 0
	}
	var ids []int
	if json.Unmarshal(raw, &ids) == nil {
		return []string{string(raw)}, len(ids), len(ids) > 0
	}
	var lists [][]int
	if json.Unmarshal(raw, &lists) == nil {
		texts = nil
		for _, l := range lists {
			texts, tokens = append(texts, string(marshal(l))), tokens+len(l)
		}
		return texts, tokens, len(lists) > 0
	}
	return nil, 0, false
}

// limitOf is the least of the caps that are set; 0 is none, -1 one that is not positive.
func limitOf(caps ...*int) int {
	limit := 0
	for _, c := range caps {
		switch {
		case c == nil:
		case *c < 1:
			return -1
		case limit == 0 || *c < limit:
			limit = *c
		}
	}
	return limit
}

func last(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return texts[len(texts)-1]
}
