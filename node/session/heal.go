package session

// grewStale finds that this device's rows are an old copy: something that only
// this device can have made is not remembered here. Going on would use message
// keys twice and sign two commits on one parent, so from here on it only reads.
func (s *Session) grewStale(why string) {
	if s.meta.Status == statusStale {
		return
	}
	s.meta.Status = statusStale
	s.meta.Why = "this device was restored from an old copy: it can read, but not write, until it is removed and added again (" + why + ")"
	s.saveMeta()
	s.notify(Notice{Kind: NoticeTrouble, Reason: s.meta.Why})
}

func (s *Session) welcomed(e Welcomed) {
	s.count(DropWelcome)
}
