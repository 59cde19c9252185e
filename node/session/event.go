package session

// Time is the driver's clock in milliseconds since the Unix epoch. Only
// pacing and retention read it; no decision about commits does.
type Time int64

// Peer names whoever handed us bytes, in the driver's own words. The session
// gives it back in a Direct and never looks inside.
type Peer string

// Event is one thing that happened. The types below are all there are.
type Event interface{ event() }

// From the network. Bytes are untrusted: Step never fails on them, it changes
// state or counts a drop.
type (
	// Received is one envelope, from gossip or from an Inform.
	Received struct {
		From     Peer
		Envelope []byte
	}
	// Frame is one sync frame from a peer: an offer, what is missing, or a
	// batch that informs (see sync.go). It is the body of a Direct of another
	// member's session.
	Frame struct {
		From  Peer
		Bytes []byte
		// Device is whose peer that is, where the driver can tell: one that left
		// (View.Former) is answered with what it may know (gone.go).
		Device Device
	}
	// PeerUp says that a peer of the group can be reached; a sync starts.
	PeerUp struct{ Peer Peer }
	// PeerDown says that it no longer can.
	PeerDown struct{ Peer Peer }
	// Welcomed is the body of a DirectWelcome for a group that is here
	// already (WelcomeGroup); Packages are the key packages given out.
	Welcomed struct {
		Bytes    []byte
		Packages []Package
	}
)

// From me. ID is the caller's idempotency key: the same ID twice is one
// intent. Each ends in exactly one terminal Notice of kind Intent or Sent.
type (
	// Send asks for a message to the group; Body is a Content (content.go).
	Send struct {
		ID   IntentID
		Body []byte
	}
	// Invite adds the devices whose key packages are given, of one account.
	Invite struct {
		ID          IntentID
		Account     Account
		KeyPackages [][]byte
	}
	// Remove takes every device of an account out of the group.
	Remove struct {
		ID      IntentID
		Account Account
	}
	// RemoveDevice takes one device of my own account out, while others stay.
	RemoveDevice struct {
		ID     IntentID
		Device Device
	}
	// Leave takes my own account out. Where this device is the only one, nobody is
	// there to do it: the group ends at once, and its keys with it.
	Leave struct{ ID IntentID }
	// Refresh renews my leaf's keys (post-compromise security).
	Refresh struct{ ID IntentID }
	// SetRole changes what an account may do.
	SetRole struct {
		ID      IntentID
		Account Account
		Role    Role
	}
	// Configure changes the group's name or settings; nil leaves a field.
	Configure struct {
		ID   IntentID
		Name *string
	}
	// Read marks messages up to Seq of the history as read by a person here.
	// Shown are those a face has put before that person, who lets their authors
	// know; without the person's consent there are none.
	Read struct {
		ID    IntentID
		Seq   uint64
		Shown []Shown
	}
)

// Shown is a message of the history that a person has seen.
type Shown struct {
	Message MessageID
	Author  Device
}

// From the driver.
type (
	// Tick says that the Wake time asked for has come, or just that time has
	// passed; extra ticks are harmless.
	Tick struct{}
	// Fetched answers a Fetch: fresh key packages of an account, or none.
	Fetched struct {
		Account     Account
		KeyPackages [][]byte
	}
	// Handed says that what was Published for an intent went to that many
	// peers.
	Handed struct {
		ID    IntentID
		Peers int
	}
)

func (Received) event()     {}
func (Frame) event()        {}
func (PeerUp) event()       {}
func (PeerDown) event()     {}
func (Welcomed) event()     {}
func (Send) event()         {}
func (Invite) event()       {}
func (Remove) event()       {}
func (RemoveDevice) event() {}
func (Leave) event()        {}
func (Refresh) event()      {}
func (SetRole) event()      {}
func (Configure) event()    {}
func (Read) event()         {}
func (Tick) event()         {}
func (Fetched) event()      {}
func (Handed) event()       {}
