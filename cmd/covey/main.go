// Command covey is a group messenger with no server: a daemon, its command
// line, its faces, and a testnet.
//
// Walk: root.go is the tree of commands and what they share, and out.go how
// they speak: tables for people, JSON for scripts, sentences and exit codes for
// what goes wrong. settings.go says where each setting comes from. Every other
// file is one noun. A command is a client of the node's API and nothing else;
// only `up` and `daemon` run a node (run.go).
package main

import "os"

func main() { os.Exit(run(os.Args[1:])) }
