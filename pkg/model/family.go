package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// family describes one architecture.
type family struct {
	name          string   // canonical
	modelTypes    []string // config.json: model_type
	architectures []string // config.json: architectures
	// gguf is the general.architecture of its GGUF files. Several families may
	// share one; the first of the table reads them.
	gguf string

	// config takes the keys that the family understands and describes every
	// layer. What it leaves over is an error (keys.leftover).
	config func(k *keys) *Config
	// tensors is the table of weights.
	tensors []row
	// block is the graph of one whole layer: h is the hidden state before it.
	block func(b *builder, l *Layer, h ir.ValueID) ir.ValueID
}

// families is the table of architectures.
var families = []*family{&llama, &mistral, &qwen2, &qwen3}

// lookup finds the family that a checkpoint names; key and names say under
// which setting.
func lookup(key, value string, names func(f *family) []string) (*family, error) {
	var known []string
	for _, f := range families {
		if slices.Contains(names(f), value) {
			return f, nil
		}
		for _, n := range names(f) {
			if !slices.Contains(known, n) {
				known = append(known, n)
			}
		}
	}
	return nil, fmt.Errorf("%s %q is not supported, want one of %s", key, value, strings.Join(known, ", "))
}

func byModelType(f *family) []string { return f.modelTypes }
func byGGUF(f *family) []string      { return []string{f.gguf} }
func byName(f *family) []string      { return []string{f.name} }

// read runs the family's config function and the law of keys.
func (f *family) read(k *keys, ignore []string) (*Config, []string, error) {
	c := f.config(k)
	warnings, err := k.leftover(ignore)
	if err != nil {
		return nil, nil, err
	}
	return c, warnings, c.check()
}
