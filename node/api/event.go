package api

import "time"

// EventType says what an Event is about.
type EventType string

// Event types, and which part of the Event each one sets.
const (
	EventMessage    EventType = "message"    // Message: one can be read
	EventDelivery   EventType = "delivery"   // Delivery: one of mine moved on
	EventRead       EventType = "read"       // Delivery.Message is the newest that I have read
	EventOperation  EventType = "operation"  // Operation: a change that I asked for moved on
	EventMember     EventType = "member"     // Member: one came, went, or changed; cannot be hidden
	EventGroup      EventType = "group"      // Change: founded, joined, renamed, left, removed, stranded
	EventEpoch      EventType = "epoch"      // Epoch: the head moved, or agreement on it grew
	EventFork       EventType = "fork"       // Epoch: rivals met
	EventGap        EventType = "gap"        // something is missing; `group why` tells more
	EventContact    EventType = "contact"    // Contact: asked, accepted, verified, blocked
	EventInvitation EventType = "invitation" // Invitation: somebody wants me in a group
	EventPeer       EventType = "peer"       // Peer: a member or contact came or went
	EventTrouble    EventType = "trouble"    // something needs a person
	EventTrimmed    EventType = "trimmed"    // events between the cursor asked for and this one are no longer kept
)

// EventTypes are all of them.
var EventTypes = []EventType{
	EventMessage, EventDelivery, EventRead, EventOperation, EventMember, EventGroup, EventEpoch, EventFork, EventGap, EventContact, EventInvitation, EventPeer, EventTrouble, EventTrimmed,
}

// Event is one line of the log. Only the part that its Type names is set.
type Event struct {
	Cursor uint64    `json:"cursor"`
	At     time.Time `json:"at"`
	Type   EventType `json:"type"`
	Group  string    `json:"group,omitempty" doc:"Id of the group it happened in."`
	Text   string    `json:"text" doc:"It, in one plain sentence."`

	Message    *Message        `json:"message,omitempty"`
	Delivery   *DeliveryEvent  `json:"delivery,omitempty"`
	Operation  *OperationEvent `json:"operation,omitempty"`
	Member     *MemberEvent    `json:"member,omitempty"`
	Change     *GroupEvent     `json:"change,omitempty"`
	Epoch      *EpochEvent     `json:"epoch,omitempty"`
	Contact    *Contact        `json:"contact,omitempty"`
	Invitation *Invitation     `json:"invitation,omitempty"`
	Peer       *PeerEvent      `json:"peer,omitempty"`
}

// DeliveryEvent is progress of one message of mine.
type DeliveryEvent struct {
	Message  string   `json:"message" doc:"Its id."`
	Seq      uint64   `json:"seq,omitempty"`
	By       string   `json:"by,omitempty" doc:"Account whose device reported."`
	Progress Progress `json:"progress"`
}

// OperationEvent is progress of one change.
type OperationEvent struct {
	ID     string  `json:"id"`
	State  OpState `json:"state"`
	Reason string  `json:"reason,omitempty"`
}

// MemberEvent is one change of the roster.
type MemberEvent struct {
	Account string `json:"account"`
	Name    string `json:"name"`
	Device  string `json:"device,omitempty"`
	Change  string `json:"change" enum:"added,removed,left,device-added,device-removed,role,keys"`
	Role    Role   `json:"role,omitempty"`
	By      string `json:"by,omitempty" doc:"Account that made the change."`
}

// GroupEvent is one change of where a group stands.
type GroupEvent struct {
	What string `json:"what" enum:"founded,joined,renamed,left,removed,stranded"`
	Name string `json:"name,omitempty"`
}

// EpochEvent is about the head of a group.
type EpochEvent struct {
	EpochRef
	Members int `json:"members"`
	Agreed  int `json:"agreed"`
}

// PeerEvent says that an account can be reached, or no longer.
type PeerEvent struct {
	Peer    string `json:"peer"`
	Account string `json:"account,omitempty"`
	Name    string `json:"name,omitempty"`
	Online  bool   `json:"online"`
	Path    Path   `json:"path,omitempty"`
}
