package post

import "time"

const (
	// maxInvitations bounds the invitations that wait for an answer, and
	// invitationLife how long they do: the key packages they answer live as
	// long.
	maxInvitations = 64
	invitationLife = 30 * 24 * time.Hour
	// maxWelcome is the size of a delivery, in bytes: a Welcome into a tree of
	// 10,000 members fits.
	maxWelcome = 4 << 20
	// maxPackages bounds the key packages given out and not used yet;
	// packageLife is how long one is kept for its Welcome.
	maxPackages = 512
	packageLife = 45 * 24 * time.Hour
	// packageEvery is how often one peer may ask for a key package.
	packageEvery = 2 * time.Second
	// packageReply is the size of an answer with a key package, in bytes.
	packageReply = 16 << 10
	// retryEvery is how seldom what could not be fetched is tried again at most,
	// besides whenever a device of concern comes up; parcelLife is how long a
	// Welcome is tried.
	retryEvery = 2 * time.Minute
	// retryLast is the longest wait before a parcel is tried again whose device
	// does not come up, and parcelsAtOnce how many are carried at a time.
	retryLast     = time.Hour
	parcelsAtOnce = 16
	// seekFirst is how soon key packages that were not found are sought again, and
	// a Welcome whose device nobody found is tried again, just longer than a device
	// refuses to give a second package to the same peer; each further wait is twice
	// as long, up to retryEvery and retryLast.
	seekFirst  = 3 * time.Second
	parcelLife = 14 * 24 * time.Hour
	// pollEvery is how often this device looks into its mailbox; pollDays is
	// how many days back it then looks, as the first poll has looked further.
	pollEvery = time.Hour
	pollDays  = 2
	// pollPeer is how often one peer that comes is asked what it holds.
	pollPeer = time.Hour
	// publishEvery is how often the bundle is made anew, with fresh packages.
	publishEvery = 7 * 24 * time.Hour
	// maxFriends is how many contacts and members an item is left with.
	maxFriends = 8
)
