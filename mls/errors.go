package mls

import (
	"errors"
	"fmt"
	"strings"

	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// The classes of failure: what a caller does next. Every *Error is of exactly
// one, found by errors.Is.
var (
	// ErrInvalid: the input breaks the protocol, for everybody. Drop it and
	// remember its hash.
	ErrInvalid = errors.New("mls: invalid")
	// ErrUnauthorized: the Authenticator or the application's policy refuses
	// it. Where the policy is the same for all, it is invalid for everybody.
	ErrUnauthorized = errors.New("mls: not authorized")
	// ErrWrongGroup: it belongs to another group.
	ErrWrongGroup = errors.New("mls: of another group")
	// ErrWrongEpoch: it belongs to another epoch of this group.
	ErrWrongEpoch = errors.New("mls: of another epoch")
	// ErrReplay: its key has been used and erased.
	ErrReplay = errors.New("mls: already opened")
	// ErrTooFarAhead: its generation is beyond the forward bound
	// (MaxForward). Open it after those before it; its cause is an Ahead.
	ErrTooFarAhead = errors.New("mls: generation too far ahead")
	// ErrOwn: this member made it. Its author holds the plaintext, or the
	// candidate, already.
	ErrOwn = errors.New("mls: own message")
	// ErrMissing: a proposal or pre-shared key it names is not at hand. Get
	// it and try again: nothing has been used up.
	ErrMissing = errors.New("mls: something it refers to is missing")
	// ErrPath: the path secret meant for this member is malformed; other
	// members may be able to use the commit (RFC 9420 §16.12).
	ErrPath = errors.New("mls: path secret unusable for this member")
	// ErrState: the epoch cannot do that: its secrets are erased, the group
	// is frozen by a ReInit, or this member has been removed.
	ErrState = errors.New("mls: not possible in this state")
	// ErrArgument: the caller asked for something that makes no sense.
	ErrArgument = errors.New("mls: bad argument")
)

// Ahead is the cause of an ErrTooFarAhead: whose message it is and which in its
// ratchet. Neither is authenticated yet but by membership: only who can read the
// group's sender data can make one.
type Ahead struct{ Leaf, Generation uint32 }

func (a Ahead) Error() string { return "messages before it have not been opened" }

// Error is a check that failed. It never carries a secret.
type Error struct {
	Check   Check  // which check
	Section string // the RFC 9420 section that asks for it, such as "7.3"
	Detail  string // what about, such as "leaf 5"; may be empty
	Err     error  // the cause below, may be nil
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mls: %s", e.Check.Says())
	if e.Detail != "" {
		fmt.Fprintf(&b, " (%s)", e.Detail)
	}
	fmt.Fprintf(&b, " [%s, RFC 9420 §%s]", e.Check, e.Section)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the class of the check.
func (e *Error) Is(target error) bool { return target == e.Check.Class() }

// fail is the only maker of errors: it fills the section from the check.
func fail(c Check, detail string, args ...any) *Error {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return &Error{Check: c, Section: c.section(), Detail: detail}
}

// because is fail with a cause.
func because(c Check, err error, detail string, args ...any) *Error {
	e := fail(c, detail, args...)
	e.Err = err
	return e
}

// CheckOf is the check that failed in err, or "".
func CheckOf(err error) Check {
	var e *Error
	if errors.As(err, &e) {
		return e.Check
	}
	return ""
}

// malformed maps what decoding met to a check.
func malformed(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, wire.ErrVarint):
		return because(CheckVarint, err, "")
	default:
		return because(CheckDecode, err, "")
	}
}

// invalidTree maps what the tree refuses to a check.
func invalidTree(err error) error {
	var bad *tree.Invalid
	if !errors.As(err, &bad) {
		return err
	}
	at := fmt.Sprintf("node %d", bad.Node)
	if bad.Node.IsLeaf() {
		at = fmt.Sprintf("leaf %d", bad.Node.Leaf())
	}
	return because(Check(bad.Check), bad.Err, "%s", at)
}
