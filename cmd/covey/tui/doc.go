// Package tui is the node's face in a terminal: groups, timeline, members, and
// every command a key press away.
//
// It is a client of the local API and nothing else. The rules of this face:
//
//   - Nothing is told by colour alone; every state has a word or a sign.
//   - The epoch and who agrees on it are always on the screen.
//   - What others wrote is text: control and direction-changing characters are
//     shown as codes (text.go), never sent to the terminal.
//   - Each command of the palette shows the command line that does the same, so
//     that using the one teaches the other.
//   - A wait says what it waits for.
//   - Lines, for a screen reader or a pipe, carry the same facts (plain.go).
//
// # Walk
//
// desk.go holds what the face knows and changes it by events; command.go is the
// table of what can be done, with device.go for one's own devices; tui.go turns keys
// into jobs and the results of jobs into the desk; view.go draws the desk; plain.go
// prints it. A job runs off the loop and returns an apply, which runs on it: the
// desk has one owner and needs no lock.
package tui
