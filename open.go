package tessera

import (
	"context"
	"errors"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/cache"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/dialog"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/scheduler"
)

// OpenOptions of Open; the zero value is good for most programs.
type OpenOptions struct {
	Backend backend.Backend // nil: cpu.Backend
	Threads int             // 0: the number of physical cores
	Context int             // positions of a sequence; 0: the model's own, at most 8192
	KVType  string          // how K and V are kept, f16 or q8_0 for example; "": the model's own
	// MaxMemory, when not 0, is how many bytes the model may take: Open refuses one that does
	// not fit with one full sequence, and at most as many sequences are open at once as fit.
	MaxMemory int64
	Sharing   scheduler.Options // how goroutines share it: prompt tokens beside decode, most sessions
	Template  string            // chat template: a name that the model has, or a file of jinja; "": the default

	// What follows is about checkpoints; with a bundle, which is converted already, Type and
	// IgnoreKeys are errors.
	Type       string                        // weight type or mixture, q4_k_m for example; "": as they are
	IgnoreKeys []string                      // settings that are taken as absent
	InMemory   bool                          // convert in memory, not into the cache
	Progress   func(done, total int64)       // bytes of a conversion into the cache
	Warn       func(path string, w []string) // settings that were left out; nil: nobody is told
}

// Open opens a bundle, or a checkpoint: a Hugging Face folder or a GGUF file, which is
// converted into the cache ($TESSERA_CACHE) unless a bundle of it lies there.
//
// Where that fails the model is not nil: whatever is asked of it is the same error, so that
// a program may look at one of them only.
func Open(path string, o OpenOptions) (*Model, error) {
	return OpenContext(context.Background(), path, o)
}

// OpenContext is Open; the end of ctx ends a conversion.
func OpenContext(ctx context.Context, path string, o OpenOptions) (*Model, error) {
	m, err := open(ctx, path, o)
	if err != nil {
		return &Model{failed: err}, err
	}
	return m, nil
}

func open(ctx context.Context, path string, o OpenOptions) (*Model, error) {
	if ctx == nil {
		return nil, errNoContext
	}
	if o.Backend == nil {
		o.Backend = cpu.Backend{}
	}
	c, err := o.cache(path)
	if err != nil {
		return nil, err
	}
	found, err := cache.Open(ctx, path, c)
	if err != nil {
		return nil, err
	}
	texts, err := found.Texts()
	if err != nil {
		return nil, errors.Join(err, found.Close())
	}
	named, err := dialog.FindTemplate(texts.Templates, o.Template)
	if err != nil {
		return nil, errors.Join(err, found.Close())
	}
	opt := runtime.Options{Backend: o.Backend, Threads: o.Threads, Context: o.Context, KVType: o.KVType}
	if o.MaxMemory != 0 { // one session, whose steps want a row
		if _, err := found.Program.Within(opt, runtime.Load{}, o.MaxMemory); err != nil {
			return nil, errors.Join(err, found.Close())
		}
	}
	rt, err := runtime.New(found.Program, opt)
	if err != nil {
		return nil, err // New has closed the program
	}
	lang, err := dialog.NewLanguage(texts, named, rt.DefaultSampler())
	if err != nil {
		return nil, errors.Join(err, rt.Close())
	}
	if o.Sharing.MaxMemory == 0 {
		o.Sharing.MaxMemory = o.MaxMemory
	}
	shared, err := scheduler.New(rt, o.Sharing)
	if err != nil {
		return nil, err // New has closed the model
	}
	return &Model{shared: shared, lang: lang, digest: found.Digest}, nil
}

// cache is how path is opened.
func (o *OpenOptions) cache(path string) (cache.OpenOptions, error) {
	c := cache.OpenOptions{Target: o.Backend.Target(), InMemory: o.InMemory, Workers: o.Threads, Progress: o.Progress, Warn: o.Warn}
	if c.Workers < 1 {
		c.Workers = cpu.DefaultThreads()
	}
	if format.IsBundle(path) {
		if o.Type != "" || len(o.IgnoreKeys) > 0 {
			return c, fmt.Errorf("%s is a bundle: Type and IgnoreKeys change the conversion of a checkpoint", path)
		}
		return c, nil
	}
	c.Convert = convert.Options{IgnoreKeys: o.IgnoreKeys}
	if o.Type != "" {
		t, err := quant.ParseRecipe(o.Type)
		if err != nil {
			return c, fmt.Errorf("type: %w", err)
		}
		c.Convert.Type = t
	}
	if name := o.Backend.Target(); name != "" {
		t, err := target.Lookup(name)
		if err != nil {
			return c, err
		}
		c.Convert.Targets = []*target.Target{t}
	}
	return c, nil
}
