package session

import (
	"fmt"
	"strings"
)

// Export derives a secret of the head's epoch: equal among those who agree.
func (s *Session) Export(label string, size int) []byte {
	if h := s.head(); h != nil && h.epoch != nil {
		return h.epoch.Export(label, size)
	}
	return nil
}

// Describe draws the session for people: nothing in it is secret.
func (s *Session) Describe() string {
	var b strings.Builder
	h := s.head()
	fmt.Fprintf(&b, "status %d\n", s.meta.Status)
	if h != nil {
		agreed, of := s.chain.Agreed(h.id)
		fmt.Fprintf(&b, "head   E%d %x  %d accounts, %d of %d voters here\n", h.number, h.id[:4], len(h.roster.accounts), agreed, of)
	}
	fmt.Fprintf(&b, "log %d  parked %d  wishes %d  pool %d  outbox %d\n", len(s.log), len(s.parked.order), len(s.wishes), len(s.pool), len(s.outbox))
	fmt.Fprintf(&b, "counts %v\n", s.counts)
	return b.String()
}
