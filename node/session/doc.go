// Package session is one member's view of one group: Step(event) → effects.
//
// A session holds every epoch that can still matter, gives each commit to the
// rule in package consensus, follows the head that the rule names, and sees to
// it that nothing anybody said or asked for is lost on the way. It does no I/O,
// reads no clock and draws no randomness but what it is handed, so a driver can
// be a daemon, a simulator or a test, and the same inputs give the same effects
// byte for byte.
//
//	            Received  Frame  PeerUp     Send  Invite  Remove …     Tick
//	                 │       │      │         │      │       │           │
//	                 ▼       ▼      ▼         ▼      ▼       ▼           ▼
//	inbox, control, vote   sync            outbox   commit             finish
//	                 └──────┬───────────────────────────┘                │
//	                        ▼                                            ▼
//	            judge → admit → consensus.Chain → moved → settle → commit → reap
//	                        │
//	                        ▼
//	Effects in the order they are performed:
//	  Save  Erase  Publish  Direct  Fetch  Notify  Wake
//
// # Walks
//
// Send (outbox.go): a Send is durable and queued; protected under the head with
// ratchet and envelope in one Save; published; acknowledged by receipts. It
// leaves the outbox when every device has it or when its epoch is beyond any
// fork's reach. If its epoch loses instead, it is protected again under the
// head, under the same MessageID, unless somebody would read it whom the lost
// branch had taken out (the audience guard, guard.go).
//
// Read (read.go): a face that has shown messages to a person who wants their
// authors to know names them in a Read; a second later each author is told of its
// own, and answers with its next receipt. Until then the word is durable, and is
// told again where its epoch lost or lies too far back for the author. Nothing
// else depends on it, and who does not ask for it says nothing.
//
// Receive a commit (inbox.go, epoch.go, header.go): the tag names the parent; the
// parent opens it; the parent's policy judges it; its author's signed header says
// the same; the child is entered; the rule is told. A commit of mine comes the same
// way with its child in hand: there is no second route.
//
// Two commits at once (vote.go, move.go): both become children of one epoch.
// When the head has been quiet for a second this device votes for it; votes
// outweigh rank. What the losing commit carried is asked for again; messages
// under it stay readable and stay in the history.
//
// Join (welcome.go): a Welcome leaves only when its commit is settled on and
// most voters stand there, and again until the joiner speaks. It brings the
// tree of the last window, so a joiner can tell if its branch loses, in headers and
// votes that others signed.
//
// Founded (commit.go): all who were invited together come in by one epoch, as far
// as their key packages come within a second of each other. A commit on an epoch
// that this device was alone in has no rival to wait for, so its Welcomes leave in
// the same Step.
//
// Back online (sync.go): two logs are compared by fingerprints of ranges, and
// what differs is sent from disk. A year away on an unforked chain is a year of
// commits, opened one by one. Only who forked and came back later than the
// window is let in again by a fresh key package (heal.go).
//
// Removed while away (gone.go): devices that left are remembered, and one that
// compares logs is answered up to the epoch that took it out, and above that with
// votes and headers alone, so that it learns who removed it and when, and nothing
// of what was said since.
//
// Read in this order: event.go, effect.go, session.go, envelope.go, inbox.go,
// epoch.go, header.go, policy.go, intent.go, commit.go, plan.go, renew.go, vouch.go,
// vote.go, nack.go, crowd.go, proof.go, agree.go, move.go, outbox.go, guard.go,
// receipt.go, run.go, read.go, retain.go, trim.go, heal.go, engine.go. For faces there are
// content.go, notice.go, view.go and why.go; for the disk row.go, delta.go and
// load.go.
//
// # What others see
//
// An envelope on gossip, in a mailbox or in another member's log shows:
//
//	version  so that a node can refuse before it has any key
//	kind     branch or control, because the two are looked up in different ways:
//	         by one epoch's key, or by whichever of eight wrapped keys is ours
//	order    the epoch number: two members must sort a log alike that neither
//	         has opened yet; an observer of one topic could count tags instead
//	tag      16 bytes, an exporter of the epoch: which key opens it. It links the
//	         envelopes of one epoch, which their topic and time do anyway, and
//	         nothing across epochs or groups. Of a control envelope it is a salt
//	mark     (branch) 16 bytes that are noise to all but members, who see by them
//	         which receipts in their logs another makes needless (run.go)
//	wraps    (control) for each anchor a hint of 4 bytes and a masked key: who
//	         watches can tell that two control envelopes share an anchor
//	length   in steps of about an eighth
//
// Group id, sender, whether it is a commit, a message or a request, the policy
// and all else are sealed. Inside, MLS commits are PublicMessages, since the
// seal around them is of the same epoch, and messages are PrivateMessages.
//
// # Decisions
//
// Order in the log is the epoch number and not a time: a clock that is ten
// years off would make a node's envelopes look expired, and availability would
// hang on clocks even if no decision does.
//
// Votes and headers are sealed for anchors, the last two epochs at each of the
// spacings 4, 16, 64 and 256 (control.go), and not for the last three at a
// spacing of half a window: a side of a partition that made more than a dozen
// commits alone could then not be read by the other, which would never learn
// that it lost. Cost: eight wraps of 36 bytes in each vote, and that who was
// removed can read votes and headers, though nothing else, for up to 512 epochs.
// Requests and receipts are sealed for the sender's branch instead.
//
// Operations are signed intents carried by value, not MLS proposals (intent.go).
// The guard of a removal is the target's leaves, that of an addition or change
// of policy also the policy's revision, which every removal and every change
// raises: so an intent that somebody kept cannot come true a second time.
//
// A device that finds a statement, commit or message truly signed by itself
// that it does not remember is an old copy restored from a backup; a driver that
// knows it from elsewhere says so (Config.Restored). It goes on
// reading and signs nothing, as its message keys would be used twice; it is
// whole again once removed and added. Statements carry a count for this; of a
// message, a good signature under an unused key is asked for, so that nobody
// can silence another by saying things in its name.
//
// The wait before committing counts members who are ahead in slot order and
// were heard in the last two minutes a whole hop each, silent ones an eighth:
// with everybody away, the first hundred milliseconds find a committer; with
// everybody there, the leader makes one commit of what all asked for. Who has
// been here for less than two minutes takes all for online. The count is capped,
// and in a large group nearly all are beyond the cap: those are spread over some
// seconds by their slots, and wider after a loss. (Without that, a hundred made
// ten rival commits where there was work for two, as each loser renews its keys.)
//
// An epoch costs a large group what its committee of 64 says: two rounds of
// votes. Who sat on an earlier committee is silent once it stands below what it
// voted on (eligible). Requests are announced as far as one commit can carry them,
// and forgotten once done and out of reach; a log that is behind is fetched from
// one neighbour; a commit's row and a Welcome hold whom it brought and took, not
// all who are there. What grows with the group is what is kept of who is in it,
// and the log.
//
// State on disk is the engine's cells (engine.go): what an epoch shares with
// its parent is written once. Each epoch's secrets and each epoch's message
// keys have a wrapping key of their own that Effects.Erase ends.
//
// Erasure does not wait for the window where it need not. That the latest votes
// of all stand at or below a child is not enough: votes cross, and two members
// may each erase the branch that the other has just moved to. So votes carry
// where their maker has seen all stand, and at which turns, and the parent's
// secrets go when all devices have said the same; agree.go has the argument.
// With everybody online that is a settle time and two seconds more, or the next
// vote. Its price is that a device which sleeps, even an account's second, lets
// nobody erase before the window does; it might wake and vote for what it knew.
//
// How long message keys can be taken from a disk after the message was sent, as
// measured (testnet/sim, TestForwardSecrecyWindow: twelve people, keys renewed
// once a minute): all online, 6 epochs; through a partition of ten minutes, 8
// epochs and those ten minutes; with one device away, 9 epochs on all others,
// and on the one that is away until it is back. It is counted in epochs, so
// epochs must end: a device renews its keys at least once a day in a group of up
// to twenty-four, and a large group makes some thirty renewals a day (renew.go).
//
// A Readmit proves its place by an exporter secret of an epoch both sides share
// and not by a resumption PSK in the commit that lets it in. Every member must
// have the PSK of a commit it opens, and who joined the winning branch since the
// parting has none of an epoch before its time: the commit would shut it out.
// Handing it that PSK with its Welcome would prove no more than the exporter
// secret does. The secret shows only to whoever commits that the request comes
// from a member of that epoch or one let in since; who is let in follows from
// what all members check, that the request is signed by a device whose leaf is
// still the one it had there. On the other side, a stranded device takes only a
// Welcome that leads on from the shared epoch along headers it knows.
//
// A commit that only some can open (RFC 9420 §16.12) is not void: who can open it
// cannot tell, and a false word must not undo a commit. Whoever cannot says so, and
// all are shown it; it is acted on by victims alone, who make another commit where
// most of those who vote say the same (nack.go). Where they are few they are let in
// again, as is everybody whom the group left behind. Were they so where they are
// most, it would be by whoever made the commit, if he pleased.
//
// Of very many commits that one account makes on one epoch each member takes the
// first few (consensus, Number), so that, until an honest vote names one, members
// may stand on different twins. With the few lowest instead, all who had heard all
// would stand on one. That would bring it about a settle time earlier, in a case in
// which the author is convicted and none of the twins has any weight; and whoever
// sends them in falling order would have each member enter and erase hundreds of
// states. So it is left.
//
// Evidence of saying two things is its two halves, each a statement as it was
// signed, and nobody is convicted by hearsay. So that it convicts everywhere, the
// rule keeps with each vote and each commit the statement that says so, and nobody
// takes a commit without its author's header, true in all: a commit could be shown
// to those alone who can open its parent. (The price is half a kilobyte a commit,
// in the log and in memory.) Whoever finds two that convict keeps them, and says
// them to all on the control plane unless another does first; they go with each
// Welcome, and are said again on the branch by who asked for the joiner.
//
// What can whoever makes a Welcome have the joiner believe? The state is bound by
// the key schedule: who is in it, and the policy, are those of a true epoch, if
// perhaps one of a fork. All else comes beside it, sealed for the epoch and signed
// by nobody as a whole, so each part is looked at by itself. Votes, evidence and
// who asked for the joiner are others' signed statements, or left out. The tree is
// headers, each signed by its author, back for a window and for as long as the
// cool-down looks back from there. An EpochID is a hash of the one before it and of
// what the engine calls the state, so each header proves the one before, and only
// of the commit by which the joiner enters can its author lie what it led from: the
// joiner is then in a state that nobody else has a name for, as if it had not been
// invited. Who was in the epochs is reckoned back from the roster of the state, and
// an author who was not there spoils the whole. So a liar can leave out what it
// likes until others say it, and lie of commits that it or its friends made: whom
// they brought and took. That changes who weighs where in the joiner's eyes
// alone, on those epochs, for a window, and convicts nobody; a joiner brought to a
// fork so stays on probation, as votes of the others do not lead there. Who votes
// where the tree begins is its word: no fork begins there any more. Anchors are
// its word too: wrong ones keep the joiner from the topics where the others speak,
// and from the control plane, until it has entered an epoch whose number is a
// multiple of four itself. A Welcome is bounded by that: maxTrail headers,
// maxWelcomeVotes votes, maxEvidence proofs.
//
// Whoever lets a stranded device in again may be a liar and keep the Welcome. Its
// leaf has then changed, and it cannot tell; so after two minutes it asks anew, once
// for each leaf that may be its own by now (heal.go). A new member whose inviter
// keeps the Welcome has to be invited again.
//
// # What is not promised
//
// Of an account's votes the rule keeps sixteen. Whoever signs two under one number
// and sixteen others in between may go unpunished, where nobody heard both in
// time; it has then moved its own weight twice, which it may anyway.
//
// Inside an epoch, message keys that were used are gone from memory, but on
// disk they end with their epoch, not one by one: an LSM keeps old values. A
// majority of a group's voters, acting together, can move it to any valid
// branch; no seal makes anything final yet. A member who withholds a commit and
// shows it within the window, before most have voted, can make others step back
// over what follows. Messages to a large group are acknowledged slowly
// (about eight receipts a second for all together). A Welcome is sent by the
// device that committed, which keeps it until the joiner speaks; if that device
// is lost before, the joiner must be invited anew.
//
// The audience guard knows accounts. A message that was written where a device had
// been taken out, on a branch that lost, is sent again where that device may still
// be, as long as its account is in the group; the wish to take it out is taken up
// again there, and what is said after waits for it. Any device of an account may
// take out any other: a group does not know which of them is in whose hands.
//
// Word that a message was read is for its author, but all members can open it,
// as they can receipts; and whoever watches the topic sees that somebody said
// something short a second after looking. It cannot be taken back, and nobody
// can show that it is true.
package session
