package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Options says how much is measured. The zero value is the whole thesis and
// takes a few minutes on two cores; Quick takes seconds and shows the shapes.
type Options struct {
	Quick bool
	// Members is where figure 6.7 ends for MLS; 0 is 4,096.
	Members int
	// Progress gets a line whenever something is done, or nil.
	Progress io.Writer
}

// Table is one experiment: its points, and what it is about.
type Table struct {
	Name   string // of its files
	Title  string
	X      string // what the x axis counts
	About  string // one sentence on what it shows
	Points []Point
}

// Fact is a yes-or-no result, or a number that stands alone.
type Fact struct {
	Name, Text string
	OK         bool
}

// Thesis is all that was measured.
type Thesis struct {
	Facts  []Fact
	Tables []Table
}

// text is what the thesis's clients say.
var text = []byte("Hello, world!")

// plan is how much of each experiment is run.
type plan struct {
	repeats            int
	messages           []int // of figure 6.6
	members            []int // of figure 6.7 and the costs
	pairwise, senderKs int   // members beyond which a baseline would take minutes a point
	big                int   // members of the group that figure 6.3 could not hold
	live               int
}

func (o Options) plan() plan {
	p := plan{repeats: 20, messages: []int{10, 20, 50, 100, 200, 500, 1000}, pairwise: 512, senderKs: 64, big: 10000, live: 8}
	most := o.Members
	if most == 0 {
		most = 4096
	}
	if o.Quick {
		p = plan{repeats: 3, messages: []int{10, 20, 50}, pairwise: 32, senderKs: 16, big: 300, live: 4}
		most = min(most, 64)
	}
	for n := 2; n <= most; n *= 2 {
		p.members = append(p.members, n)
	}
	return p
}

// Run measures. It stops between two points when the context ends.
func Run(ctx context.Context, o Options) (*Thesis, error) {
	r := &runner{ctx: ctx, o: o, plan: o.plan(), began: time.Now(), out: &Thesis{}}
	for _, step := range []func() error{r.basics, r.statistics, r.figure66, r.figure67, r.costs, r.figure63} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r.out, nil
}

type runner struct {
	ctx   context.Context
	o     Options
	plan  plan
	began time.Time
	made  int // parts that are done
	out   *Thesis
}

// parts is how many times done is called: for the two tests, the costs of three
// changes and two figures, and of each protocol twice.
func parts() int { return 6 + 2*len(Protocols()) }

// done reports progress and whether to go on. What is left is told from the time
// so far, after two seconds of it; parts differ, so it is a guess.
func (r *runner) done(format string, args ...any) error {
	r.made++
	took := time.Since(r.began)
	if r.o.Progress != nil {
		left := ""
		if more := parts() - r.made; took > 2*time.Second && more > 0 {
			left = fmt.Sprintf("   (about %v left)", (took * time.Duration(more) / time.Duration(r.made)).Round(time.Second))
		}
		fmt.Fprintf(r.o.Progress, "%2d of %d  %6.1fs  %s%s\n", r.made, parts(), took.Seconds(), fmt.Sprintf(format, args...), left)
	}
	return r.ctx.Err()
}

// group makes a group of that many members.
func (r *runner) group(p Protocol, n int) (Group, error) {
	if _, is := p.(MLS); is && n > 2*r.plan.live {
		p = MLS{Live: r.plan.live}
	}
	g, err := p.New()
	if err == nil && n > 1 {
		_, err = g.Add(n - 1)
	}
	return g, err
}

// basics are the two tests of thesis §6.4.1, for each protocol.
func (r *runner) basics() error {
	for _, p := range Protocols() {
		g, err := r.group(p, 2)
		if err != nil {
			return err
		}
		first, err := g.Send(1, text)
		if err != nil {
			return err
		}
		got, err := g.Read(0, first)
		r.fact(p, "two-members", err == nil && string(got) == string(text), "client 1 reads what client 2 says in a group of two")
		if _, err := g.Send(1, text); err != nil {
			return err
		}
		if _, err := g.Add(1); err != nil {
			return err
		}
		second, err := g.Send(1, text)
		if err != nil {
			return err
		}
		_, early := g.Read(2, first)
		now, err := g.Read(2, second)
		r.fact(p, "added-member", early != nil && err == nil && string(now) == string(text), "an added member reads what follows and not what came before")
	}
	return r.done("two members, and one who is added")
}

func (r *runner) fact(p Protocol, name string, ok bool, text string) {
	r.out.Facts = append(r.out.Facts, Fact{Name: name + " " + p.Name(), OK: ok, Text: text})
}

// statistics is the thesis's statistics test: 25 invited one by one, 10 sent,
// 10 read by everybody (figure 6.5).
func (r *runner) statistics() error {
	const members, messages = 25, 10
	tables := map[string]*Table{}
	for _, name := range []string{"invite", "send", "read"} {
		tables[name] = &Table{Name: "statistics-" + name, X: "members", About: "The statistics test of the thesis's appendix, " + name + " part: 25 members, 10 messages."}
	}
	tables["invite"].Title, tables["send"].Title, tables["read"].Title = "Inviting 25 members, one by one", "Sending 10 messages", "Reading 10 messages, 25 readers"
	for _, p := range Protocols() {
		points := map[string]*Point{}
		for name := range tables {
			points[name] = &Point{Protocol: p.Name(), X: members}
		}
		for range r.plan.repeats {
			g, err := p.New()
			if err != nil {
				return err
			}
			var sealed []Sealed
			steps := []struct {
				name string
				do   func(*Point) error
			}{
				{"invite", func(at *Point) error { return invite(g, members, at) }},
				{"send", func(at *Point) (err error) { sealed, err = sendAll(g, messages, at); return err }},
				{"read", func(at *Point) error { return readAll(g, sealed) }},
			}
			for _, s := range steps {
				at := points[s.name]
				at.Messages, at.Bytes = 0, 0
				sample, err := measure(func() error { return s.do(at) })
				if err != nil {
					return fmt.Errorf("%s, %s: %w", p.Name(), s.name, err)
				}
				at.Samples = append(at.Samples, sample)
			}
		}
		for name, t := range tables {
			t.Points = append(t.Points, *points[name])
		}
		if err := r.done("%s: 25 invited in %v, 10 sent in %v, 10 read by 25 in %v", p.Name(), short(points["invite"]), short(points["send"]), short(points["read"])); err != nil {
			return err
		}
	}
	r.out.Tables = append(r.out.Tables, *tables["invite"], *tables["send"], *tables["read"])
	return nil
}

func short(p *Point) time.Duration { return p.Wall().Median.Round(10 * time.Microsecond) }

func invite(g Group, n int, at *Point) error {
	for range n {
		c, err := g.Add(1)
		if err != nil {
			return err
		}
		at.Messages, at.Bytes = at.Messages+c.Messages, at.Bytes+c.Bytes
	}
	return nil
}

func sendAll(g Group, n int, at *Point) ([]Sealed, error) {
	all := make([]Sealed, n)
	for i := range all {
		s, err := g.Send(0, text)
		if err != nil {
			return nil, err
		}
		all[i] = s
		at.Bytes += s.Bytes()
		at.Messages += max(1, len(s.Each))
	}
	return all, nil
}

func readAll(g Group, all []Sealed) error {
	for _, s := range all {
		for m := 1; m < g.Size(); m++ {
			if _, err := g.Read(m, s); err != nil {
				return fmt.Errorf("member %d: %w", m, err)
			}
		}
	}
	return nil
}

// figure66 is the time to send against the number of messages.
func (r *runner) figure66() error {
	t := Table{Name: "figure-6.6", Title: "Time to send messages to a group of 10", X: "messages", About: "Linear in the number of messages; MLS and sender keys encrypt each once, pairwise nine times."}
	for _, p := range Protocols() {
		g, err := r.group(p, 10)
		if err != nil {
			return err
		}
		for _, n := range r.plan.messages {
			at, err := r.sends(g, p, n, n)
			if err != nil {
				return err
			}
			t.Points = append(t.Points, at)
		}
	}
	r.out.Tables = append(r.out.Tables, t)
	return r.done("figure 6.6")
}

// sends times the sending of n messages. The first run, which opens pairwise
// channels and fills caches, is not counted. What is sent is read at once, by
// one, outside the timing: a chain of unread messages is no state anybody has.
func (r *runner) sends(g Group, p Protocol, x, n int) (Point, error) {
	at := Point{Protocol: p.Name(), X: x}
	for i := range r.plan.repeats + 1 {
		at.Messages, at.Bytes = 0, 0
		var sealed []Sealed
		s, err := measure(func() (err error) { sealed, err = sendAll(g, n, &at); return err })
		if err != nil {
			return at, err
		}
		for _, m := range sealed {
			if _, err := g.Read(1, m); err != nil {
				return at, err
			}
		}
		if i > 0 {
			at.Samples = append(at.Samples, s)
		}
	}
	return at, nil
}

// figure67 is the time to send 10 messages against the number of members.
func (r *runner) figure67() error {
	t := Table{Name: "figure-6.7", Title: "Time to send 10 messages", X: "members", About: "Flat for MLS and sender keys; pairwise grows with the group."}
	for _, p := range Protocols() {
		for _, n := range r.plan.members {
			if r.beyond(p, n) {
				continue
			}
			g, err := r.group(p, n)
			if err != nil {
				return err
			}
			at, err := r.sends(g, p, n, 10)
			if err != nil {
				return err
			}
			t.Points = append(t.Points, at)
		}
		if err := r.done("figure 6.7, %s", p.Name()); err != nil {
			return err
		}
	}
	r.out.Tables = append(r.out.Tables, t)
	return nil
}

// beyond reports whether a baseline is left out at that size.
func (r *runner) beyond(p Protocol, n int) bool {
	switch p.(type) {
	case Pairwise:
		return n > r.plan.pairwise
	case SenderKeys:
		return n > r.plan.senderKs
	}
	return false
}

// costs is what a join, a removal and a renewal of keys cost.
func (r *runner) costs() error {
	kinds := []struct {
		name, title, about string
		do                 func(Group) (Cost, error)
	}{
		{"add", "Adding a member", "MLS: one commit and one Welcome. Sender keys: two messages for each member.", func(g Group) (Cost, error) { return g.Add(1) }},
		{"remove", "Removing a member", "MLS: one commit. Sender keys: every member hands a new chain to every other.", func(g Group) (Cost, error) { return g.Remove() }},
		{"rotate", "Renewing a member's keys", "MLS: one commit, log n ciphertexts in a tree in use. The others: a message for each member, and the other members' sender keys stay stolen.", func(g Group) (Cost, error) { return g.Rotate(1) }},
	}
	for _, k := range kinds {
		t := Table{Name: "cost-" + k.name, Title: k.title, X: "members", About: k.about + " Time is that of all who run, in one process: of an MLS group at most a few members do."}
		for _, p := range Protocols() {
			for _, n := range r.plan.members {
				if r.beyond(p, n) {
					continue
				}
				at, err := r.cost(p, n, k.do)
				if err != nil {
					return fmt.Errorf("%s, %s at %d: %w", k.name, p.Name(), n, err)
				}
				t.Points = append(t.Points, at)
			}
		}
		r.out.Tables = append(r.out.Tables, t)
		if err := r.done("cost of %s", k.name); err != nil {
			return err
		}
	}
	return nil
}

// cost times one kind of change on groups of n, each a little larger or
// smaller than the last, as the change leaves them.
func (r *runner) cost(p Protocol, n int, do func(Group) (Cost, error)) (Point, error) {
	at := Point{Protocol: p.Name(), X: n}
	g, err := r.group(p, n+1)
	if err != nil {
		return at, err
	}
	for range min(r.plan.repeats, max(3, n/2)) {
		if g.Size() < 3 {
			if _, err := g.Add(3 - g.Size()); err != nil {
				return at, err
			}
		}
		var c Cost
		s, err := measure(func() (err error) { c, err = do(g); return err })
		if err != nil {
			return at, err
		}
		at.Samples, at.Messages, at.Bytes = append(at.Samples, s), c.Messages, c.Bytes
	}
	return at, nil
}

// figure63 is the group that the thesis's delivery service could not hold.
func (r *runner) figure63() error {
	g, err := MLS{Live: 2}.New()
	if err != nil {
		return err
	}
	n := r.plan.big
	var c Cost
	s, err := measure(func() (err error) { c, err = g.Add(n - 1); return err })
	if err != nil {
		return err
	}
	sealed, err := g.Send(0, text)
	if err != nil {
		return err
	}
	got, err := g.Read(n-1, sealed)
	if err != nil {
		return err
	}
	if string(got) != string(text) {
		return errors.New("the newest member reads something else")
	}
	const limit = 65535
	r.out.Facts = append(r.out.Facts, Fact{Name: "figure-6.3", OK: c.Bytes > limit || r.o.Quick,
		Text: fmt.Sprintf("a group of %d members made in one commit: %d bytes of commit and Welcome, where the thesis's service stopped at %d; %v for making it and for two to take it in", n, c.Bytes, limit, s.Wall.Round(time.Millisecond))})
	return r.done("figure 6.3: %d members", n)
}
