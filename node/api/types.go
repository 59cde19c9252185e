package api

import "time"

// Ids are lower-case hex. An account, device or epoch id has 64 digits, a
// group, message, operation, link or invitation id 32. Times are UTC. Enums
// are open: a face shows a value that it does not know as it is.

// Status is the node at a glance.
type Status struct {
	Name         string    `json:"name" doc:"Name that this account gives itself."`
	Account      string    `json:"account"`
	Device       string    `json:"device"`
	Peer         string    `json:"peer" doc:"libp2p peer id of this node."`
	Network      string    `json:"network" doc:"Nodes of other networks are never spoken to."`
	Version      string    `json:"version"`
	Started      time.Time `json:"started"`
	Ready        bool      `json:"ready" doc:"Storage is open and at least one listener is up."`
	Dir          string    `json:"dir"`
	Reachability string    `json:"reachability" enum:"unknown,public,private"`
	Addresses    []string  `json:"addresses"`
	Peers        int       `json:"peers" doc:"Connected peers."`
	Groups       int       `json:"groups"`
	Unread       int       `json:"unread"`
	Queued       int       `json:"queued" doc:"Messages and changes of mine that nobody else has yet."`
	Requests     int       `json:"requests" doc:"Contact requests and invitations that wait for an answer."`
	KeyPackages  int       `json:"key_packages" doc:"Single-use key packages that others may still take."`
	ReadReceipts bool      `json:"read_receipts" doc:"Authors are told when a person here has read their messages."`
	Cursor       uint64    `json:"cursor" doc:"Newest event of the log."`
	Trouble      []string  `json:"trouble,omitempty" doc:"What needs a person, one sentence each."`
}

// Identity is who this node is.
type Identity struct {
	Name    string   `json:"name"`
	Account string   `json:"account"`
	Words   string   `json:"words" doc:"The account key as words, for reading aloud."`
	Devices []Device `json:"devices"`
}

// Device is one device of an account.
type Device struct {
	ID   string `json:"id"`
	Me   bool   `json:"me,omitempty" doc:"It is this node."`
	Leaf int    `json:"leaf,omitempty" doc:"Its place in the group's tree."`
}

// OwnDevice is a device of my account.
type OwnDevice struct {
	ID      string    `json:"id"`
	Me      bool      `json:"me,omitempty" doc:"It is this node."`
	Key     bool      `json:"key,omitempty" doc:"It holds the account's key, so it alone takes in further devices."`
	Online  bool      `json:"online"`
	Groups  int       `json:"groups" doc:"Groups of this node that it is in, of Of."`
	Of      int       `json:"of"`
	Since   time.Time `json:"since,omitzero"`
	Removed bool      `json:"removed,omitempty" doc:"It was removed, and is taken out of every group that it is found in."`
}

// DeviceCode is what a new device shows, to be taken into an account.
type DeviceCode struct {
	Code    string    `json:"code" doc:"covey-device:… for the device with the account's key; it holds for a few minutes, once."`
	Expires time.Time `json:"expires"`
}

// Role is what a member may do.
type Role string

// Roles.
const (
	RoleMember Role = "member"
	RoleAdmin  Role = "admin"
	RoleOwner  Role = "owner"
)

// GroupState says where a group stands with me.
type GroupState string

// Group states.
const (
	GroupActive   GroupState = "active"
	GroupLeft     GroupState = "left"     // I left
	GroupRemoved  GroupState = "removed"  // somebody removed me
	GroupStranded GroupState = "stranded" // my branch lost beyond the window; a member must let me back in
	GroupReading  GroupState = "reading"  // receive only: this store is older than what it has sent
)

// EpochRef points at one state of a group.
type EpochRef struct {
	ID     string `json:"id"`
	Number uint64 `json:"number" doc:"Names nothing once a group has forked: compare ids."`
	Print  string `json:"print" doc:"Short fingerprint of the state, such as 7f3a·c19e. Two people who read the same letters share the same state."`
}

// Group is a line of the list of groups.
type Group struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	State   GroupState `json:"state"`
	Trouble string     `json:"trouble,omitempty" doc:"Where this node cannot take part: why, and what to do, in a sentence or two."`
	Role    Role       `json:"role" doc:"My own."`
	Members int        `json:"members" doc:"Accounts."`
	Online  int        `json:"online" doc:"Accounts, other than mine, that are there now."`
	Epoch   EpochRef   `json:"epoch"`
	Agreed  int        `json:"agreed" doc:"Accounts whose latest vote is for this epoch, of Members."`
	Rivals  int        `json:"rivals,omitempty" doc:"Other branches held beside the head."`
	Unread  int        `json:"unread,omitempty"`
	Queued  int        `json:"queued,omitempty" doc:"Messages and changes of mine that nobody else has yet."`
	Seq     uint64     `json:"seq" doc:"Place of the newest message in the history here."`
	Last    *Message   `json:"last,omitempty"`
	Joined  time.Time  `json:"joined"`
}

// GroupDetail is one group with its members.
type GroupDetail struct {
	Group
	Authenticator string   `json:"authenticator" doc:"The whole epoch authenticator, for comparing by machine."`
	Alive         int      `json:"alive" doc:"Epochs whose secrets are still held, so how far a fork can reach back."`
	Final         EpochRef `json:"final" doc:"Newest epoch out of reach of a fork; empty where none is."`
	Roster        []Member `json:"roster"`
}

// Member is one account in a group.
type Member struct {
	Account  string    `json:"account"`
	Name     string    `json:"name"`
	Role     Role      `json:"role"`
	Me       bool      `json:"me,omitempty"`
	Contact  bool      `json:"contact,omitempty"`
	Verified bool      `json:"verified,omitempty"`
	Blocked  bool      `json:"blocked,omitempty"`
	Online   bool      `json:"online" doc:"It is connected, or said something in the last minutes."`
	Path     Path      `json:"path,omitempty" doc:"Only where it is connected."`
	Agrees   bool      `json:"agrees" doc:"Its latest vote is for the head here."`
	LastSeen time.Time `json:"last_seen,omitzero"`
	Devices  []Device  `json:"devices"`
}

// Delivery is how far a message of mine has come. The four are honest: none
// is shown before it is known.
type Delivery string

// Delivery states, in order.
const (
	Queued    Delivery = "queued"    // durable here; nobody else has it
	Handed    Delivery = "handed"    // sent to at least one peer that has answered since
	Delivered Delivery = "delivered" // Count of Of devices have said that they can read it
	Read      Delivery = "read"      // at least one person has said so, who chose to
	Held      Delivery = "held"      // not re-sent: somebody new would read it; a person must decide
)

// Progress is a Delivery with its numbers.
type Progress struct {
	State     Delivery `json:"state"`
	Peers     int      `json:"peers" doc:"Peers it was handed to."`
	Delivered int      `json:"delivered" doc:"Devices that have it, of Of."`
	Of        int      `json:"of" doc:"Devices it is meant for."`
	Read      int      `json:"read" doc:"People who have said that they read it, of People; who does not turn read receipts on never says so."`
	People    int      `json:"people" doc:"People who were in the group when it was sent, as far as they still are."`
}

// Message is one line of a group's history.
type Message struct {
	ID       string    `json:"id"`
	Group    string    `json:"group"`
	Seq      uint64    `json:"seq" doc:"Place in the history here; grows by one."`
	Author   string    `json:"author" doc:"Account."`
	Name     string    `json:"name" doc:"Name of the author, as known here."`
	Mine     bool      `json:"mine,omitempty"`
	Kind     string    `json:"kind" doc:"text; other kinds are kept and shown as such."`
	Text     string    `json:"text"`
	ReplyTo  string    `json:"reply_to,omitempty"`
	Sent     time.Time `json:"sent" doc:"As the author's clock says."`
	Received time.Time `json:"received" doc:"As the clock here says."`
	Epoch    EpochRef  `json:"epoch" doc:"The state that it was read in."`
	Orphan   bool      `json:"orphan,omitempty" doc:"Read on a branch that lost; it stands all the same."`
	Progress *Progress `json:"progress,omitempty" doc:"Of a message of mine."`
}

// Page is some of a group's history, oldest first.
type Page struct {
	Messages []Message `json:"messages"`
	First    uint64    `json:"first" doc:"Seq of the oldest message kept, 0 where there is none."`
	Last     uint64    `json:"last" doc:"Seq of the newest."`
	More     bool      `json:"more" doc:"There are further messages in the direction asked for."`
}

// OpState is how far a change that I asked for has come.
type OpState string

// Operation states. The last four end it.
const (
	OpQueued     OpState = "queued"     // durable here
	OpHanded     OpState = "handed"     // peers have it
	OpBound      OpState = "bound"      // a commit carries it
	OpLanded     OpState = "landed"     // its commit is in the head's history
	OpFinal      OpState = "final"      // and out of reach of a fork
	OpSuperseded OpState = "superseded" // somebody else did it, or it no longer applies
	OpDenied     OpState = "denied"     // the group's policy refuses it
	OpExpired    OpState = "expired"    // it waited too long
)

// Operation is the receipt of a change to a group. Watch the event log from
// Cursor for its course.
type Operation struct {
	ID     string  `json:"id"`
	Group  string  `json:"group"`
	State  OpState `json:"state"`
	Reason string  `json:"reason,omitempty"`
	Cursor uint64  `json:"cursor" doc:"Events of this operation come after this cursor."`
}

// Sent is the receipt of a message.
type Sent struct {
	Message Message `json:"message"`
	Cursor  uint64  `json:"cursor" doc:"Events about this message come after this cursor."`
}

// ContactState says where a contact stands.
type ContactState string

// Contact states.
const (
	ContactAsked   ContactState = "asked"   // I asked; they have not answered
	ContactRequest ContactState = "request" // they ask; I have not answered
	ContactKnown   ContactState = "known"
	ContactBlocked ContactState = "blocked"
)

// Contact is another account that I know of.
type Contact struct {
	Account  string       `json:"account"`
	Name     string       `json:"name" doc:"The name that I gave, else the one that they give themselves."`
	Claims   string       `json:"claims,omitempty" doc:"The name that they give themselves, where it is another."`
	State    ContactState `json:"state"`
	Verified bool         `json:"verified" doc:"I have compared the words with them."`
	Words    string       `json:"words" doc:"Words of the two account keys; both see the same. Empty in events and in the answer to adding one."`
	Number   string       `json:"number" doc:"The same as digits. Empty in events and in the answer to adding one."`
	Online   bool         `json:"online"`
	Path     Path         `json:"path,omitempty"`
	LastSeen time.Time    `json:"last_seen,omitzero"`
	Groups   []string     `json:"groups,omitempty" doc:"Ids of the groups that both are in."`
	Hello    string       `json:"hello,omitempty" doc:"What they wrote when asking."`
	Added    time.Time    `json:"added"`
}

// Link is an invitation link of mine.
type Link struct {
	ID      string    `json:"id"`
	URL     string    `json:"url,omitempty" doc:"covey:…; shown once, when made."`
	Group   string    `json:"group,omitempty" doc:"Whoever uses it is invited to this group too."`
	Uses    int       `json:"uses" doc:"Uses left."`
	Expires time.Time `json:"expires"`
	Created time.Time `json:"created"`
}

// Invitation is a group that somebody wants me in.
type Invitation struct {
	ID       string    `json:"id"`
	Group    string    `json:"group"`
	Name     string    `json:"name" doc:"The group's name."`
	From     string    `json:"from" doc:"Account of the inviter."`
	FromName string    `json:"from_name"`
	Stranger bool      `json:"stranger,omitempty" doc:"The inviter is no contact of mine."`
	Members  int       `json:"members"`
	Received time.Time `json:"received"`
	Expires  time.Time `json:"expires"`
}

// Path is how a peer is reached.
type Path string

// Paths.
const (
	PathDirect  Path = "direct"
	PathPunched Path = "punched" // direct, through a hole punched in a NAT
	PathRelay   Path = "relay"
)

// Peer is another node on the network.
type Peer struct {
	ID        string    `json:"id" doc:"libp2p peer id."`
	Account   string    `json:"account,omitempty" doc:"Where it has shown us a certificate."`
	Name      string    `json:"name,omitempty"`
	Connected bool      `json:"connected"`
	Path      Path      `json:"path,omitempty"`
	Transport string    `json:"transport,omitempty" enum:"quic,tcp,other"`
	Address   string    `json:"address,omitempty"`
	RTTMs     float64   `json:"rtt_ms,omitempty"`
	Groups    int       `json:"groups,omitempty" doc:"Groups that both are in."`
	Score     float64   `json:"score" doc:"Below zero: it has sent us what it should not have."`
	Agent     string    `json:"agent,omitempty"`
	LastSeen  time.Time `json:"last_seen,omitzero"`
}

// Net is the node's place in the network.
type Net struct {
	Network      string            `json:"network"`
	Peer         string            `json:"peer"`
	Reachability string            `json:"reachability"`
	Listen       []string          `json:"listen"`
	Addresses    []string          `json:"addresses" doc:"What others are told."`
	Relays       []string          `json:"relays,omitempty"`
	MDNS         bool              `json:"mdns"`
	DHT          string            `json:"dht" doc:"off, client or server."`
	Table        int               `json:"table" doc:"Peers in the DHT routing table."`
	Connected    int               `json:"connected"`
	Known        int               `json:"known" doc:"Peers that the keeper re-dials."`
	BytesIn      int64             `json:"bytes_in"`
	BytesOut     int64             `json:"bytes_out"`
	Drops        map[string]uint64 `json:"drops" doc:"Everything that was dropped since the start, by reason."`
}

// EpochNode is one state in the tree of a group's recent history.
type EpochNode struct {
	EpochRef
	Parent  string    `json:"parent,omitempty" doc:"Id of the state before it; empty at the root."`
	Commit  string    `json:"commit,omitempty" doc:"Id of the commit that leads to it."`
	Author  string    `json:"author,omitempty" doc:"Account of the committer."`
	Name    string    `json:"name,omitempty" doc:"Its name."`
	What    string    `json:"what,omitempty" doc:"What the commit does, such as: adds bob."`
	Life    Life      `json:"life"`
	Head    bool      `json:"head,omitempty"`
	Weight  int       `json:"weight" doc:"Accounts whose latest vote is at or below it."`
	Of      int       `json:"of" doc:"Accounts that vote on it."`
	Members int       `json:"members,omitempty"`
	Reason  string    `json:"reason,omitempty" doc:"Why it won, lost or is invalid, in a sentence."`
	Seen    time.Time `json:"seen,omitzero"`
}

// Life is where a candidate epoch stands.
type Life string

// Lives.
const (
	LifeParked  Life = "parked"  // its parent is unknown here
	LifeInvalid Life = "invalid" // remembered by hash only
	LifeHeld    Life = "held"    // materialised, on no winning branch
	LifeHead    Life = "head"
	LifeLost    Life = "lost"    // a rival won
	LifeSettled Life = "settled" // on the winning branch, locally quiet
	LifeFinal   Life = "final"   // sealed by a quorum
	LifeErased  Life = "erased"  // its secrets are gone
)

// Epochs is the tree, parents before children.
type Epochs struct {
	Group string      `json:"group"`
	Head  EpochRef    `json:"head"`
	Nodes []EpochNode `json:"nodes"`
	Text  string      `json:"text" doc:"The tree drawn in characters."`
}

// Why says why a group, a member, an epoch or a message is as it is.
type Why struct {
	Subject string   `json:"subject"`
	Verdict string   `json:"verdict" doc:"One sentence."`
	Facts   []string `json:"facts,omitempty" doc:"What is known here, a sentence each."`
	Missing []string `json:"missing,omitempty" doc:"What is not here, and who has it."`
	Cause   string   `json:"cause,omitempty"`
	Fix     string   `json:"fix,omitempty" doc:"A command."`
	Privacy string   `json:"privacy,omitempty" doc:"What the fix would tell whom."`
}

// Repair is what a repair did, or would do.
type Repair struct {
	DryRun bool     `json:"dry_run,omitempty"`
	Steps  []string `json:"steps" doc:"In order, one sentence each; empty where nothing is wrong."`
	Asked  []string `json:"asked,omitempty" doc:"Peers that were asked."`
}

// Explanation says what a thing is: an id of any kind, an error code, or a
// word of our vocabulary.
type Explanation struct {
	Kind  string   `json:"kind" doc:"group, message, epoch, contact, device, peer, operation, link, code or word."`
	Title string   `json:"title"`
	Lines []string `json:"lines"`
	Next  []string `json:"next,omitempty" doc:"Commands that lead on."`
}

// Verdict of a check.
type Verdict string

// Verdicts.
const (
	CheckOK   Verdict = "ok"
	CheckWarn Verdict = "warn"
	CheckFail Verdict = "fail"
)

// Check is one line of the doctor's report.
type Check struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"`
	Hint    string  `json:"hint,omitempty"`
}

// Doctor is the report on the node's health.
type Doctor struct {
	Checks   []Check `json:"checks"`
	Warnings int     `json:"warnings"`
	Problems int     `json:"problems"`
}

// Token lets a bot in.
type Token struct {
	ID      string    `json:"id"`
	Secret  string    `json:"secret,omitempty" doc:"Shown once, when minted."`
	Note    string    `json:"note,omitempty"`
	Scopes  []string  `json:"scopes" doc:"G:read or G:send, where G is a group id or *."`
	Expires time.Time `json:"expires"`
	Created time.Time `json:"created"`
}
