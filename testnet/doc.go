// Package testnet is the language of scenarios: the verbs, the text they are
// written in, and the Driver that does them.
//
// A scenario is a list of verbs (script.go). Two drivers understand them:
// testnet/sim runs sessions in virtual time, where one seed is one trace, byte
// for byte; testnet/local runs real nodes on loopback, where outcomes can be
// compared and traces cannot. Whatever writes scenarios, a person, a generator,
// a Starlark file, speaks to a [Driver]; what ran is a list of timed verbs that
// runs again.
//
// Go programs script networks through the same [Stage]; see the example.
//
// Reading order: driver.go (what can be done), stage.go (what can be seen and
// when), tally.go (what it came to), verb.go (how it is written), script.go (how
// that is read).
package testnet
