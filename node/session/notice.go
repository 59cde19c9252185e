package session

// Notice is one fact for people and scripts: a line of the event log that
// every face reads. Only the fields its Kind names are set.
type Notice struct {
	Kind NoticeKind
	At   Time

	ID      IntentID  // Intent, Sent
	Message MessageID // Text, Sent, Delivered, Read, Gap
	Account Account   // Text: author; Roster: whom; Delivered, Read: by whom
	Device  Device    // likewise; Removed: mine, where my account stays
	Body    []byte    // Text: the Content
	Epoch   EpochID   // Epoch, Fork, Text: the state it belongs to
	Number  uint64    // its epoch number
	Seq     uint64    // Text: place in the history here
	State   State     // Intent, Sent
	Count   int       // Fork: see there; Sent: peers handed to; Delivered: devices so far
	Of      int       // Delivered: devices in the audience; Epoch: members
	Agreed  int       // Epoch: accounts whose latest vote is here
	Change  Change    // Roster
	Role    Role      // Roster: Change is ChangeRole
	Reason  string    // Trouble, Gap, Fork, Intent: one plain sentence
}

// NoticeKind says what a Notice is about.
type NoticeKind uint8

const (
	NoticeJoined    NoticeKind = iota + 1 // I am in the group
	NoticeText                            // a message can be read
	NoticeSent                            // a message of mine moved on
	NoticeDelivered                       // a device has my message
	NoticeIntent                          // a change I asked for moved on
	NoticeRoster                          // a member or device came, went, or changed role
	NoticeEpoch                           // the head moved, or agreement on it grew
	NoticeFork                            // rivals met; Reason says what became of them, Count how many changes here were undone
	NoticeGap                             // something is missing; Reason says what and why
	NoticeRemoved                         // I am no longer in the group
	NoticeStranded                        // my branch lost beyond the window
	NoticeTrouble                         // something needs a person
	NoticeRenamed                         // the group's name or settings changed
	NoticeRead                            // somebody has read a message of mine; the same may come twice
)

// State is how far something I asked for has come.
type State uint8

const (
	StateQueued     State = iota + 1 // durable here, nothing left the machine
	StateHanded                      // Count peers have the bytes
	StateBound                       // a commit carries it, not yet settled
	StateLanded                      // its commit is in the head's history
	StateFinal                       // and out of reach of a fork
	StateDelivered                   // Count of Of devices have the message
	StateSuperseded                  // its guard no longer holds: somebody did it
	StateDenied                      // the policy refuses it in the state it met
	StateExpired                     // it waited too long
)

// Change is what happened to a member.
type Change uint8

const (
	ChangeAdded Change = iota + 1
	ChangeRemoved
	ChangeLeft
	ChangeDeviceAdded
	ChangeDeviceRemoved
	ChangeRole
	ChangeKeys // a device renewed its keys
)
