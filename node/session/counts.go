package session

import "slices"

// Reason says why something was let go. Everything that can be dropped has one
// and is counted under it.
type Reason string

// The reasons. Each is one plain sentence in Reasons.
const (
	DropMalformed   Reason = "malformed"
	DropDuplicate   Reason = "duplicate"
	DropRefused     Reason = "refused"
	DropInvalid     Reason = "invalid"
	DropPolicy      Reason = "policy"
	DropUnsupported Reason = "unsupported"
	DropPath        Reason = "path"
	DropCooling     Reason = "cooling"
	DropCrowded     Reason = "crowded"
	DropSealed      Reason = "sealed"
	DropErased      Reason = "erased"
	DropParked      Reason = "parked"
	DropConsumed    Reason = "consumed"
	DropRepeat      Reason = "repeat"
	DropControl     Reason = "control"
	DropStranger    Reason = "stranger"
	DropVote        Reason = "vote"
	DropIntent      Reason = "intent"
	DropPool        Reason = "pool"
	DropFrame       Reason = "frame"
	DropWelcome     Reason = "welcome"
	DropOwn         Reason = "own"
	DropUnasked     Reason = "unasked"
	DropAhead       Reason = "ahead"
	DropRead        Reason = "read"
	DropNeedless    Reason = "needless"
)

// Reasons explains each reason for people.
var Reasons = map[Reason]string{
	DropMalformed:   "not an envelope of this version",
	DropDuplicate:   "an envelope that was here already",
	DropRefused:     "an envelope found invalid before",
	DropInvalid:     "not valid on the epoch it names",
	DropPolicy:      "a commit that the group's policy refuses",
	DropUnsupported: "a commit whose policy needs a newer version",
	DropPath:        "a commit whose new keys this device cannot open",
	DropCrowded:     "one of very many changes by one account on one epoch",
	DropCooling:     "key renewals by one account too close together",
	DropSealed:      "sealed under keys this device does not have",
	DropErased:      "of an epoch whose keys were erased here",
	DropParked:      "waited too long for its epoch to become known",
	DropConsumed:    "a message whose key was used already",
	DropRepeat:      "a message that was delivered before, sent again",
	DropControl:     "a control message that cannot be read",
	DropStranger:    "a statement of a device that is not in the group",
	DropVote:        "a vote that does not count",
	DropIntent:      "a request that does not hold in the present epoch",
	DropPool:        "too many requests at once",
	DropFrame:       "a sync frame that cannot be read",
	DropWelcome:     "a welcome that was not waited for",
	DropOwn:         "an echo of something made here",
	DropAhead:       "too much that came before what it follows; asked for again",
	DropRead:        "word that a message was read, which is not known here or one too many",
	DropNeedless:    "a receipt that a later one stands for",
	DropUnasked:     "an envelope from before this device's time",
}

// Counts is how often each reason applied.
type Counts map[Reason]uint64

func (s *Session) count(r Reason) { s.counts[r]++ }

// Counts is how much was let go since the session was loaded, by reason.
func (s *Session) Counts() Counts {
	out := make(Counts, len(s.counts))
	for r, n := range s.counts {
		out[r] = n
	}
	return out
}

// memory remembers up to a cap of names, forgetting the oldest.
type memory[K comparable] struct {
	known map[K]struct{}
	order []K
	most  int
}

func newMemory[K comparable](most int) memory[K] {
	return memory[K]{known: map[K]struct{}{}, most: most}
}

func (m *memory[K]) has(k K) bool { _, ok := m.known[k]; return ok }

func (m *memory[K]) put(k K) {
	if m.has(k) {
		return
	}
	if len(m.order) >= m.most {
		for _, old := range m.order[:m.most/4+1] {
			delete(m.known, old)
		}
		m.order = slices.Delete(m.order, 0, m.most/4+1)
	}
	m.known[k] = struct{}{}
	m.order = append(m.order, k)
}
