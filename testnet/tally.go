package testnet

// Tally is what a group came to, counted from above. Only a stage that keeps
// the books of everything can tell: see Tallier.
type Tally struct {
	States      int // different ones that honest members who can be reached are in
	Commits     int // made by anybody, ever
	ThrownAway  int // of those, not in the history that most honest members hold
	DeepestBack int // commits that an honest member once went back over, at most
	Sent        int // texts
	Owed        int // copies of them that are due
	Lost        int // of those, never shown
	Doubled     int // copies shown a second time
	Unreadable  int // texts that others have and an honest member says it lacks
	Waiting     int // changes asked for by honest members and neither made nor refused
}

// Tallier is a stage that keeps such books.
type Tallier interface {
	Tally(group string) (Tally, error)
}
