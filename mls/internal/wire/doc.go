// Package wire is the TLS presentation language as RFC 9420 §2.1 bends it:
// big-endian integers, optional values, and vectors headed by a
// variable-length integer.
//
// A Reader keeps its first error, so a decoder reads straight down the RFC's
// struct and asks Err once at the end. It never allocates by a length that the
// input does not hold: a vector is a slice of the input.
package wire
