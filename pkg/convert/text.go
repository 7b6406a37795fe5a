package convert

import (
	"errors"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/chat"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime"
)

// Tokenizer reads the tokenizer of a checkpoint, nil when it has none. A kind
// of tokenizer that is not known is an error that names it.
func Tokenizer(c *checkpoint.Checkpoint) (*tokenizer.Tokenizer, error) {
	if c.Kind() == checkpoint.GGUF {
		// "none" is how llama.cpp writes a model of ids alone.
		if name, _ := c.GGUF().String("tokenizer.ggml.model"); name == "none" || !c.GGUF().Has("tokenizer.ggml.model") {
			return nil, nil
		}
		t, err := tokenizer.FromGGUF(c.GGUF())
		if err != nil {
			return nil, fmt.Errorf("%s: tokenizer: %w", c.Path(), err)
		}
		return t, nil
	}
	files, err := c.Tokenizer()
	if err != nil || files.Tokenizer == nil {
		return nil, err
	}
	t, err := tokenizer.FromJSON(files.Tokenizer, files.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: tokenizer.json: %w", c.Path(), err)
	}
	return t, nil
}

// ReadTexts reads tokenizer, chat templates and stop tokens of the plan's
// checkpoint.
func (p *Plan) ReadTexts() (*format.Texts, error) {
	t := &format.Texts{Stop: p.Meta.Stop}
	if p.Options.NoTokenizer {
		return t, nil
	}
	var err error
	if t.Tokenizer, err = Tokenizer(p.Checkpoint); err != nil {
		return nil, fmt.Errorf("%w (--no-tokenizer converts without it; text commands then refuse)", err)
	}
	if t.Tokenizer == nil {
		return t, nil
	}
	if t.Templates, err = templates(p.Checkpoint); err != nil {
		return nil, err
	}
	var eos []int32
	if id, ok := t.Tokenizer.EOS(); ok {
		eos = []int32{id}
	}
	if t.Stop, err = chat.StopTokens(vocab{t.Tokenizer}, chat.StopSources{Config: p.Meta.Stop, Tokenizer: eos}); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Checkpoint.Path(), err)
	}
	return t, nil
}

// vocab is a tokenizer as chat.StopTokens asks it.
type vocab struct{ *tokenizer.Tokenizer }

func (v vocab) Control(id int32) bool {
	_, kind, ok := v.Piece(id)
	return ok && kind == tokenizer.Control
}

// templates selects the chat templates of a checkpoint.
func templates(c *checkpoint.Checkpoint) (chat.Templates, error) {
	var s chat.Sources
	if c.Kind() == checkpoint.GGUF {
		s.GGUF = c.GGUF().String
		s.GGUFNames = c.GGUF().Strings("tokenizer.chat_templates")
	} else {
		files, err := c.Tokenizer()
		if err != nil {
			return chat.Templates{}, err
		}
		s = chat.Sources{TokenizerConfig: files.Config, Jinja: files.ChatTemplate, ChatTemplate: files.ChatTemplateJSON}
		for _, f := range files.Templates {
			s.Additional = append(s.Additional, chat.NamedFile{Name: f.Name, Data: f.Text})
		}
	}
	t, err := chat.Select(s)
	if errors.Is(err, chat.ErrNoTemplate) {
		return chat.Templates{}, nil
	}
	if err != nil {
		return chat.Templates{}, fmt.Errorf("%s: %w", c.Path(), err)
	}
	return t, nil
}

// textFiles are the files a bundle carries beside graphs and weights.
func (p *Plan) textFiles(t *format.Texts) ([]format.TextFile, error) {
	files, err := t.Files()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Checkpoint.Path(), err)
	}
	if g := p.Checkpoint.GenerationConfig(); g != nil {
		files = append(files, format.TextFile{Name: format.GenerationConfigFile, Data: g})
	}
	return files, nil
}

// TextBytes is runtime.Program.TextBytes of the bundle that the plan makes.
func (p *Plan) TextBytes() (int64, error) {
	t, err := p.ReadTexts()
	if err != nil {
		return 0, err
	}
	files, err := t.Files()
	if err != nil {
		return 0, err
	}
	n := int64(0)
	for _, f := range files {
		n += int64(len(f.Data))
	}
	return runtime.TextBytes(n), nil
}
