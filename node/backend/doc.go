// Package backend answers the local API from a running node.
//
// Each method resolves what people name (resolve.go), hands the act to whoever
// owns it in package node, and puts the answer in the API's words. backend.go is
// about the node, groups.go about groups and messages, people.go about contacts
// and links, devices.go about the account's own; health.go, doctor.go, why.go and
// explain.go say how things stand and why, answers.go keeps what was answered, and
// tokens.go lets bots in. Nothing here decides anything, and nothing runs here.
package backend
