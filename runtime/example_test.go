package runtime_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/sampler"
)

// makeBundle converts a tiny committed checkpoint and returns the bundle's
// path and a function that removes it.
func makeBundle() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	ck, err := checkpoint.Open(testutil.Model("qwen3-f32-tied"))
	if err != nil {
		log.Fatal(err)
	}
	defer ck.Close()
	plan, err := convert.NewPlan(context.Background(), ck, convert.Options{})
	if err != nil {
		log.Fatal(err)
	}
	path = filepath.Join(dir, "tiny.tess")
	if err := plan.Write(context.Background(), path, convert.WriteOptions{}); err != nil {
		log.Fatal(err)
	}
	return path, func() { os.RemoveAll(dir) }
}

// Open a bundle and generate tokens. The tokens are the same on every machine
// and for every number of threads.
func Example() {
	path, remove := makeBundle()
	defer remove()
	ctx := context.Background()

	m, err := runtime.Open(path, runtime.Options{Backend: cpu.Backend{}, Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	prompt := []int32{5, 200, 17}
	for t, err := range s.Generate(ctx, prompt, runtime.GenerateOptions{Sampler: sampler.Config{}, MaxTokens: 5, IgnoreEOS: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.ID)
	}
	// Output:
	// 83
	// 83
	// 83
	// 213
	// 202
}

// A checkpoint runs without a bundle: its plan is a program in memory.
func ExampleNew() {
	ctx := context.Background()
	ck, err := checkpoint.Open(testutil.Model("qwen3-f32-tied"))
	if err != nil {
		log.Fatal(err)
	}
	defer ck.Close()
	plan, err := convert.NewPlan(ctx, ck, convert.Options{})
	if err != nil {
		log.Fatal(err)
	}
	m, err := runtime.New(plan.Program(1), runtime.Options{Backend: cpu.Backend{}, Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	top, err := s.Prefill(ctx, []int32{5, 200, 17}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("likeliest:", top.IDs[:3])
	// Output: likeliest: [83 250 194]
}

// A session is forked to try two continuations of one prompt, and rewound to
// take one back. Shared tokens are computed once.
func ExampleSession_Fork() {
	path, remove := makeBundle()
	defer remove()
	ctx := context.Background()
	m, err := runtime.Open(path, runtime.Options{Backend: cpu.Backend{}, Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	a, err := m.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	if err := a.Extend(ctx, []int32{5, 200, 17}); err != nil {
		log.Fatal(err)
	}
	b, err := a.Fork()
	if err != nil {
		log.Fatal(err)
	}
	next := func(s *runtime.Session, id int32) int32 {
		top, err := s.Prefill(ctx, []int32{id}, nil)
		if err != nil {
			log.Fatal(err)
		}
		return top.IDs[0]
	}
	first := next(a, 3)
	next(b, 90)
	if err := b.Rewind(ctx, 3); err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Len(), b.Len(), next(b, 3) == first)
	// Output: 4 3 true
}

// Logits of every token of a sequence, in calls of any size.
func ExampleSession_Logits() {
	path, remove := makeBundle()
	defer remove()
	ctx := context.Background()
	m, err := runtime.Open(path, runtime.Options{Backend: cpu.Backend{}, Threads: 1, MaxChunk: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	err = s.Logits(ctx, []int32{5, 200, 17}, func(i int, logits []float32) error {
		fmt.Println(i, len(logits), slices.Index(logits, slices.Max(logits)))
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 0 256 83
	// 1 256 83
	// 2 256 83
}

// One segment alone: hidden states in, hidden states out, and a state that can
// be carried to another process.
func ExampleNewSegment() {
	path, remove := makeBundle()
	defer remove()
	ctx := context.Background()
	p, err := runtime.OpenProgram(path, "")
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	o := runtime.Options{Backend: cpu.Backend{}, Threads: 1}
	embed, err := runtime.NewSegment(p, "embed", o)
	if err != nil {
		log.Fatal(err)
	}
	defer embed.Close()
	decoder, err := runtime.NewSegment(p, "decoder-0", o)
	if err != nil {
		log.Fatal(err)
	}
	defer decoder.Close()
	hidden, err := embed.Run(ctx, map[string]runtime.Array{"tokens": {Shape: []int{3}, I32: []int32{5, 200, 17}}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	out, err := decoder.Run(ctx, hidden, nil)
	if err != nil {
		log.Fatal(err)
	}
	saved, err := decoder.State().Save(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out["layer.1"].Shape, len(saved), "states of", saved[0].Len, "positions")
	// Output: [3 64] 2 states of 3 positions
}
