package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/tessera-llm/tessera/pkg/chat"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
)

// TextFile is a small file that a bundle carries beside graphs and weights.
type TextFile struct {
	Name string
	Data []byte
}

// Names of the text files.
const (
	TokenizerFile        = "tokenizer.bin"       // compiled, pkg/tokenizer
	TemplatesFile        = "chat_templates.json" // list of {Name, Source, From}, the default first
	GenerationConfigFile = "generation_config.json"
)

// MaxText bounds a text file that is read whole.
const MaxText = 256 << 20

// TextFiles lists the names a bundle may carry beside graphs and weights.
var TextFiles = []string{TokenizerFile, TemplatesFile, GenerationConfigFile}

// Texts are the text side of a model: of a bundle (Bundle.Texts), or of a
// checkpoint that is not one yet (pkg/convert).
type Texts struct {
	Tokenizer *tokenizer.Tokenizer // nil: none
	Templates chat.Templates       // empty: none
	Stop      []int32              // ids that end generation, from every place that names some
}

// Files are the files in which a bundle keeps tokenizer and templates; the stop
// tokens stand in its manifest.
func (t *Texts) Files() ([]TextFile, error) {
	var files []TextFile
	if t.Tokenizer != nil {
		data, err := t.Tokenizer.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("tokenizer: %w", err)
		}
		files = append(files, TextFile{Name: TokenizerFile, Data: data})
	}
	if len(t.Templates.List) > 0 {
		data, err := json.MarshalIndent(t.Templates.List, "", " ")
		if err != nil {
			return nil, fmt.Errorf("chat templates: %w", err)
		}
		files = append(files, TextFile{Name: TemplatesFile, Data: data})
	}
	return files, nil
}

// Tokenizer loads the compiled tokenizer; nil when the bundle has none.
func (b *Bundle) Tokenizer() (*tokenizer.Tokenizer, error) {
	data, err := b.File(TokenizerFile, MaxText)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := tokenizer.Load(data)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %s: %w", b.Path, TokenizerFile, err)
	}
	return t, nil
}

// Texts loads tokenizer, chat templates and stop tokens. Nothing of what reads
// checkpoints is needed for it.
func (b *Bundle) Texts() (*Texts, error) {
	t := &Texts{Stop: b.Manifest.Meta.Stop}
	var err error
	if t.Tokenizer, err = b.Tokenizer(); err != nil {
		return nil, err
	}
	data, err := b.File(TemplatesFile, MaxText)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	if t.Templates.List, err = decodeTemplates(data); err != nil {
		return nil, fmt.Errorf("bundle %s: %s: %w", b.Path, TemplatesFile, err)
	}
	return t, nil
}

// decodeTemplates reads a TemplatesFile.
func decodeTemplates(data []byte) ([]chat.Named, error) {
	var list []chat.Named
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("want a list of templates with Name, Source and From: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more behind the list of templates")
	}
	names := map[string]bool{}
	for i, n := range list {
		if n.Name == "" || names[n.Name] {
			return nil, fmt.Errorf("template %d is called %.60q, want a name of its own", i, n.Name)
		}
		names[n.Name] = true
	}
	return list, nil
}
