package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
)

func (b *Backend) Groups(ctx context.Context) ([]api.Group, error) {
	var out []api.Group
	for _, g := range b.n.Groups() {
		shown, err := b.showGroup(ctx, g)
		if err != nil {
			return nil, err
		}
		out = append(out, shown.Group)
	}
	slices.SortFunc(out, func(x, y api.Group) int { return x.Joined.Compare(y.Joined)*2 + strings.Compare(x.ID, y.ID) })
	return out, nil
}

func (b *Backend) Group(ctx context.Context, ref string) (api.GroupDetail, error) {
	g, err := b.findGroup(ref)
	if err != nil {
		return api.GroupDetail{}, err
	}
	return b.showGroup(ctx, g)
}

func (b *Backend) showGroup(ctx context.Context, g *node.Group) (api.GroupDetail, error) {
	v, err := g.Fresh(ctx)
	if err != nil {
		return api.GroupDetail{}, err
	}
	out := api.GroupDetail{
		Group: api.Group{
			ID: g.ID(), Name: v.Name, State: groupState(g, &v), Members: len(v.Members), Epoch: g.EpochRef(v.Head, v.Number),
			Agreed: v.Agreed, Rivals: v.Rivals, Unread: b.unread(g, &v), Queued: v.Waiting, Seq: v.History, Joined: g.Joined(),
			Role: api.RoleMember,
		},
		Authenticator: hexOf(v.Proof), Alive: v.Alive, Roster: make([]api.Member, 0, len(v.Members)),
	}
	if out.Name == "" {
		out.Name = g.Title()
	}
	if err := b.mayAct(g); err != nil && out.State != api.GroupLeft {
		var e *api.Error
		errors.As(err, &e)
		out.Trouble = e.Message + " " + e.Hint
	}
	for _, m := range v.Members {
		shown := b.showMember(m)
		switch {
		case shown.Me:
			out.Role = shown.Role
		case shown.Online:
			out.Online++
		}
		out.Roster = append(out.Roster, shown)
	}
	if v.History > 0 {
		if last, err := g.History(v.History); err == nil {
			m := g.Message(last)
			out.Last = &m
		}
	}
	return out, nil
}

// maxUnread is where counting ends: nobody reads the difference.
const maxUnread = 1000

// unread counts what others have written since I read last.
func (b *Backend) unread(g *node.Group, v *session.View) (n int) {
	me := b.me().Account
	if v.History == v.Read {
		return 0
	}
	for h, err := range g.Histories(v.Read+1, false) {
		if err != nil || n == maxUnread {
			break
		}
		if h.Account != me {
			n++
		}
	}
	return n
}

func groupState(g *node.Group, v *session.View) api.GroupState {
	switch v.Standing {
	case session.TakenOut:
		if g.Left() {
			return api.GroupLeft
		}
		return api.GroupRemoved
	case session.OnlyReading:
		return api.GroupReading
	case session.LeftBehind:
		return api.GroupStranded
	}
	return api.GroupActive
}

func (b *Backend) showMember(m session.Member) api.Member {
	n := b.n
	out := api.Member{
		Account: hexOf(m.Account[:]), Name: n.NameOf(m.Account), Role: node.RoleName(m.Role), Me: m.Account == b.me().Account,
		Agrees: m.Agrees, Devices: make([]api.Device, 0, len(m.Devices)),
	}
	if c, ok := n.Book().Contact(m.Account); ok {
		out.Contact, out.Verified, out.Blocked = c.State == people.Known, c.Verified, c.State == people.Blocked
	}
	var devices []session.Device
	for _, d := range m.Devices {
		devices = append(devices, d.Device)
		out.Devices = append(out.Devices, api.Device{ID: hexOf(d.Device[:]), Leaf: int(d.Leaf), Me: d.Device == b.me().Device})
		if path, up := n.Path(d.Device); up {
			out.Online, out.Path = true, path
		}
		out.Online = out.Online || n.Speaks(d)
	}
	if out.Me {
		out.Online = true
	} else if t := n.LastSeen(devices); t.Unix() > 0 {
		out.LastSeen = t
	}
	return out
}

func (b *Backend) CreateGroup(ctx context.Context, key api.Key, in api.NewGroup) (api.GroupDetail, error) {
	if err := api.GoodName(in.Name); err != nil {
		return api.GroupDetail{}, err
	}
	var accounts []session.Account
	for _, ref := range in.Invite {
		a, err := b.findPerson(ref)
		if err != nil {
			return api.GroupDetail{}, err
		}
		accounts = append(accounts, a)
	}
	for _, g := range b.n.Groups() {
		if g.Title() == in.Name && g.View().Standing == session.TakingPart {
			return api.GroupDetail{}, api.NewError(api.CodeConflict, fmt.Sprintf("There is a group %q already.", in.Name), "Take another name, or `covey group rename` the other one.")
		}
	}
	g, err := b.n.Create(in.Name)
	if err != nil {
		return api.GroupDetail{}, err
	}
	var invite []session.Event
	for i, a := range accounts {
		invite = append(invite, session.Invite{ID: intentID(key + api.Key(strconv.Itoa(i))), Account: a})
	}
	if _, err := g.Do(ctx, invite...); err != nil {
		return api.GroupDetail{}, err
	}
	return b.showGroup(ctx, g)
}

// change has a group's session take an intent and reports where it stands.
func (b *Backend) change(ctx context.Context, key api.Key, ref string, make func(*node.Group, session.IntentID) (session.Event, error)) (api.Operation, error) {
	g, err := b.findGroup(ref)
	if err != nil {
		return api.Operation{}, err
	}
	id := intentID(key)
	if op, ok := b.n.Operation(hexOf(id[:])); ok && op.Group == g.ID() { // the same intent again
		op.Cursor = b.n.Journal().Cursor()
		return op, denied(g, op)
	}
	ev, err := make(g, id)
	if err != nil {
		return api.Operation{}, err
	}
	if err := b.mayAct(g); err != nil {
		return api.Operation{}, err
	}
	c, err := g.Do(ctx, ev)
	if err != nil {
		return api.Operation{}, err
	}
	op, ok := b.n.Operation(hexOf(id[:]))
	if !ok {
		op = api.Operation{ID: hexOf(id[:]), Group: g.ID(), State: api.OpQueued}
	}
	op.Cursor = c.Cursor
	return op, denied(g, op)
}

func denied(g *node.Group, op api.Operation) error {
	if op.State != api.OpDenied {
		return nil
	}
	return api.NewError(api.CodeDenied, api.Sentence(cmp.Or(op.Reason, "the group does not allow that")), "`covey group show "+api.Word(g.Title())+"` shows who may do what.")
}

// mayAct refuses what a group that this node cannot speak in would never do.
func (b *Backend) mayAct(g *node.Group) error {
	v := g.View()
	if v.Standing == session.TakingPart {
		return nil
	}
	code, hint := api.CodeDenied, "Ask a member to invite you again."
	switch {
	case v.Standing == session.TakenOut && len(v.Members) <= 1:
		hint = "Nobody else was in it."
	case v.Standing == session.OnlyReading:
		code, hint = api.CodeAlarm, "Have a member remove and invite you again."
	case v.Standing == session.LeftBehind:
		code, hint = api.CodeAlarm, "`covey group why "+api.Word(g.Title())+"` says more."
	}
	why := v.Why
	if why == "" || v.Standing == session.TakenOut {
		why = "you are not in " + g.Title() + " any more"
		if v.Why != "" && !g.Left() {
			why += ": " + v.Why
		}
	}
	return api.NewError(code, api.Sentence(why), hint)
}

func (b *Backend) ChangeGroup(ctx context.Context, key api.Key, ref string, in api.GroupChange) (api.Operation, error) {
	return b.change(ctx, key, ref, func(_ *node.Group, id session.IntentID) (session.Event, error) {
		if in.Name == nil {
			return nil, api.NewError(api.CodeUsage, "There is nothing to change.", "Give a name.")
		}
		return session.Configure{ID: id, Name: in.Name}, api.GoodName(*in.Name)
	})
}

func (b *Backend) Leave(ctx context.Context, key api.Key, ref string) (api.Operation, error) {
	return b.change(ctx, key, ref, func(g *node.Group, id session.IntentID) (session.Event, error) {
		if err := b.mayAct(g); err != nil { // what was noted of an earlier leave stays
			return nil, err
		}
		if members := g.View().Members; len(members) != 1 || len(members[0].Devices) != 1 { // else nobody is left without an owner
			if err := b.spares(g, b.me().Account); err != nil {
				return nil, err
			}
		}
		if err := g.Leaving(id); err != nil {
			return nil, node.StorageError(err)
		}
		return session.Leave{ID: id}, nil
	})
}

func (b *Backend) Rotate(ctx context.Context, key api.Key, ref string) (api.Operation, error) {
	return b.change(ctx, key, ref, func(_ *node.Group, id session.IntentID) (session.Event, error) { return session.Refresh{ID: id}, nil })
}

func (b *Backend) Invite(ctx context.Context, key api.Key, ref, contact string) (api.Operation, error) {
	return b.change(ctx, key, ref, func(g *node.Group, id session.IntentID) (session.Event, error) {
		a, err := b.findPerson(contact)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(g.View().Members, func(m session.Member) bool { return m.Account == a }) {
			return nil, api.NewError(api.CodeConflict, b.n.NameOf(a)+" is in the group already.", "")
		}
		return session.Invite{ID: id, Account: a}, nil
	})
}

func (b *Backend) Remove(ctx context.Context, key api.Key, ref, member string) (api.Operation, error) {
	return b.change(ctx, key, ref, func(g *node.Group, id session.IntentID) (session.Event, error) {
		a, err := b.findMember(g, member)
		if a == b.me().Account && err == nil {
			return nil, api.NewError(api.CodeUsage, "You cannot remove yourself.", "Use `covey group leave "+api.Word(g.Title())+"`.")
		}
		return session.Remove{ID: id, Account: a}, err
	})
}

func (b *Backend) SetRole(ctx context.Context, key api.Key, ref, member string, role api.Role) (api.Operation, error) {
	return b.change(ctx, key, ref, func(g *node.Group, id session.IntentID) (session.Event, error) {
		a, err := b.findMember(g, member)
		r := consensus.RoleMember
		switch role {
		case api.RoleAdmin:
			r = consensus.RoleAdmin
		case api.RoleOwner:
			r = consensus.RoleOwner
		}
		if err == nil && r != consensus.RoleOwner {
			err = b.spares(g, a)
		}
		return session.SetRole{ID: id, Account: a, Role: r}, err
	})
}

// spares refuses to take its only owner from a group, which would never do it,
// and says what can be done.
func (b *Backend) spares(g *node.Group, a session.Account) error {
	members := g.View().Members
	is := func(m session.Member) bool { return m.Account == a && m.Role == consensus.RoleOwner }
	other := func(m session.Member) bool { return m.Account != a && m.Role == consensus.RoleOwner }
	if !slices.ContainsFunc(members, is) || slices.ContainsFunc(members, other) {
		return nil
	}
	who, hint := b.n.NameOf(a)+" is", "Make somebody else an owner first: `covey group role "+api.Word(g.Title())+" MEMBER owner`."
	if a == b.me().Account {
		who = "You are"
	}
	if len(members) == 1 {
		hint = "Nobody else is in it: invite somebody, or let it be."
		if a == b.me().Account && len(members[0].Devices) > 1 {
			hint = "Only other devices of yours are in it: `covey device ls` shows them."
		}
	}
	return api.NewError(api.CodeDenied, who+" the only owner of "+g.Title()+", and a group has one at least.", hint)
}

func (b *Backend) Operation(_ context.Context, id string) (api.Operation, error) {
	op, ok := b.n.Operation(id)
	if !ok {
		return op, api.NewError(api.CodeNotFound, "There is no such operation, or it is too long ago.", "The event log remembers longer: `covey watch --from 0 --types operation`.")
	}
	return op, nil
}

func (b *Backend) Messages(ctx context.Context, ref string, q api.MessageQuery) (api.Page, error) {
	g, err := b.findGroup(ref)
	if err != nil {
		return api.Page{}, err
	}
	v, err := g.Fresh(ctx)
	if err != nil {
		return api.Page{}, err
	}
	page := api.Page{Messages: []api.Message{}, Last: v.History}
	if v.History > 0 {
		page.First = 1
	}
	found, more, err := pageOf(g, q, v.Read)
	if err != nil {
		return api.Page{}, node.StorageError(err)
	}
	page.More = more
	for _, h := range found {
		page.Messages = append(page.Messages, g.Message(h))
	}
	return page, nil
}

// pageOf reads the history rows that a query asks for, oldest first, and says
// whether there are more: from a place on, or else the latest.
func pageOf(g *node.Group, q api.MessageQuery, read uint64) (found []session.History, more bool, err error) {
	limit := min(cmp.Or(max(q.Limit, 0), api.DefaultPage), api.MaxPage)
	from, back := q.After+1, false
	switch {
	case q.Unread:
		from = max(q.After, read) + 1
	case q.After == 0 && q.Since.IsZero():
		from, back = q.Before, true
	}
	for h, err := range g.Histories(from, back) {
		switch {
		case err != nil:
			return nil, false, err
		case !back && (q.Before != 0 && h.Seq >= q.Before || time.UnixMilli(int64(h.At)).Before(q.Since)):
			continue
		case len(found) == limit:
			more = true
		default:
			found = append(found, h)
		}
		if more {
			break
		}
	}
	if back {
		slices.Reverse(found)
	}
	return found, more, nil
}

func (b *Backend) Send(ctx context.Context, key api.Key, ref string, in api.NewMessage) (api.Sent, error) {
	g, err := b.findGroup(ref)
	if err != nil {
		return api.Sent{}, err
	}
	if len(in.Text) > api.MaxText {
		return api.Sent{}, api.NewError(api.CodeTooLarge, fmt.Sprintf("The message has %d bytes; at most %d fit.", len(in.Text), api.MaxText), "Send it in parts.")
	}
	content := session.Content{Version: 1, Kind: session.ContentText, Text: in.Text}
	if in.ReplyTo != "" {
		if content.Re, err = b.messageID(ctx, g, in.ReplyTo); err != nil {
			return api.Sent{}, err
		}
	}
	if in.Kind == "reaction" {
		if content.Kind = session.ContentReaction; in.ReplyTo == "" {
			return api.Sent{}, api.NewError(api.CodeUsage, "A reaction is to a message, and none is named.", "`covey send GROUP SIGN --react MESSAGE` names one.")
		}
	}
	if err := b.mayAct(g); err != nil {
		return api.Sent{}, err
	}
	id := intentID(key)
	if sent, ok := g.Mine(id); ok {
		return b.receipt(g, sent, in, b.n.Journal().Cursor()), nil // the same intent as before
	}
	c, err := g.Do(ctx, session.Send{ID: id, Body: content.Encode()})
	if err != nil {
		return api.Sent{}, err
	}
	sent := new(node.Mine)
	for _, n := range c.Notices {
		switch {
		case n.Kind == session.NoticeSent && n.ID == id && n.State == session.StateDenied:
			return api.Sent{}, api.NewError(api.CodeTooMany, api.Sentence(n.Reason), "Wait until some of what is queued has gone.")
		case n.Kind == session.NoticeSent && n.ID == id:
			sent.Message, sent.State, sent.People = n.Message, api.Queued, len(g.View().Members)-1
		}
	}
	for _, n := range c.Notices {
		if n.Kind == session.NoticeText && n.Message == sent.Message {
			sent.Seq = n.Seq
		}
	}
	return b.receipt(g, sent, in, c.Cursor), nil
}

func (b *Backend) receipt(g *node.Group, sent *node.Mine, in api.NewMessage, cursor uint64) api.Sent {
	at := time.Now().UTC()
	p := g.Progress(sent)
	me := b.me().Account
	m := api.Message{
		ID: hexOf(sent.Message[:]), Group: g.ID(), Seq: sent.Seq, Author: hexOf(me[:]), Name: b.name(), Mine: true,
		Kind: cmp.Or(in.Kind, "text"), Text: in.Text, ReplyTo: in.ReplyTo, Sent: at, Received: at, Epoch: g.EpochRef(g.View().Head, g.View().Number), Progress: &p,
	}
	return api.Sent{Message: m, Cursor: cursor}
}

func (b *Backend) MarkRead(ctx context.Context, key api.Key, ref string, in api.ReadUpTo) (api.Group, error) {
	g, err := b.findGroup(ref)
	if err != nil {
		return api.Group{}, err
	}
	read := session.Read{ID: intentID(key), Seq: cmp.Or(in.Seq, ^uint64(0))}
	if b.n.Config().ReadReceipts {
		for _, seq := range in.Shown[:min(len(in.Shown), api.MaxPage)] {
			if h, err := g.History(seq); err == nil && h.Account != b.me().Account {
				read.Shown = append(read.Shown, session.Shown{Message: h.Message, Author: h.Device})
			}
		}
	}
	if _, err := g.Do(ctx, read); err != nil {
		return api.Group{}, err
	}
	shown, err := b.showGroup(ctx, g)
	return shown.Group, err
}

func (b *Backend) Invitations(context.Context) ([]api.Invitation, error) {
	return b.n.Invitations(), nil
}

// findInvitation finds one by its id, by the group's name, or by who invites.
func (b *Backend) findInvitation(ref string) (api.Invitation, error) {
	all := b.n.Invitations()
	id := func(v api.Invitation) string { return v.ID }
	v, err := pick("invitation", "`covey group ls` lists them.", ref, all, func(v api.Invitation) string { return v.Name }, id)
	if err != nil {
		if other, err := pick("invitation", "", ref, all, func(v api.Invitation) string { return v.FromName }, id); err == nil {
			return other, nil
		}
	}
	return v, err
}

func (b *Backend) Accept(ctx context.Context, _ api.Key, ref string) (api.GroupDetail, error) {
	v, err := b.findInvitation(ref)
	if err != nil {
		return api.GroupDetail{}, err
	}
	g, err := b.n.Answer(v.ID, true)
	if err != nil {
		return api.GroupDetail{}, err
	}
	return b.showGroup(ctx, g)
}

func (b *Backend) Decline(_ context.Context, _ api.Key, ref string) error {
	v, err := b.findInvitation(ref)
	if err != nil {
		return err
	}
	_, err = b.n.Answer(v.ID, false)
	return err
}
