package api

import (
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// ownerListener takes connections of the owner's own processes, and of root's,
// who can be anybody. The modes of the socket and of its directory say the same;
// this holds where somebody has loosened them.
type ownerListener struct {
	net.Listener
	allow   func(uid int) bool
	refused atomic.Uint64
}

func newOwnerListener(l net.Listener) *ownerListener {
	return &ownerListener{Listener: l, allow: func(uid int) bool { return uid == os.Getuid() || uid == 0 }}
}

func (l *ownerListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, ok := callerOf(c)
		if !ok || l.allow(uid) {
			return c, nil
		}
		l.refused.Add(1)
		refuse(c)
	}
}

// refuse says so in the protocol's own words. It reads what has been asked, as
// closing on unread bytes would take the answer back, and waits a moment at most.
func refuse(c net.Conn) {
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	c.Read(make([]byte, 4096))
	body := `{"code":"denied","message":"This node belongs to another user.","hint":"Use a node of your own: covey up.","retryable":false}`
	c.SetWriteDeadline(time.Now().Add(time.Second))
	c.Write([]byte("HTTP/1.1 " + strconv.Itoa(http.StatusForbidden) + " Forbidden\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body))
	c.Close()
}
