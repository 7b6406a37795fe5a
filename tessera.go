// Package tessera runs language models in Go programs.
//
// Open opens a bundle, or a checkpoint (a Hugging Face folder or a GGUF file), which is
// converted once, into a cache. A Model chats, goes on with texts and turns texts into
// tokens; it may be used by many goroutines at once, which share its steps and get the
// answers that each would get alone. Nothing has to be installed and nothing is linked but Go.
//
//	m, err := tessera.Open("qwen3.tess", tessera.OpenOptions{})
//	...
//	for e, err := range m.Chat(ctx, []tessera.Message{tessera.User("Hello")}, tessera.Options{}) {
//
// What users write is text: no message and no text to go on with can contain a control
// token, however it is spelt. Mistakes are errors, also the use of what has been closed.
//
// The package is thin: it puts together pkg/cache (opening), pkg/dialog (conversations),
// runtime/scheduler (sharing) and runtime (models), which can be used by themselves.
package tessera

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/tessera-llm/tessera/pkg/chat"
	"github.com/tessera-llm/tessera/pkg/dialog"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/scheduler"
)

// The forms of pkg/dialog and pkg/chat that programs meet.
type (
	// Message is one turn of a conversation, of role system, user or assistant.
	Message = chat.Message
	// Options say how an answer is made; the zero value is the model's own way.
	Options = dialog.Options
	// Event is a part of an answer.
	Event = dialog.Event
	// Answer is the whole of it, in the last event.
	Answer = dialog.Answer
)

// Kinds of events.
const (
	Text      = dialog.Text      // of the answer
	Reasoning = dialog.Reasoning // what the model thinks before it answers
	Control   = dialog.Control   // marks around that
	Token     = dialog.Token     // every token by itself, with Options.Tokens
	Stop      = dialog.Stop      // the end, with the Answer
)

// ErrClosed is what the use of a closed model, conversation or segment wraps.
var ErrClosed = backend.ErrClosed

// User is a message of the user.
func User(text string) Message { return dialog.User(text) }

// System is a system message, which stands in front of the others.
func System(text string) Message { return Message{Role: "system", Content: text} }

// Collect runs an answer to its end and returns it.
func Collect(events iter.Seq2[Event, error]) (Answer, error) { return dialog.Collect(events, nil) }

// Model is an open model. Its methods may be called by many goroutines at once.
type Model struct {
	shared *scheduler.Scheduler // nil where Open has failed
	lang   *dialog.Language
	digest string // of the bundle; "" in memory
	closed atomic.Bool
	failed error // to open
}

// errNoContext is what a nil context is answered with.
var errNoContext = errors.New("tessera: the context is nil")

// errNotOpened is of a Model that Open has not made.
var errNotOpened = fmt.Errorf("the model was never opened, which Open does: %w", ErrClosed)

// usable says whether the model is open.
func (m *Model) usable() error {
	switch {
	case m == nil || m.closed.Load():
		return fmt.Errorf("the model: %w", ErrClosed)
	case m.failed != nil:
		return m.failed
	case m.shared == nil:
		return errNotOpened
	}
	return nil
}

// Chat answers messages, of which the last is the user's. Events come as they are made; the
// last is of kind Stop and has the whole answer, also where an error comes with it. To leave
// the loop, or the end of ctx, ends the answer.
//
// Every call reads its messages anew; a Conversation reads only what it has not seen.
func (m *Model) Chat(ctx context.Context, messages []Message, o Options) iter.Seq2[Event, error] {
	return m.answer(ctx, func(c *dialog.Conversation) iter.Seq2[Event, error] { return c.Answer(ctx, messages, o) })
}

// Generate goes on with a text, in which control tokens are text. Events are those of Chat.
func (m *Model) Generate(ctx context.Context, text string, o Options) iter.Seq2[Event, error] {
	return m.answer(ctx, func(c *dialog.Conversation) iter.Seq2[Event, error] { return c.Complete(ctx, text, o) })
}

// answer runs one answer in a sequence of its own.
func (m *Model) answer(ctx context.Context, run func(*dialog.Conversation) iter.Seq2[Event, error]) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		c, err := m.newConversation(ctx)
		if err != nil {
			dialog.Fail(err)(yield)
			return
		}
		defer c.Close()
		for e, err := range run(c.Conversation) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// Conversation is a chat that goes on: Say, Retry, Undo, Reset, Save and Load are those of
// dialog.Conversation. It holds memory of the model until it is closed.
type Conversation struct {
	*dialog.Conversation
	s      *scheduler.Session
	bundle string // digest
}

// NewConversation begins a conversation.
func (m *Model) NewConversation() (*Conversation, error) {
	return m.newConversation(context.Background())
}

func (m *Model) newConversation(ctx context.Context) (*Conversation, error) {
	if ctx == nil {
		return nil, errNoContext
	}
	if err := m.usable(); err != nil {
		return nil, err
	}
	s, err := m.shared.NewSession(ctx)
	if err != nil {
		return nil, err
	}
	return &Conversation{dialog.NewConversation(m.lang, s, m.shared.Model().Options().Context), s, m.digest}, nil
}

// SaveState writes to a file what the model holds of the conversation, so that LoadState, also
// of another process, spares reading it again. The messages are for Save and Load. There must
// be a bundle, in the cache at least.
func (c *Conversation) SaveState(ctx context.Context, path string) error {
	return c.Conversation.SaveState(ctx, path, c.bundle)
}

// LoadState goes on with what SaveState wrote; after an error nothing has changed.
func (c *Conversation) LoadState(ctx context.Context, path string) error {
	return c.Conversation.LoadState(ctx, path, c.bundle)
}

// Close gives the conversation's memory back. Closing twice is harmless, and so is closing one
// that was never begun.
func (c *Conversation) Close() error {
	if c == nil || c.s == nil {
		return nil
	}
	return c.s.Close()
}

// Tokenize turns a text into ids, with the tokens around it that the model expects. Control
// tokens that are spelt in it stay text.
func (m *Model) Tokenize(text string) ([]int32, error) {
	if err := m.usable(); err != nil {
		return nil, err
	}
	return m.lang.Encode(text)
}

// Detokenize turns ids into text, without control tokens.
func (m *Model) Detokenize(ids []int32) (string, error) {
	if err := m.usable(); err != nil {
		return "", err
	}
	return m.lang.Decode(ids)
}

// Runtime is the model below, for what does not change of it: Meta, Options, Program. Its
// steps are the scheduler's while m is open. It is nil where Open has failed.
func (m *Model) Runtime() *runtime.Model {
	if s := m.Scheduler(); s != nil {
		return s.Model()
	}
	return nil
}

// Scheduler lets goroutines share Runtime: its sessions are for programs that want more than
// answers. It is nil where Open has failed.
func (m *Model) Scheduler() *scheduler.Scheduler {
	if m == nil {
		return nil
	}
	return m.shared
}

// Tokenizer is the model's tokenizer, nil for a model of ids alone and where Open has failed.
// Told to, it reads control tokens in a text: what users wrote is for Tokenize.
func (m *Model) Tokenizer() *tokenizer.Tokenizer {
	if l := m.Language(); l != nil {
		return l.Tokenizer()
	}
	return nil
}

// Language is how the model reads and writes: its template, its tokenizer. It is nil where
// Open has failed.
func (m *Model) Language() *dialog.Language {
	if m == nil {
		return nil
	}
	return m.lang
}

// Close releases everything. Answers that are being made end with an error. Closing twice is
// harmless.
func (m *Model) Close() error {
	if m == nil || m.shared == nil {
		return nil
	}
	m.closed.Store(true)
	return m.shared.Close()
}
