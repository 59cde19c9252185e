package api

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
)

// access says who may call a route.
type access uint8

const (
	owner   access = iota // the owner of the node only
	reading               // also a token that may read the group named
	sending               // also a token that may send to it
)

type tokenInContext struct{}

// authenticate finds out who calls: the owner, on the socket and without a
// token, or the holder of a token, which it leaves in the context.
func (s *Server) authenticate(r *http.Request, socket bool) (context.Context, error) {
	ctx := r.Context()
	if !socket {
		if host := hostOf(r); host != "localhost" && !net.ParseIP(host).IsLoopback() {
			// A page from elsewhere whose name was made to point here.
			return nil, NewError(CodeDenied, "This address answers to localhost only.", "")
		}
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			return nil, NewError(CodeDenied, "Only /v1/ is served here.", "Use the node's Unix socket for the rest.")
		}
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		if socket {
			return ctx, nil
		}
		return nil, NewError(CodeDenied, "A token is needed here.", "Mint one with `covey token mint` and send it as `Authorization: Bearer …`.")
	}
	secret, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return nil, NewError(CodeDenied, "The Authorization header holds no bearer token.", "Send `Authorization: Bearer …`.")
	}
	token, err := s.backend.CheckToken(ctx, strings.TrimSpace(secret))
	if err != nil {
		return nil, err
	}
	return context.WithValue(ctx, tokenInContext{}, token), nil
}

func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return strings.Trim(r.Host, "[]")
}

// allow lets the owner do everything, and a token what its scopes say about
// the group that the request names.
func (s *Server) allow(ctx context.Context, a access, in any) error {
	token, isToken := ctx.Value(tokenInContext{}).(Token)
	if !isToken {
		return nil
	}
	denied := NewError(CodeDenied, "This token may not do that.", "Its scopes are "+strings.Join(token.Scopes, ", ")+".")
	named, ok := in.(interface{ groupRef() string })
	if a == owner || !ok {
		return denied
	}
	id, err := s.backend.GroupID(ctx, named.groupRef())
	if err != nil {
		return denied // a token learns nothing of groups that are not its own
	}
	if !may(token, id, a) {
		return denied
	}
	return nil
}

// may says whether a token's scopes let it read or send in a group.
func may(t Token, group string, a access) bool {
	verb := ":read"
	if a == sending {
		verb = ":send"
	}
	return slices.Contains(t.Scopes, group+verb) || slices.Contains(t.Scopes, "*"+verb)
}
