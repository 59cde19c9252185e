package mailbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Deposited says who holds an item now.
type Deposited struct {
	Holders int // of the closest peers, in whose slot the recipient looks
	Friends int // of the contacts and members
}

// Deposit leaves a payload for somebody who is away, sealed to the mail key of
// its bundle: with the closest peers of its slot of today, and with those of the
// friends given, who may meet it (the recipient itself is no use among them). A
// payload of several parts counts as held where all of them are. ErrNobody says
// that it lies nowhere.
func (b *Box) Deposit(ctx context.Context, to Recipient, mailKey []byte, kind Kind, payload []byte, friends []peer.ID) (Deposited, error) {
	items, err := seal(b.rand, to, mailKey, kind, payload)
	if err != nil {
		return Deposited{}, err
	}
	day := dayOf(b.config.Now())
	in := slot(to, day)
	near, err := b.config.Closest(ctx, in[:], holders+spare)
	if err != nil {
		near = nil // friends may still take it
	}
	near = slices.DeleteFunc(near, func(p peer.ID) bool { return p == b.config.Self })
	friends = slices.DeleteFunc(slices.Clone(friends), func(p peer.ID) bool {
		return p == b.config.Self || slices.Contains(near, p)
	})
	friends = friends[:min(len(friends), maxFriends)]
	out := Deposited{Holders: holders, Friends: len(friends)}
	for _, item := range items {
		d := &deposit{b: b, slot: in, day: day, item: item, id: sha256.Sum256(item)}
		var wg sync.WaitGroup
		var some Deposited
		wg.Go(func() {
			if len(near) > 0 && d.work(ctx, b.least) { // they may not know us
				some.Holders = d.leave(ctx, near, holders)
			}
		})
		wg.Go(func() { some.Friends = d.leave(ctx, friends, len(friends)) })
		if b.config.Serve { // we may meet the recipient ourselves
			b.shelve(b.config.Self, d.request(), d.id, true)
		}
		wg.Wait()
		out.Holders = min(out.Holders, some.Holders)
		out.Friends = min(out.Friends, some.Friends)
	}
	if out.Holders+out.Friends == 0 {
		b.add("deposit: taken by nobody")
		if err := ctx.Err(); err != nil {
			return out, err
		}
		return out, ErrNobody
	}
	b.add("deposit: made")
	return out, nil
}

// deposit is one item on its way to several holders.
type deposit struct {
	b    *Box
	slot slotID
	day  uint32
	item []byte
	id   itemID

	mu    sync.Mutex // held while working: one proof serves all holders
	bits  int        // that the nonce has
	nonce uint64
}

// leave asks so many of the peers at once to take the item, and the next ones
// for those that do not.
func (d *deposit) leave(ctx context.Context, peers []peer.ID, want int) (took int) {
	for len(peers) > 0 && took < want && ctx.Err() == nil {
		now := peers[:min(want-took, len(peers))]
		peers = peers[len(now):]
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, p := range now {
			wg.Go(func() {
				if d.put(ctx, p) {
					mu.Lock()
					took++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
	}
	return took
}

func (d *deposit) request() *request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &request{
		Version: version, Op: opPut, Slot: d.slot, Day: d.day, Keep: keepDays, Item: d.item, Work: d.nonce,
	}
}

// put asks one holder, works for it if that is asked for, and asks again.
func (d *deposit) put(ctx context.Context, p peer.ID) bool {
	for range 3 {
		a, err := d.b.ask(ctx, p, d.request())
		switch {
		case err != nil:
			d.b.add("holder not reached")
			return false
		case a.Status == statusOK:
			return true
		case a.Status == statusWork && d.work(ctx, int(a.Bits)):
			continue
		}
		d.b.add("holder refused")
		return false
	}
	d.b.add("holder asks for ever more work")
	return false
}

// work makes the proof that a holder asks for, unless it is there already.
func (d *deposit) work(ctx context.Context, want int) bool {
	if want > patience {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bits >= want {
		return true
	}
	nonce, ok := work(d.slot, d.id, want, func() bool { return ctx.Err() != nil })
	if ok {
		d.nonce, d.bits = nonce, want
	}
	return ok
}

var errAnswer = errors.New("mailbox: the holder's answer is malformed")

// ask puts a request to a holder, which may be this node itself.
func (b *Box) ask(ctx context.Context, p peer.ID, r *request) (answer, error) {
	if p == b.config.Self {
		var a answer
		err := decMode.Unmarshal(b.answer(ctx, p, encode(r)), &a)
		return a, err
	}
	ctx, cancel := context.WithTimeout(network.WithDialPeerTimeout(ctx, dialTimeout), askTimeout)
	defer cancel()
	raw, err := b.config.Streams.Ask(ctx, p, protocol, encode(r), maxAnswer)
	if err != nil {
		return answer{}, err
	}
	var a answer
	if decMode.Unmarshal(raw, &a) != nil || a.Version != version {
		return answer{}, errAnswer
	}
	return a, nil
}
