// Package bench measures what group messaging costs, by the experiments of the
// thesis this project started from, with two older designs beside MLS.
//
// The experiments (thesis §6.4 and appendix) are run like for like: a group of
// two; a member added who must not read what came before; 25 members invited
// one by one, 10 messages sent, 10 messages read by everyone; the time to send
// against the number of messages in a group of 10 (figure 6.6); the time to
// send 10 messages against the number of members (figure 6.7). They go on where
// the thesis's delivery service stopped at 65,535 bytes (figure 6.3).
//
// Three protocols answer the same calls (protocol.go), all in this process, so
// that what is timed is cryptography and encoding and never a network:
//
//   - mls.go: this project's engine, the one the messenger runs.
//   - pairwise.go: a double ratchet between every two members; a message is
//     encrypted once for each.
//   - senderkeys.go: each member has one chain, handed out over the pairwise
//     channels; a message is encrypted once. A join costs n messages, a
//     removal n²: every chain must be replaced.
//
// The two baselines are written for comparison: they do the cryptography and
// carry the bytes of their designs, and they leave out what a product needs
// around it (out-of-order messages, storage, authentication of identities).
// That favours them; where MLS loses all the same, the figures show it.
//
// # Walk
//
// experiment.go runs and times; measure.go keeps samples, medians and
// intervals; figure.go draws; report.go writes the folder: CSV, SVG, HTML, and
// the manifest that repeats it; compare.go puts two beside each other.
package bench
