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
