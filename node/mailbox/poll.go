package mailbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/mls"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// Owner is who fetches: a device's signature key, and the private keys of the
// mail keys it has published, the newest first.
type Owner struct {
	Key  *mls.SigningKey
	Mail []*mls.PrivateKey
}

// Item is something that was left for the owner.
type Item struct {
	Kind    Kind
	Payload []byte
}

// Deliver takes an item. After nil it is acknowledged and never delivered again;
// after an error it is with the next poll. It is called by one goroutine.
type Deliver func(Item) error

// Poll fetches what was left in the owner's slots of the past days, from the
// closest peers of each and from the friends given: at the start and every few
// hours with days zero, which is all that may still be kept, hourly with 2. It
// returns how many items were delivered; the error joins those of Deliver.
func (b *Box) Poll(ctx context.Context, o Owner, days int, friends []peer.ID, deliver Deliver) (int, error) {
	if days <= 0 || days > maxDays {
		days = maxDays
	}
	all := pastDays(b.config.Now(), days)
	asked := b.whoHolds(ctx, Recipient(o.Key.Public()), all)
	for _, p := range friends {
		asked[p] = all
	}
	asked[b.config.Self] = all // others leave things here as well
	return b.fetch(ctx, o, asked, deliver)
}

// PollPeer fetches what one peer holds: when it comes, or the owner does.
func (b *Box) PollPeer(ctx context.Context, o Owner, p peer.ID, deliver Deliver) (int, error) {
	days := map[peer.ID][]uint32{p: pastDays(b.config.Now(), maxDays)}
	return b.fetch(ctx, o, days, deliver)
}

// whoHolds looks up the holders of the slots of several days, all at once.
func (b *Box) whoHolds(ctx context.Context, to Recipient, days []uint32) map[peer.ID][]uint32 {
	out := map[peer.ID][]uint32{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, day := range days {
		wg.Go(func() {
			in := slot(to, day)
			near, err := b.config.Closest(ctx, in[:], holders+spare)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, p := range near {
				out[p] = append(out[p], day)
			}
		})
	}
	wg.Wait()
	return out
}

// found is an item as one holder gave it.
type found struct {
	id     itemID
	item   []byte
	holder peer.ID
}

// fetch asks all holders at once and takes what they give one after another.
func (b *Box) fetch(ctx context.Context, o Owner, asked map[peer.ID][]uint32, deliver Deliver) (int, error) {
	in := make(chan found)
	var wg sync.WaitGroup
	for p, days := range asked {
		wg.Go(func() { b.drain(ctx, o, p, days, in) })
	}
	go func() { wg.Wait(); close(in) }()
	r := &round{b: b, o: o, to: Recipient(o.Key.Public()), deliver: deliver,
		holders: map[itemID][]peer.ID{}, done: map[itemID]bool{}, partly: map[messageID]*pile{}}
	for f := range in {
		r.take(f)
	}
	for range r.partly {
		b.add("item incomplete")
	}
	acks := map[peer.ID][]itemID{}
	for id, ok := range r.done {
		for _, p := range r.holders[id] {
			if ok {
				acks[p] = append(acks[p], id)
			}
		}
	}
	for p, ids := range acks {
		wg.Go(func() { b.ack(ctx, o, p, asked[p], ids) })
	}
	wg.Wait()
	return r.delivered, errors.Join(r.errs...)
}

// drain takes all that one holder has, page by page.
func (b *Box) drain(ctx context.Context, o Owner, p peer.ID, days []uint32, out chan<- found) {
	var after itemID
	for items := 0; items < maxItems; {
		r := request{Op: opGet, Days: days, After: after}
		r.sign(o.Key, []byte(p), b.config.Now())
		a, err := b.ask(ctx, p, &r)
		if err != nil || a.Status != statusOK {
			b.add("holder not reached or refuses to give")
			return
		}
		for _, item := range a.Items {
			f := found{id: sha256.Sum256(item), item: item, holder: p}
			select {
			case out <- f:
			case <-ctx.Done():
				return
			}
		}
		if !a.More || len(a.Items) == 0 || a.Last == after {
			return
		}
		items, after = items+len(a.Items), a.Last
	}
	b.add("holder has more than is taken at once")
}

// round is one poll as its items come in.
type round struct {
	b       *Box
	o       Owner
	to      Recipient
	deliver Deliver

	holders   map[itemID][]peer.ID // who gave it
	done      map[itemID]bool      // true: may be forgotten
	partly    map[messageID]*pile
	waiting   int // bytes in partly
	delivered int
	errs      []error
}

// pile is the parts of a message that have come so far.
type pile struct {
	parts [maxParts]part
	ids   []itemID
	bytes int
}

// take opens an item that has not come yet, and delivers the message that it
// completes.
func (r *round) take(f found) {
	r.holders[f.id] = append(r.holders[f.id], f.holder)
	if len(r.holders[f.id]) > 1 {
		return
	}
	p, err := part{}, errItem
	for _, key := range r.o.Mail {
		if p, err = open(r.to, key, f.item); err == nil {
			break
		}
	}
	if err != nil {
		r.b.add("item does not open")
		r.done[f.id] = true // it never will
		return
	}
	seen, err := r.seen(p.message)
	switch {
	case err != nil:
		r.errs = append(r.errs, err)
	case seen:
		r.b.add("item again")
		r.done[f.id] = true
	case p.of == 1:
		r.finish([]itemID{f.id}, []part{p})
	default:
		r.gather(f.id, p)
	}
}

// seen reports whether a message has been delivered.
func (r *round) seen(m messageID) (bool, error) {
	_, err := r.b.config.Store.Get(rowsSeen, hex.EncodeToString(m[:]))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// gather keeps a part until its message is whole. Parts are left with the
// holders until then: those of one message come in one poll.
func (r *round) gather(id itemID, p part) {
	if r.waiting+len(p.bytes) > maxWaiting {
		r.b.add("item dropped: too many incomplete")
		return
	}
	m := r.partly[p.message]
	if m == nil {
		m = new(pile)
		r.partly[p.message] = m
	}
	m.ids = append(m.ids, id)
	m.bytes += len(p.bytes)
	r.waiting += len(p.bytes)
	m.parts[p.n] = p
	whole := m.parts[:p.of]
	for i := range whole {
		if whole[i].of == 0 {
			return // one is missing
		}
	}
	delete(r.partly, p.message)
	r.waiting -= m.bytes
	r.finish(m.ids, whole)
}

// finish delivers a whole message, if it is one. Unless that fails its holders
// may forget it.
func (r *round) finish(ids []itemID, parts []part) {
	if payload, err := join(parts); err != nil {
		r.b.add("item's parts do not fit")
	} else if err := r.hand(parts[0], payload); err != nil {
		r.errs = append(r.errs, err)
		return
	}
	for _, id := range ids {
		r.done[id] = true
	}
}

// hand delivers a payload and remembers that it was.
func (r *round) hand(p part, payload []byte) error {
	if err := r.deliver(Item{Kind: p.kind, Payload: payload}); err != nil {
		r.b.add("item not accepted")
		return err
	}
	r.delivered++
	r.b.add("item delivered")
	until := r.b.config.Now().Add((maxDays + 2) * 24 * time.Hour)
	row := session.Row{Key: hex.EncodeToString(p.message[:]), Value: []byte{1}}
	return r.b.config.Store.PutUntil(rowsSeen, []session.Row{row}, nil, until)
}

// ack has a holder delete what was delivered.
func (b *Box) ack(ctx context.Context, o Owner, p peer.ID, days []uint32, ids []itemID) {
	slices.SortFunc(ids, func(a, b itemID) int { return bytes.Compare(a[:], b[:]) })
	for ids := range slices.Chunk(ids, slotItems) {
		r := request{Op: opAck, Days: days, IDs: ids}
		r.sign(o.Key, []byte(p), b.config.Now())
		if a, err := b.ask(ctx, p, &r); err != nil || a.Status != statusOK {
			b.add("acknowledgement not taken")
			return
		}
	}
}
