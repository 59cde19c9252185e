package consensus

// An account may sign any number of commits on one epoch. Two by one leaf
// convict it; more say nothing new, and a tree that took them all would be as
// large as their author likes. So of one account's commits on an epoch the first
// MaxTwins that come are taken (and as many known by their headers, which may
// lie), and of the rest those that somebody else needs:
//
//   - one that an account which was not convicted votes for, or built on, or
//   - one below which there is such a one: it waits here for its parent, or
//     waits with the caller, who Seeks that.
//
// Which ones come first differs from member to member, and it does not matter
// for long. Whatever is turned away has no weight: its author's commits part, so
// the author weighs on none of them, and nobody else stands there. Until
// somebody does, two members may be on two twins of one liar, as they may be
// before both commits of any race have reached them; from when an honest member
// votes, all have what it voted for, and then weight decides, for all from the
// same commits (TestCrowdsAgree).

// Crowded reports whether Add would turn a candidate away because its author
// has MaxTwins others on its parent already, and nobody is known to need it.
func (c *Chain) Crowded(k Candidate) bool {
	p := c.epochs[k.Parent]
	return p != nil && c.commits[k.ID] == nil && c.epochs[k.Child.ID] == nil && c.crowded(p, &k)
}

func (c *Chain) crowded(p *node, k *Candidate) bool {
	if len(p.children) < MaxTwins || c.Needed(k.Child.ID, k.Author) {
		return false
	}
	twins := 0
	for _, n := range p.children {
		if n.Author == k.Author && n.Header == k.Header {
			twins++
		}
	}
	return twins >= MaxTwins
}

// Needed reports whether somebody is known to stand at or below an epoch that
// is not in the tree, other than whoever made the commit that leads there.
func (c *Chain) Needed(id EpochID, author Account) bool {
	seen := map[EpochID]bool{id: true} // headers that lie may go in circles
	for ids := []EpochID{id}; len(ids) > 0; ids = ids[1:] {
		if c.sought.has(ids[0]) || len(c.waiting[ids[0]]) > 0 {
			return true
		}
		for _, below := range c.parked.byParent[ids[0]] {
			k := c.parked.spots[below]
			if k.Author != author && !c.Guilty(k.Author) {
				return true
			}
			if !seen[k.Child.ID] {
				seen[k.Child.ID] = true
				ids = append(ids, k.Child.ID)
			}
		}
	}
	return false
}

// Seek says that somebody needs the commit that leads to an epoch: it is taken
// however many others its author made.
func (c *Chain) Seek(id EpochID) {
	if c.epochs[id] == nil {
		c.sought.put(id, struct{}{})
	}
}
