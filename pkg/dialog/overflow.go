package dialog

import (
	"context"
	"sort"

	"github.com/tessera-llm/tessera/pkg/chat"
)

// prompt renders messages, where they do not fit and o says so without the oldest turns.
//
// What is left out stays out while the rest fits, and when it no longer does, half of the
// context is made free: so the sequence's beginning stays the same for many turns.
func (c *Conversation) prompt(ctx context.Context, messages []chat.Message, o Options) (Prompt, error) {
	p, err := c.lang.Prompt(ctx, messages, o)
	if err != nil || o.Overflow != DropOldest {
		return p, err
	}
	room := c.context / 4
	if o.MaxTokens > 0 {
		room = min(room, o.MaxTokens)
	}
	if len(p.IDs)+room <= c.context {
		c.dropped = 0
		return p, nil
	}
	head, turns := turns(messages)
	without := func(turn int) Prompt {
		var p Prompt
		if err == nil {
			p, err = c.lang.Prompt(ctx, append(messages[:head:head], messages[turns[turn]:]...), o)
			p.Dropped = turns[turn] - head
		}
		return p
	}
	for i, at := range turns {
		if c.dropped == 0 || at-head != c.dropped {
			continue
		}
		if p := without(i); err != nil || len(p.IDs)+room <= c.context {
			return p, err
		}
	}
	if len(turns) < 2 {
		return p, nil // nothing to leave out
	}
	// The last turn stays, whether it fits or not.
	first := 1 + sort.Search(len(turns)-2, func(i int) bool { return len(without(i+1).IDs) <= c.context/2 })
	if p = without(first); err == nil {
		c.dropped = p.Dropped
	}
	return p, err
}

// turns finds where turns begin, each with a message of the user, behind head messages of
// the system. What stands before the first turn goes with it.
func turns(messages []chat.Message) (head int, starts []int) {
	for head < len(messages) && (messages[head].Role == "system" || messages[head].Role == "developer") {
		head++
	}
	for i := head; i < len(messages); i++ {
		if messages[i].Role == "user" {
			starts = append(starts, i)
		}
	}
	return head, starts
}
