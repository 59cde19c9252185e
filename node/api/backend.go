package api

import (
	"context"
	"iter"
	"time"
)

// Key is an idempotency key: the same key twice is one intent.
type Key string

// Backend is what a Server needs of a node. References to groups, members,
// contacts and the like are names, ids or unique prefixes of ids, as typed by
// a person; the Backend resolves them. Errors are *Error, or become internal.
type Backend interface {
	NodeBackend
	GroupBackend
	ContactBackend
	TokenBackend
}

// NodeBackend is about the node itself.
type NodeBackend interface {
	Status(context.Context) (Status, error)
	Identity(context.Context) (Identity, error)
	SetName(context.Context, string) (Identity, error)
	Devices(context.Context) ([]OwnDevice, error)
	// LinkDevice has this node, which is new, wait to be taken into an account.
	LinkDevice(context.Context) (DeviceCode, error)
	// AcceptDevice takes the node that shows a code into my account.
	AcceptDevice(ctx context.Context, code string) (OwnDevice, error)
	RemoveDevice(ctx context.Context, device string) (OwnDevice, error)
	// Events yields every event after the cursor, first the past, then what
	// comes, until the context ends. It ends early, with an error, when the
	// reader is too slow or the node stops.
	Events(ctx context.Context, after uint64) iter.Seq2[Event, error]
	Peers(context.Context) ([]Peer, error)
	Connect(ctx context.Context, address string) (Peer, error)
	Net(context.Context) (Net, error)
	Doctor(context.Context) (Doctor, error)
	Explain(ctx context.Context, subject string) (Explanation, error)
	// Shutdown asks the daemon to stop; it returns at once.
	Shutdown(context.Context) error
}

// GroupBackend is about groups and their messages.
type GroupBackend interface {
	Groups(context.Context) ([]Group, error)
	Group(ctx context.Context, group string) (GroupDetail, error)
	CreateGroup(context.Context, Key, NewGroup) (GroupDetail, error)
	ChangeGroup(ctx context.Context, key Key, group string, change GroupChange) (Operation, error)
	Leave(ctx context.Context, key Key, group string) (Operation, error)
	Rotate(ctx context.Context, key Key, group string) (Operation, error)
	Invite(ctx context.Context, key Key, group, contact string) (Operation, error)
	Remove(ctx context.Context, key Key, group, member string) (Operation, error)
	SetRole(ctx context.Context, key Key, group, member string, role Role) (Operation, error)
	Operation(ctx context.Context, id string) (Operation, error)

	Messages(ctx context.Context, group string, q MessageQuery) (Page, error)
	Send(ctx context.Context, key Key, group string, m NewMessage) (Sent, error)
	MarkRead(ctx context.Context, key Key, group string, read ReadUpTo) (Group, error)

	Epochs(ctx context.Context, group string) (Epochs, error)
	Why(ctx context.Context, group, about string) (Why, error)
	Repair(ctx context.Context, group string, dryRun bool) (Repair, error)

	Invitations(context.Context) ([]Invitation, error)
	Accept(ctx context.Context, key Key, invitation string) (GroupDetail, error)
	Decline(ctx context.Context, key Key, invitation string) error
}

// ContactBackend is about other people.
type ContactBackend interface {
	Contacts(context.Context) ([]Contact, error)
	Contact(ctx context.Context, contact string) (Contact, error)
	AddContact(context.Context, NewContact) (Contact, error)
	// AnswerContact accepts or refuses somebody who asks.
	AnswerContact(ctx context.Context, contact string, accept bool) (Contact, error)
	RenameContact(ctx context.Context, contact, name string) (Contact, error)
	// VerifyContact records that the words were compared, or takes it back.
	VerifyContact(ctx context.Context, contact string, verified bool) (Contact, error)
	BlockContact(ctx context.Context, contact string, blocked bool) (Contact, error)
	ForgetContact(ctx context.Context, contact string) error

	Links(context.Context) ([]Link, error)
	NewLink(context.Context, NewLink) (Link, error)
	RevokeLink(ctx context.Context, link string) error
}

// TokenBackend is about bots.
type TokenBackend interface {
	Tokens(context.Context) ([]Token, error)
	MintToken(context.Context, NewToken) (Token, error)
	RevokeToken(ctx context.Context, token string) error
	// CheckToken returns the token whose secret this is, its scopes naming
	// groups by id.
	CheckToken(ctx context.Context, secret string) (Token, error)
	// GroupID resolves a reference, for comparing it with a scope.
	GroupID(ctx context.Context, group string) (string, error)
}

// NewGroup asks for a group.
type NewGroup struct {
	Name   string   `json:"name" minLength:"1" maxLength:"64"`
	Invite []string `json:"invite,omitempty" maxItems:"256" doc:"Contacts to invite at once."`
}

// GroupChange changes what is set.
type GroupChange struct {
	Name *string `json:"name,omitempty" minLength:"1" maxLength:"64"`
}

// NewMessage asks for a message.
type NewMessage struct {
	Text    string `json:"text" minLength:"1" maxLength:"32768"`
	ReplyTo string `json:"reply_to,omitempty"`
	Kind    string `json:"kind,omitempty" enum:"text,reaction" doc:"text where empty. A reaction is a sign in answer to ReplyTo."`
}

// ReadUpTo marks messages as read by a person.
type ReadUpTo struct {
	Seq   uint64   `json:"seq" doc:"All up to here; 0 for all there are."`
	Shown []uint64 `json:"shown,omitempty" maxItems:"500" doc:"Places (seq) of messages that were before that person's eyes. Where the node has read receipts on, their authors are told; of others nobody is."`
}

// MessageQuery selects messages. Without After and Before it asks for the
// newest.
type MessageQuery struct {
	After  uint64    // only those of a higher Seq, oldest first
	Before uint64    // only those of a lower Seq
	Since  time.Time // only those received since
	Unread bool      // only those after what I have read
	Limit  int       // 0 for DefaultPage
}

// NewContact asks for a contact.
type NewContact struct {
	Link  string `json:"link" doc:"covey:… link of theirs, or the account id of somebody met in a group."`
	Name  string `json:"name,omitempty" maxLength:"64" doc:"What I call them."`
	Hello string `json:"hello,omitempty" maxLength:"256" doc:"What they read before they answer."`
}

// NewLink asks for an invitation link.
type NewLink struct {
	TTLSeconds int    `json:"ttl_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"Life, at most 30 days; 0 is one day."`
	Uses       int    `json:"uses,omitempty" minimum:"0" maximum:"1000" doc:"0 is once."`
	Group      string `json:"group,omitempty" doc:"Invite whoever uses it to this group too."`
}

// NewToken asks for a token.
type NewToken struct {
	Scopes     []string `json:"scopes" minItems:"1" maxItems:"64" doc:"GROUP:read or GROUP:send, GROUP a name, an id or *."`
	TTLSeconds int      `json:"ttl_seconds,omitempty" minimum:"0" maximum:"7776000" doc:"0 is one hour."`
	Note       string   `json:"note,omitempty" maxLength:"64"`
}
