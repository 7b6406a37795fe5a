package runtime

import "github.com/tessera-llm/tessera/pkg/format"

// OpenProgram opens the bundle at path as a program. Its weights are mapped,
// not read.
func OpenProgram(path string) (*Program, error) {
	b, err := format.Open(path)
	if err != nil {
		return nil, err
	}
	return BundleProgram(b), nil
}

// BundleProgram is an open bundle as a program; closing the program closes
// the bundle.
func BundleProgram(b *format.Bundle) *Program {
	return &Program{Segments: b.Segments, Weights: b, Meta: b.Manifest.Meta, Close: b.Close}
}

// Open opens the bundle at path on the backend in o.
func Open(path string, o Options) (*Model, error) {
	p, err := OpenProgram(path)
	if err != nil {
		return nil, err
	}
	m, err := New(p, o)
	if err != nil {
		p.Close()
		return nil, err
	}
	return m, nil
}
