package consensus

// Life is how far a candidate has come. What a session does before it adds a
// candidate (parse, try on the parent's state) is not seen here.
//
//	          ┌────────► Invalid
//	Parked ───┼─► Named ──┐           ┌─► Settled ─► Final
//	          └─► Held ◄──┴─► Head ◄──┤      │
//	                            └───► Lost ◄─┘
//
// and from every one of them to Erased, when it leaves with Prune.
type Life uint8

const (
	Unknown Life = iota // never seen, or forgotten
	Parked              // waits for its parent
	Named               // in the tree by its header alone: cannot be entered
	Held                // in the tree, can be entered, has not been on the head's path
	Head                // on the path from the root to the head
	Lost                // was on that path, and is not
	Settled             // on that path, and quiet here for the settle time: local, not agreement
	Final               // sealed by a quorum (not reached before the seal exists)
	Invalid             // refused; its name is remembered
	Erased              // gone from memory
)

var lifeNames = [...]string{
	"unknown", "parked", "named", "held", "head", "lost", "settled", "final", "invalid", "erased",
}

func (l Life) String() string { return lifeNames[l] }

// Turn is one step in a candidate's life: one line of a trace.
type Turn struct {
	Commit   CommitID
	Child    EpochID
	From, To Life
}

// become is the one place where a candidate's life moves.
func (c *Chain) become(n *node, to Life) {
	from := n.life
	if from == to {
		return
	}
	n.life = to
	if c.Trace != nil {
		c.Trace(Turn{Commit: n.ID, Child: n.Child.ID, From: from, To: to})
	}
}
