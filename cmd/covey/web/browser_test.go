package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/covey-p2p/covey/cmd/covey/web"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/testnet/local"
)

var (
	screens = flag.String("screens", "", "write every picture of the page to this folder")
	update  = flag.Bool("update", false, "record the pictures that README shows anew")
)

// shown are the pictures of README. An invitation is none of them, for it
// shows a secret.
var shown = []string{"chat", "health", "verify", "replay"}

// patience is how long the page may take to show something: real nodes on a
// machine that does other things too.
const patience = 30 * time.Second

// rebound is a name that a hostile resolver points at this machine.
const rebound = "rebound.example"

// browser is one tab of a real Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	thrown []string // what no handler of the page caught
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func chromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("real processes and a real browser: not in -short")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("NO BROWSER HERE, so the page is not tested: install Debian's package chromium")
	return ""
}

// open starts a Chromium of its own, which ends with the test.
func open(t *testing.T) *browser {
	t.Helper()
	path := chromium(t)
	profile, err := os.MkdirTemp("", "cvb")
	must(t, err)
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(1200, 760), chromedp.WSURLReadTimeout(time.Minute), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP "+rebound+" 127.0.0.1"))
	alloc, end := chromedp.NewExecAllocator(context.Background(), opts...)
	b := &browser{t: t}
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // closes the browser; the allocator ends what is left
		cancel()
		end()
		if err := os.RemoveAll(profile); err != nil {
			t.Error(err)
		}
	})
	must(t, chromedp.Do(ctx, chromedp.EmulateViewport(1200, 760)))
	b.prefers("light")
	return b
}

func (b *browser) hear(event any) {
	var e *runtime.EventExceptionThrown
	switch ev := event.(type) {
	case *runtime.EventExceptionThrown:
		e = ev
	case runtime.EventExceptionThrown:
		e = &ev
	default:
		return
	}
	text, _ := json.Marshal(e.ExceptionDetails)
	b.mu.Lock()
	b.thrown = append(b.thrown, string(text))
	b.mu.Unlock()
}

// prefers sets the colour scheme that the page is told of.
func (b *browser) prefers(scheme string) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		return t.Call(ctx, "Emulation.setEmulatedMedia", emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}, nil)
	})))
}

func (b *browser) goTo(url string) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url)))
}

// eval is the value of an expression in the page, promises awaited.
func eval[T any](b *browser, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// sees waits until an expression is true in the page.
func (b *browser) sees(what, js string) {
	b.t.Helper()
	end := time.Now().Add(patience)
	for !eval[bool](b, "Boolean("+js+")") {
		if time.Now().After(end) {
			b.t.Fatalf("the page does not show %s; it shows:\n%s", what, eval[string](b, "document.body.innerText"))
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// says waits until an element that fits the selector has that text in it.
func (b *browser) says(selector, text string) {
	b.t.Helper()
	b.sees(fmt.Sprintf("%q in %s", text, selector), fmt.Sprintf("[...document.querySelectorAll(%s)].some((e) => e.textContent.includes(%s))", quote(selector), quote(text)))
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.sees(selector, "document.querySelector("+quote(selector)+")")
	eval[bool](b, "(document.querySelector("+quote(selector)+").click(), true)")
}

// press types keys, as a person does, wherever the focus is.
func (b *browser) press(keys string, mods ...chromedp.Modifier) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, chromedp.KeyEvent(keys, chromedp.KeyModifiers(mods...))))
}

// picture keeps what the tab shows, where pictures are wanted.
func (b *browser) picture(name string) {
	b.t.Helper()
	var folders []string
	if *screens != "" {
		folders = append(folders, *screens)
	}
	if *update && slices.Contains(shown, name) {
		folders = append(folders, "testdata")
	}
	if len(folders) == 0 {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	must(b.t, err)
	for _, dir := range folders {
		must(b.t, os.MkdirAll(dir, 0o755))
		must(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s) // strings always can be
	return string(b)
}

// program builds covey; every node is a process of it.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "covey")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/covey-p2p/covey/cmd/covey").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// town is three people on real nodes in one group, and Alice's page.
type town struct {
	*browser
	net        *local.Net
	alice, bob *api.Client
	page       *web.Server
	base       string
}

func newTown(t *testing.T) *town {
	t.Helper()
	chromium(t)
	dir, err := os.MkdirTemp("", "cw") // sockets need short names
	must(t, err)
	net, err := local.New(local.Options{Dir: dir, Binary: program(t), Env: []string{"COVEY_READ_RECEIPTS=true"}})
	must(t, err)
	t.Cleanup(func() {
		if err := errors.Join(net.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	must(t, net.Nodes("Alice", "Bob", "Carol"))
	must(t, net.Group("picnic", "Bob", "Alice", "Carol"))
	w := &town{net: net, browser: open(t)}
	w.alice, err = net.Client("Alice")
	must(t, err)
	w.bob, err = net.Client("Bob")
	must(t, err)
	w.page, err = web.Serve(w.alice, web.Options{})
	must(t, err)
	t.Cleanup(func() {
		if err := w.page.Close(); err != nil {
			t.Error(err)
		}
	})
	w.base, _, _ = strings.Cut(w.page.URL(), "/#")
	w.together()
	return w
}

// together waits until the three nodes are in one state.
func (w *town) together() {
	w.t.Helper()
	if !w.net.Until(func() bool {
		v, err := w.net.Views("picnic")
		return err == nil && len(v[0].Roster) == 3 && v[0].State == v[1].State && v[0].State == v[2].State
	}, patience) {
		text, _ := w.net.Show("picnic")
		w.t.Fatalf("the nodes do not agree:\n%s", text)
	}
}

// TestPage is one long visit, for starting three nodes and a browser costs
// more than what is looked at: each step leaves the page as the next wants it.
func TestPage(t *testing.T) {
	w := newTown(t)
	for _, step := range []struct {
		name string
		do   func(*town)
	}{
		{"enter", enter}, {"talk", talk}, {"keys", keyboard}, {"reading", reading}, {"fork and heal", forkAndHeal}, {"restart", restart},
		{"meet", meet}, {"devices", devices}, {"strangers", strangers}, {"hostile text", hostileText}, {"hostile sites", hostileSites},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			w.browser.t = t
			step.do(w)
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.thrown) > 0 {
				t.Errorf("the page threw what it did not catch: %s", w.thrown)
			}
		})
		w.browser.t = t
		if !ok {
			return
		}
	}
}

func enter(w *town) {
	url := w.page.URL()
	w.goTo(url)
	w.says("#link", "connected to the node")
	w.says("#group-list button", "picnic")
	w.says("#talk-epoch", "✓ agreed 3/3")
	if at := eval[string](w.browser, "location.href"); at != w.base+"/" {
		w.t.Errorf("the token stays in the address: %s", at)
	}
	if c := eval[string](w.browser, "document.cookie"); c != "" {
		w.t.Errorf("a script can read the cookie: %s", c)
	}
	if left := eval[int](w.browser, "history.length"); left > 3 {
		w.t.Errorf("the address with the token is in the history: %d entries", left)
	}
	second := open(w.t) // another browser with the same address
	second.goTo(url)
	second.says("#locked", "covey web")
}

func talk(w *town) {
	w.press("Who brings the blankets?\r")
	w.sees("an empty composer, without a line break", "document.getElementById('text').value === ''")
	w.says(".mine .body", "Who brings the blankets?")
	w.says(".mine .fate", "delivered 2/2")
	sent, err := w.bob.Send(w.t.Context(), "picnic", api.NewMessage{Text: "I do. Two of them."})
	must(w.t, err)
	w.says("#timeline li:not(.mine) .body", "I do. Two of them.")
	must(w.t, w.net.Send("Carol", "picnic", "Then I bring the bread."))
	w.says("#timeline li:not(.mine) .body", "Then I bring the bread.")
	must(w.t, w.react(sent.Message.ID, "♥"))
	w.says(".reactions span", "♥")
	if n := eval[int](w.browser, "document.querySelectorAll('#timeline .body').length"); n != 3 {
		w.t.Errorf("%d messages are shown, not 3", n)
	}
}

func (w *town) react(to, sign string) error {
	carol, err := w.net.Client("Carol")
	if err != nil {
		return err
	}
	_, err = carol.Send(w.t.Context(), "picnic", api.NewMessage{Kind: "reaction", Text: sign, ReplyTo: to})
	return err
}

// keyboard does without a mouse what people do most.
func keyboard(w *town) {
	for i, tab := range []string{"chat", "health", "net", "replay"} {
		w.press(fmt.Sprint(i+1), chromedp.ModifierAlt)
		w.sees("tab "+tab, "!document.getElementById('"+tab+"').hidden")
	}
	w.press("1", chromedp.ModifierAlt)
	w.sees("the focus in the message", "document.activeElement.id === 'text'")
	for scheme, light := range map[string]bool{"dark": false, "light": true} {
		w.prefers(scheme)
		rgb := eval[[]int](w.browser, "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
		if (rgb[0] > 128) != light {
			w.t.Errorf("in %s the ground is %v", scheme, rgb)
		}
	}
	w.prefers("light")
}

// reading looks at messages that came while the chat was not: their author is told
// of those that are in sight, and of the others once they are.
func reading(w *town) {
	const many = 30
	w.press("3", chromedp.ModifierAlt)
	for i := range many {
		must(w.t, w.net.Send("Bob", "picnic", fmt.Sprintf("Line %d.", i)))
	}
	last := fmt.Sprintf("Line %d.", many-1)
	w.says("#timeline .body", last)
	time.Sleep(2 * time.Second) // longer than what is read waits for more of it
	if n := w.read("Line 0.") + w.read(last); n > 0 {
		w.t.Errorf("Bob was told of %d readers while nobody looked", n)
	}
	w.press("1", chromedp.ModifierAlt)
	if !w.net.Until(func() bool { return w.read(last) == 1 }, patience) {
		w.t.Error("Bob never learnt that Alice has read what is in sight")
	}
	if w.read("Line 0.") > 0 {
		w.t.Error("Bob was told of what is above the page")
	}
	w.sees("no message unread", "!document.querySelector('#group-list .badge')")
	eval[int](w.browser, "document.getElementById('timeline').scrollTop = 0")
	if !w.net.Until(func() bool { return w.read("Line 0.") == 1 }, patience) {
		w.t.Error("Bob never learnt that Alice scrolled up")
	}
	eval[int](w.browser, "document.getElementById('timeline').scrollTop = 1e6")
}

// read is how many people Bob knows to have read a message of his.
func (w *town) read(text string) int {
	w.t.Helper()
	page, err := w.bob.Messages(w.t.Context(), "picnic", api.MessageQuery{Limit: api.MaxPage})
	must(w.t, err)
	for _, m := range page.Messages {
		if m.Text == text && m.Progress != nil {
			return m.Progress.Read
		}
	}
	w.t.Fatalf("Bob has not said %q", text)
	return 0
}

// forkAndHeal parts the group, lets both sides change it, and joins them.
func forkAndHeal(w *town) {
	start, err := w.net.Views("picnic")
	must(w.t, err)
	must(w.t, w.net.Partition("cut", false, []string{"Alice"}, []string{"Bob", "Carol"}))
	must(w.t, w.net.Refresh("Alice", "picnic"))
	must(w.t, w.net.Refresh("Bob", "picnic"))
	must(w.t, w.net.Send("Alice", "picnic", "Is anybody there?"))
	must(w.t, w.net.Send("Bob", "picnic", "Alice is gone, it seems."))
	w.says(".mine .body", "Is anybody there?")
	w.sees("that nobody has said to have it", "[...document.querySelectorAll('.mine')].some((m) => m.textContent.includes('Is anybody there?') && !m.textContent.includes('delivered'))")
	if !w.net.Until(func() bool {
		v, err := w.net.Views("picnic")
		return err == nil && v[0].State != start[0].State && v[1].State != start[0].State && v[0].State != v[1].State && v[1].State == v[2].State
	}, patience) {
		w.t.Fatal("the two sides do not part")
	}
	must(w.t, w.net.Heal(""))
	w.together()
	w.says("#timeline .body", "Alice is gone, it seems.")
	for e, err := range w.alice.Watch(w.t.Context(), api.WatchOptions{Types: []api.EventType{api.EventFork}, Once: true}) {
		must(w.t, err)
		w.says("#timeline .note.fork", e.Text)
	}
	w.says("#talk-epoch", "✓ agreed 3/3")
	w.sees("that all is delivered", "[...document.querySelectorAll('.mine .fate')].every((f) => f.textContent.includes('2/2'))")
	w.picture("chat")
	w.stays()

	w.press("2", chromedp.ModifierAlt)
	w.sees("a branch that lost", "document.querySelector('#tree [data-branch=side]')")
	w.sees("the head", "document.querySelectorAll('#tree circle.head').length === 1")
	e, err := w.alice.Epochs(w.t.Context(), "picnic")
	must(w.t, err)
	w.sees("every epoch that the node knows", fmt.Sprintf("document.querySelectorAll('#tree g').length === %d", len(e.Nodes)))
	eval[bool](w.browser, "(document.querySelector('#tree [data-branch=side]').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' })), true)")
	w.says("#epoch", "0 of 3 accounts") // the rival's story
	w.says("#health-verdict", "agreed by all 3")
	w.picture("health")
	w.press("1", chromedp.ModifierAlt)
}

// stays loads the page anew: what happened is still between the messages, each
// thing once, in one order, and nothing on the page takes it away.
func (w *town) stays() {
	const notes = "[...document.querySelectorAll('#timeline .note[data-cursor]')].map((n) => Number(n.dataset.cursor))"
	const texts = "[...document.querySelectorAll('#timeline .body')].map((n) => n.textContent)"
	before, said := eval[[]int](w.browser, notes), eval[[]string](w.browser, texts)
	w.goTo(w.base + "/")
	w.says("#talk-epoch", "✓ agreed 3/3")
	after := eval[[]int](w.browser, notes) // what happened meanwhile comes on top
	if len(before) == 0 || !slices.IsSorted(after) || len(slices.Compact(slices.Clone(after))) != len(after) ||
		slices.ContainsFunc(before, func(c int) bool { return !slices.Contains(after, c) }) {
		w.t.Errorf("notes %v, and %v after the page was loaded anew", before, after)
	}
	if now := eval[[]string](w.browser, texts); len(now) != len(said) {
		w.t.Errorf("messages %q, and %q after the page was loaded anew", said, now)
	}
	w.says("#timeline .note.fork", "at once")
	w.says("#timeline .note.member", "has renewed the keys of a device")
	if eval[bool](w.browser, "!!document.querySelector('#timeline .note button')") {
		w.t.Error("what happened can be taken from the timeline")
	}
	w.prefers("dark")
	w.picture("dark")
	w.prefers("light")
	must(w.t, chromedp.Do(w.ctx, chromedp.EmulateViewport(400, 760)))
	w.sees("that nothing is wider than a narrow page", "document.documentElement.scrollWidth <= 400 && document.querySelector('#composer button').getBoundingClientRect().right <= 400")
	w.picture("narrow")
	must(w.t, chromedp.Do(w.ctx, chromedp.EmulateViewport(1200, 760)))
	eval[bool](w.browser, "(document.getElementById('text').focus(), true)")
}

// restart ends the node behind the page with kill -9 and starts it again.
func restart(w *town) {
	eval[int](w.browser, "window.sameVisit = 1")
	must(w.t, w.net.Kill("Alice"))
	w.says("#link.away", "the node is away")
	w.press("Said into the void\r")
	w.says(".note.trouble", "does not answer")
	w.sees("the words that were not sent", "document.getElementById('text').value.includes('Said into the void')")
	must(w.t, w.net.Send("Bob", "picnic", "Said while Alice was away."))
	must(w.t, w.net.Start("Alice"))
	w.says("#link", "connected to the node")
	w.press("\r")
	w.says(".mine .body", "Said into the void")
	w.says("#timeline .body", "Said while Alice was away.")
	must(w.t, w.net.Send("Bob", "picnic", "Said after."))
	w.says("#timeline .body", "Said after.")
	w.sees("the same visit", "window.sameVisit === 1")
	if n := eval[int](w.browser, "[...document.querySelectorAll('.body')].filter((e) => e.textContent.trim() === 'Said into the void').length"); n != 1 {
		w.t.Errorf("what was sent once is shown %d times", n)
	}
}

// meet makes an invitation and compares safety words.
func meet(w *town) {
	w.click("#new-link")
	w.sees("a code that can be scanned", "document.querySelector('#ask img.qr')?.naturalWidth > 0")
	link := eval[string](w.browser, "document.querySelector('#ask code').textContent")
	if !strings.HasPrefix(link, "covey:") {
		w.t.Errorf("the link is %q", link)
	}
	w.picture("invitation")
	if at := eval[string](w.browser, "location.href + document.title"); strings.Contains(at, link) {
		w.t.Errorf("the link is in the address or the title: %s", at)
	}
	w.press("\x1b")
	w.sees("no dialog", "!document.getElementById('ask').open")
	w.wrongLink("hello", "That is no invitation link.")
	w.wrongLink(link, "That is your own link")

	bob := w.account("Bob")
	k, err := w.alice.Contact(w.t.Context(), bob)
	must(w.t, err)
	w.says("#talk-epoch", "✓ agreed 3/3")
	w.click("#details [aria-label='What can be done about Bob']")
	w.says("#ask-body .print", k.Words)
	w.says("#ask-body .print", k.Number)
	w.sees("the number as a code", "document.querySelector('#ask-body img.qr')?.naturalWidth > 0")
	w.picture("verify")
	eval[bool](w.browser, "([...document.querySelectorAll('#ask-body button')].find((e) => e.textContent === 'They match').click(), true)")
	w.says("#details .member", "verified")
}

// wrongLink gives the page a link that leads nowhere, and reads why.
func (w *town) wrongLink(link, why string) {
	w.t.Helper()
	w.click("#add-contact")
	eval[bool](w.browser, "(document.querySelector('#ask [name=link]').value = "+quote(link)+", document.getElementById('ask-ok').click(), true)")
	w.says("#ask-error", why)
	w.press("\x1b")
	w.sees("no dialog", "!document.getElementById('ask').open")
}

// devices has Alice's phone come to her account, from its page to hers, and lose
// its place again.
func devices(w *town) {
	must(w.t, w.net.Nodes("Phone"))
	c, err := w.net.Client("Phone")
	must(w.t, err)
	page, err := web.Serve(c, web.Options{})
	must(w.t, err)
	defer page.Close()
	phone := open(w.t)
	phone.goTo(page.URL())
	phone.says("#link", "connected to the node")
	phone.click("#tab-net")
	phone.click("#be-adopted:not([hidden])")
	phone.sees("a code that can be scanned", "document.querySelector('#ask img.qr')?.naturalWidth > 0")
	code := eval[string](phone, "document.querySelector('#ask code').textContent")

	adopt := func(code string) {
		w.click("#adopt:not([hidden])")
		eval[bool](w.browser, "(document.querySelector('#ask [name=code]').value = "+quote(code)+", document.getElementById('ask-ok').click(), true)")
	}
	w.press("3", chromedp.ModifierAlt)
	w.says("#devices tr", "this one, holds the account's key")
	adopt("covey-device:x")
	w.says("#ask-error", "That is not the code of a new device.")
	w.press("\x1b")
	adopt(code)
	w.says("#devices tr", "online1/1")
	w.picture("devices")
	phone.says("#group-list button", "picnic")
	phone.click("#tab-net")
	phone.says("#devices tr", "online, holds the account's key1/1")
	phone.sees("that this device is no longer new", "document.getElementById('be-adopted').hidden && document.getElementById('adopt').hidden")

	w.click("#devices button")
	w.says("#ask-body", "It is taken out of 1 group ")
	w.click("#ask-ok")
	w.says("#devices tr", "removed0/1")
	w.press("1", chromedp.ModifierAlt)
	w.says("#talk-epoch", "✓ agreed 3/3")
}

// strangers ask with links that no longer work: they wait for an answer.
func strangers(w *town) {
	ctx := w.t.Context()
	l, err := w.alice.NewLink(ctx, api.NewLink{Uses: 1})
	must(w.t, err)
	must(w.t, w.alice.RevokeLink(ctx, l.ID))
	must(w.t, w.net.Nodes("Dave", "Mallory"))
	button := func(who, text string) {
		w.t.Helper()
		w.says("#asks .card", who)
		eval[bool](w.browser, "([...document.querySelectorAll('#asks .card')].find((c) => c.textContent.includes("+quote(who)+")).querySelectorAll('button').forEach((b) => b.textContent === "+quote(text)+" && b.click()), true)")
		w.sees("no card of "+who, "![...document.querySelectorAll('#asks .card')].some((c) => c.textContent.includes("+quote(who)+"))")
	}
	for who, answer := range map[string]api.ContactState{"Dave": api.ContactKnown, "Mallory": api.ContactBlocked} {
		c, err := w.net.Client(who)
		must(w.t, err)
		_, err = c.AddContact(ctx, api.NewContact{Link: l.URL, Hello: "I am <b>" + who + "</b>\u202e"})
		must(w.t, err)
		w.says("#asks .card q", `I am <b>`+who+`</b>\u202e`)
		w.picture("stranger")
		button(who, map[api.ContactState]string{api.ContactKnown: "Accept", api.ContactBlocked: "Block"}[answer])
		k, err := w.alice.Contact(ctx, w.account(who))
		must(w.t, err)
		if k.State != answer {
			w.t.Errorf("%s is %s, not %s", who, k.State, answer)
		}
	}
}

func (w *town) account(name string) string {
	c, err := w.net.Client(name)
	must(w.t, err)
	s, err := c.Status(w.t.Context())
	must(w.t, err)
	return s.Account
}

// hostileText puts markup wherever others may write.
func hostileText(w *town) {
	const evil = `<img src=x onerror="window.owned=1"><script>window.owned=2</script>`
	short := `<img src=x onerror=window.owned=3>` // names are at most 64 bytes
	ctx := w.t.Context()
	_, err := w.bob.CreateGroup(ctx, api.NewGroup{Name: short, Invite: []string{w.account("Alice")}})
	must(w.t, err)
	w.says("#group-list button", short) // a contact's group is joined without being asked
	eval[bool](w.browser, "([...document.querySelectorAll('#group-list button')].find((e) => e.textContent.includes("+quote(short)+")).click(), true)")
	w.says("#talk-name", short)
	_, err = w.bob.Send(ctx, short, api.NewMessage{Text: evil})
	must(w.t, err)
	w.says("#timeline .body", evil)
	_, err = w.alice.RenameContact(ctx, w.account("Bob"), short+"\u202e")
	must(w.t, err)
	_, err = w.bob.Send(ctx, short, api.NewMessage{Text: "javascript:window.owned=4 \u202e drow"})
	must(w.t, err)
	w.says("#timeline .who", short+`\u202e`)
	w.press("2", chromedp.ModifierAlt)
	w.says("#health-group option", short)
	w.press("3", chromedp.ModifierAlt)
	w.says("#peers", short)
	if eval[bool](w.browser, "'owned' in window || document.querySelectorAll('#main script, #timeline img, #group-list img, #peers img').length > 0") {
		w.t.Error("what others wrote became part of the page")
	}
	if title := eval[string](w.browser, "document.title"); title != "covey" {
		w.t.Errorf("the title says %q", title)
	}
}

// hostileSites lets another origin, and another name of this machine, try what
// the page may do. It comes last: the tab leaves the page.
func hostileSites(w *town) {
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(rw, "<title>hostile</title>")
	}))
	defer other.Close()
	before, err := w.alice.Groups(w.t.Context())
	must(w.t, err)
	w.goTo(other.URL) // same site as the page, so the cookie goes along
	for _, try := range []string{
		"fetch('%s/v1/groups', { credentials: 'include' })",
		"fetch('%s/v1/groups', { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{\"name\":\"stolen\"}' })",
		"fetch('%s/enter', { method: 'POST', body: 'x' })",
		"import('%s/app.js')",
	} {
		try = fmt.Sprintf(try, w.base)
		got := eval[string](w.browser, "(async () => { try { const r = await "+try+"; return r.type === 'opaque' ? 'nothing' : 'read'; } catch { return 'nothing'; } })()")
		if got != "nothing" {
			w.t.Errorf("another site: %s gave it an answer", try)
		}
	}
	framed := eval[bool](w.browser, "new Promise((ok) => { const f = document.createElement('iframe'); f.src = '"+w.base+"/'; f.onload = () => { let d = null; try { d = f.contentDocument; } catch {} ok(!!d && !!d.querySelector('main')); }; document.body.append(f); })")
	if framed {
		w.t.Error("another site can look into the page in a frame")
	}
	after, err := w.alice.Groups(w.t.Context())
	must(w.t, err)
	if len(after) != len(before) {
		w.t.Errorf("another site made a group")
	}

	w.goTo(strings.Replace(w.base, "127.0.0.1", rebound, 1) + "/")
	w.says("body", "127.0.0.1 only")
	if eval[bool](w.browser, "!!document.querySelector('main')") {
		w.t.Error("the page opens under a name that is not ours")
	}
}

// TestReplayPage shows a simulated run, without any node.
func TestReplayPage(t *testing.T) {
	chromium(t)
	dir := t.TempDir()
	out, err := exec.Command(program(t), "sim", "run", "../../../testnet/scenarios/split-brain.star", "--param", "n=6", "--out", dir, "--quiet").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*", "events.jsonl"))
	must(t, err)
	if len(found) == 0 {
		found, err = filepath.Glob(filepath.Join(dir, "*", "*", "events.jsonl"))
		must(t, err)
	}
	if len(found) != 1 {
		t.Fatalf("the run left %v", found)
	}
	page, err := web.Serve(nil, web.Options{Run: filepath.Dir(found[0])})
	must(t, err)
	defer page.Close()
	b := open(t)
	b.goTo(page.URL())
	b.says("#link", "showing a run")
	b.sees("a lane for each node", "document.querySelectorAll('#lanes .rail').length === 6")
	b.sees("nodes in more than one epoch", "new Set([...document.querySelectorAll('#lanes rect.node')].map((r) => r.getAttribute('fill'))).size > 2")
	b.sees("the branch that lost", "document.querySelectorAll('#lanes .branch.lost').length === 1 && document.querySelectorAll('#lanes circle.epoch').length > 4")
	b.sees("the partition", "document.querySelectorAll('#lanes .cut').length === 1")
	b.sees("the story in sentences", "[...document.querySelectorAll('#story li')].some((li) => li.textContent.includes('now in 3a: n1 n2 n3')) && !document.querySelector('#story .direct')")
	b.picture("replay")
	veil := "Number(document.querySelector('#lanes .veil').getAttribute('width'))"
	whole, lines := eval[float64](b, veil), "document.querySelectorAll('#story .later').length"
	eval[bool](b, "(document.getElementById('scrub').value = 100, document.getElementById('scrub').dispatchEvent(new Event('input')), true)")
	if early := eval[float64](b, veil); early < whole+500 {
		t.Errorf("at a tenth of the run %v of the drawing is veiled, at its end %v", early, whole)
	}
	b.sees("what is still to come is pale", lines+" > 5")
	wide := eval[float64](b, "document.querySelector('#lanes rect.node').getBoundingClientRect().width")
	eval[bool](b, "(document.querySelector('[aria-label=\"Zoom in\"]').click(), true)")
	if now := eval[float64](b, "document.querySelector('#lanes rect.node').getBoundingClientRect().width"); now <= wide {
		t.Errorf("zoomed in, a stay is %v wide, as before (%v)", now, wide)
	}
	eval[bool](b, "(document.getElementById('run-raw').click(), true)")
	b.sees("every event, where asked for", "document.querySelectorAll('#story .direct').length > 0")

	b.goTo("file://" + filepath.Join(filepath.Dir(found[0]), "report.html")) // the same, with no server at all
	b.sees("the report's own lanes", "document.querySelectorAll('#lanes .rail').length === 6 && document.querySelectorAll('#lanes .branch.lost').length === 1")
	b.sees("what held", "document.querySelectorAll('tr.ok').length === 3 && !document.querySelector('tr.bad')")
	b.sees("the line that does it again", "[...document.querySelectorAll('code')].some((c) => c.textContent.startsWith('covey sim run '))")
	b.picture("report")
	if len(b.thrown) > 0 {
		t.Errorf("the page threw: %s", b.thrown)
	}
}
