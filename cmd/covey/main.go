// Command covey is a group messenger with no server: a daemon, its command
// line, its faces, and a testnet.
package main

func main() {}
