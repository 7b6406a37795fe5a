package model_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/safetensors"
	"github.com/tessera-llm/tessera/pkg/segment"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// budget bounds the difference from transformers, relative to the largest
// logit. The reference computes in float64, so what differs is their float32:
// a matmul over K ≤ 352 random terms errs by about √K·2^-24 ≈ 1e-6, and about
// ten of them follow each other in two layers.
const budget = 1e-5

// TestAgainstTransformers runs the plain graph of every committed checkpoint,
// from both containers, on the reference runtime and compares all logits with
// those that transformers computed in float32.
func TestAgainstTransformers(t *testing.T) {
	compared := 0
	for _, name := range models(t) {
		dir := testutil.Model(name)
		want, err := safetensors.Open(filepath.Join(dir, "expected.safetensors"))
		if err != nil {
			continue // the trained model has its own test
		}
		defer want.Close()
		for _, path := range []string{dir, filepath.Join(dir, name+".gguf")} {
			if _, err := os.Stat(path); err != nil {
				continue
			}
			compared++
			t.Run(filepath.Base(path), func(t *testing.T) { compareLogits(t, dir, path, want) })
		}
	}
	if compared < 10 {
		t.Errorf("only %d checkpoints compared", compared)
	}
}

func compareLogits(t *testing.T, dir, path string, want *safetensors.File) {
	c := open(t, path)
	m := build(t, c, model.Options{})
	segs, err := segment.Cut(m.Graph)
	if err != nil {
		t.Fatal(err)
	}
	k := &m.Config
	p := &runtime.Program{Segments: segs, Weights: weights.NewMemory(c.Source(), 1),
		Meta: runtime.Meta{Vocab: int(k.Vocab), Layers: len(k.Layers), Hidden: int(k.Hidden), ContextLength: int(k.ContextLength), KVType: "f32"}}
	r, err := runtime.New(p, runtime.Options{Backend: reference.Backend{}, MaxChunk: 17, Context: 64, KVType: "f32"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var expected struct {
		Prompts []struct {
			IDs []int32 `json:"ids"`
		} `json:"prompts"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err == nil {
		err = json.Unmarshal(data, &expected)
	}
	if err != nil || len(expected.Prompts) == 0 {
		t.Fatalf("expected.json: %v", err)
	}
	for i, prompt := range expected.Prompts {
		s, err := r.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		logits, err := want.Tensor(fmt.Sprintf("logits.%d", i))
		if err != nil {
			t.Fatal(err)
		}
		worst, top, n := 0.0, 0.0, 0
		err = s.Logits(context.Background(), prompt.IDs, func(row int, got []float32) error {
			for j, x := range got {
				y := math.Float32frombits(binary.LittleEndian.Uint32(logits.Data[4*(row*len(got)+j):]))
				if d := math.Abs(float64(x - y)); !(d <= worst) { // a NaN counts
					worst = d
				}
				top = max(top, math.Abs(float64(y)))
				n++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if 4*n != len(logits.Data) || !(worst <= budget*top) {
			t.Errorf("prompt %d: %d logits, worst difference %.3g of %.3g", i, n, worst, top)
		}
	}
}
