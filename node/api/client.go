package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client speaks to one node. It may be used by many goroutines.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// NewClient returns a client for the node at an address: the path of a Unix
// socket, or http://127.0.0.1:PORT. The token, if any, is sent with every
// call. Nothing is dialled yet.
func NewClient(address, token string) *Client {
	if strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://") {
		return &Client{base: strings.TrimRight(address, "/"), token: token, http: &http.Client{}}
	}
	path := strings.TrimPrefix(address, "unix:")
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		MaxIdleConns:    4,
		IdleConnTimeout: time.Minute,
	}
	return &Client{base: "http://covey", token: token, http: &http.Client{Transport: transport}}
}

// ForDir returns a client for the node whose directory is given.
func ForDir(dir string) *Client { return NewClient(SocketPath(dir), "") }

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// HTTP returns what a proxy needs to forward requests to the node: the base of
// its URLs and the transport that reaches it.
func (c *Client) HTTP() (base string, transport http.RoundTripper) {
	if c.http.Transport == nil {
		return c.base, http.DefaultTransport
	}
	return c.base, c.http.Transport
}

type keyInContext struct{}

// WithKey names the intent of the next change made with this context, so that
// the caller may repeat it. Without one, every call is an intent of its own.
func WithKey(ctx context.Context, key Key) context.Context {
	return context.WithValue(ctx, keyInContext{}, key)
}

// NewKey returns a fresh key.
func NewKey() Key { return Key(rand.Text()) }

// The node.

func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.get(ctx, &s, "status")
}

func (c *Client) Identity(ctx context.Context) (i Identity, err error) {
	return i, c.get(ctx, &i, "identity")
}

func (c *Client) Devices(ctx context.Context) (d []OwnDevice, err error) {
	return d, c.get(ctx, &d, "devices")
}

func (c *Client) LinkDevice(ctx context.Context) (d DeviceCode, err error) {
	return d, c.post(ctx, &d, nil, "devices", "link")
}

func (c *Client) AcceptDevice(ctx context.Context, code string) (d OwnDevice, err error) {
	return d, c.post(ctx, &d, givenCode{code}, "devices")
}

func (c *Client) RemoveDevice(ctx context.Context, device string) (d OwnDevice, err error) {
	return d, c.do(ctx, http.MethodDelete, &d, nil, "devices", device)
}

func (c *Client) SetName(ctx context.Context, name string) (i Identity, err error) {
	return i, c.do(ctx, http.MethodPut, &i, named{name}, "identity")
}

func (c *Client) Peers(ctx context.Context) (p []Peer, err error) {
	return p, c.get(ctx, &p, "peers")
}

// Connect dials a peer by its multiaddress, which ends in /p2p/ID.
func (c *Client) Connect(ctx context.Context, address string) (p Peer, err error) {
	return p, c.post(ctx, &p, connect{address}, "peers")
}

func (c *Client) Net(ctx context.Context) (n Net, err error) {
	return n, c.get(ctx, &n, "net")
}

func (c *Client) Doctor(ctx context.Context) (d Doctor, err error) {
	return d, c.get(ctx, &d, "doctor")
}

func (c *Client) Explain(ctx context.Context, subject string) (e Explanation, err error) {
	return e, c.ask(ctx, &e, url.Values{"subject": {subject}}, "explain")
}

func (c *Client) Shutdown(ctx context.Context) error {
	return c.post(ctx, nil, nil, "shutdown")
}

// Groups.

func (c *Client) Groups(ctx context.Context) (g []Group, err error) {
	return g, c.get(ctx, &g, "groups")
}

func (c *Client) Group(ctx context.Context, group string) (g GroupDetail, err error) {
	return g, c.get(ctx, &g, "groups", group)
}

func (c *Client) CreateGroup(ctx context.Context, n NewGroup) (g GroupDetail, err error) {
	return g, c.post(ctx, &g, n, "groups")
}

func (c *Client) ChangeGroup(ctx context.Context, group string, change GroupChange) (o Operation, err error) {
	return o, c.do(ctx, http.MethodPatch, &o, change, "groups", group)
}

func (c *Client) Leave(ctx context.Context, group string) (o Operation, err error) {
	return o, c.post(ctx, &o, nil, "groups", group, "leave")
}

// Rotate renews my keys in the group.
func (c *Client) Rotate(ctx context.Context, group string) (o Operation, err error) {
	return o, c.post(ctx, &o, nil, "groups", group, "rotate")
}

func (c *Client) Invite(ctx context.Context, group, contact string) (o Operation, err error) {
	return o, c.post(ctx, &o, newMember{contact}, "groups", group, "members")
}

func (c *Client) Remove(ctx context.Context, group, member string) (o Operation, err error) {
	return o, c.do(ctx, http.MethodDelete, &o, nil, "groups", group, "members", member)
}

func (c *Client) SetRole(ctx context.Context, group, member string, role Role) (o Operation, err error) {
	return o, c.do(ctx, http.MethodPatch, &o, newRole{role}, "groups", group, "members", member)
}

func (c *Client) Operation(ctx context.Context, id string) (o Operation, err error) {
	return o, c.get(ctx, &o, "operations", id)
}

func (c *Client) Messages(ctx context.Context, group string, q MessageQuery) (p Page, err error) {
	v := url.Values{}
	if q.After != 0 {
		v.Set("after", strconv.FormatUint(q.After, 10))
	}
	if q.Before != 0 {
		v.Set("before", strconv.FormatUint(q.Before, 10))
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Unread {
		v.Set("unread", "true")
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	return p, c.ask(ctx, &p, v, "groups", group, "messages")
}

func (c *Client) Send(ctx context.Context, group string, m NewMessage) (s Sent, err error) {
	return s, c.post(ctx, &s, m, "groups", group, "messages")
}

func (c *Client) MarkRead(ctx context.Context, group string, read ReadUpTo) (g Group, err error) {
	return g, c.post(ctx, &g, read, "groups", group, "read")
}

func (c *Client) Epochs(ctx context.Context, group string) (e Epochs, err error) {
	return e, c.get(ctx, &e, "groups", group, "epochs")
}

// Why asks about a member, an epoch or a message, or, with nothing, about the
// group.
func (c *Client) Why(ctx context.Context, group, about string) (w Why, err error) {
	return w, c.ask(ctx, &w, url.Values{"about": {about}}, "groups", group, "why")
}

func (c *Client) Repair(ctx context.Context, group string, dryRun bool) (r Repair, err error) {
	return r, c.post(ctx, &r, newRepair{dryRun}, "groups", group, "repair")
}

func (c *Client) Invitations(ctx context.Context) (i []Invitation, err error) {
	return i, c.get(ctx, &i, "invitations")
}

func (c *Client) Accept(ctx context.Context, invitation string) (g GroupDetail, err error) {
	return g, c.post(ctx, &g, nil, "invitations", invitation, "accept")
}

func (c *Client) Decline(ctx context.Context, invitation string) error {
	return c.post(ctx, nil, nil, "invitations", invitation, "decline")
}

// People.

func (c *Client) Contacts(ctx context.Context) (l []Contact, err error) {
	return l, c.get(ctx, &l, "contacts")
}

func (c *Client) Contact(ctx context.Context, contact string) (k Contact, err error) {
	return k, c.get(ctx, &k, "contacts", contact)
}

func (c *Client) AddContact(ctx context.Context, n NewContact) (k Contact, err error) {
	return k, c.post(ctx, &k, n, "contacts")
}

// AnswerContact accepts or refuses somebody who asks.
func (c *Client) AnswerContact(ctx context.Context, contact string, accept bool) (k Contact, err error) {
	return k, c.post(ctx, &k, answer{accept}, "contacts", contact, "answer")
}

func (c *Client) RenameContact(ctx context.Context, contact, name string) (k Contact, err error) {
	return k, c.do(ctx, http.MethodPatch, &k, named{name}, "contacts", contact)
}

// VerifyContact records that the words were compared, or takes it back.
func (c *Client) VerifyContact(ctx context.Context, contact string, verified bool) (k Contact, err error) {
	return k, c.post(ctx, &k, verify{verified}, "contacts", contact, "verify")
}

func (c *Client) BlockContact(ctx context.Context, contact string, blocked bool) (k Contact, err error) {
	return k, c.post(ctx, &k, block{blocked}, "contacts", contact, "block")
}

func (c *Client) ForgetContact(ctx context.Context, contact string) error {
	return c.do(ctx, http.MethodDelete, nil, nil, "contacts", contact)
}

func (c *Client) Links(ctx context.Context) (l []Link, err error) {
	return l, c.get(ctx, &l, "links")
}

func (c *Client) NewLink(ctx context.Context, n NewLink) (l Link, err error) {
	return l, c.post(ctx, &l, n, "links")
}

func (c *Client) RevokeLink(ctx context.Context, link string) error {
	return c.do(ctx, http.MethodDelete, nil, nil, "links", link)
}

// Bots.

func (c *Client) Tokens(ctx context.Context) (t []Token, err error) {
	return t, c.get(ctx, &t, "tokens")
}

func (c *Client) MintToken(ctx context.Context, n NewToken) (t Token, err error) {
	return t, c.post(ctx, &t, n, "tokens")
}

func (c *Client) RevokeToken(ctx context.Context, token string) error {
	return c.do(ctx, http.MethodDelete, nil, nil, "tokens", token)
}

func (c *Client) get(ctx context.Context, out any, path ...string) error {
	return c.do(ctx, http.MethodGet, out, nil, path...)
}

// ask is get with a query.
func (c *Client) ask(ctx context.Context, out any, query url.Values, path ...string) error {
	return c.exchange(ctx, http.MethodGet, out, nil, query, path)
}

func (c *Client) post(ctx context.Context, out, in any, path ...string) error {
	return c.do(ctx, http.MethodPost, out, in, path...)
}

// do makes one call. The elements of the path are escaped.
func (c *Client) do(ctx context.Context, method string, out, in any, path ...string) error {
	return c.exchange(ctx, method, out, in, nil, path)
}

func (c *Client) exchange(ctx context.Context, method string, out, in any, query url.Values, path []string) error {
	address, err := c.url(path, query)
	if err != nil {
		return err
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet {
		key, ok := ctx.Value(keyInContext{}).(Key)
		if !ok {
			key = NewKey()
		}
		req.Header.Set("Idempotency-Key", string(key))
	}
	resp, err := c.send(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return NewError(CodeVersion, fmt.Sprintf("The node's answer cannot be read: %v.", err), "Run the same version of covey on both sides; `covey version` shows both.")
	}
	return nil
}

// url is the address of a call. What would make it that of another call, and so
// the name of nothing, is refused here.
func (c *Client) url(path []string, query url.Values) (string, error) {
	u := c.base + "/v1"
	for _, p := range path {
		if p == "" || p == "." || p == ".." {
			return "", NewError(CodeUsage, fmt.Sprintf("%q names nothing.", p), "Give a name, an id, or the unique beginning of one.")
		}
		u += "/" + url.PathEscape(p)
	}
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return u, nil
}

// send makes the exchange and turns what is no success into an *Error.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctxErr := req.Context().Err(); ctxErr != nil {
			return nil, ctxErr
		}
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			return nil, NewError(CodeNoDaemon, "No node is running here.", "Start one with `covey up`, or `covey daemon start` to leave it in the background.")
		}
		return nil, NewError(CodeStopped, "The connection to the node broke off.", "The change may have been made; repeating it with the same key is safe.")
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	var e Error
	if err := json.NewDecoder(io.LimitReader(resp.Body, MaxBody)).Decode(&e); err != nil || e.Code == "" {
		return nil, NewError(CodeVersion, "The node answered "+resp.Status+" in a form that this version does not know.", "Run the same version of covey on both sides; `covey version` shows both.")
	}
	return nil, &e
}
