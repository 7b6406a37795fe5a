package dialog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tessera-llm/tessera/pkg/chat"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime/sampler"
)

// Language is how a model reads and writes. It does not change and may be used by
// several goroutines at once.
type Language struct {
	tok      *tokenizer.Tokenizer // nil: ids only
	tmpl     *chat.Template       // nil: texts are gone on with, not answered
	name     string               // of the template
	stop     []int32
	sampling sampler.Config
	bos, eos string // "" for none
}

// NewLanguage is the language of a model with these texts. template turns messages into
// prompts; without one (nil) there are no chats, only texts to go on with. sampling is
// what Options without a Sampler mean (runtime.Model.DefaultSampler).
func NewLanguage(texts *format.Texts, template *chat.Named, sampling sampler.Config) (*Language, error) {
	l := &Language{tok: texts.Tokenizer, stop: texts.Stop, sampling: sampling}
	if l.tok != nil {
		if id, ok := l.tok.BOS(); ok {
			l.bos, _, _ = l.tok.Piece(id)
		}
		if id, ok := l.tok.EOS(); ok {
			l.eos, _, _ = l.tok.Piece(id)
		}
	}
	if template == nil {
		return l, nil
	}
	if l.tok == nil {
		return nil, fmt.Errorf("the model has no tokenizer: no chat")
	}
	tmpl, err := chat.Parse(template.Source)
	if err != nil {
		return nil, fmt.Errorf("chat template %s: %w", template.Name, err)
	}
	l.tmpl, l.name = tmpl, template.Name
	return l, nil
}

// maxTemplate bounds the bytes of a template file.
const maxTemplate = 4 << 20

// FindTemplate finds the template that a user asks for: one that the model has under
// that name, or else a file of jinja; "" is the model's default, nil when it has none.
func FindTemplate(have chat.Templates, want string) (*chat.Named, error) {
	if want == "" && len(have.List) == 0 {
		return nil, nil
	}
	n, err := have.Pick(want, false)
	if err == nil {
		return &n, nil
	}
	if want == "" {
		return nil, err
	}
	f, ferr := os.Open(want)
	if ferr != nil {
		return nil, fmt.Errorf("%w, and no file: %w", err, ferr)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	if err != nil {
		return nil, err
	}
	if len(src) > maxTemplate {
		return nil, fmt.Errorf("chat template %s is larger than %d bytes", want, maxTemplate)
	}
	return &chat.Named{Name: want, Source: string(src), From: want}, nil
}

// Template names the chat template, "" for none.
func (l *Language) Template() string { return l.name }

// Chats says whether messages can be answered: whether there is a chat template.
func (l *Language) Chats() bool { return l.tmpl != nil }

// Tokenizer is the model's, nil for a model of ids alone. It can also read control tokens
// in a text; Encode never does.
func (l *Language) Tokenizer() *tokenizer.Tokenizer { return l.tok }

var (
	errNoTokenizer = errors.New("the model has no tokenizer: give token ids")
	errNoTemplate  = errors.New("the model has no chat template: give one, or go on with texts as they are")
)

// Encode turns a text of anybody into ids, with the tokens around it that the model
// expects. Control tokens that are spelt in it stay text.
func (l *Language) Encode(text string) ([]int32, error) {
	if l.tok == nil {
		return nil, errNoTokenizer
	}
	return l.tok.Encode(text, tokenizer.EncodeOptions{AddSpecial: true})
}

// Decode turns ids into text, without control tokens.
func (l *Language) Decode(ids []int32) (string, error) {
	if l.tok == nil {
		return "", errNoTokenizer
	}
	for _, id := range ids {
		if id < 0 || int(id) >= l.tok.Size() {
			return "", fmt.Errorf("token id %d is outside 0..%d", id, l.tok.Size()-1)
		}
	}
	return l.tok.Decode(ids, tokenizer.DecodeOptions{SkipSpecial: true}), nil
}

// ThinkVariable is the variable that tells the template whether to think.
func (l *Language) ThinkVariable() (string, error) {
	switch {
	case l.tmpl == nil:
		return "", errNoTemplate
	case l.tmpl.Uses("enable_thinking"):
		return "enable_thinking", nil
	case l.tmpl.Uses("reasoning_effort"):
		return "", fmt.Errorf("chat template %s thinks by degrees: say --template-var reasoning_effort=low", l.name)
	case l.tmpl.Uses("thinking"):
		return "thinking", nil
	}
	return "", fmt.Errorf("chat template %s cannot be told whether to think", l.name)
}

// Prompt is what a model sees of a conversation.
type Prompt struct {
	Text    string
	IDs     []int32
	Dropped int // messages in front that were left out for want of room

	chat bool   // of messages
	tail string // what the template wrote at its end
}

// reasoner tells reasoning from answer behind p; nil behind a text.
func (p *Prompt) reasoner(l *Language) *reasoner {
	if !p.chat {
		return nil
	}
	return newReasoner(l.tmpl.Source(), p.tail)
}

// Prompt renders messages and the opening of the assistant's turn. Only what the template
// wrote can be a control token. Of o, Think and Variables count.
func (l *Language) Prompt(ctx context.Context, messages []chat.Message, o Options) (Prompt, error) {
	if l.tmpl == nil {
		return Prompt{}, errNoTemplate
	}
	in := chat.Input{Messages: messages, AddGenerationPrompt: true, BOS: l.bos, EOS: l.eos, Extra: &chat.Map{}}
	if o.Think != nil {
		name, err := l.ThinkVariable()
		if err != nil {
			return Prompt{}, err
		}
		in.Extra.Set(name, *o.Think)
	}
	for k, v := range o.Variables.All() {
		in.Extra.Set(k, v)
	}
	p, err := l.tmpl.Render(ctx, in)
	if err != nil {
		return Prompt{}, fmt.Errorf("chat template %s: %w", l.name, err)
	}
	text := p.String()
	ids, err := l.tok.Encode(text, tokenizer.EncodeOptions{ParseSpecial: true, Trusted: p.Trust().Covers})
	if err != nil {
		return Prompt{}, err
	}
	out := Prompt{Text: text, IDs: ids, chat: true}
	if n := len(p); n > 0 && p[n-1].Trusted {
		out.tail = p[n-1].Text
	}
	return out, nil
}
