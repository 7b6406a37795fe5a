package runtime

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/format"
)

// OpenProgram opens the bundle at path as a program for the named target, "" for
// the bundle's first. Its weights are mapped, not read.
func OpenProgram(path, target string) (*Program, error) {
	b, err := format.OpenFor(path, target)
	if err != nil {
		return nil, err
	}
	return BundleProgram(b), nil
}

// BundleProgram is an open bundle as a program; closing the program closes
// the bundle.
func BundleProgram(b *format.Bundle) *Program {
	texts := int64(0)
	for _, f := range b.Manifest.Files {
		if f.Name == format.TokenizerFile || f.Name == format.TemplatesFile {
			texts += f.Bytes
		}
	}
	return &Program{Segments: b.Segments, Weights: b, Meta: b.Manifest.Meta, TextBytes: TextBytes(texts), Close: b.Close}
}

// TextBytes is Program.TextBytes of a model whose tokenizer and templates take that many
// bytes in a bundle: of vocabularies of 128 and 152 thousand, tables of 8.4 and 14 MB became
// from files of 2.7 and 3.2 MB.
func TextBytes(files int64) int64 { return 4 * min(files, format.MaxText) }

// Open opens the bundle at path on the backend in o.
func Open(path string, o Options) (*Model, error) {
	if o.Backend == nil {
		return nil, fmt.Errorf("runtime: no backend")
	}
	p, err := OpenProgram(path, o.Backend.Target())
	if err != nil {
		return nil, err
	}
	return New(p, o)
}
