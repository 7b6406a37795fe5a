package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/cache"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// opened is a program with the texts that belong to it.
type opened struct{ *cache.Opened }

// open opens a bundle, or a checkpoint through the cache, as the flags say.
func open(c *cli.Context, path string) (*opened, error) {
	engine, err := pickBackend(c)
	if err != nil {
		return nil, err
	}
	o := cache.OpenOptions{Target: engine.Target(), InMemory: c.Bool("no-cache"), Workers: workers(c), Warn: warn}
	if format.IsBundle(path) {
		err = noConversion(c, path)
	} else {
		o.Convert, err = convertOptions(c)
	}
	if err != nil {
		return nil, err
	}
	bar := progress.New(os.Stderr, "convert "+path+" into the cache", "B")
	defer bar.Done()
	o.Progress = bar.Set
	o.Waiting = func() { fmt.Fprintln(os.Stderr, "waiting for another tessera that converts the same checkpoint") }
	found, err := cache.Open(c.Context, path, o)
	if err != nil {
		return nil, err
	}
	return &opened{found}, nil
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

// needTokenizer is for commands that cannot do without.
func (o *opened) needTokenizer() (*tokenizer.Tokenizer, error) {
	t, err := o.Tokenizer()
	if err == nil && t == nil {
		err = fmt.Errorf("the model has no tokenizer: give token ids with --tokens 1,2,3")
	}
	return t, err
}

// model compiles the program for the backend the flags choose, to generate in one
// session. Closing the model closes o.
func (o *opened) model(c *cli.Context) (*runtime.Model, error) {
	b, err := pickBackend(c)
	if err != nil {
		return nil, err
	}
	return runtime.New(o.Program, runtime.Options{Backend: b, Threads: c.Int("threads"), MaxChunk: c.Int("chunk"), MaxRows: 1, Context: c.Int("context"), KVType: c.String("kv-type"), MaxMemory: maxMemory(c)})
}

// workers is the number of goroutines that evaluate weights.
func workers(c *cli.Context) int {
	if n := c.Int("threads"); n > 0 {
		return n
	}
	return cpu.DefaultThreads()
}
