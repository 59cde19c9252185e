package consensus

import (
	"cmp"
	"slices"
)

// Chain is the tree of epochs one member knows of a group, the votes it heard,
// and the head that follows from them. What it answers is a function of what
// it was given, never of the order, up to the caps of limits.go.
//
// The walk of an Add: admit → (park | attach) → take its author's seat along
// (weight.go) → adopt whoever waited for it → follow the best children to the
// head (head.go).
type Chain struct {
	// Trace, if set, is told each step in a candidate's life.
	Trace func(Turn)

	genesis EpochID
	params  Params
	wins    func(n, best *node) bool // the rule between two children of one epoch
	may     func(Account) bool       // these three: rule.go
	deep    bool
	foreign bool

	root    *node
	head    *node
	dirty   *node // the highest node on the head's path whose bestHere changed
	epochs  map[EpochID]*node
	commits map[CommitID]*node // more than one may lead to a node: see clash

	parked  parking
	seats   map[Account]*seat
	guilty  int
	waiting map[EpochID][]*seat // who voted for a head not known yet

	gone      memory[EpochID, goneEpoch] // left with Prune
	stray     memory[EpochID, goneEpoch] // by a header's word, on what left
	refused   memory[CommitID, struct{}]
	contested memory[EpochID, struct{}]
	sought    memory[EpochID, struct{}] // see Seek
	counts    Counts
}

// Counts says what a Chain turned away or let go, by reason.
type Counts struct {
	Evicted   int // parked candidates pushed out by others
	Stale     int // candidates from before the root, or of a branch left behind
	Refused   int // candidates known to be invalid
	Cooling   int // maintenance commits within the cool-down
	Unfit     int // candidates that contradict themselves or the tree
	Full      int // candidates and votes beyond what is held
	Crowded   int // further commits of one account on one epoch
	OutOfTurn int // votes whose sequence number does not fit their head
	Strangers int // votes of accounts not in the epoch voted for
	Votes     int // votes let go because their account has too many
}

// Status says what became of an added candidate.
type Status uint8

const (
	AddHeld    Status = iota + 1 // new in the tree
	AddEntered                   // known by its header; now it can be entered
	AddKnown                     // nothing new
	AddParked                    // waits for its parent: see Missing
	AddStale                     // its parent, or it, was left behind by Prune
	AddRefused                   // known to be invalid
	AddCooling                   // breaks the cool-down, hence invalid
	AddUnfit                     // contradicts itself or the tree
	AddFull                      // a cap is reached
	AddCrowded                   // one of too many by its author on its parent: see Crowded
)

var statusNames = [...]string{
	"", "held", "entered", "known", "parked", "stale", "refused", "cooling", "unfit", "full", "crowded",
}

func (s Status) String() string { return statusNames[s] }

// New returns the chain of a member whose first state is root. Genesis is the
// EpochID of the group's first epoch, the same for all its members.
func New(root Epoch, genesis EpochID, params Params) *Chain {
	c := &Chain{
		genesis:   genesis,
		params:    params,
		wins:      wins,
		epochs:    map[EpochID]*node{},
		commits:   map[CommitID]*node{},
		parked:    newParking(),
		seats:     map[Account]*seat{},
		waiting:   map[EpochID][]*seat{},
		gone:      newMemory[EpochID, goneEpoch](MaxGone),
		stray:     newMemory[EpochID, goneEpoch](MaxGone),
		refused:   newMemory[CommitID, struct{}](MaxRefused),
		contested: newMemory[EpochID, struct{}](MaxRefused),
		sought:    newMemory[EpochID, struct{}](MaxSought),
	}
	c.root = &node{Candidate: Candidate{Child: root}, voters: electors(root), life: Head}
	c.head = c.root
	c.epochs[root.ID] = c.root
	return c
}

func electors(e Epoch) []Account {
	if e.Voters != nil {
		return e.Voters
	}
	return e.Roster
}

// Add takes in a candidate whose validity on its parent the caller has
// established (or whose header's signature it has checked), and everything
// that waited for it. The caller keeps k's slices unchanged.
func (c *Chain) Add(k Candidate) (Move, Status) {
	status := c.admit(k)
	return c.follow(), status
}

func (c *Chain) admit(k Candidate) Status {
	if c.refused.has(k.ID) {
		c.counts.Refused++
		return AddRefused
	}
	if n := c.commits[k.ID]; n != nil {
		return c.again(n, k)
	}
	if c.gone.has(k.Child.ID) {
		c.counts.Stale++
		return AddStale
	}
	if g, ok := c.left(k.Parent); ok {
		return c.astray(g, k)
	}
	if p := c.epochs[k.Parent]; p != nil {
		return c.attach(p, k)
	}
	return c.park(k)
}

// again takes in a candidate whose CommitID is in the tree already. A commit
// leads to one state, so where the two differ a header lied: what was
// opened is true, and of two headers the lower child stands, whichever
// came first.
func (c *Chain) again(n *node, k Candidate) Status {
	switch {
	case n.Child.ID == k.Child.ID && n.Parent == k.Parent:
		return c.merge(n, k)
	case !n.opened() && (k.opened() || lower(&k, &n.Candidate)):
		return c.replace(n, k)
	}
	c.counts.Unfit++
	return AddUnfit
}

// lower orders what two headers claim of one commit.
func lower(a, b *Candidate) bool {
	return cmp.Or(compareEpochs(a.Child.ID, b.Child.ID), compareEpochs(a.Parent, b.Parent)) < 0
}

// clash takes in a candidate that leads to an epoch in the tree, under another
// CommitID. From the same parent it is the same signed commit framed anew,
// which any member can do: one node, two names. From another parent one of the
// two is a header that lies: what was opened is true; between two
// headers nobody can tell, so neither stands.
func (c *Chain) clash(n, p *node, k Candidate) Status {
	switch {
	case n.parent == p:
		return c.merge(n, k)
	case n.parent != nil && !n.opened() && k.opened():
		return c.replace(n, k)
	case n.parent != nil && !n.opened():
		c.contested.put(k.Child.ID, struct{}{})
		c.replant(c.discard(n))
	}
	c.counts.Unfit++
	return AddUnfit
}

// merge takes in a candidate that leads from n's parent to n. Again what was
// opened is true, and of two headers the better in rank stands.
func (c *Chain) merge(n *node, k Candidate) Status {
	if n.Header && !k.Header || !n.opened() && (k.opened() || before(&k, &n.Candidate)) {
		return c.replace(n, k)
	}
	if n.names < MaxNames && c.commits[k.ID] == nil {
		n.names++
		c.commits[k.ID] = n
	}
	return AddKnown
}

// replace puts k where n, known by a header only, was, and adds what hung
// below n anew.
func (c *Chain) replace(n *node, k Candidate) Status {
	if n.Parent == k.Parent && sameHeader(&n.Candidate, &k) {
		c.commits[k.ID] = n
		if n.ID, n.Opened = k.ID, true; k.Header {
			return AddKnown
		}
		c.enter(n, k.ID)
		return AddEntered
	}
	rest := c.discard(n)
	status := c.admit(k)
	c.replant(rest)
	return status
}

// discard takes n, a header that lied, out of the tree, and returns what hung
// below it. None of it was on the head's path.
func (c *Chain) discard(n *node) []Candidate {
	rest := subtree(n)[1:]
	below := c.uproot(n)[1:]
	c.become(n, Invalid)
	for _, m := range rest {
		c.become(m, Unknown)
	}
	return below
}

func (c *Chain) replant(rest []Candidate) {
	for _, k := range rest {
		c.Seek(k.Child.ID)
		c.admit(k)
	}
}

// sameHeader reports whether a and b say the same in all that the rule reads.
func sameHeader(a, b *Candidate) bool {
	return a.Child.ID == b.Child.ID && a.Child.Number == b.Child.Number &&
		slices.Equal(electors(a.Child), electors(b.Child)) && slices.Equal(a.Child.Roster, b.Child.Roster) &&
		a.Author == b.Author && a.Class == b.Class && a.Role == b.Role && a.Slot == b.Slot && a.Carries == b.Carries
}

// attach makes k a child of p, in the tree.
func (c *Chain) attach(p *node, k Candidate) Status {
	if k.Header && k.Child.Roster == nil {
		k.Child.Roster, k.Child.Voters = p.Child.Roster, p.voters
	}
	if status := c.judge(p, &k); status != AddHeld {
		return status
	}
	if n := c.epochs[k.Child.ID]; n != nil {
		return c.clash(n, p, k)
	}
	if c.crowded(p, &k) {
		c.counts.Crowded++
		return AddCrowded
	}
	if len(c.epochs) >= MaxHeld {
		c.counts.Full++
		return AddFull
	}
	n := &node{Candidate: k, voters: electors(k.Child)}
	n.hang(p)
	c.epochs[k.Child.ID] = n
	c.commits[k.ID] = n
	strayed := c.stray.drop(k.Child.ID) // what claimed it from without lied
	if n.Header {
		c.become(n, Named)
	} else {
		c.become(n, Held)
	}
	if c.heavier(p, n) {
		c.touch(p)
	}
	c.deepened(n)
	c.seatCommit(n)
	c.known(k.Child.ID)
	if strayed {
		c.reseatAll()
	}
	c.adopt(k.Child.ID)
	return AddHeld
}

// judge is what the rule itself asks of a candidate: that it fits its parent,
// and that its author has cooled down.
func (c *Chain) judge(p *node, k *Candidate) Status {
	switch {
	case k.Child.Number != p.number()+1,
		k.Child.ID == k.Parent,
		len(electors(k.Child)) > c.params.Committee,
		!sorted(k.Child.Roster), !sorted(k.Child.Voters),
		!k.opened() && c.contested.has(k.Child.ID),
		!c.May(k.Author):
		c.counts.Unfit++
		return AddUnfit
	case k.Class == ClassMaintain && !k.Carries && c.cooling(p, k.Author):
		c.counts.Cooling++
		if k.opened() { // a header may lie about its class
			c.refused.put(k.ID, struct{}{})
			c.turn(*k, Unknown, Invalid)
		}
		return AddCooling
	}
	return AddHeld
}

// cooling reports whether a made a maintenance commit too recently to make
// another one on p: with n accounts in p, in one of the last min(n-1, CoolDown)
// commits that lead there.
func (c *Chain) cooling(p *node, a Account) bool {
	if len(p.Child.Roster) < c.params.CoolDownFrom {
		return false
	}
	for _, s := range c.trail(p, min(len(p.Child.Roster)-1, c.params.CoolDown)) {
		if s.Author == a && s.Class == ClassMaintain {
			return true
		}
	}
	return false
}

// trail returns the last k commits that lead to n, newest first, or as many as
// are known.
func (c *Chain) trail(n *node, k int) []Step {
	var steps []Step
	for ; len(steps) < k && n.parent != nil; n = n.parent {
		steps = append(steps, Step{n.Author, n.Class})
	}
	if missing := k - len(steps); missing > 0 {
		steps = append(steps, n.Child.Trail[:min(missing, len(n.Child.Trail))]...)
	}
	return steps
}

func sorted(accounts []Account) bool {
	for i := 1; i < len(accounts); i++ {
		if compareAccounts(accounts[i-1], accounts[i]) >= 0 {
			return false
		}
	}
	return true
}

// adopt admits those that waited for an epoch, in the order of their names.
func (c *Chain) adopt(id EpochID) {
	for _, k := range c.parked.take(id) {
		c.unpark(k)
	}
}

// enter makes n, known by its header, one that can be entered, through the
// commit of that name.
func (c *Chain) enter(n *node, id CommitID) {
	c.commits[id] = n
	n.ID = id
	n.Header = false
	c.become(n, Held)
	if c.heavier(n.parent, n) {
		c.touch(n.parent)
	}
}

// Materialised says that the state after a commit known by its header has been
// reached, and is just as the header had it. Where it differs, or the header
// gave no roster, Add the candidate itself instead.
func (c *Chain) Materialised(id CommitID) Move {
	if n := c.commits[id]; n != nil && n.Header {
		c.enter(n, id)
	}
	return c.follow()
}

// Erased says that the state after a commit off the head's path is no longer
// kept: the commit goes on to count, but cannot be entered. On the head's path
// it says nothing, for nobody has to go back through it.
func (c *Chain) Erased(id CommitID) {
	if n := c.commits[id]; n != nil && !n.Header && !n.onPath() {
		n.Header, n.Opened = true, true
		c.become(n, Named)
		if c.lighter(n.parent, n) {
			c.touch(n.parent)
		}
	}
}

// Refuse says that a commit is invalid on its parent. It, and all that was
// built on it, leaves the tree, and is refused from now on.
func (c *Chain) Refuse(id CommitID) Move {
	n := c.commits[id]
	if n == nil {
		if k, ok := c.parked.drop(id); ok {
			c.turn(k, Parked, Invalid)
		}
		c.refused.put(id, struct{}{})
		return c.follow()
	}
	nodes := subtree(n)
	for _, k := range c.uproot(n) {
		c.refused.put(k.ID, struct{}{})
	}
	move := c.follow()
	for _, n := range nodes {
		c.become(n, Invalid)
	}
	return move
}

// Settle says that the head has been quiet for the settle time here.
func (c *Chain) Settle() {
	for n := c.head; n.parent != nil && n.life == Head; n = n.parent {
		c.become(n, Settled)
	}
}
