package convert_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/gguf"
)

// TestGenerationConfig: ids of config.json and generation_config.json, in all
// their spellings, and sampling defaults reach the bundle.
func TestGenerationConfig(t *testing.T) {
	for _, c := range []struct {
		generation string
		bos        int32
		stop       []int32
		want       string // of the error
	}{
		{`{"bos_token_id": 5, "eos_token_id": 7}`, 5, []int32{7}, ""},
		{`{"bos_token_id": null, "eos_token_id": [9, 8, 9]}`, -1, []int32{9, 8}, ""},
		{`{"eos_token_id": [], "do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "min_p": 0.1, "repetition_penalty": 1.05}`, -1, nil, ""},
		{`{"eos_token_id": -1}`, -1, nil, ""},
		{`{"eos_token_id": 256}`, 0, nil, "outside the vocabulary"},
		{`{"eos_token_id": [1, 100000000000]}`, 0, nil, "outside the vocabulary"},
		{`{"eos_token_id": "7"}`, 0, nil, "neither an id nor a list"},
		{`{"bos_token_id": {}}`, 0, nil, "bos_token_id"},
		{`{"temperature": "hot"}`, 0, nil, "generation_config.json"},
		{`[`, 0, nil, "generation_config.json"},
	} {
		src := copyOf(t, "llama-f32")
		config := readJSON(t, filepath.Join(src, "config.json"))
		delete(config, "bos_token_id")
		delete(config, "eos_token_id")
		writeJSON(t, filepath.Join(src, "config.json"), config)
		if err := os.WriteFile(filepath.Join(src, "generation_config.json"), []byte(c.generation), 0o644); err != nil {
			t.Fatal(err)
		}
		ck, err := checkpoint.Open(src)
		if err == nil {
			var p *convert.Plan
			if p, err = convert.NewPlan(context.Background(), ck, convert.Options{}); err == nil && (p.Meta.BOS != c.bos || !slices.Equal(p.Meta.Stop, c.stop)) {
				t.Errorf("%s: bos %d, stop %v", c.generation, p.Meta.BOS, p.Meta.Stop)
			}
			ck.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.generation, err, c.want)
		}
	}
	b, err := format.Open(write(t, testutil.Model("war-and-peace"), convert.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if s := b.Manifest.Meta.Sampling; !s.DoSample || s.Temperature <= 0 || b.Manifest.Meta.Stop == nil {
		t.Errorf("the trained model's defaults: %+v", b.Manifest.Meta)
	}
	if _, err := b.File(format.GenerationConfigFile, format.MaxText); err != nil {
		t.Error(err)
	}
}

// TestGGUFIDs: ids in GGUF metadata.
func TestGGUFIDs(t *testing.T) {
	for _, c := range []struct {
		key   string
		value any
		bos   int32
		stop  []int32
		want  string
	}{
		{"tokenizer.ggml.bos_token_id", uint32(3), 3, nil, ""},
		{"tokenizer.ggml.eos_token_id", uint32(4), -1, []int32{4}, ""},
		{"tokenizer.ggml.eot_token_id", uint64(5), -1, []int32{5}, ""},
		{"tokenizer.ggml.eos_token_id", uint32(1<<32 - 1), -1, nil, ""},
		{"tokenizer.ggml.eos_token_id", int32(-1), -1, nil, ""},
		{"tokenizer.ggml.eos_token_id", uint32(256), 0, nil, "outside the vocabulary"},
		{"tokenizer.ggml.bos_token_id", "three", 0, nil, "want an id"},
		{"tokenizer.ggml.eom_token_id", float32(1), 0, nil, "want an id"},
	} {
		path := filepath.Join(t.TempDir(), "m.gguf")
		withKV(t, ggufOf("llama-f32"), path, gguf.KV{Key: c.key, Value: c.value})
		ck, err := checkpoint.Open(path)
		if err == nil {
			var p *convert.Plan
			if p, err = convert.NewPlan(context.Background(), ck, convert.Options{}); err == nil && (p.Meta.BOS != c.bos || !slices.Equal(p.Meta.Stop, c.stop)) {
				t.Errorf("%s = %v: bos %d, stop %v", c.key, c.value, p.Meta.BOS, p.Meta.Stop)
			}
			ck.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %v: %v, want %q", c.key, c.value, err, c.want)
		}
	}
}

// withKV copies a GGUF with one metadata entry more.
func withKV(t *testing.T, from, to string, kv gguf.KV) {
	t.Helper()
	f, err := gguf.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := slices.DeleteFunc(f.KV(), func(o gguf.KV) bool {
		return o.Key == kv.Key || strings.HasSuffix(o.Key, "_token_id")
	})
	o := gguf.Options{KV: append(all, kv), Tensors: f.Tensors()}
	out, err := os.Create(to)
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
		if err == nil {
			err = w.WriteBytes(i.Name, x.Data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func readJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func writeJSON(t *testing.T, path string, m map[string]any) {
	t.Helper()
	text, err := json.Marshal(m)
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
