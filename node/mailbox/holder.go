package mailbox

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// answer serves one request. The checks come in the order of what they cost:
// form, budget, work, signature, disk.
func (b *Box) answer(_ context.Context, from peer.ID, raw []byte) []byte {
	var r request
	if decMode.Unmarshal(raw, &r) != nil || r.Version != version {
		b.add("request: malformed")
		return encode(answer{Version: version, Status: statusBad})
	}
	var a answer
	switch r.Op {
	case opPut:
		a = b.answerPut(from, &r)
	case opGet, opAck:
		a = b.answerOwner(from, &r)
	default:
		b.add("request: malformed")
		a.Status = statusBad
	}
	a.Version = version
	return encode(a)
}

func (b *Box) answerPut(from peer.ID, r *request) answer {
	now := b.config.Now()
	today := dayOf(now)
	if !wellSized(len(r.Item)) || r.Day+1 < today || r.Day > today+1 {
		b.add("deposit: malformed")
		return answer{Status: statusBad}
	}
	id := itemID(sha256.Sum256(r.Item))
	friend := b.config.Known(from)
	if !friend {
		if bits := b.keep.price(b.least); workDone(r.Slot, id, r.Work) < bits {
			b.add("deposit: too little work")
			return answer{Status: statusWork, Bits: uint8(bits)}
		}
	}
	return answer{Status: b.shelve(from, r, id, friend)}
}

// shelve keeps the item of a deposit.
func (b *Box) shelve(from peer.ID, r *request, id itemID, friend bool) status {
	now := b.config.Now()
	days := int(r.Keep)
	if days == 0 || days > maxDays {
		days = keepDays
	}
	e := &entry{
		Size: len(r.Item), Friend: friend, Taken: now.Unix(),
		Expires: now.Add(time.Duration(days) * 24 * time.Hour).Unix(),
		slot:    r.Slot, id: id,
	}
	evicted, status := b.keep.take(from, e, r.Item, now)
	for range evicted {
		b.add("item evicted")
	}
	switch status {
	case statusOK:
		b.add("item kept")
	case statusQuota:
		b.add("deposit: over the depositor's budget")
	case statusFull:
		b.add("deposit: no room")
	}
	return status
}

// wellSized reports whether a sealed item has one of the four sizes.
func wellSized(n int) bool {
	for size := smallest; size <= largest; size *= 4 {
		if n > size && n <= size+overhead {
			return true
		}
	}
	return false
}

// answerOwner gives a recipient its items, or deletes them.
func (b *Box) answerOwner(from peer.ID, r *request) answer {
	now := b.config.Now()
	if len(r.Days) > maxDays+2 || len(r.IDs) > slotItems {
		b.add("request: malformed")
		return answer{Status: statusBad}
	}
	if !b.keep.mayGet(from, b.config.Known(from), now) {
		b.add("request: over the budget")
		return answer{Status: statusQuota}
	}
	if !r.verify([]byte(b.config.Self), now) {
		b.add("request: signature or time wrong")
		return answer{Status: statusBad}
	}
	days := slices.Compact(slices.Sorted(slices.Values(r.Days)))
	slots := make([]slotID, len(days))
	for i, d := range days {
		slots[i] = slot(r.Recipient, d)
	}
	if r.Op == opAck {
		for _, s := range slots {
			for range b.keep.ack(s, r.IDs) {
				b.add("item acknowledged")
			}
		}
		return answer{Status: statusOK}
	}
	a := answer{Status: statusOK}
	list, more := b.keep.page(slots, r.After, now)
	for _, e := range list {
		item, err := b.config.Store.Get(rowsItem, e.key())
		if err != nil {
			b.add("item lost")
			continue
		}
		a.Items = append(a.Items, item)
		a.Last = e.id
		b.add("item handed out")
	}
	a.More = more
	return a
}
