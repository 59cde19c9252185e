package consensus

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Drawing says how Describe names things; nil fields give four hex digits.
type Drawing struct {
	Account func(Account) string
	Commit  func(CommitID) string
}

// Describe draws the tree as text, for people and for golden files:
//
//	E5 ─┬─ c1 alice 2/3   ◄ head  alice carol
//	    └─ c2 bob 1/3     lost    bob
//
// A commit shows its author and, where it has rivals, the accounts that stand
// at or below it, of those that vote there. At the end of a branch stand its
// end's life and who stands right there; who stands halfway is in brackets.
// Long stretches where nothing happens are folded.
func (c *Chain) Describe(d Drawing) string {
	p := painter{Drawing: d.filled(), stands: map[*node][]string{}}
	for _, s := range c.seated() {
		if s.spoke() {
			p.stands[s.stands()] = append(p.stands[s.stands()], p.Account(s.account))
		}
	}
	p.draw(c.root, c, fmt.Sprintf("E%d", c.root.number()), "")
	var b strings.Builder
	p.write(&b)
	if x, ok := c.Diverged(); ok {
		fmt.Fprintf(&b, "diverged: %s weighs %d to %d and cannot be entered\n", p.Commit(x.Rival.ID), x.Weight, x.Own)
	}
	for _, k := range c.parked.list() {
		fmt.Fprintf(&b, "parked: %s %s waits for %s\n", p.Commit(k.ID), p.Account(k.Author), short(k.Parent[:]))
	}
	for _, w := range c.Wanted() {
		fmt.Fprintf(&b, "wanted: %s by %d\n", short(w.Head[:]), w.Accounts)
	}
	for _, e := range c.Evidence() {
		fmt.Fprintf(&b, "guilty: %s (%s)\n", p.Account(e.Account), e.Kind)
	}
	return b.String()
}

func (d Drawing) filled() Drawing {
	if d.Account == nil {
		d.Account = func(a Account) string { return short(a[:]) }
	}
	if d.Commit == nil {
		d.Commit = func(id CommitID) string { return short(id[:]) }
	}
	return d
}

func short(b []byte) string { return hex.EncodeToString(b[:2]) }

// painter gathers one line per end of a branch: what is drawn, and the note
// that all lines show in one column.
type painter struct {
	Drawing
	stands map[*node][]string
	lines  [][2]string
}

// draw adds the lines of n and all below it. The first begins with the text
// given, which ends in n's label; the others with indent, drawn under it.
func (p *painter) draw(n *node, c *Chain, text, indent string) {
	children := ranked(n)
	if len(children) == 0 {
		p.lines = append(p.lines, [2]string{text, p.note(n, c)})
		return
	}
	if who := p.stands[n]; len(who) > 0 {
		text += " (" + strings.Join(who, " ") + ")"
	}
	if len(children) == 1 {
		m, folded := p.fold(children[0])
		joint := " ── "
		if folded > 0 {
			joint = fmt.Sprintf(" ── %d more ── ", folded)
		}
		p.draw(m, c, text+joint+p.label(m), indent)
		return
	}
	under := indent + strings.Repeat(" ", utf8.RuneCountInString(text)-utf8.RuneCountInString(indent)+1)
	for i, m := range children {
		switch {
		case i == 0:
			p.draw(m, c, text+" ─┬─ "+p.label(m), under+" │  ")
		case i < len(children)-1:
			p.draw(m, c, under+" ├─ "+p.label(m), under+" │  ")
		default:
			p.draw(m, c, under+" └─ "+p.label(m), under+"    ")
		}
	}
}

// fold skips over commits that show nothing: no rival, nobody standing there,
// and more of the same after it. Fewer than three are not worth it.
func (p *painter) fold(n *node) (*node, int) {
	m, folded := n, 0
	for len(m.children) == 1 && len(p.stands[m]) == 0 {
		m = m.children[0]
		folded++
	}
	if folded < 3 {
		return n, 0
	}
	return m, folded
}

func (p *painter) label(n *node) string {
	text := p.Commit(n.ID) + " " + p.Account(n.Author)
	if len(n.parent.children) > 1 {
		text += fmt.Sprintf(" %d/%d", n.weight, len(n.parent.voters))
	}
	return text
}

func (p *painter) note(n *node, c *Chain) string {
	life := n.life.String()
	if n == c.head {
		life = "◄ head"
		if n.life == Settled {
			life = "◄ head, settled"
		}
	}
	return strings.TrimRight(fmt.Sprintf("%-7s %s", life, strings.Join(p.stands[n], " ")), " ")
}

func (p *painter) write(b *strings.Builder) {
	width := utf8.RuneCountInString(slices.MaxFunc(p.lines, func(x, y [2]string) int {
		return utf8.RuneCountInString(x[0]) - utf8.RuneCountInString(y[0])
	})[0])
	for _, line := range p.lines {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(line[0]))
		fmt.Fprintf(b, "%s%s   %s\n", line[0], pad, line[1])
	}
}
