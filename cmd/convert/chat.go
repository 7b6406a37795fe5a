package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tessera-llm/tessera/pkg/chat"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/sampler"
)

// talk is a model with what it needs to answer, and the conversation so far.
type talk struct {
	m    *runtime.Model
	s    *runtime.Session
	tok  *tokenizer.Tokenizer // nil: ids only
	tmpl *chat.Template       // nil: texts are gone on with, not answered
	name string               // of the template
	stop []int32
	set  settings

	vars     *chat.Map // further variables of the template
	system   string
	messages []chat.Message // of user and assistant, in turn
	count    uint64         // generations, for the seeds
}

// settings change how an answer is made.
type settings struct {
	sampler   sampler.Config
	max       int // tokens; 0: until a stop token
	ignoreEOS bool
	bias      map[int32]float32
	stops     []string
	think     *bool // nil: as the template likes
}

// Why an answer ended.
const (
	endStop    = "stop"        // a stop token
	endString  = "stop_string" // --stop
	endLength  = "length"      // -n
	endContext = "context"     // no room
	endBroken  = "interrupted"
)

// answer is what the model made of a prompt.
type answer struct {
	text      string // without reasoning
	reasoning string
	end       string
	stopText  string // of endString
	prompt    int    // tokens of the prompt
	reused    int    // of these held by the session already
	tokens    int    // generated, a stop token included
	prefill   time.Duration
	generate  time.Duration
	seed      uint64
}

// sink sees an answer as it is made. Each may be nil.
type sink struct {
	prefill  func(done, total int)
	token    func(t runtime.Token, text string) error
	sections func([]section) error
}

// render makes the prompt of a conversation, which ends with the opening of
// the assistant's turn.
func (t *talk) render(ctx context.Context, messages []chat.Message) (chat.Prompt, error) {
	in := chat.Input{AddGenerationPrompt: true, Extra: &chat.Map{}}
	if t.system != "" {
		in.Messages = append(in.Messages, chat.Message{Role: "system", Content: t.system})
	}
	in.Messages = append(in.Messages, messages...)
	if id, ok := t.tok.BOS(); ok {
		in.BOS, _, _ = t.tok.Piece(id)
	}
	if id, ok := t.tok.EOS(); ok {
		in.EOS, _, _ = t.tok.Piece(id)
	}
	if t.set.think != nil {
		name, err := t.thinkVariable()
		if err != nil {
			return nil, err
		}
		in.Extra.Set(name, *t.set.think)
	}
	for k, v := range t.vars.All() {
		in.Extra.Set(k, v)
	}
	p, err := t.tmpl.Render(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("chat template %s: %w", t.name, err)
	}
	return p, nil
}

// thinkVariable is how the template is told whether to think.
func (t *talk) thinkVariable() (string, error) {
	switch {
	case t.tmpl.Uses("enable_thinking"):
		return "enable_thinking", nil
	case t.tmpl.Uses("reasoning_effort"):
		return "", fmt.Errorf("chat template %s thinks by degrees: say --template-var reasoning_effort=low", t.name)
	case t.tmpl.Uses("thinking"):
		return "thinking", nil
	}
	return "", fmt.Errorf("chat template %s cannot be told whether to think", t.name)
}

// encode turns a prompt into ids. Only what the template wrote can be a
// control token.
func (t *talk) encode(p chat.Prompt) ([]int32, error) {
	return t.tok.Encode(p.String(), tokenizer.EncodeOptions{ParseSpecial: true, Trusted: p.Trust().Covers})
}

// reply answers the conversation that ends in messages.
func (t *talk) reply(ctx context.Context, messages []chat.Message, to sink) (answer, error) {
	p, err := t.render(ctx, messages)
	if ctx.Err() != nil {
		return answer{end: endBroken}, nil
	}
	if err != nil {
		return answer{}, err
	}
	ids, err := t.encode(p)
	if err != nil {
		return answer{}, err
	}
	return t.answer(ctx, ids, newReasoner(t.tmpl.Source(), p.String()), to)
}

// answer generates behind ids. What the session holds of them is not computed
// again. r is nil for texts without reasoning.
//
// An end of ctx is no error: the answer is what came before.
func (t *talk) answer(ctx context.Context, ids []int32, r *reasoner, to sink) (answer, error) {
	a := answer{prompt: len(ids), end: endLength, seed: t.set.sampler.Seed + t.count}
	if len(ids) == 0 {
		return a, fmt.Errorf("the prompt has no tokens")
	}
	if max := t.m.Options().Context; len(ids) > max {
		return a, &runtime.ContextError{Add: len(ids), Max: max}
	}
	a.reused = t.held(ids)
	if err := t.s.Rewind(ctx, a.reused); err != nil {
		return a, err
	}
	cfg := t.set.sampler
	cfg.Seed = a.seed
	t.count++
	w := newWriter(t, r, to)
	if err := w.begin(); err != nil {
		return a, err
	}
	start := time.Now()
	first := start
	for tk, err := range t.s.Generate(ctx, ids[a.reused:], runtime.GenerateOptions{
		Sampler: cfg, MaxTokens: t.set.max, Stop: t.stop, IgnoreEOS: t.set.ignoreEOS, Bias: t.set.bias, Progress: to.prefill}) {
		if a.tokens == 0 {
			first = time.Now()
			a.prefill = first.Sub(start)
		}
		var full *runtime.ContextError
		switch {
		case err != nil && ctx.Err() != nil:
			a.end = endBroken
			err = nil
		case errors.As(err, &full):
			a.end = endContext
			err = nil
		case err == nil:
			a.tokens++
			err = w.token(tk)
			if tk.Stop {
				a.end = endStop
			}
		}
		if err != nil {
			return a, err
		}
		if w.stopped >= 0 {
			a.end, a.stopText = endString, t.set.stops[w.stopped]
			break
		}
		if ctx.Err() != nil {
			a.end = endBroken
			break
		}
	}
	a.generate = time.Since(first)
	err := w.flush()
	a.text, a.reasoning = w.text.String(), w.reasoning.String()
	return a, err
}

// held is how many of ids the session holds and can keep; the last is always
// computed, since its logits are wanted.
func (t *talk) held(ids []int32) int {
	n := 0
	have := t.s.IDs()
	for n < len(ids)-1 && n < len(have) && ids[n] == have[n] {
		n++
	}
	return n
}

// message makes the answer a message of the conversation.
func (a *answer) message() chat.Message {
	m := chat.Message{Role: "assistant", Content: a.text}
	if a.reasoning != "" {
		m.Reasoning = strings.Trim(a.reasoning, "\n")
		m.Content = strings.TrimLeft(a.text, "\n")
	}
	return m
}

// writer takes the tokens of an answer apart.
type writer struct {
	to        sink
	tok       *tokenizer.Tokenizer
	dec       *tokenizer.StreamDecoder
	stops     matcher
	stopped   int // index of the stop string that was met, -1
	r         *reasoner
	text      strings.Builder
	reasoning strings.Builder
}

func newWriter(t *talk, r *reasoner, to sink) *writer {
	w := &writer{to: to, tok: t.tok, r: r, stops: matcher{patterns: t.set.stops}, stopped: -1}
	if t.tok != nil {
		w.dec = t.tok.NewDecoder(tokenizer.DecodeOptions{SkipSpecial: true})
	}
	return w
}

// begin shows what the prompt has opened.
func (w *writer) begin() error {
	if w.r == nil {
		return nil
	}
	return w.show(w.r.start())
}

func (w *writer) token(t runtime.Token) error {
	p := piece{}
	if w.dec != nil {
		spelling, kind, _ := w.tok.Piece(t.ID)
		if p.control = kind == tokenizer.Control; p.control {
			p.text = spelling
		} else {
			p.text = w.dec.Push(t.ID)
		}
	}
	if w.to.token != nil {
		shown := p.text
		if p.control {
			shown = ""
		}
		if err := w.to.token(t, shown); err != nil {
			return err
		}
	}
	out, found := w.stops.push(p)
	w.stopped = found
	return w.pieces(out)
}

// flush ends the answer; what stands behind a stop string is lost.
func (w *writer) flush() error {
	var rest []piece
	if w.stopped < 0 {
		if w.dec != nil {
			out, found := w.stops.push(piece{text: w.dec.Flush()})
			rest, w.stopped = out, found
		}
		if w.stopped < 0 {
			rest = slices.Concat(rest, w.stops.flush())
		}
	}
	if err := w.pieces(rest); err != nil || w.r == nil {
		return err
	}
	return w.show(w.r.flush())
}

func (w *writer) pieces(all []piece) error {
	if w.r == nil {
		if s := plain(all); s != "" {
			return w.show([]section{{answerText, s}})
		}
		return nil
	}
	for _, p := range all {
		if err := w.show(w.r.push(p)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) show(all []section) error {
	for _, s := range all {
		switch s.kind {
		case answerText:
			w.text.WriteString(s.text)
		case reasoningText:
			w.reasoning.WriteString(s.text)
		}
	}
	if w.to.sections == nil || len(all) == 0 {
		return nil
	}
	return w.to.sections(all)
}
