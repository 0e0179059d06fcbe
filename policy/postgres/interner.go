package postgres

// interner shares what many rows have in common. A nil one shares nothing.
type interner struct {
	texts map[string]string
	lists map[string][]string
}

func newInterner() *interner {
	return &interner{texts: map[string]string{}, lists: map[string][]string{}}
}

// most bounds each of the interner's maps: what varies that much is not shared.
const most = 20_000

func (in *interner) text(b []byte) string {
	if in == nil {
		return string(b)
	}
	if s, ok := in.texts[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(in.texts) < most {
		in.texts[s] = s
	}
	return s
}
