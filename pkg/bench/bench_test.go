package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// program is a committed checkpoint in memory.
func program(t *testing.T, typ quant.Recipe) *runtime.Program {
	t.Helper()
	ck, err := checkpoint.Open(testutil.Model("qwen3-f32-tied"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	plan, err := convert.NewPlan(t.Context(), ck, convert.Options{Type: typ})
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Program(1)
	p.Close = func() error { t.Error("the program was closed"); return nil }
	return p
}

func run(t *testing.T, p *runtime.Program, o Options) []Row {
	t.Helper()
	var rows []Row
	o.Backend = cpu.Backend{}
	if err := Run(t.Context(), p, o, func(r Row) error { rows = append(rows, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestRows(t *testing.T) {
	p := program(t, quant.Keep)
	rows := run(t, p, Options{Prompts: []int{8, 3}, Gens: []int{2}, Depths: []int{20, 0, 20, 510}, Threads: []int{1, 2}, Reps: 3, Chunk: 4})
	var names []string
	for _, r := range rows {
		names = append(names, r.Test)
		if fits := r.Depth+r.Prompt+r.Gen <= 512; fits != (r.Error == "") {
			t.Errorf("%s with a context of 512: error %q", r.Test, r.Error)
		}
		if r.Error != "" {
			continue
		}
		mean, sd := meanSD(r.Samples)
		if len(r.Samples) != 3 || r.Speed != mean || r.StdDev != sd || !(r.Speed > 0) || r.Chunk != 4 || r.KVType != "f32" || r.Ops != nil {
			t.Errorf("%+v", r)
		}
	}
	want := []string{"pp8", "pp3", "tg2", "pp8 @ d20", "pp3 @ d20", "tg2 @ d20", "pp8 @ d510", "pp3 @ d510", "tg2 @ d510"}
	if want = append(want, want...); !slices.Equal(names, want) {
		t.Errorf("rows %q, want %q", names, want)
	}
	if rows[0].Threads != 1 || rows[9].Threads != 2 {
		t.Errorf("threads %d and %d", rows[0].Threads, rows[9].Threads)
	}
}

// TestSessions: some sessions generate together, each behind its own tokens.
func TestSessions(t *testing.T) {
	rows := run(t, program(t, quant.Q8_0), Options{Prompts: []int{4}, Gens: []int{3}, Sessions: []int{1, 5}, Depths: []int{0, 300}, Threads: []int{1}, Reps: 2, Chunk: 64})
	var names []string
	for _, r := range rows {
		names = append(names, r.Test)
		if r.Error != "" || !(r.Speed > 0) || len(r.Samples) != 2 || r.StateBytes <= 0 {
			t.Errorf("%+v", r)
		}
	}
	if want := []string{"pp4", "tg3", "tg3 × 5", "pp4 @ d300", "tg3 @ d300", "tg3 × 5 @ d300"}; !slices.Equal(names, want) {
		t.Fatalf("rows %q, want %q", names, want)
	}
	if one, five := rows[4], rows[5]; one.Sessions != 1 || five.Sessions != 5 || five.StateBytes != 5*one.StateBytes {
		t.Errorf("%d sessions with %d bytes, %d with %d", one.Sessions, one.StateBytes, five.Sessions, five.StateBytes)
	}
	o := Options{Backend: cpu.Backend{}, Gens: []int{1}, Sessions: []int{9}, Depths: []int{0}, Threads: []int{1}, Reps: 1, Chunk: 8}
	if err := Run(t.Context(), program(t, quant.Q8_0), o, func(Row) error { return nil }); err == nil || !strings.Contains(err.Error(), "larger chunk") {
		t.Errorf("9 sessions in steps of 8 tokens: %v", err)
	}
}

// TestOps compares what is counted with what the shapes say: hidden 64, 2
// layers, 4 heads of 32, 2 KV heads, intermediate 96, vocabulary 256.
func TestOps(t *testing.T) {
	p := program(t, quant.Q8_0)
	rows := run(t, p, Options{Prompts: []int{8}, Gens: []int{1}, Depths: []int{5}, Threads: []int{1}, Reps: 2, Chunk: 8, Ops: true})
	for _, r := range rows {
		var total, percent float64
		by := map[string]OpTime{}
		for i, o := range r.Ops {
			by[o.Kind] = o
			percent += o.Percent
			total += o.Millis
			if i > 0 && o.Millis > r.Ops[i-1].Millis {
				t.Errorf("%s: %v is not sorted by time", r.Test, r.Ops)
			}
		}
		if math.Abs(percent-100) > 1e-6 || total <= 0 {
			t.Errorf("%s: %v %% of %v ms", r.Test, percent, total)
		}
		var hidden, heads, kvHeads, dim, inter, vocab = 64., 0., 0., 0., 96., 256.
		for _, n := range p.Segments[1].Graph.Nodes {
			if n.Base() == "attention" {
				heads, kvHeads, dim = float64(n.Int("heads")), float64(n.Int("kv_heads")), float64(n.Int("head_dim"))
			}
		}
		s := float64(r.Prompt + r.Gen)
		q8 := 34. / 32
		check := func(kind string, calls, ops, least float64) {
			o, ok := by[kind]
			if !ok {
				t.Errorf("%s: no %q in %v", r.Test, kind, r.Ops)
				return
			}
			if got := o.GOPS * o.Millis * 1e6; math.Abs(got/ops-1) > 1e-6 || o.Calls != calls {
				t.Errorf("%s: %s counts %v operations in %v calls, want %v in %v", r.Test, kind, got, o.Calls, ops, calls)
			}
			if got := o.GBs * o.Millis * 1e6; got < least*0.999999 || got > 1.6*least {
				t.Errorf("%s: %s reads %v bytes, want at least %v", r.Test, kind, got, least)
			}
		}
		group := 2 * (hidden*dim*(heads+2*kvHeads) + hidden*2*inter) // q|k|v and gate|up of two layers
		check("matmul_group q8_0", 4, 2*s*group, q8*group)
		single := 2 * (hidden*dim*heads + hidden*inter)
		check("matmul q8_0", 4, 2*s*single, q8*single)
		check("matmul q8_0 (logit)", 1, 2*hidden*vocab, q8*hidden*vocab)
		pairs := 0.
		for i := range int(s) {
			pairs += float64(5 + i + 1)
		}
		check("attention_quant", 2, 2*4*heads*dim*pairs, 2*2*kvHeads*dim*(5+s)*2) // an f16 cache
	}
}

func TestVisible(t *testing.T) {
	for _, c := range []struct {
		start, rows, window int
		pairs, read         float64
	}{
		{0, 1, 0, 1, 1}, {0, 4, 0, 10, 4}, {10, 2, 0, 23, 12}, {10, 2, 4, 8, 5}, {0, 4, 2, 7, 4}, {100, 1, 8, 8, 8},
	} {
		if pairs, read := visible(c.start, c.rows, c.window); pairs != c.pairs || read != c.read {
			t.Errorf("%+v: %v pairs, %v positions", c, pairs, read)
		}
	}
}

func TestWeightsOf(t *testing.T) {
	w, err := WeightsOf(program(t, quant.Q8_0))
	if err != nil {
		t.Fatal(err)
	}
	// hidden 64, 2 layers, 4 heads of 32, 2 KV heads, intermediate 96, tied
	const perToken = 2 * (64*128 + 2*64*64 + 128*64 + 3*64*96)
	if w.PerToken != perToken || w.Read < w.Bytes-4096 || w.Read > w.Bytes {
		t.Errorf("%+v, want %d weights per token", w, perToken)
	}
	if w.Type != "q8_0" || w.Elements < 256*64 || w.Bytes < w.Elements || w.Bytes > 2*w.Elements {
		t.Errorf("%+v", w)
	}
}

func TestMixture(t *testing.T) {
	got := mixture(map[tensor.Type]int64{tensor.Q6_K: 30, tensor.Q4_K: 60, tensor.Q8_0: 10, tensor.F32: 5})
	if got != "q4_k+q6_k+q8_0" {
		t.Error(got)
	}
}

func TestRefuses(t *testing.T) {
	p := program(t, quant.Keep)
	good := Options{Prompts: []int{1}, Depths: []int{0}, Threads: []int{1}, Reps: 1, Backend: cpu.Backend{}}
	for name, change := range map[string]func(*Options){
		"no test":          func(o *Options) { o.Prompts = nil },
		"no depth":         func(o *Options) { o.Depths = nil },
		"no threads":       func(o *Options) { o.Threads = nil },
		"no repetition":    func(o *Options) { o.Reps = 0 },
		"negative depth":   func(o *Options) { o.Depths = []int{-1} },
		"empty generation": func(o *Options) { o.Gens = []int{0} },
		"huge prompt":      func(o *Options) { o.Prompts = []int{1 << 40} },
		"cache type":       func(o *Options) { o.KVType = "q3" },
	} {
		o := good
		change(&o)
		if err := Run(t.Context(), p, o, func(Row) error { return nil }); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	stop := errors.New("stop")
	if err := Run(t.Context(), p, good, func(Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the callback's error became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := good
	cancelled.Depths, cancelled.Reps = []int{400}, 1000
	cancelled.Progress = func(what string) {
		if strings.Contains(what, "2 of") {
			cancel()
		}
	}
	if err := Run(ctx, p, cancelled, func(Row) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
