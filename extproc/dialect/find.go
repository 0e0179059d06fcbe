package dialect

// Match is a path that was recognised.
type Match struct {
	Endpoint *Endpoint
	Model    string // from the path, unescaped; "" where the path names none
	ID       string // of a file, a batch, a response
	Allow    string // not empty: the path is known, the method is not; the methods that are
}

// Find recognises a method and a path (without its query). ok is false for a
// path of no format.
func Find(method, path string) (m Match, ok bool) { return Match{}, false }

// Stranger is the endpoint to refuse an unknown path with: it only knows the
// envelope that the path's SDK would expect.
func Stranger(path string) *Endpoint { return &Endpoint{} }
