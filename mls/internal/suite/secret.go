package suite

import (
	"fmt"
	"io"
)

const redacted = "‹redacted›"

// Secret is bytes that must not be shown or kept. It prints as ‹redacted›
// under every verb and encoder.
//
// fmt cannot call methods on unexported fields: a struct that holds a Secret
// needs a Format method of its own.
type Secret []byte

// Format implements [fmt.Formatter].
func (Secret) Format(f fmt.State, _ rune) { Redact(f) }

// MarshalText keeps a secret out of encoding/json and log handlers.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Redact writes what secret types print.
func Redact(f fmt.State) { _, _ = io.WriteString(f, redacted) }

// Erase overwrites the secret with zeros. Every slice of the same memory sees it.
func (s Secret) Erase() { clear(s) }

// Clone copies the secret, so that one owner can erase without the other.
func (s Secret) Clone() Secret { return append(Secret(nil), s...) }
