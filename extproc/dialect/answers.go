package dialect

import "github.com/purser/purser/extproc/tokens"

// answers keeps the text of a reply to be counted: one text for each choice and
// kind, as the choices of a stream come interleaved.
type answers struct {
	encoding string
	choices  int64
	parts    map[int]*tokens.Counter
	pending  [kinds][]byte // of the choice that is being read: its index may come behind its text
}

// The kinds of text in an answer.
const (
	spoken  = iota // content, refusals
	thought        // reasoning
	called         // names and arguments of tools
	kinds
)

func newAnswers(call *Call, head Head) answers {
	return answers{encoding: head.Tokenizer, choices: call.Choices, parts: map[int]*tokens.Counter{}}
}

// add takes a piece of the choice that is being read.
func (a *answers) add(kind int, s []byte) {
	if a.choices <= 1 {
		a.part(0, kind).Add(s)
		return
	}
	a.pending[kind] = append(a.pending[kind], s...)
	if len(a.pending[kind]) > holdMax {
		a.flush(0)
	}
}

// flush ends the reading of a choice.
func (a *answers) flush(index int64) {
	for kind := range a.pending {
		if len(a.pending[kind]) > 0 {
			a.part(index, kind).Add(a.pending[kind])
			a.pending[kind] = a.pending[kind][:0]
		}
	}
}

func (a *answers) part(index int64, kind int) *tokens.Counter {
	if index < 0 || index >= maxChoices {
		index = 0
	}
	at := int(index)*kinds + kind
	c := a.parts[at]
	if c == nil {
		c = &tokens.Counter{Encoding: a.encoding}
		a.parts[at] = c
	}
	return c
}

func (a *answers) counted() (output, reasoning int64) {
	for at, c := range a.parts {
		n := c.Count()
		output += n
		if at%kinds == thought {
			reasoning += n
		}
	}
	return output, reasoning
}
