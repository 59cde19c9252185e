package api

import (
	"errors"
	"net/http"
)

// Code names a kind of failure: what the caller does next depends on it and
// on nothing else.
type Code string

// Codes.
const (
	CodeUsage     Code = "usage"     // the request is malformed; do not retry
	CodeNoDaemon  Code = "no_daemon" // nothing answers on the socket
	CodeDenied    Code = "denied"    // not allowed: by scope, role, or block
	CodeNotFound  Code = "not_found" // nothing has that name
	CodeAmbiguous Code = "ambiguous" // several things have that name
	CodeConflict  Code = "conflict"  // key used for another request, or it exists already
	CodeExpired   Code = "expired"   // link, token or invitation
	CodeTooLarge  Code = "too_large" // over a named limit
	CodeBusy      Code = "busy"      // a queue is full; retry later
	CodeNotReady  Code = "not_ready" // the node is starting or stopping; retry
	CodeOffline   Code = "offline"   // nobody who could answer is reachable; retry later
	CodeLostRace  Code = "lost_race" // another change won; look, then retry
	CodeAlarm     Code = "alarm"     // verification failed or a fork needs a person
	CodeStorage   Code = "storage"   // the disk refused; nothing was lost
	CodeWait      Code = "wait"      // accepted, but what was waited for did not come in time
	CodePartial   Code = "partial"   // some got it, some did not
	CodeInternal  Code = "internal"  // a defect of ours
	CodeTooMany   Code = "too_many"  // a quota is used up
	CodeLocked    Code = "locked"    // another process holds the directory
	CodeVersion   Code = "version"   // client and daemon are of different versions
	CodeStranger  Code = "stranger"  // they have not accepted us yet
	CodeStopped   Code = "stopped"   // cut off by Stop or by the caller
)

// Error is what every failed call answers with. Message says what is wrong,
// Hint what to do next; both are sentences for people.
type Error struct {
	Code      Code   `json:"code"`
	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"`
	Retryable bool   `json:"retryable"`
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " " + e.Hint
}

// Is makes errors.Is compare by code, so that errors.Is(err, api.NotFound)
// asks the natural question.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Sentinels for errors.Is.
var (
	NoDaemon  = &Error{Code: CodeNoDaemon}
	Denied    = &Error{Code: CodeDenied}
	NotFound  = &Error{Code: CodeNotFound}
	Ambiguous = &Error{Code: CodeAmbiguous}
	Conflict  = &Error{Code: CodeConflict}
	Usage     = &Error{Code: CodeUsage}
)

// NewError builds an Error; Retryable follows from the code.
func NewError(code Code, message, hint string) *Error {
	return &Error{Code: code, Message: message, Hint: hint, Retryable: code.retryable()}
}

// AsError finds the Error in err, or makes one of code internal.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return NewError(CodeInternal, "Something went wrong inside the node: "+err.Error()+".", "Run `covey doctor`; if it stays, `covey daemon logs` says more.")
}

func (c Code) retryable() bool {
	switch c {
	case CodeBusy, CodeNotReady, CodeOffline, CodeLostRace, CodeWait, CodeNoDaemon, CodeStopped:
		return true
	}
	return false
}

// GetStatus is the HTTP status that carries the error.
func (e *Error) GetStatus() int {
	switch e.Code {
	case CodeUsage, CodeAmbiguous, CodeVersion:
		return http.StatusBadRequest
	case CodeDenied, CodeStranger:
		return http.StatusForbidden
	case CodeNotFound:
		return http.StatusNotFound
	case CodeConflict, CodeLostRace, CodeAlarm, CodePartial, CodeLocked:
		return http.StatusConflict
	case CodeExpired:
		return http.StatusGone
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeTooMany:
		return http.StatusTooManyRequests
	case CodeBusy, CodeNotReady, CodeOffline, CodeNoDaemon, CodeStopped:
		return http.StatusServiceUnavailable
	case CodeStorage:
		return http.StatusInsufficientStorage
	case CodeWait:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
