// Package api is the local API of a node: its types, its client and its server.
//
// Walk: a face (the command line, the terminal UI, the web page, a bot) holds
// a Client (client.go, watch.go) and knows nothing else of a node. The client
// speaks HTTP and JSON, over the node's Unix socket (socket.go) or over a
// loopback port. The Server (server.go) answers from one static table of
// routes (routes.go), each route naming who may call it (auth.go), and hands
// the call to a Backend (backend.go), which node/backend implements. Types are
// in types.go, the event log in event.go and stream.go, errors in errors.go;
// idempotency.go answers again what was asked twice.
//
// # One log
//
// Everything that happens is a line of one ordered log. Cursors grow,
// from 1 on, and are never used twice, across restarts too. GET /v1/events?from=C
// streams every event after C, first the past, then what comes; a face that
// remembers the last cursor it handled misses nothing and sees nothing twice.
// Every event carries a plain sentence (Event.Text), so that a face that does
// not know its type can still show it.
//
// # One intent
//
// Every request that changes something carries an Idempotency-Key. The same
// key with the same request is answered again and done once; the same key with
// another request is refused. The client makes a fresh key where the caller
// names none (WithKey). For what a group does (send, invite, remove, rename,
// rotate, leave, read) the key is the intent's own name. All of these and every
// other change survive restarts: an answer is kept on disk for AnswersTTL. The
// rest (tokens, whose answers hold secrets; dialling; stopping) is remembered for
// IdempotencyTTL in memory. A crash between a change of the address book and the
// keeping of its answer is the one gap: then the same key does it twice.
//
// # Names
//
// Wherever a group, member, contact, device, message, epoch or link is named,
// the caller may give its name, its id in hex, or any unique prefix of the id.
// A name that fits several is refused with the candidates in the hint.
//
// # Who may call
//
// On the Unix socket (mode 0600, in a directory of mode 0700, and on Linux by
// what the kernel says of the caller) the caller is the owner of the node and may
// do everything. On loopback, or when an Authorization header is sent, the caller
// is the holder of a bearer token, scoped to groups and to reading or sending,
// which expires. There is no token for administration. Health, readiness, metrics
// and profiles are served on the socket only.
//
// # What it costs not to have
//
// There is no gRPC, no WebSocket and no request that blocks for the network:
// a change answers at once with an Operation, whose course the event log
// tells. Server-sent events serve browsers (they resume by Last-Event-ID);
// JSON lines serve everything else.
package api
