package api

import (
	"context"
	"net/http"
	"time"
)

// routes is the whole API. The order is that of the client's methods.
var routes = []route{
	call("GET", "/v1/status", owner, "The node at a glance", func(ctx context.Context, b Backend, _ *none) (Status, error) { return b.Status(ctx) }),
	call("GET", "/v1/identity", owner, "Who this node is", func(ctx context.Context, b Backend, _ *none) (Identity, error) { return b.Identity(ctx) }),
	call("PUT", "/v1/identity", owner, "Change my name", func(ctx context.Context, b Backend, in *body[named]) (Identity, error) {
		return b.SetName(ctx, in.Body.Name)
	}),
	call("GET", "/v1/devices", owner, "The devices of my account", func(ctx context.Context, b Backend, _ *none) ([]OwnDevice, error) { return b.Devices(ctx) }),
	call("POST", "/v1/devices/link", owner, "Have this new device wait to be taken into an account", func(ctx context.Context, b Backend, _ *none) (DeviceCode, error) { return b.LinkDevice(ctx) }),
	call("POST", "/v1/devices", owner, "Take the device that shows a code into my account", func(ctx context.Context, b Backend, in *body[givenCode]) (OwnDevice, error) {
		return b.AcceptDevice(ctx, in.Body.Code)
	}),
	call("DELETE", "/v1/devices/{id}", owner, "Remove a device of mine", func(ctx context.Context, b Backend, in *InID) (OwnDevice, error) { return b.RemoveDevice(ctx, in.ID) }),
	call("GET", "/v1/peers", owner, "Other nodes", func(ctx context.Context, b Backend, _ *none) ([]Peer, error) { return b.Peers(ctx) }),
	call("POST", "/v1/peers", owner, "Dial a peer", func(ctx context.Context, b Backend, in *body[connect]) (Peer, error) {
		return b.Connect(ctx, in.Body.Address)
	}),
	call("GET", "/v1/net", owner, "This node's place in the network", func(ctx context.Context, b Backend, _ *none) (Net, error) { return b.Net(ctx) }),
	call("GET", "/v1/doctor", owner, "Check the node's health", func(ctx context.Context, b Backend, _ *none) (Doctor, error) { return b.Doctor(ctx) }),
	call("GET", "/v1/explain", owner, "Say what a thing is", func(ctx context.Context, b Backend, in *inExplain) (Explanation, error) {
		return b.Explain(ctx, in.Subject)
	}),
	call("POST", "/v1/shutdown", owner, "Stop the daemon", func(ctx context.Context, b Backend, _ *none) (done, error) { return ok, b.Shutdown(ctx) }),
	stream("GET", "/v1/events", reading, "The event log, as JSON lines or server-sent events"),

	call("GET", "/v1/groups", owner, "Groups", func(ctx context.Context, b Backend, _ *none) ([]Group, error) { return b.Groups(ctx) }),
	call("POST", "/v1/groups", owner, "Create a group", func(ctx context.Context, b Backend, in *keyed[NewGroup]) (GroupDetail, error) {
		return b.CreateGroup(ctx, in.Key, in.Body)
	}),
	call("GET", "/v1/groups/{group}", reading, "One group, with its members", func(ctx context.Context, b Backend, in *InGroup) (GroupDetail, error) {
		return b.Group(ctx, in.Group)
	}),
	call("PATCH", "/v1/groups/{group}", owner, "Rename a group", func(ctx context.Context, b Backend, in *groupBody[GroupChange]) (Operation, error) {
		return b.ChangeGroup(ctx, in.Key, in.Group, in.Body)
	}),
	call("POST", "/v1/groups/{group}/leave", owner, "Leave a group", func(ctx context.Context, b Backend, in *InGroup) (Operation, error) {
		return b.Leave(ctx, in.Key, in.Group)
	}),
	call("POST", "/v1/groups/{group}/rotate", owner, "Renew my keys in a group", func(ctx context.Context, b Backend, in *InGroup) (Operation, error) {
		return b.Rotate(ctx, in.Key, in.Group)
	}),
	call("POST", "/v1/groups/{group}/members", owner, "Invite a contact", func(ctx context.Context, b Backend, in *groupBody[newMember]) (Operation, error) {
		return b.Invite(ctx, in.Key, in.Group, in.Body.Contact)
	}),
	call("DELETE", "/v1/groups/{group}/members/{member}", owner, "Remove a member", func(ctx context.Context, b Backend, in *InMember) (Operation, error) {
		return b.Remove(ctx, in.Key, in.Group, in.Member)
	}),
	call("PATCH", "/v1/groups/{group}/members/{member}", owner, "Change a member's role", func(ctx context.Context, b Backend, in *memberBody[newRole]) (Operation, error) {
		return b.SetRole(ctx, in.Key, in.Group, in.Member, in.Body.Role)
	}),
	call("GET", "/v1/operations/{id}", owner, "How far a change has come", func(ctx context.Context, b Backend, in *InID) (Operation, error) {
		return b.Operation(ctx, in.ID)
	}),
	call("GET", "/v1/groups/{group}/messages", reading, "Messages", func(ctx context.Context, b Backend, in *inMessages) (Page, error) {
		return b.Messages(ctx, in.Group, MessageQuery{After: in.After, Before: in.Before, Since: in.Since, Unread: in.Unread, Limit: in.Limit})
	}),
	call("POST", "/v1/groups/{group}/messages", sending, "Send a message", func(ctx context.Context, b Backend, in *groupBody[NewMessage]) (Sent, error) {
		return b.Send(ctx, in.Key, in.Group, in.Body)
	}),
	call("POST", "/v1/groups/{group}/read", reading, "Mark messages as read", func(ctx context.Context, b Backend, in *groupBody[ReadUpTo]) (Group, error) {
		return b.MarkRead(ctx, in.Key, in.Group, in.Body)
	}),
	call("GET", "/v1/groups/{group}/epochs", owner, "The tree of recent epochs", func(ctx context.Context, b Backend, in *InGroup) (Epochs, error) {
		return b.Epochs(ctx, in.Group)
	}),
	call("GET", "/v1/groups/{group}/why", owner, "Why a group, a member, an epoch or a message is as it is", func(ctx context.Context, b Backend, in *inWhy) (Why, error) {
		return b.Why(ctx, in.Group, in.About)
	}),
	call("POST", "/v1/groups/{group}/repair", owner, "Fetch what is missing", func(ctx context.Context, b Backend, in *groupBody[newRepair]) (Repair, error) {
		return b.Repair(ctx, in.Group, in.Body.DryRun)
	}),
	call("GET", "/v1/invitations", owner, "Groups that somebody wants me in", func(ctx context.Context, b Backend, _ *none) ([]Invitation, error) { return b.Invitations(ctx) }),
	call("POST", "/v1/invitations/{id}/accept", owner, "Join", func(ctx context.Context, b Backend, in *InID) (GroupDetail, error) {
		return b.Accept(ctx, in.Key, in.ID)
	}),
	call("POST", "/v1/invitations/{id}/decline", owner, "Do not join", func(ctx context.Context, b Backend, in *InID) (done, error) {
		return ok, b.Decline(ctx, in.Key, in.ID)
	}),

	call("GET", "/v1/contacts", owner, "Contacts", func(ctx context.Context, b Backend, _ *none) ([]Contact, error) { return b.Contacts(ctx) }),
	call("POST", "/v1/contacts", owner, "Add a contact by link", func(ctx context.Context, b Backend, in *body[NewContact]) (Contact, error) {
		return b.AddContact(ctx, in.Body)
	}),
	call("GET", "/v1/contacts/{id}", owner, "One contact", func(ctx context.Context, b Backend, in *InID) (Contact, error) { return b.Contact(ctx, in.ID) }),
	call("PATCH", "/v1/contacts/{id}", owner, "Rename a contact", func(ctx context.Context, b Backend, in *idBody[named]) (Contact, error) {
		return b.RenameContact(ctx, in.ID, in.Body.Name)
	}),
	call("DELETE", "/v1/contacts/{id}", owner, "Forget a contact", func(ctx context.Context, b Backend, in *InID) (done, error) {
		return ok, b.ForgetContact(ctx, in.ID)
	}),
	call("POST", "/v1/contacts/{id}/answer", owner, "Accept or refuse somebody who asks", func(ctx context.Context, b Backend, in *idBody[answer]) (Contact, error) {
		return b.AnswerContact(ctx, in.ID, in.Body.Accept)
	}),
	call("POST", "/v1/contacts/{id}/verify", owner, "Record that the words were compared", func(ctx context.Context, b Backend, in *idBody[verify]) (Contact, error) {
		return b.VerifyContact(ctx, in.ID, in.Body.Verified)
	}),
	call("POST", "/v1/contacts/{id}/block", owner, "Block or unblock", func(ctx context.Context, b Backend, in *idBody[block]) (Contact, error) {
		return b.BlockContact(ctx, in.ID, in.Body.Blocked)
	}),
	call("GET", "/v1/links", owner, "Invitation links of mine", func(ctx context.Context, b Backend, _ *none) ([]Link, error) { return b.Links(ctx) }),
	call("POST", "/v1/links", owner, "Make an invitation link", func(ctx context.Context, b Backend, in *body[NewLink]) (Link, error) { return b.NewLink(ctx, in.Body) }),
	call("DELETE", "/v1/links/{id}", owner, "Revoke a link", func(ctx context.Context, b Backend, in *InID) (done, error) { return ok, b.RevokeLink(ctx, in.ID) }),

	call("GET", "/v1/tokens", owner, "Tokens of bots", func(ctx context.Context, b Backend, _ *none) ([]Token, error) { return b.Tokens(ctx) }),
	call("POST", "/v1/tokens", owner, "Mint a token", func(ctx context.Context, b Backend, in *body[NewToken]) (Token, error) {
		return b.MintToken(ctx, in.Body)
	}),
	call("DELETE", "/v1/tokens/{id}", owner, "Revoke a token", func(ctx context.Context, b Backend, in *InID) (done, error) { return ok, b.RevokeToken(ctx, in.ID) }),
}

// Inputs. Those that are embedded are exported because huma sees no others.
// Key is the idempotency key; the server makes one where the caller
// sends none.
type (
	none      struct{}
	KeyHeader struct {
		Key Key `header:"Idempotency-Key" maxLength:"128" doc:"The same key with the same request is done once."`
	}
	body[T any]  struct{ Body T }
	keyed[T any] struct {
		KeyHeader
		Body T
	}
	InID struct {
		KeyHeader
		ID string `path:"id" doc:"Name, id, or unique prefix of an id."`
	}
	idBody[T any] struct {
		InID
		Body T
	}
	InGroup struct {
		KeyHeader
		Group string `path:"group" doc:"Name, id, or unique prefix of an id."`
	}
	groupBody[T any] struct {
		InGroup
		Body T
	}
	InMember struct {
		InGroup
		Member string `path:"member" doc:"Name, account, or unique prefix of an account."`
	}
	memberBody[T any] struct {
		InMember
		Body T
	}
	inMessages struct {
		InGroup
		After  uint64    `query:"after" doc:"Only messages of a higher seq, oldest first."`
		Before uint64    `query:"before" doc:"Only messages of a lower seq."`
		Since  time.Time `query:"since"`
		Unread bool      `query:"unread"`
		Limit  int       `query:"limit" minimum:"0" maximum:"500"`
	}
	inWhy struct {
		InGroup
		About string `query:"about" maxLength:"256" doc:"A member's name, an epoch as E7 or by its print, or a message's number or id; empty for the group."`
	}
	inExplain struct {
		Subject string `query:"subject" required:"true" minLength:"1" maxLength:"256"`
	}
	inEvents struct {
		From   string `query:"from" doc:"Cursor after which to begin, or now."`
		Types  string `query:"types" doc:"Only these, separated by commas."`
		Group  string `query:"group" doc:"Only of this group."`
		Once   bool   `query:"once" doc:"End where the past ends."`
		LastID string `header:"Last-Event-ID" doc:"Stands in for from, as browsers resume."`
		Accept string `header:"Accept" doc:"text/event-stream for server-sent events."`
	}
)

// Small request bodies; the larger ones are in backend.go.
type (
	named struct {
		Name string `json:"name" minLength:"1" maxLength:"64"`
	}
	connect struct {
		Address string `json:"address" minLength:"1" maxLength:"1024" doc:"Multiaddress that ends in /p2p/ID."`
	}
	newMember struct {
		Contact string `json:"contact" minLength:"1"`
	}
	newRole struct {
		Role Role `json:"role" enum:"member,admin,owner"`
	}
	givenCode struct {
		Code string `json:"code" minLength:"1" maxLength:"4096"`
	}
	newRepair struct {
		DryRun bool `json:"dry_run,omitempty"`
	}
	answer struct {
		Accept bool `json:"accept"`
	}
	verify struct {
		Verified bool `json:"verified"`
	}
	block struct {
		Blocked bool `json:"blocked"`
	}
)

// done is the body of an answer that says nothing else.
type done struct {
	OK bool `json:"ok"`
}

var ok = done{OK: true}

// groupRef is how the scope check finds the group that a request names.
func (in *InGroup) groupRef() string { return in.Group }

// plain are the routes outside the API proper.
func (s *Server) plain(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /openapi.json", s.openapi)
	if s.options.Metrics != nil {
		mux.Handle("GET /metrics", s.options.Metrics)
	}
	profiles(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, NewError(CodeNotFound, "There is no "+r.Method+" "+r.URL.Path+" here.", "GET /openapi.json lists what there is."))
	})
}
