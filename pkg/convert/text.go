package convert

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
)

// Tokenizer reads the tokenizer of a checkpoint, nil when it has none. A kind
// of tokenizer that is not known is an error that names it.
func Tokenizer(c *checkpoint.Checkpoint) (*tokenizer.Tokenizer, error) {
	if c.Kind() == checkpoint.GGUF {
		if !c.GGUF().Has("tokenizer.ggml.model") {
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

// textFiles are the files a bundle carries beside graphs and weights: the
// compiled tokenizer and generation_config.json.
func (p *Plan) textFiles() ([]format.TextFile, error) {
	var files []format.TextFile
	if !p.Options.NoTokenizer {
		t, err := Tokenizer(p.Checkpoint)
		if err != nil {
			return nil, fmt.Errorf("%w (--no-tokenizer converts without it; text commands then refuse)", err)
		}
		if t != nil {
			data, err := t.MarshalBinary()
			if err != nil {
				return nil, fmt.Errorf("%s: tokenizer: %w", p.Checkpoint.Path(), err)
			}
			files = append(files, format.TextFile{Name: format.TokenizerFile, Data: data})
		}
	}
	if g := p.Checkpoint.GenerationConfig(); g != nil {
		files = append(files, format.TextFile{Name: format.GenerationConfigFile, Data: g})
	}
	return files, nil
}
