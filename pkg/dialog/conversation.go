package dialog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"github.com/tessera-llm/tessera/pkg/chat"
	"github.com/tessera-llm/tessera/runtime"
)

// Sequence is where a model holds a conversation. A *runtime.Session is one.
type Sequence interface {
	// IDs are the ids held; not to be changed, and read before the next call only.
	IDs() []int32
	// Rewind forgets everything from position n on.
	Rewind(ctx context.Context, n int) error
	// Generate appends prompt and yields tokens. An error is yielded once, last.
	Generate(ctx context.Context, prompt []int32, o runtime.GenerateOptions) iter.Seq2[runtime.Token, error]
}

// Conversation is a chat: its messages, and a sequence of the model that holds as much of
// them as is worth keeping. It gives one answer at a time: a second one meanwhile is
// ErrBusy, and so is what would change the messages or the sequence under it. Its fields are
// for between the answers.
type Conversation struct {
	System   string         // the system message; "" for none
	Messages []chat.Message // of user and assistant, in turn
	Count    uint64         // answers begun, added to the seeds

	lang    *Language
	seq     Sequence
	context int
	dropped int // messages that were left out of the last prompt
	busy    atomic.Bool
}

// NewConversation begins a conversation in s, which has room for context positions.
func NewConversation(l *Language, s Sequence, context int) *Conversation {
	return &Conversation{lang: l, seq: s, context: context}
}

// Language is what the conversation is held in.
func (c *Conversation) Language() *Language {
	if c == nil {
		return nil
	}
	return c.lang
}

// Sequence is where the model holds the conversation.
func (c *Conversation) Sequence() Sequence {
	if c == nil {
		return nil
	}
	return c.seq
}

// Say adds a message of the user and answers it. Message and answer stay in the
// conversation unless nothing came.
func (c *Conversation) Say(ctx context.Context, text string, o Options) iter.Seq2[Event, error] {
	if c == nil {
		return Fail(errNotBegun)
	}
	n := len(c.Messages)
	return c.turn(ctx, append(c.Messages[:n:n], User(text)), o)
}

// errNotBegun is of a conversation that nothing made: nil, or one without a model. Its messages
// can be saved and loaded, if it is not nil.
var errNotBegun = errors.New("the conversation has no model: begin it with NewConversation")

// errNoContext is what a nil context is answered with.
var errNoContext = errors.New("the context is nil")

// ErrBusy is the error of what was asked for before the last answer has ended: another
// answer, or a change of the conversation.
var ErrBusy = errors.New("the conversation is giving an answer: wait for its end, or use another one")

// ErrNoMessage is the error of Undo and Retry in a conversation without a message of the
// user.
var ErrNoMessage = errors.New("the conversation has no message of the user")

// enter keeps answers and changes out until leave.
func (c *Conversation) enter() (leave func(), err error) {
	if c == nil {
		return nil, errNotBegun
	}
	if !c.busy.CompareAndSwap(false, true) {
		return nil, ErrBusy
	}
	return func() { c.busy.Store(false) }, nil
}

// Undo forgets the last message of the user and what came behind it. During an answer it is
// ErrBusy.
func (c *Conversation) Undo() error {
	leave, err := c.enter()
	if err != nil {
		return err
	}
	defer leave()
	i := c.last()
	if i < 0 {
		return ErrNoMessage
	}
	c.Messages = c.Messages[:i]
	return nil
}

// Retry answers the last message of the user anew, with another seed.
func (c *Conversation) Retry(ctx context.Context, o Options) iter.Seq2[Event, error] {
	if c == nil {
		return Fail(errNotBegun)
	}
	i := c.last()
	if i < 0 {
		return Fail(ErrNoMessage)
	}
	return c.turn(ctx, c.Messages[:i+1:i+1], o)
}

// Reset forgets the messages, not the system message. During an answer it is ErrBusy.
func (c *Conversation) Reset(ctx context.Context) error {
	if ctx == nil {
		return errNoContext
	}
	leave, err := c.enter()
	if err != nil {
		return err
	}
	defer leave()
	if c.seq == nil {
		return errNotBegun
	}
	c.Messages = nil
	return c.seq.Rewind(ctx, 0)
}

// last is where the last message of the user stands, -1 for none.
func (c *Conversation) last() int {
	for i := len(c.Messages) - 1; i >= 0; i-- {
		if c.Messages[i].Role == "user" {
			return i
		}
	}
	return -1
}

// User is a message of the user.
func User(text string) chat.Message { return chat.Message{Role: "user", Content: text} }

// All are the messages with the system message in front.
func (c *Conversation) All() []chat.Message {
	if c == nil {
		return nil
	}
	return c.with(c.Messages)
}

// with puts the system message in front of messages.
func (c *Conversation) with(messages []chat.Message) []chat.Message {
	if c.System == "" {
		return messages
	}
	return append([]chat.Message{{Role: "system", Content: c.System}}, messages...)
}

// turn answers messages and keeps them with the answer.
func (c *Conversation) turn(ctx context.Context, messages []chat.Message, o Options) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		c.respond(ctx, c.with(messages), o, func(a *Answer) {
			if a.Tokens > 0 {
				c.Messages = append(messages, a.Message())
			}
		}, yield)
	}
}

// Answer answers messages, which may begin with one of the system, beside the
// conversation's own, which stay as they are. Of what the sequence holds, a common
// beginning is used again.
//
// Events come as they are made; the last is of kind Stop, and has the answer also where an
// error comes with it, that of ctx too.
func (c *Conversation) Answer(ctx context.Context, messages []chat.Message, o Options) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) { c.respond(ctx, messages, o, nil, yield) }
}

// respond answers messages; done is as for run.
func (c *Conversation) respond(ctx context.Context, messages []chat.Message, o Options, done func(*Answer), yield func(Event, error) bool) {
	c.run(ctx, o, func() (Prompt, error) { return c.prompt(ctx, messages, o) }, done, yield)
}

// Complete goes on with a text, in which control tokens are text. There are no turns that
// could be dropped and no reasoning. Events are those of Answer.
func (c *Conversation) Complete(ctx context.Context, text string, o Options) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		c.run(ctx, o, func() (Prompt, error) {
			ids, err := c.lang.Encode(text)
			return Prompt{Text: text, IDs: ids}, err
		}, nil, yield)
	}
}

// Continue goes on with ids that the program has made itself, control tokens included.
func (c *Conversation) Continue(ctx context.Context, ids []int32, o Options) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		c.run(ctx, o, func() (Prompt, error) { return Prompt{IDs: ids}, nil }, nil, yield)
	}
}

// run generates behind the prompt that make returns. done, when set, sees the answer
// before its end is yielded, also when nobody listens any more.
func (c *Conversation) run(ctx context.Context, o Options, make func() (Prompt, error), done func(*Answer), yield func(Event, error) bool) {
	if ctx == nil {
		Fail(errNoContext)(yield)
		return
	}
	leave, err := c.enter()
	if err != nil {
		Fail(err)(yield)
		return
	}
	defer leave()
	if c.seq == nil || c.lang == nil {
		Fail(errNotBegun)(yield)
		return
	}
	a := &Answer{End: AtLength}
	err = o.check(c.lang)
	var p Prompt
	if err == nil {
		p, err = make()
	}
	left := false
	if err == nil {
		left, err = c.answer(ctx, p, o, a, yield)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		a.End, err = Interrupted, ctx.Err()
	case err != nil:
		a.End = Failed
	}
	if done != nil {
		done(a)
	}
	if !left {
		yield(Event{Kind: Stop, Answer: a}, err)
	}
}

// answer fills in a and yields its events but the last; left says that nobody listens
// any more.
func (c *Conversation) answer(ctx context.Context, p Prompt, o Options, a *Answer, yield func(Event, error) bool) (left bool, err error) {
	a.Prompt, a.Dropped = len(p.IDs), p.Dropped
	w := newWriter(c.lang, p.reasoner(c.lang), &o, func(e Event) bool { return yield(e, nil) })
	err = c.generate(ctx, p.IDs, o, a, w)
	if !w.left {
		w.flush()
		if w.stopped >= 0 {
			a.End, a.StopText = AtString, o.Stop[w.stopped]
		}
	}
	a.Text, a.Reasoning = w.text.String(), w.reasoning.String()
	return w.left, err
}

// generate fills in a and feeds w.
func (c *Conversation) generate(ctx context.Context, ids []int32, o Options, a *Answer, w *writer) error {
	if len(ids) == 0 {
		return fmt.Errorf("the prompt has no tokens")
	}
	if len(ids) > c.context {
		return &runtime.ContextError{Add: len(ids), Max: c.context}
	}
	a.Reused = held(c.seq.IDs(), ids)
	if err := c.seq.Rewind(ctx, a.Reused); err != nil {
		return err
	}
	cfg := o.sampling(c.lang, c.Count)
	a.Seed = cfg.Seed
	c.Count++
	w.begin()
	start := time.Now()
	first := start
	defer func() { a.Generate = time.Since(first) }()
	for t, err := range c.seq.Generate(ctx, ids[a.Reused:], runtime.GenerateOptions{
		Sampler: cfg, MaxTokens: o.MaxTokens, Stop: c.lang.stop, IgnoreEOS: o.IgnoreEOS, Bias: o.Bias, Progress: o.Progress, Logits: o.Logits}) {
		if a.Tokens == 0 {
			first = time.Now()
			a.Prefill = first.Sub(start)
		}
		var full *runtime.ContextError
		if errors.As(err, &full) && a.Tokens > 0 {
			a.End = AtFullContext
			return nil
		}
		if err != nil {
			return err
		}
		a.Tokens++
		w.token(t)
		switch {
		case w.left || w.stopped >= 0:
			return nil
		case t.Stop:
			a.End = AtStop
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
	return nil
}

// held is how many of ids a sequence holds and can keep; the last is always computed,
// since its logits are wanted.
func held(have, ids []int32) int {
	n := 0
	for n < len(ids)-1 && n < len(have) && ids[n] == have[n] {
		n++
	}
	return n
}
