// Package web is the node's page in a browser: chat, group health, network,
// and the replay of simulated runs.
//
// The page is a client of the local API like every other face. The node
// itself opens no port: this server listens on a random loopback port, hands
// the page out of the binary, and forwards the calls that the page makes to
// the node's Unix socket.
//
// # Who may use it
//
//  1. The address that is printed carries a one-time token behind the #, where
//     no server log, proxy or Referer sees it. The page trades it for a cookie
//     (HttpOnly, SameSite=Strict) and removes it from the address bar. A second
//     trade with the same token fails.
//  2. Every request must name our own address in its Host header. A page of
//     another site whose name has been rebound to 127.0.0.1 names its own.
//  3. A request that changes something must come from our own Origin, and no
//     request may come from another site (Sec-Fetch-Site).
//  4. The Content-Security-Policy allows our own files and nothing else: no
//     inline script, no other host, no frame. The page builds what others wrote
//     with textContent only.
//
// What other programs of the same user can do, they can do through the socket
// already; the page does not defend against them.
//
// # Files
//
// web.go serves; session.go is the door; qr.go draws codes; static/ is the
// page: app.js starts it, api.js speaks to the node, chat.js, health.js and
// net.js are tabs, devices.js is a part of the last, tree.js draws. The fourth
// tab, and how the page is built (dom.js), come from testnet/report, whose
// reports show runs the same way.
package web
