package cache

import (
	"context"
	"fmt"
	"sync"

	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime"
)

// OpenOptions of Open. All but Target are about checkpoints.
type OpenOptions struct {
	Target   string          // whose graphs are wanted; "" is a bundle's first
	Convert  convert.Options // how a checkpoint is converted
	InMemory bool            // in memory, not into the cache
	Workers  int             // goroutines that evaluate weights; less than 1 means 1
	Cache    *Cache          // nil: Default

	Progress func(done, total int64)                    // of a conversion into the cache, in bytes
	Waiting  func()                                     // another process converts the same checkpoint
	Warn     func(checkpoint string, warnings []string) // what was left out of a checkpoint
}

// Opened is a program with the texts that belong to it.
type Opened struct {
	Program *runtime.Program
	Path    string // of the bundle; "" for a checkpoint in memory
	Digest  string // of the bundle (format.Bundle.Digest); "" for a checkpoint in memory
	Type    string // of the weights, as the conversion was told

	// Tokenizer is nil for a model of ids alone. Both are read at the first call.
	Tokenizer func() (*tokenizer.Tokenizer, error)
	Texts     func() (*format.Texts, error)
}

// Close closes the program, and with it the bundle or the checkpoint. Who hands the
// program to a runtime.Model closes that instead.
func (o *Opened) Close() error {
	if o.Program.Close == nil {
		return nil
	}
	return o.Program.Close()
}

// Open opens the bundle at path, or the checkpoint there: as the bundle that the
// cache keeps of it, made first if need be, or in memory.
func Open(ctx context.Context, path string, o OpenOptions) (*Opened, error) {
	if format.IsBundle(path) {
		return openBundle(path, o.Target)
	}
	ck, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	opened, err := openCheckpoint(ctx, ck, o)
	if err != nil || !o.InMemory {
		ck.Close()
	}
	return opened, err
}

func openBundle(path, target string) (*Opened, error) {
	b, err := format.OpenFor(path, target)
	if err != nil {
		return nil, err
	}
	return &Opened{Program: runtime.BundleProgram(b), Path: path, Digest: b.Digest, Type: b.Manifest.Source.Type,
		Tokenizer: sync.OnceValues(b.Tokenizer), Texts: sync.OnceValues(b.Texts)}, nil
}

// openCheckpoint leaves ck open; in memory the program closes it.
func openCheckpoint(ctx context.Context, ck *checkpoint.Checkpoint, o OpenOptions) (*Opened, error) {
	plan, err := convert.NewPlan(ctx, ck, o.Convert)
	if err != nil {
		return nil, err
	}
	if o.Warn != nil && len(plan.Model.Warnings) > 0 {
		o.Warn(ck.Path(), plan.Model.Warnings)
	}
	if o.InMemory {
		p := plan.Program(max(1, o.Workers))
		p.Close = ck.Close
		return &Opened{Program: p, Type: o.Convert.Type.String(), Texts: sync.OnceValues(plan.ReadTexts),
			Tokenizer: sync.OnceValues(func() (*tokenizer.Tokenizer, error) { return convert.Tokenizer(ck) })}, nil
	}
	kept := o.Cache
	if kept == nil {
		if kept, err = Default(); err != nil {
			return nil, err
		}
	}
	dir, err := kept.Get(ctx, plan, convert.WriteOptions{Workers: o.Workers, Progress: o.Progress}, o.Waiting)
	if err != nil {
		return nil, err
	}
	return openBundle(dir, o.Target)
}

// Tokenizer opens only the tokenizer of the bundle or checkpoint at path; an error
// when there is none.
func Tokenizer(path string) (*tokenizer.Tokenizer, error) {
	tok, err := readTokenizer(path)
	if err == nil && tok == nil {
		err = fmt.Errorf("%s has no tokenizer", path)
	}
	return tok, err
}

func readTokenizer(path string) (*tokenizer.Tokenizer, error) {
	if format.IsBundle(path) {
		b, err := format.Open(path)
		if err != nil {
			return nil, err
		}
		defer b.Close()
		return b.Tokenizer()
	}
	ck, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	defer ck.Close()
	return convert.Tokenizer(ck)
}
