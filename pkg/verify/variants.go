package verify

import (
	"context"
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Variant is one way to run a program.
type Variant struct {
	Name    string
	Threads int
	Chunk   int // tokens per call
	KVType  string
	Poison  bool // fill the cache beyond kv_len with NaN before every call
	// Company is the number of other sequences in every call. They are shorter and
	// longer, append one token or several, start again and leave.
	Company int
	// Program makes the program; it is closed after the run.
	Program func() (*runtime.Program, error)
	Backend backend.Backend
	// MaxMemory is runtime.Options.MaxMemory.
	MaxMemory int64
}

// VariantResult compares a variant's logits with the first variant's.
type VariantResult struct {
	Name string     `json:"name"`
	Diff Difference `json:"diff"`
	OK   bool       `json:"ok"`
}

// Variants runs ids through every variant and compares the logits of all
// tokens, as j judges, with those of the first.
func Variants(ctx context.Context, ids []int32, j Judge, variants []Variant) ([]VariantResult, error) {
	var first []float32
	var all []VariantResult
	for i, v := range variants {
		logits, err := v.run(ctx, ids)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		if i == 0 {
			first = logits
		}
		if len(logits) != len(first) {
			return nil, fmt.Errorf("%s: %d logits, want %d", v.Name, len(logits), len(first))
		}
		d := compare(v.Name, first, logits)
		all = append(all, VariantResult{Name: v.Name, Diff: d, OK: j.same(d)})
	}
	return all, nil
}

func (v *Variant) run(ctx context.Context, ids []int32) ([]float32, error) {
	p, err := v.Program()
	if err != nil {
		return nil, err
	}
	m, err := runtime.New(p, runtime.Options{Backend: v.Backend, Threads: v.Threads, MaxChunk: v.Chunk + v.Company*othersCall, Context: len(ids) + 1, KVType: v.KVType,
		MaxMemory: v.MaxMemory, MaxSessions: 1 + v.Company})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		return nil, err
	}
	others, err := newOthers(m, v.Company, ids)
	if err != nil {
		return nil, err
	}
	var all []float32
	for at := 0; at < len(ids); at += v.Chunk {
		if v.Poison {
			if p, ok := s.State().(interface{ Poison() }); ok {
				p.Poison()
			}
		}
		a := runtime.Append{Session: s, IDs: ids[at:min(at+v.Chunk, len(ids))], NoTop: true,
			Logits: func(_ int, logits []float32, _ int) error { all = append(all, logits...); return nil }}
		for i := range a.IDs {
			a.Rows = append(a.Rows, runtime.Row{At: int32(i)})
		}
		if err := others.step(ctx, a); err != nil {
			return nil, err
		}
	}
	for _, f := range all {
		if math.IsNaN(float64(f)) {
			return nil, fmt.Errorf("logits hold NaN")
		}
	}
	return all, nil
}
