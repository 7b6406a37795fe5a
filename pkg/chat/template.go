package chat

import (
	"context"
	"sort"
	"strings"
	"time"

	"github.com/tessera-llm/tessera/pkg/chat/jinja"
)

// The forms in which values enter a template; see package jinja.
type (
	// Map is an ordered map: a message, a tool, any JSON object.
	Map = jinja.Map
	// Trusted is text in which control tokens are meant as such.
	Trusted = jinja.Trusted
	// Limits bounds one rendering; zero fields take their defaults.
	Limits = jinja.Limits
	// Error is what parsing and rendering return: kind, message, line of the template.
	Error = jinja.Error
	// Span is a piece of a prompt.
	Span = jinja.Span
)

// Template is a compiled chat template. It is immutable and safe for concurrent use.
type Template struct {
	t         *jinja.Template
	src       string
	reasoning string // the message key under which this template looks for reasoning
}

// reasoningKeys are the names templates know reasoning by, the usual one first.
var reasoningKeys = []string{"reasoning_content", "thinking", "reasoning"}

// Parse compiles the source of a template.
func Parse(src string) (*Template, error) {
	t, err := jinja.Parse(src)
	if err != nil {
		return nil, err
	}
	c := &Template{t: t, src: src, reasoning: reasoningKeys[0]}
	for _, k := range reasoningKeys {
		if t.Mentions(k) {
			c.reasoning = k
			break
		}
	}
	return c, nil
}

// Source is the text Parse was given.
func (t *Template) Source() string { return t.src }

// Uses reports whether the template can look at a variable or message key of this name, such as tools,
// enable_thinking or reasoning_effort.
func (t *Template) Uses(name string) bool { return t.t.Mentions(name) }

// Input is what a template is rendered with.
type Input struct {
	Messages            []Message
	Tools               []*Map // JSON schemas of functions
	AddGenerationPrompt bool   // end with the opening of the assistant's turn
	BOS, EOS            string // texts of the tokens; "" when the model has none

	// Extra holds further variables, such as enable_thinking, documents or pad_token; they win over the others.
	// Strings in it are untrusted unless they are Trusted.
	Extra *Map

	Now    func() time.Time // the clock of strftime_now; time.Now when nil
	Limits Limits
}

// Render runs the template. When ctx ends, the error unwraps to that of ctx.
func (t *Template) Render(ctx context.Context, in Input) (Prompt, error) {
	vars, err := t.vars(in)
	if err != nil {
		return nil, err
	}
	spans, err := t.t.Render(ctx, vars, jinja.Options{Now: in.Now, Limits: in.Limits})
	return Prompt(spans), err
}

// RenderString is Render without the marks.
func (t *Template) RenderString(ctx context.Context, in Input) (string, error) {
	p, err := t.Render(ctx, in)
	return p.String(), err
}

// vars are the variables transformers passes: tools and documents are none when absent, tokens the model
// does not have are undefined.
func (t *Template) vars(in Input) (*Map, error) {
	msgs := make([]any, len(in.Messages))
	for i := range in.Messages {
		m, err := in.Messages[i].toMap(t.reasoning)
		if err != nil {
			return nil, err
		}
		msgs[i] = m
	}
	v := &Map{}
	v.Set("messages", msgs)
	v.Set("tools", nil)
	if len(in.Tools) > 0 {
		v.Set("tools", in.Tools)
	}
	v.Set("documents", nil)
	v.Set("add_generation_prompt", in.AddGenerationPrompt)
	if in.BOS != "" {
		v.Set("bos_token", Trusted(in.BOS))
	}
	if in.EOS != "" {
		v.Set("eos_token", Trusted(in.EOS))
	}
	for k, x := range in.Extra.All() {
		v.Set(k, x)
	}
	return v, nil
}

// Prompt is rendered text, piece by piece: no piece is empty, and neighbours differ in trust.
type Prompt []Span

// String is the whole text.
func (p Prompt) String() string {
	var b strings.Builder
	for _, s := range p {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Trust is the shape of a prompt without its text: the byte offsets at which trust flips, beginning trusted.
type Trust []int

// Trust computes the offsets once for many questions.
func (p Prompt) Trust() Trust {
	var t Trust
	at, on := 0, true
	for _, s := range p {
		if s.Trusted != on {
			t = append(t, at)
			on = s.Trusted
		}
		at += len(s.Text)
	}
	return t
}

// Covers reports whether every byte of [start, end) is trusted: whether a control token spelt there is one.
func (t Trust) Covers(start, end int) bool {
	i := sort.SearchInts(t, start+1)
	return i&1 == 0 && (i == len(t) || t[i] >= end)
}
