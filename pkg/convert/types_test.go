package convert_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/synth"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime"
)

// TestFallbacks: a tensor whose K does not fit the wanted block falls back, or
// stays, with a reason; the model runs.
func TestFallbacks(t *testing.T) {
	for _, c := range []struct{ model, typ, weight, to string }{
		{"qwen2-f32", "q8_0", "blk.0.attn_q.weight", "f16"},                // K = 112: no block of 32 fits
		{"llama-bf16-tied-sharded", "q4_k_m", "blk.0.attn_q.weight", ""},   // no K is a multiple of 256
		{"llama-bf16-tied-sharded", "q6_k", "blk.0.ffn_down.weight", ""},   //
		{"llama-bf16-tied-sharded", "q8_0", "blk.0.attn_q.weight", "q8_0"}, // fits
		{"llama-bf16-tied-sharded", "q4_0", "blk.0.attn_q.weight", "q4_0"}, // fits
	} {
		p := plan(t, testutil.Model(c.model), convert.Options{Type: typed(t, c.typ)})
		i := slices.IndexFunc(p.Model.Weights, func(w model.Weight) bool { return w.Name == c.weight })
		if i < 0 {
			t.Fatalf("%s: no %s", c.model, c.weight)
		}
		w := p.Model.Weights[i]
		if w.Reason == "" || c.to != "" && w.To.String() != c.to || c.to == "" && w.To == p.Options.Type.Base() {
			t.Errorf("%s --type %s: %s %v became %s (%s), want %s", c.model, c.typ, w.Name, w.Shape, w.To, w.Reason, c.to)
		}
		m := load(t, p.Program(1), runtime.Options{Threads: 1})
		for _, row := range logits(t, m, []int32{1, 2, 3}) {
			for _, l := range row {
				if math.IsNaN(float64(l)) || math.IsInf(float64(l), 0) {
					t.Fatalf("%s --type %s: logit %v", c.model, c.typ, l)
				}
			}
		}
	}
}

// TestUnequalGateUp: a checkpoint whose gate and up have different block types
// keeps both as they are, stays correct, and the report says why they were not
// joined.
func TestUnequalGateUp(t *testing.T) {
	dir := t.TempDir()
	plain, mixed := filepath.Join(dir, "plain.gguf"), filepath.Join(dir, "mixed.gguf")
	if _, err := synth.WriteGGUF(context.Background(), plain, synth.Options{Model: "tiny-llama", Type: quant.F32, Seed: 3}); err != nil {
		t.Fatal(err)
	}
	retype(t, plain, mixed, func(name string) tensor.Type {
		switch {
		case strings.Contains(name, "ffn_gate"):
			return tensor.Q4_K
		case strings.Contains(name, "ffn_up"):
			return tensor.Q6_K
		}
		return tensor.F32
	})
	p := plan(t, mixed, convert.Options{NoTokenizer: true})
	i := slices.IndexFunc(p.Reports, func(r *passes.Report) bool { return r.Pass == "group-projections" })
	if text := p.Reports[i].String(); !strings.Contains(text, "gate | up (up is q6_k)") {
		t.Errorf("group-projections says %q", text)
	}
	bundle := filepath.Join(dir, "mixed.tess")
	if err := p.Write(context.Background(), bundle, convert.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	ids := []int32{5, 900, 17, 3, 3, 256, 77}
	got := logits(t, load(t, openProgram(t, bundle), runtime.Options{KVType: "f32"}), ids)
	off := plan(t, mixed, convert.Options{NoTokenizer: true, Disable: []string{"group-projections", "fuse-gated-activation", "assign-layout", "propagate-layout"}})
	same(t, "with and without the group", got, logits(t, load(t, off.Program(1), runtime.Options{KVType: "f32"}), ids))
	whole := logits(t, load(t, plan(t, plain, convert.Options{NoTokenizer: true}).Program(1), runtime.Options{KVType: "f32"}), ids)
	if e := nmse(got, whole); !(e < 0.02) {
		t.Errorf("NMSE %g to the float32 checkpoint", e)
	}
}

// retype copies a GGUF of f32 tensors, matrices in the types that to says.
func retype(t *testing.T, from, path string, to func(name string) tensor.Type) {
	t.Helper()
	f, err := gguf.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o := gguf.Options{KV: f.KV()}
	for _, i := range f.Tensors() {
		if len(i.Shape) == 2 {
			i.Type = to(i.Name)
		}
		o.Tensors = append(o.Tensors, i)
	}
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w, err := gguf.NewWriter(out, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range o.Tensors {
		x, err := f.Tensor(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		data := x.Data
		if i.Type != tensor.F32 {
			v := make([]float32, len(x.Data)/4)
			for j := range v {
				v[j] = math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*j:]))
			}
			n, err := tensor.Bytes(i.Type, i.Shape)
			if err != nil {
				t.Fatal(err)
			}
			data = make([]byte, n)
			if err := quant.Encode(i.Type, data, v); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteBytes(i.Name, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func nmse(a, b [][]float32) float64 {
	var num, den float64
	for i := range a {
		for j := range a[i] {
			d := float64(a[i][j]) - float64(b[i][j])
			num, den = num+d*d, den+float64(b[i][j])*float64(b[i][j])
		}
	}
	return num / den
}

// TestOneAnswer: threads, chunks, decoder parts and exact passes never change a
// bit of the logits, in every weight and cache type. The long prompt crosses a
// chunk of the attention.
func TestOneAnswer(t *testing.T) {
	src := filepath.Join(t.TempDir(), "tiny.gguf")
	if _, err := synth.WriteGGUF(context.Background(), src, synth.Options{Model: "tiny-llama", Type: quant.F32, Seed: 5}); err != nil {
		t.Fatal(err)
	}
	ids := make([]int32, 261)
	for i := range ids {
		ids[i] = int32(i*i*7+i) % 1000
	}
	variants := []runtime.Options{{Threads: 2, MaxChunk: 64}, {Threads: 3, MaxChunk: 7}, {Threads: 1, MaxChunk: 1}}
	for _, c := range []struct {
		typ, kv string
		n       int
	}{
		{"f32", "f32", 20}, {"f32", "f16", 20}, {"f32", "q8_0", 20},
		{"q8_0", "f32", 20}, {"q8_0", "f16", 261}, {"q8_0", "q8_0", 20},
		{"q4_k_m", "f32", 20}, {"q4_k_m", "f16", 70}, {"q4_k_m", "q8_0", 261},
	} {
		o := convert.Options{Type: typed(t, c.typ), NoTokenizer: true}
		ids := ids[:c.n]
		want := logits(t, load(t, openProgram(t, write(t, src, o)), runtime.Options{KVType: c.kv, Threads: 1, MaxChunk: 512}), ids)
		o.DecoderParts = 2
		cut := write(t, src, o)
		for _, v := range variants {
			v.KVType = c.kv
			what := fmt.Sprintf("%s, KV %s, %d threads, chunks of %d, 2 decoder parts", c.typ, c.kv, v.Threads, v.MaxChunk)
			same(t, what, want, logits(t, load(t, openProgram(t, cut), v), ids))
		}
		o = convert.Options{Type: typed(t, c.typ), NoTokenizer: true, Disable: []string{"group-projections", "fuse-rope", "fuse-residual-norm", "propagate-layout", "pack-weights"}}
		slow := plan(t, src, o)
		same(t, c.typ+", passes disabled", want, logits(t, load(t, slow.Program(1), runtime.Options{KVType: c.kv, Threads: 2, MaxChunk: 33}), ids))
	}
}
