package dialect

// Generates reports whether the endpoint's replies have tokens of their own, so
// that a cap on them means something.
func (e *Endpoint) Generates() bool { return e.capField != nil }
