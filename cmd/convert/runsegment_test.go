package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/npy"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
)

// chain runs tokens through all segments of a bundle by hand, one process'
// work per segment, everything through files.
type chain struct {
	t      *testing.T
	path   string
	b      *format.Bundle
	dir    string
	states map[string]string // segment → state file
	kv     []string
	ext    string
}

func newChain(t *testing.T, path, ext string, kv ...string) *chain {
	b, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return &chain{t: t, path: path, b: b, dir: t.TempDir(), states: map[string]string{}, kv: kv, ext: ext}
}

// call runs one call and returns the folder (or file) with its outputs, by
// output name.
func (c *chain) call(n int, tokens string) map[string]string {
	made := map[string]string{}
	for _, s := range c.b.Manifest.Graphs[0].Segments {
		out := filepath.Join(c.dir, fmt.Sprintf("%d-%s%s", n, s.Name, c.ext))
		args := []string{"run-segment", c.path, s.Name, "-o", out}
		if s.Kind == ir.KindEmbed {
			args = append(args, "--tokens", tokens)
		}
		if s.Kind == ir.KindLogit {
			args = append(args, "--rows", "all")
		}
		for _, in := range s.Inputs {
			if f := made[in]; f != "" {
				args = append(args, "--in", in+"="+f)
			}
		}
		if len(s.States) > 0 {
			if f := c.states[s.Name]; f != "" {
				args = append(args, "--state-in", f)
			} else {
				args = append(args, c.kv...)
			}
			c.states[s.Name] = filepath.Join(c.dir, fmt.Sprintf("%d-%s.state", n, s.Name))
			args = append(args, "--state-out", c.states[s.Name])
		}
		ok(c.t, args...)
		for _, o := range s.Outputs {
			made[o] = out
			if c.ext == "" {
				made[o] = filepath.Join(out, o+".npy")
			}
		}
	}
	return made
}

func read(t testing.TB, path string) *npy.Array {
	t.Helper()
	a, err := npy.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestChain decodes by hand: a prompt and four steps through run-segment, every
// value and state through files, have the bits of logits and the tokens of run.
func TestChain(t *testing.T) {
	for _, c := range []struct {
		name, model string
		convert     []string
		kv          []string
	}{
		{"f32", "qwen3-f32-tied", []string{"--decoder-parts", "2"}, nil},
		{"q8_0", "llama-f32", []string{"--decoder-parts", "2", "--type", "q8_0"}, nil},
		{"q8_0, one decoder, q8_0 cache", "qwen3-f32-tied", []string{"--type", "q8_0"}, []string{"--kv-type", "q8_0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := bundle(t, c.model, c.convert...)
			prompt := []string{"5", "200", "17", "3", "90", "41", "8"}
			gen := strings.TrimSpace(ok(t, append([]string{"run", path, "--tokens", strings.Join(prompt, ","), "--greedy", "--ignore-eos", "-n", "5"}, c.kv...)...))
			// A model without tokenizer prints ids.
			next := strings.Split(gen, ",")
			all := append(slices.Clone(prompt), next[:4]...)
			want := filepath.Join(t.TempDir(), "logits.npy")
			ok(t, append([]string{"logits", path, "--tokens", strings.Join(all, ","), "-o", want}, c.kv...)...)
			logits := read(t, want)

			ch := newChain(t, path, "", c.kv...)
			var got []float32
			for n, tokens := range append([]string{strings.Join(prompt, ",")}, next[:4]...) {
				out := ch.call(n, tokens)
				got = append(got, read(t, out["logits"]).F32...)
				ids := read(t, out["topk.ids"])
				if best := ids.I32[(ids.Shape[0]-1)*ids.Shape[1]]; fmt.Sprint(best) != next[n] {
					t.Errorf("call %d: topk says %d, run generated %s", n, best, next[n])
				}
			}
			if !slices.Equal(got, logits.F32) {
				t.Errorf("chained logits differ from those of tessera logits")
			}
		})
	}
}

// TestChainSafetensors does the same with .safetensors files between.
func TestChainSafetensors(t *testing.T) {
	path := bundle(t, "qwen3-f32-tied")
	ch := newChain(t, path, safetensorsExt)
	made := ch.call(0, "5,200,17")
	if !strings.HasSuffix(made["logits"], safetensorsExt) {
		t.Fatalf("%v", made)
	}
	made = ch.call(1, "90")
	dir := t.TempDir()
	got, want := filepath.Join(dir, "got.npy"), filepath.Join(dir, "want.npy")
	ok(t, "run-segment", path, "logit", "--in", "layer.1="+made["layer.1"], "--out", "logits="+got)
	ok(t, "logits", path, "--tokens", "5,200,17,90", "-o", want)
	if w := read(t, want); !slices.Equal(read(t, got).F32, w.F32[3*w.Shape[1]:]) {
		t.Error("logits differ")
	}
	// All tensors of a file at once.
	ok(t, "run-segment", path, "topk", "--in", made["logits"], "-o", dir)
	if a := read(t, filepath.Join(dir, "topk.ids.npy")); a.Shape[0] != 1 {
		t.Errorf("topk.ids %v", a.Shape)
	}
}

func TestRunSegmentRefuses(t *testing.T) {
	path := bundle(t, "qwen3-f32-tied")
	other := bundle(t, "qwen3-f32-tied", "--decoder-parts", "2")
	dir := t.TempDir()
	state, hidden := filepath.Join(dir, "state"), filepath.Join(dir, "hidden.embed.npy")
	ok(t, "run-segment", path, "embed", "--tokens", "1,2", "-o", dir)
	ok(t, "run-segment", path, "decoder-0", "--in", "hidden.embed="+hidden, "--state-out", state)
	ids := filepath.Join(dir, "ids.npy")
	if err := npy.WriteFile(ids, &npy.Array{Shape: []int{2}, I32: []int32{1, 2}}); err != nil {
		t.Fatal(err)
	}
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("junk"), 0o644); err != nil {
		t.Fatal(err)
	}
	in := "hidden.embed=" + hidden
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "want two", []string{path}},
		{2, "no output", []string{path, "embed", "--tokens", "1"}},
		{1, "not a bundle", []string{dir, "embed", "--tokens", "1", "-o", dir}},
		{1, "decoder-0, logit, topk", []string{path, "decoder-9", "-o", dir}},
		{2, "want a number", []string{path, "embed", "--tokens", "1,x", "-o", dir}},
		{1, "outside 0..255", []string{path, "embed", "--tokens", "256", "-o", dir}},
		{1, "needs input tokens", []string{path, "embed", "-o", dir}},
		{1, "no input \"ids\"", []string{path, "embed", "--in", "ids=" + ids, "-o", dir}},
		{1, "want f32[S,64]", []string{path, "decoder-0", "--in", "hidden.embed=" + ids, "-o", dir}},
		{1, "want NAME=FILE", []string{path, "embed", "--in", ids, "-o", dir}},
		{1, "no .npy file", []string{path, "embed", "--in", "tokens=" + junk, "-o", dir}},
		{2, "by --in and by --tokens", []string{path, "embed", "--in", "tokens=" + ids, "--tokens", "1", "-o", dir}},
		{1, "given twice", []string{path, "embed", "--in", "tokens=" + ids, "--in", "tokens=" + ids, "-o", dir}},
		{1, "one of the outputs", []string{path, "embed", "--tokens", "1", "--out", "x=" + junk}},
		{2, "no state", []string{path, "embed", "--tokens", "1", "--state-out", state}},
		{1, "another bundle", []string{other, "decoder-0", "--in", in, "--state-in", state, "-o", dir}},
		{1, "cache type", []string{path, "decoder-0", "--in", in, "--state-in", state, "--kv-type", "f16", "-o", dir}},
		{1, "wanted row 2", []string{path, "decoder-0", "--in", in, "--rows", "0,2", "-o", dir}},
		{1, "beyond the session", []string{path, "decoder-0", "--in", in, "--state-in", state, "--context", "3", "-o", dir}},
		{2, "want cpu or reference", []string{path, "embed", "--tokens", "1", "-o", dir, "--backend", "x"}},
	} {
		fails(t, c.code, c.want, append([]string{"run-segment"}, c.args...)...)
	}
	// The reference interpreter runs segments too.
	ok(t, "run-segment", path, "embed", "--tokens", "1,2", "-o", filepath.Join(dir, "r"), "--backend", "reference")
	if !slices.Equal(read(t, filepath.Join(dir, "r", "hidden.embed.npy")).F32, read(t, hidden).F32) {
		t.Error("the embedding of the reference differs")
	}
}

// TestReferenceState: the reference goes on with the state that it saved, without being
// told its type, which is no codec.
func TestReferenceState(t *testing.T) {
	path, dir := bundle(t, "qwen3-f32-tied"), t.TempDir()
	state, next := filepath.Join(dir, "state"), filepath.Join(dir, "next")
	ok(t, "run-segment", path, "embed", "--tokens", "1,2", "-o", dir)
	args := []string{"run-segment", path, "decoder-0", "--in", "hidden.embed=" + filepath.Join(dir, "hidden.embed.npy"), "-o", dir, "--backend", "reference"}
	for _, more := range [][]string{{"--state-out", state}, {"--state-in", state, "--state-out", next}} {
		if out := ok(t, append(args, more...)...); !strings.Contains(out, "positions of f64") {
			t.Errorf("%v: %s", more, out)
		}
	}
	fails(t, 1, "has cache type \"f64\"", append(args[:len(args)-2:len(args)-2], "--state-in", state)...)
}
