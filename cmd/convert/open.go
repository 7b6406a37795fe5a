package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/cache"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// opened is a program with the texts that belong to it.
type opened struct {
	prog *runtime.Program
	text func() (*tokenizer.Tokenizer, error) // nil tokenizer: there is none
	// texts are the tokenizer with the chat templates and all stop tokens.
	texts func() (*convert.Texts, error)
	ckpt  *checkpoint.Checkpoint // nil for a bundle
	path  string                 // of the bundle; "" for a checkpoint in memory

	madeAs string // --type of the conversion
}

func (o *opened) Close() error {
	if o.prog.Close != nil {
		return o.prog.Close()
	}
	return nil
}

// open opens a bundle, or a checkpoint through the cache.
func open(c *cli.Context, path string) (*opened, error) {
	engine, err := pickBackend(c)
	if err != nil {
		return nil, err
	}
	if format.IsBundle(path) {
		if err := noConversion(c, path); err != nil {
			return nil, err
		}
		return openBundle(path, engine.Target())
	}
	o, err := convertOptions(c)
	if err != nil {
		return nil, err
	}
	ck, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	plan, err := newPlan(c, ck, o)
	if err != nil {
		ck.Close()
		return nil, err
	}
	if c.Bool("no-cache") {
		p := plan.Program(workers(c))
		p.Close = ck.Close
		return &opened{prog: p, ckpt: ck, madeAs: o.Type.String(), texts: plan.ReadTexts, text: func() (*tokenizer.Tokenizer, error) { return convert.Tokenizer(ck) }}, nil
	}
	defer ck.Close()
	kept, err := cache.Default()
	if err != nil {
		return nil, err
	}
	bar := progress.New(os.Stderr, "convert "+path+" into the cache", "B")
	dir, err := kept.Get(c.Context, plan, convert.WriteOptions{Workers: workers(c), Progress: bar.Set}, func() {
		fmt.Fprintln(os.Stderr, "waiting for another tessera that converts the same checkpoint")
	})
	bar.Done()
	if err != nil {
		return nil, err
	}
	return openBundle(dir, engine.Target())
}

// openBundle opens a bundle with its graphs for the named target, "" for the first.
func openBundle(path, target string) (*opened, error) {
	b, err := format.OpenFor(path, target)
	if err != nil {
		return nil, err
	}
	return &opened{prog: runtime.BundleProgram(b), madeAs: b.Manifest.Source.Type, path: path,
		text:  sync.OnceValues(func() (*tokenizer.Tokenizer, error) { return bundleTokenizer(b) }),
		texts: sync.OnceValues(func() (*convert.Texts, error) { return bundleTexts(b) })}, nil
}

// encodeBeside loads the tokenizer and encodes text while the caller goes on;
// the function returned waits for the ids.
func (o *opened) encodeBeside(text string) func() ([]int32, error) {
	var ids []int32
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		var t *tokenizer.Tokenizer
		if t, err = o.needTokenizer(); err == nil {
			ids, err = t.Encode(text, tokenizer.EncodeOptions{AddSpecial: true})
		}
	}()
	return func() ([]int32, error) { <-done; return ids, err }
}

// bundleTokenizer loads the compiled tokenizer; nil when the bundle has none.
func bundleTokenizer(b *format.Bundle) (*tokenizer.Tokenizer, error) {
	data, err := b.File(format.TokenizerFile, format.MaxText)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := tokenizer.Load(data)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %s: %w", b.Path, format.TokenizerFile, err)
	}
	return t, nil
}

// bundleTexts loads all texts of a bundle.
func bundleTexts(b *format.Bundle) (*convert.Texts, error) {
	t := &convert.Texts{Stop: b.Manifest.Meta.Stop}
	var err error
	if t.Tokenizer, err = bundleTokenizer(b); err != nil {
		return nil, err
	}
	data, err := b.File(format.TemplatesFile, format.MaxText)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	if t.Templates, err = convert.BundleTemplates(data); err != nil {
		return nil, fmt.Errorf("bundle %s: %w", b.Path, err)
	}
	return t, nil
}

// needTokenizer is for commands that cannot do without.
func (o *opened) needTokenizer() (*tokenizer.Tokenizer, error) {
	t, err := o.text()
	if err == nil && t == nil {
		err = fmt.Errorf("the model has no tokenizer: give token ids with --tokens 1,2,3")
	}
	return t, err
}

// model compiles the program for the backend the flags choose. Closing the
// model closes o.
func (o *opened) model(c *cli.Context) (*runtime.Model, error) {
	b, err := pickBackend(c)
	if err != nil {
		return nil, err
	}
	return runtime.New(o.prog, runtime.Options{Backend: b, Threads: c.Int("threads"), MaxChunk: c.Int("chunk"), Context: c.Int("context"), KVType: c.String("kv-type")})
}

// workers is the number of goroutines that evaluate weights.
func workers(c *cli.Context) int {
	if n := c.Int("threads"); n > 0 {
		return n
	}
	return cpu.DefaultThreads()
}
