package sim

import (
	"slices"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// What the books are told that no face shows: secrets held and destroyed, roles,
// commits refused, convictions, and how much is kept.

// shows tells the books what a session holds now.
func (s *seat) shows() {
	if !s.live || s.n.w.quick {
		return
	}
	w, g, who := s.n.w, s.group.name, s.n.name
	v := s.s.View()
	s.holds()
	for _, commit := range s.refused {
		if child, entered := s.group.entered[commit]; entered {
			w.Book.Refuses(w.now, g, who, epochName(child))
		}
	}
	for _, a := range v.Convicted {
		w.Book.Convicts(w.now, g, who, w.names[a])
	}
	size := 0
	for _, r := range s.n.disk.groups[g] {
		size += len(r.key) + len(r.value)
	}
	if s.byz == nil {
		w.Book.Keeps(w.now, g, who, v.Alive, size)
	}
	if v.Standing == session.TakingPart && v.Head == s.head {
		var roles []string
		for _, m := range v.Members {
			roles = append(roles, w.names[m.Account]+" "+[...]string{"member", "admin", "owner"}[m.Role])
		}
		slices.Sort(roles)
		w.Book.Roles(w.now, g, who, roles)
	}
}

// holds tells the books of the states of which a session has the secrets.
func (s *seat) holds() {
	for _, b := range s.s.Tree() {
		if b.State {
			s.n.w.Book.Holds(s.n.w.now, s.group.name, s.n.name, epochName(b.Epoch))
		}
	}
}

// beyond tells the books of the states that the seat can no longer leave,
// because it destroyed what they came from. One that goes by age or by the
// window alone is no word of agreement; nor is one that goes because the device
// was let in anew: it starts over, like any joiner, and can be let in again.
func (s *seat) beyond(erased []session.EpochID, told []session.Notice) {
	if slices.ContainsFunc(told, func(n session.Notice) bool { return n.Kind == session.NoticeJoined }) {
		return
	}
	n := s.n
	ahead := time.Duration(n.clock.read(n.w.now)-genesis)*time.Millisecond - n.w.now
	if ahead > agedFor {
		return
	}
	for _, id := range erased {
		next := n.w.Book.Passed(s.group.name, n.name, epochName(id))
		if e := s.group.edges[id]; next != "" && (e == nil || s.number < e.number+windowOf) {
			n.w.Book.Beyond(n.w.now, s.group.name, n.name, next)
		}
	}
}

// What a session says of itself in its limits: the window, and how long a state
// is kept for rivals at most (here with an hour to spare).
const (
	windowOf = 8
	agedFor  = 71 * time.Hour
)
