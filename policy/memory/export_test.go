package memory

// Remembered counts the settled ids that are still known.
func (l *Ledger) Remembered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.tombs)
}
