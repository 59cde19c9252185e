package node

// Topics are the names of what a group listens on.
func (g *Group) Topics() (names []string) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, t := range g.topics {
		names = append(names, t.name)
	}
	return names
}

// Route is how frames say that they are for a group.
func (g *Group) Route() []byte { return g.route[:] }

// Waiting is how many events of the network wait.
func (g *Group) Waiting() int { return len(g.net) }
