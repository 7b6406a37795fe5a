package dialog

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/tessera-llm/tessera/pkg/chat"
	"github.com/tessera-llm/tessera/runtime"
)

// Kind of an Event.
type Kind int

const (
	Text      Kind = iota // of the answer
	Reasoning             // what the model thinks before it answers
	Control               // a mark around reasoning: "<think>", or that in place of such control tokens
	Token                 // one generated token, before its text becomes part of the answer; only with Options.Tokens
	Stop                  // the end: Answer has all
)

// Event is a part of an answer.
type Event struct {
	Kind Kind
	// Text is new text, in whole characters. That of a Token is what the token completes:
	// nothing for a control token. The texts of all tokens are the answer before stop
	// strings and reasoning are taken out.
	Text   string
	Token  runtime.Token // of a Token
	Answer *Answer       // of Stop, else nil
}

// End is why an answer ended.
type End string

const (
	AtStop        End = "stop"        // a stop token
	AtString      End = "stop_string" // one of Options.Stop
	AtLength      End = "length"      // Options.MaxTokens
	AtFullContext End = "context"     // no room for more
	Interrupted   End = "interrupted" // the end of ctx
	Failed        End = "error"
)

// Answer is what the model made of a prompt.
type Answer struct {
	Text      string // without reasoning
	Reasoning string
	End       End
	StopText  string        // of AtString
	Prompt    int           // tokens of the prompt
	Reused    int           // of these held by the sequence already
	Dropped   int           // messages that were left out of the prompt
	Tokens    int           // generated, a stop token included
	Prefill   time.Duration // until the first token
	Generate  time.Duration // from then on
	Seed      uint64        // it was drawn from
}

// Message makes the answer a message of the conversation.
func (a *Answer) Message() chat.Message {
	m := chat.Message{Role: "assistant", Content: a.Text}
	if a.Reasoning != "" {
		m.Reasoning = strings.Trim(a.Reasoning, "\n")
		m.Content = strings.TrimLeft(a.Text, "\n")
	}
	return m
}

// Collect runs an answer to its end, hands its other events to see, which may be nil, and
// returns it. An error of see ends it early, with what there is.
func Collect(events iter.Seq2[Event, error], see func(Event) error) (Answer, error) {
	if events == nil {
		return Answer{End: Failed}, errors.New("there is no answer to collect: the events are nil")
	}
	var a Answer
	for e, err := range events {
		if e.Answer != nil {
			a = *e.Answer
		}
		if err != nil {
			return a, err
		}
		if see == nil || e.Answer != nil {
			continue
		}
		if err := see(e); err != nil {
			return a, err
		}
	}
	return a, nil
}

// Fail are the events of an answer that cannot begin. It is Interrupted where err is the end
// of a context, else Failed.
func Fail(err error) iter.Seq2[Event, error] {
	end := Failed
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		end = Interrupted
	}
	return func(yield func(Event, error) bool) { yield(Event{Kind: Stop, Answer: &Answer{End: end}}, err) }
}
