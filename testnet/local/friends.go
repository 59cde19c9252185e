package local

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/covey-p2p/covey/node/api"
)

// friendly is how long a friend thinks before it answers.
const friendly = 400 * time.Millisecond

// Friends lets the nodes but the first answer what the first says in a group:
// one of them each time, in turn. They end when the context does.
func (n *Net) Friends(ctx context.Context, group string) {
	nodes := n.List()
	for i, d := range nodes[1:] {
		go n.befriend(ctx, d, group, nodes[0].account, i, len(nodes)-1) // ends with the context
	}
}

func (n *Net) befriend(ctx context.Context, d *Node, group, first string, place, of int) {
	heard := 0
	for e, err := range d.client.Watch(ctx, api.WatchOptions{From: api.Now, Types: []api.EventType{api.EventMessage}}) {
		if err != nil {
			return // the node is gone for good; a restart is followed by Watch itself
		}
		if e.Message == nil || e.Message.Author != first || e.Message.Kind != "text" {
			continue
		}
		heard++
		if heard%of != place {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(friendly):
		}
		_, _ = d.client.Send(ctx, group, api.NewMessage{Text: d.reply(e.Message.Text, of+1), ReplyTo: e.Message.ID}) // a friend that is cut off says nothing
	}
}

// reply is what a friend says to that, among so many nodes.
func (d *Node) reply(text string, nodes int) string {
	switch low := strings.ToLower(text); {
	case strings.Contains(low, "hello"), strings.Contains(low, "hi"):
		return fmt.Sprintf("hello, I am %s. Try:  /kill %s   or   /split 1 2-%d", d.Name, d.Name, nodes)
	case strings.HasSuffix(strings.TrimSpace(low), "?"):
		return fmt.Sprintf("%s says: good question", d.Name)
	}
	words := strings.Fields(text)
	return fmt.Sprintf("%s has read your %d words", d.Name, len(words))
}
