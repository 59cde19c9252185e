package session

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/covey-p2p/covey/consensus"
)

// load fills a new session from rows.
func (s *Session) load(l *loader) {
	var root consensus.Epoch
	if l.read(rowRoot, &root); l.err != nil {
		return
	}
	s.chain = consensus.New(root, s.genesis(), consensus.V1()).Under(s.cfg.Rule)
	s.encounter(&root, 1)
	s.loadAnchors(l)
	s.loadEpochs(l)
	s.loadTree(l)
	s.loadLog(l)
	s.loadAsked(l)
	if l.err == nil && s.held[s.chain.Head()] == nil {
		l.err = fmt.Errorf("the head's state is missing")
	}
	s.fx = Effects{} // all of this is durable already
}

func (s *Session) loadAnchors(l *loader) {
	l.each("anchor/", func(key string) {
		var a anchor
		if l.read(key, &a); l.err == nil {
			s.keepAnchor(a)
		}
	})
}

// loadEpochs restores the epochs, parents first, and their message keys.
func (s *Session) loadEpochs(l *loader) {
	var all []*held
	l.each("line/", func(key string) {
		var ln savedLine
		h := &held{}
		l.id(key, h.id[:])
		l.read(key, &ln)
		h.parent, h.commit, h.number, h.tag, h.stamp = ln.Parent, ln.Commit, ln.Number, ln.Tag, ln.Stamp
		h.since, h.past, h.core = ln.Since, ln.Past, ln.Core
		all = append(all, h)
	})
	slices.SortStableFunc(all, func(a, b *held) int { return cmp.Compare(a.number, b.number) })
	cell := func(name string) ([]byte, bool) { v, ok := l.rows[name]; return v, ok }
	for _, h := range all {
		s.held[h.id] = h
		s.tags[h.tag] = h.id
		if _, ok := cell(epochCell(h.core)); ok && l.err == nil {
			l.err = s.loadEpoch(l, h, cell)
		}
	}
}

func (s *Session) loadEpoch(l *loader, h *held, cell func(string) ([]byte, bool)) error {
	e, err := s.cfg.Engine.Load(s.cfg.Self, h.parent, h.core, cell)
	if err != nil {
		return err
	}
	if e.Alive() {
		v, err := s.view(e, h.parent, h.commit)
		if err != nil {
			return err
		}
		v.since = h.since
		*h = *v
	} else {
		h.husk = e
		if h.roster, err = s.shared(h.id, e.Members(), nil); err != nil {
			return err
		}
	}
	if raw := l.rows[rowBranch(h.id)]; len(raw) == len(h.branch) {
		h.branch = Key(raw)
	}
	var cells []Cell
	h.cells = map[string]bool{rowBranch(h.id): true}
	l.each(keyCells(h.core), func(key string) {
		cells = append(cells, Cell{Name: key, Value: l.rows[key]})
		h.cells[key] = true
	})
	if len(cells) > 0 {
		h.keys, err = e.LoadKeys(cells)
	}
	return err
}

// loadTree gives the rule all candidates, parents first, and all votes.
func (s *Session) loadTree(l *loader) {
	var all []savedCandidate
	l.each("commit/", func(key string) {
		var c savedCandidate
		l.read(key, &c)
		all = append(all, c)
	})
	slices.SortStableFunc(all, func(a, b savedCandidate) int {
		return cmp.Compare(a.Cand.Child.Number, b.Cand.Child.Number)
	})
	for _, c := range all {
		if c.Shut {
			s.unopenable[c.Cand.ID] = true
		}
		if c.Newer {
			s.newerThan[c.Cand.ID] = true
		}
		s.treeRows[rowCandidate(c.Cand.ID)] = true
		s.remember(c.Cand.ID, c.Intents, c.Exit)
		s.chain.Seek(c.Cand.Child.ID) // it was taken once
		if p, ok := s.chain.Epoch(c.Cand.Parent); ok {
			c.Delta.fill(&c.Cand.Child, p)
		}
		s.chain.Add(c.Cand)
		if e, ok := s.chain.Epoch(c.Cand.Child.ID); ok {
			s.encounter(&e, 1)
		}
	}
	l.each("crowd/", func(key string) {
		var child EpochID
		c := &crowd{}
		l.id(key, child[:])
		l.read(key, c)
		s.crowds[child] = c
	})
	l.each("proof/", func(key string) {
		var a Account
		p := &charge{}
		l.id(key, a[:])
		if l.read(key, p); l.err == nil {
			s.proofs[a] = p
			s.convict(&p.Proof)
		}
	})
	l.each("vote/", func(key string) {
		var v consensus.Vote
		s.treeRows[key] = true
		if l.read(key, &v); l.err == nil {
			s.chain.Hear(v)
			s.noteVote(v)
			s.voteRows[v.Account] = append(s.voteRows[v.Account], key)
		}
	})
	l.each("own/", func(key string) {
		var parent EpochID
		var j journal
		l.id(key, parent[:])
		l.read(key, &j)
		s.own[parent] = j.Commit
		if c, ok := s.chain.Get(j.Commit); ok && s.head() != nil && c.Child.Number >= s.head().number {
			s.unpublished = append(s.unpublished, j.Envelope)
		}
	})
}

func (s *Session) loadLog(l *loader) {
	l.each("e/", func(key string) {
		id, entry, ok := parseEnvelopeRow(key)
		if !ok {
			l.err = fmt.Errorf("key of an envelope")
			return
		}
		s.enlist(id, entry)
		s.cutting = s.cutting || entry.order < s.meta.Floor
	})
	l.each("run/", func(key string) {
		var r run
		var id EnvelopeID
		var place uint8
		l.id(key, id[:])
		l.id(key[:max(0, len(key)-1-2*len(id))], r[:])
		l.read(key, &place)
		s.runs[r] = append(s.runs[r], placed{place, id})
	})
	l.each("stance/", func(key string) {
		var d Device
		var st stance
		l.id(key, d[:])
		l.read(key, &st)
		s.stances[d] = st
	})
	s.stirred = true
	l.each("unread/", func(key string) {
		var id EnvelopeID
		var order uint32
		l.id(key, id[:])
		l.read(key, &order)
		s.unread[id] = order
	})
	l.each("m/", func(key string) {
		var id MessageID
		var order uint32
		name, mine := strings.CutSuffix(key, keyMine)
		l.id(name, id[:])
		fmt.Sscanf(key, "m/%8x/", &order)
		if s.mids[id] = order; mine {
			s.mine[id] = true
		}
	})
}

// loadAsked restores what I and others asked for.
func (s *Session) loadAsked(l *loader) {
	l.each("wish/", func(key string) {
		w := &wish{}
		l.read(key, w)
		s.wishes[w.Intent.ID] = w
	})
	if _, ok := l.rows[rowKept]; ok {
		s.kept = &keptPackages{}
		l.read(rowKept, s.kept)
	}
	if _, ok := l.rows[rowReadmit]; ok {
		r := &readmission{}
		if l.read(rowReadmit, r); l.err == nil && (len(r.Intents) == 0 || len(r.Packages) == 0 || len(r.Packages) > maxPledged+1 || len(r.Stamps) != len(r.Packages)) {
			l.err = errors.New("row " + rowReadmit)
		}
		s.readmission = r
	}
	if _, ok := l.rows[rowOwed]; ok {
		l.read(rowOwed, &s.owed)
		s.owedAt = s.now + settleAfter
	}
	if _, ok := l.rows[rowTellings]; ok {
		l.read(rowTellings, &s.tellings)
		s.tellAt = s.now + tellAfter
		s.pressBy(s.now + pressAfter)
	}
	if _, ok := l.rows[rowNews]; ok {
		l.read(rowNews, &s.news)
	}
	l.each("gone/", func(key string) {
		var d Device
		var g departure
		l.id(key, d[:])
		l.read(key, &g)
		s.gone[d] = g
	})
	l.each("nack/", func(key string) {
		var a Account
		var said []EpochID
		l.id(key, a[:])
		l.read(key, &said)
		s.nacks[a] = said
	})
	l.each("pool/", func(key string) {
		p := &pooled{}
		l.read(key, p)
		if len(p.Versions) > 0 {
			s.pool[p.Versions[0].Intent.ID] = p
		}
	})
	l.each("welcome/", func(key string) {
		w := &heldWelcome{}
		l.read(key, w)
		w.Sent = 0 // it may not have left
		s.welcomes[w.Commit] = w
	})
	l.each("out/", func(key string) {
		var id MessageID
		m := &sent{}
		l.id(key, id[:])
		l.read(key, m)
		s.outbox[id], s.unsaid = m, true
		s.pressBy(s.now + pressAfter)
	})
}

// resume does again what a crash may have cut off after it was durable: own
// commits that are still in play are published once more, the same bytes.
// Messages and all else are in the log, which the next exchange compares.
func (s *Session) resume() {
	s.disturbed()
	for _, id := range sortedIDs(s.wishes) {
		w := s.wishes[id]
		s.tell(w, id, "") // a crash may have kept it from the faces
		if w.Fetching {
			s.fx.Fetch = append(s.fx.Fetch, Fetch{w.Intent.Account})
		}
	}
	for _, r := range s.news {
		s.tellReader(r)
	}
	h := s.head()
	if h == nil {
		return
	}
	if s.active() {
		for _, raw := range s.unpublished {
			s.publish(raw, IntentID{})
		}
	}
	s.unpublished = nil
	s.review(h)
}
