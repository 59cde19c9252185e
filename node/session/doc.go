// Package session is one member's view of one group: Step(event) → effects.
package session
