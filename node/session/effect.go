package session

// Effects is what a Step asks of its driver, to be performed in field order.
// Performing them twice is harmless: a crash after Save is followed by the
// same publishes again.
type Effects struct {
	// Save is durable, as one synced batch, before anything below is done. Each
	// key stands there once.
	Save []Row
	// Spent are the public parts of key packages by which this device came in.
	// Their private halves, as far as the driver keeps them, end with Save: a
	// Welcome must not open again once its epoch is erased.
	Spent [][]byte
	// Erase names epochs whose wrapping keys are destroyed once Save is
	// durable: rows written with Row.Wrap of that epoch are unreadable from
	// then on, in every old copy too.
	Erase []EpochID
	// Publish are envelopes for everybody in the group.
	Publish []Outgoing
	// Direct are frames for one peer or one device.
	Direct []Direct
	// Fetch asks for fresh key packages; a Fetched answers.
	Fetch []Fetch
	// Blame are peers that sent what no member sends, once for each such thing.
	Blame []Peer
	// Notify tells the faces, in order.
	Notify []Notice
	// Wake asks for a Tick at or soon after this time; zero asks for none.
	// Each Step's Wake replaces the one before.
	Wake Time
}

// Row is one record of durable state. Key begins with the group's tag as the
// driver prefixes it; an empty Value deletes. A Row with Wrap set is stored
// under that epoch's wrapping key (node/store), so that Effects.Erase ends it.
type Row struct {
	Key   string
	Value []byte
	Wrap  EpochID // zero: not bound to an epoch
}

// Latest leaves of rows with the same key the last: one batch needs no more.
func Latest(rows []Row) []Row {
	if len(rows) < 2 {
		return rows
	}
	last := make(map[string]int, len(rows))
	for i, r := range rows {
		last[r.Key] = i
	}
	if len(last) == len(rows) {
		return rows
	}
	out := rows[:0:0]
	for i, r := range rows {
		if last[r.Key] == i {
			out = append(out, r)
		}
	}
	return out
}

// Outgoing is an envelope to publish. ID is the intent it carries, or zero;
// the driver answers a non-zero one with Handed.
type Outgoing struct {
	Envelope []byte
	ID       IntentID
}

// Direct is a frame for one peer, or, where Peer is empty, for one device,
// which the driver finds or leaves a mailbox item for.
type Direct struct {
	Peer   Peer
	Device Device
	Kind   DirectKind
	Bytes  []byte
	// Rows are keys whose stored values the driver appends to the frame (as
	// AppendRow says), so that history is served from disk, not from memory.
	Rows []string
}

// DirectKind says which stream protocol carries a Direct.
type DirectKind uint8

const (
	DirectSync    DirectKind = iota + 1 // a Frame for the other session
	DirectWelcome                       // a Welcome, with its sidecar, for a joiner
)

// Fetch asks for key packages of every device of an account.
type Fetch struct{ Account Account }
