package mesh

import (
	"net"
	"slices"
	"strconv"
	"strings"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// PortOf reads the number after /udp/ or /tcp/ in an address.
func PortOf(address string) (int, bool) {
	parts := strings.Split(address, "/")
	i := portAt(parts)
	if i < 0 {
		return 0, false
	}
	port, err := strconv.Atoi(parts[i])
	return port, err == nil
}

// WithPort sets it.
func WithPort(address string, port int) string {
	parts := strings.Split(address, "/")
	if i := portAt(parts); i >= 0 {
		parts[i] = strconv.Itoa(port)
	}
	return strings.Join(parts, "/")
}

func portAt(parts []string) int {
	i := slices.IndexFunc(parts, func(s string) bool { return s == "udp" || s == "tcp" })
	if i < 0 || i+1 == len(parts) {
		return -1
	}
	return i + 1
}

// Free reports whether a program may listen at an address. It asks by doing so:
// the host shares TCP ports, and would share another node's without a word.
func Free(address string) bool {
	a, err := ma.NewMultiaddr(address)
	if err != nil {
		return false
	}
	network, host, err := manet.DialArgs(a)
	if err != nil { // QUIC and the like, above an address that has arguments
		first, _ := ma.SplitFunc(a, func(c ma.Component) bool { return c.Protocol().Code == ma.P_QUIC_V1 })
		if network, host, err = manet.DialArgs(first); err != nil {
			return false
		}
	}
	if strings.HasPrefix(network, "udp") {
		c, err := net.ListenPacket(network, host)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}
	l, err := net.Listen(network, host)
	if err != nil {
		return false
	}
	return l.Close() == nil
}
