package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tessera-llm/tessera/internal/folder"
)

// TokenizerFiles are the texts that make a tokenizer and its chat templates;
// nil where a file is absent. A GGUF has none: its metadata say the same.
type TokenizerFiles struct {
	Tokenizer        []byte // tokenizer.json
	Config           []byte // tokenizer_config.json
	SpecialTokens    []byte // special_tokens_map.json
	ChatTemplate     []byte // chat_template.jinja
	ChatTemplateJSON []byte // chat_template.json
	Templates        []Template
}

// Template is a file of additional_chat_templates, Name without ".jinja".
type Template struct {
	Name string
	Text []byte
}

// tokenizerFile is one row: a name, its limit and where its text goes.
type tokenizerFile struct {
	name  string
	limit int64
	dst   func(*TokenizerFiles) *[]byte
}

var tokenizerFiles = [...]tokenizerFile{
	{"tokenizer.json", MaxTokenizer, func(t *TokenizerFiles) *[]byte { return &t.Tokenizer }},
	{"tokenizer_config.json", MaxConfig, func(t *TokenizerFiles) *[]byte { return &t.Config }},
	{"special_tokens_map.json", MaxConfig, func(t *TokenizerFiles) *[]byte { return &t.SpecialTokens }},
	{"chat_template.jinja", MaxTemplate, func(t *TokenizerFiles) *[]byte { return &t.ChatTemplate }},
	{"chat_template.json", MaxConfig, func(t *TokenizerFiles) *[]byte { return &t.ChatTemplateJSON }},
}

const templatesDir = "additional_chat_templates"

// Tokenizer reads the tokenizer files, anew at each call. A checkpoint without
// any gives the zero value and no error.
func (c *Checkpoint) Tokenizer() (TokenizerFiles, error) {
	var t TokenizerFiles
	if c.kind != HF {
		return t, nil
	}
	for _, row := range tokenizerFiles {
		text, err := c.readBeside(row.name, row.limit)
		if absent(c.dir, row.name, err) {
			continue
		}
		if err != nil {
			return TokenizerFiles{}, err
		}
		*row.dst(&t) = text
	}
	paths, err := c.templatePaths()
	if err != nil {
		return TokenizerFiles{}, err
	}
	for _, path := range paths {
		text, err := folder.Read(path, MaxTemplate)
		if err != nil {
			return TokenizerFiles{}, err
		}
		t.Templates = append(t.Templates, Template{strings.TrimSuffix(filepath.Base(path), ".jinja"), text})
	}
	return t, nil
}

// templatePaths lists additional_chat_templates/*.jinja, sorted. The folder
// itself must not be a link.
func (c *Checkpoint) templatePaths() ([]string, error) {
	dir := filepath.Join(c.dir, templatesDir)
	st, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%s: not a folder", dir)
	}
	names, err := listing(dir)
	if err != nil {
		return nil, err
	}
	names = matching(names, "*.jinja")
	if len(names) > MaxTemplates {
		return nil, fmt.Errorf("%s: %d templates, at most %d are read", dir, len(names), MaxTemplates)
	}
	for i, name := range names {
		if names[i], err = folder.Resolve(dir, name); err != nil {
			return nil, err
		}
	}
	return names, nil
}
