package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/perplexity"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

const trained = "war-and-peace"

// heldOut writes the part of the training text that the trained model has not
// seen.
func heldOut(t *testing.T, offset int) string {
	t.Helper()
	text, err := os.ReadFile(testutil.SharedData(t, "text/war-and-peace.txt"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, text[offset:], 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func measure(t *testing.T, args ...string) *perplexity.Result {
	t.Helper()
	var r struct {
		BOS int `json:"bos"`
		perplexity.Result
	}
	if err := json.Unmarshal([]byte(ok(t, append([]string{"perplexity", "--json"}, args...)...)), &r); err != nil {
		t.Fatal(err)
	}
	if r.BOS != -1 {
		t.Errorf("bos %d, the tokenizer begins texts with none", r.BOS)
	}
	return &r.Result
}

// TestPerplexity compares the trained model with what transformers computed
// in float32 on the same windows, and its quantisations with itself.
func TestPerplexity(t *testing.T) {
	model := modelPath(trained)
	var want struct {
		HeldOut struct {
			Offset int `json:"byte_offset"`
			Scored int `json:"scored_per_window"`
		} `json:"held_out"`
		First16 float64   `json:"perplexity_first_16_windows"`
		Loss    []float64 `json:"mean_loss_per_window_first_16"`
	}
	data, err := os.ReadFile(filepath.Join(model, "expected.json"))
	if err == nil {
		err = json.Unmarshal(data, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, windows, few := heldOut(t, want.HeldOut.Offset), "16", []string{"--max-windows", "4"}
	if m, err := cpu.ThisMachine(); err != nil || m.Tier == "generic" {
		windows, few = "1", []string{"--max-windows", "3", "-c", "64"} // the definition of the bits is slow
	}
	bf16 := measure(t, model, "--no-cache", "-f", text, "--score", "all", "--max-windows", windows)
	if bf16.Scored != bf16.Windows*want.HeldOut.Scored {
		t.Errorf("%d tokens scored in %d windows", bf16.Scored, bf16.Windows)
	}
	for i, nll := range bf16.WindowNLL {
		if d := math.Abs(nll - want.Loss[i]); d > 1e-3 {
			t.Errorf("window %d: %v nats per token, transformers has %v", i, nll, want.Loss[i])
		}
	}
	if d := math.Abs(bf16.Perplexity/want.First16 - 1); bf16.Windows == 16 && d > 1e-3 {
		t.Errorf("perplexity %v, transformers has %v", bf16.Perplexity, want.First16)
	}

	base := filepath.Join(t.TempDir(), "base")
	half := measure(t, append(few, model, "--no-cache", "-f", text, "--kl-save", base)...)
	for _, c := range []struct {
		typ               string
		off, maxKL, minUp float64
	}{{"bf16", 0, 1e-5, 0.999}, {"q8_0", 0.005, 0.001, 0.95}, {"q4_k_m", 0.05, 0.03, 0.85}} {
		q := measure(t, model, "--no-cache", "--type", c.typ, "--kl-base", base)
		d := q.Divergence
		t.Logf("%s: perplexity %.4f (bf16 %.4f), KL %.6f, same likeliest token %.2f %%", c.typ, q.Perplexity, half.Perplexity, d.KL, 100*d.SameTop)
		if off := math.Abs(q.Perplexity/half.Perplexity - 1); off > c.off || math.Abs(d.KL) > c.maxKL || d.SameTop < c.minUp || q.Scored != half.Scored {
			t.Errorf("%s: perplexity off by %.3f %%, %+v", c.typ, 100*off, d)
		}
	}
}

func TestPerplexityRefuses(t *testing.T) {
	path, dir := bundle(t, "qwen3-f32-tied"), t.TempDir()
	text, base := filepath.Join(dir, "text"), filepath.Join(dir, "base")
	for _, f := range []string{text, base} {
		if err := os.WriteFile(f, []byte(strings.Repeat("It was the best of times. ", 30)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wap := modelPath(trained)
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "no text", []string{path}},
		{2, "want half or all", []string{path, "-f", text, "--score", "x"}},
		{2, "at least 4", []string{path, "-f", text, "-c", "2"}},
		{2, "--score all", []string{path, "-f", text, "--score", "all", "--kl-save", base}},
		{2, "leave out -f", []string{path, "-f", text, "--kl-base", base}},
		{1, "starts with", []string{path, "--kl-base", base}},
		{1, "no tokenizer", []string{path, "-f", text}},
		{1, "no such file", []string{wap, "--no-cache", "-f", text + "x"}},
		{1, "give more text", []string{wap, "--no-cache", "-f", text, "-c", "2048"}},
		{1, "smaller -c", []string{wap, "--no-cache", "-f", text, "-c", "1000000"}},
		{2, "an id below", []string{wap, "--no-cache", "-f", text, "--bos", "999999"}},
	} {
		fails(t, c.code, c.want, append([]string{"perplexity"}, c.args...)...)
	}
	// A bos changes the first token of each window; the output says which.
	out := ok(t, "perplexity", wap, "--no-cache", "-f", text, "-c", "64", "--bos", "7", "--max-windows", "2")
	if !strings.Contains(out, "bos 7 begins each") || !strings.Contains(out, "62 tokens scored in 2 windows of 64") {
		t.Error(out)
	}
}
