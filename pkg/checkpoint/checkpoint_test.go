package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/safetensors"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

const config = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":8}`

func decl(name string, ty tensor.Type, shape ...int64) tensor.Info {
	return tensor.Info{Name: name, Type: ty, Shape: shape}
}

var tensors = []tensor.Info{decl("a", tensor.F32, 2, 400), decl("b", tensor.BF16, 3, 2), decl("c", tensor.F16, 1)}

// files writes texts into a new folder; "" as text makes an empty file.
func files(t testing.TB, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// weights writes the tensors as safetensors into dir, in shards of max bytes.
func weights(t testing.TB, dir string, max int64) {
	t.Helper()
	w, err := safetensors.NewShardWriter(dir, safetensors.ShardOptions{Options: safetensors.Options{Tensors: tensors}, MaxBytes: max})
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, w)
}

func writeAll(t testing.TB, w interface {
	WriteBytes(string, []byte) error
	Close() error
}) {
	t.Helper()
	for _, i := range tensors {
		n, _ := tensor.Bytes(i.Type, i.Shape)
		if err := w.WriteBytes(i.Name, bytes.Repeat([]byte{7, 1}, int(n))[:n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// splitGGUF writes the tensors as a split into dir and returns its first shard.
func splitGGUF(t testing.TB, dir, name, arch string, n int) string {
	t.Helper()
	o := gguf.SplitOptions{Options: gguf.Options{Tensors: tensors}, MaxTensors: n}
	if arch != "" {
		o.KV = []gguf.KV{{Key: "general.architecture", Value: arch}}
	}
	w, err := gguf.NewSplitWriter(filepath.Join(dir, name), o)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, w)
	return w.Paths()[0]
}

func open(t testing.TB, path string) *Checkpoint {
	t.Helper()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func keys(t testing.TB, c *Checkpoint) (fingerprint, digest string) {
	t.Helper()
	fingerprint, err := c.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	var last, total int64
	digest, err = c.Digest(context.Background(), func(done, of int64) { last, total = done, of })
	if err != nil || last != total || total == 0 {
		t.Fatalf("%v, progress %d of %d", err, last, total)
	}
	return fingerprint, digest
}

func TestOpenForms(t *testing.T) {
	single := files(t, map[string]string{"config.json": config, "generation_config.json": `{"eos_token_id":2}`})
	weights(t, single, 0)
	sharded := files(t, map[string]string{"config.json": config})
	weights(t, sharded, 1)
	other := files(t, map[string]string{"config.json": config})
	weights(t, other, 0)
	if err := os.Rename(filepath.Join(other, "model.safetensors"), filepath.Join(other, "fine.safetensors")); err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(t.TempDir(), "sha256-0123")
	if err := os.Rename(splitGGUF(t, t.TempDir(), "m", "llama", 0), blob); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, arch string
		kind       Kind
		files      string
	}{
		{single, "LlamaForCausalLM", HF, "config.json generation_config.json weights-00000"},
		{filepath.Join(single, "model.safetensors"), "LlamaForCausalLM", HF, "config.json generation_config.json weights-00000"},
		{sharded, "LlamaForCausalLM", HF, "config.json index weights-00000 weights-00001 weights-00002"},
		{other, "LlamaForCausalLM", HF, "config.json weights-00000"},
		{splitGGUF(t, t.TempDir(), "m", "qwen3", 1), "qwen3", GGUF, "weights-00000 weights-00001 weights-00002"},
		{blob, "llama", GGUF, "weights-00000"},
	} {
		k := open(t, c.path)
		if k.Arch() != c.arch || k.Kind() != c.kind || k.Path() != c.path {
			t.Errorf("%s: %s %s", c.path, k.Kind(), k.Arch())
		}
		if (k.GGUF() != nil) != (c.kind == GGUF) || (k.ConfigJSON() != nil) != (c.kind == HF) {
			t.Errorf("%s: GGUF %v, config %q", c.path, k.GGUF(), k.ConfigJSON())
		}
		if want := c.path == single || strings.HasPrefix(c.path, single); (k.GenerationConfig() != nil) != want {
			t.Errorf("%s: generation config %q", c.path, k.GenerationConfig())
		}
		fs, err := k.Files()
		if err != nil {
			t.Fatal(err)
		}
		var roles []string
		for _, f := range fs {
			roles = append(roles, f.Role)
			if st, err := os.Stat(f.Path); err != nil || st.Size() != f.Size {
				t.Errorf("%+v: %v", f, err)
			}
		}
		if got := strings.Join(roles, " "); got != c.files {
			t.Errorf("%s: files %s, want %s", c.path, got, c.files)
		}
		for _, i := range tensors {
			x, err := k.Source().Tensor(i.Name)
			if err != nil || x.Data[0] != 7 {
				t.Errorf("%s: %s: %v", c.path, i.Name, err)
			}
			k.Advise(i.Name, mmap.DontNeed)
		}
		if err := k.Unchanged(); err != nil {
			t.Error(err)
		}
		if tk, err := k.Tokenizer(); err != nil || tk.Tokenizer != nil {
			t.Errorf("%s: tokenizer %+v %v", c.path, tk, err)
		}
	}
}

func TestTokenizerFiles(t *testing.T) {
	texts := map[string]string{"config.json": config, "tokenizer.json": "{}1", "tokenizer_config.json": "{}2", "special_tokens_map.json": "{}3",
		"chat_template.jinja": "{{ 4 }}", "chat_template.json": "{}5",
		"additional_chat_templates/tool_use.jinja": "6", "additional_chat_templates/rag.jinja": "7", "additional_chat_templates/x.txt": "8"}
	dir := files(t, texts)
	weights(t, dir, 0)
	c := open(t, dir)
	tk, err := c.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %s %s %s %s", tk.Tokenizer, tk.Config, tk.SpecialTokens, tk.ChatTemplate, tk.ChatTemplateJSON, tk.Templates)
	if want := "{}1 {}2 {}3 {{ 4 }} {}5 [{rag 7} {tool_use 6}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	fs, err := c.Files()
	if err != nil || len(fs) != 9 || fs[8].Role != "additional_chat_templates/tool_use.jinja" {
		t.Errorf("%v %v", fs, err)
	}
	big := filepath.Join(dir, "chat_template.jinja")
	if err := os.Truncate(big, MaxTemplate+1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Tokenizer(); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("huge template: %v", err)
	}
}

// TestKeys: both keys follow content and nothing else.
func TestKeys(t *testing.T) {
	build := func(edit func(dir string)) (string, string) {
		dir := files(t, map[string]string{"config.json": config, "tokenizer.json": "{}"})
		weights(t, dir, 100)
		edit(dir)
		return keys(t, open(t, dir))
	}
	set := func(name, text string) func(string) {
		return func(dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(back int64) func(string) {
		return func(dir string) {
			path := filepath.Join(dir, "model-00001-of-00002.safetensors")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[int64(len(b))-back] ^= 1
			set("model-00001-of-00002.safetensors", string(b))(dir)
		}
	}
	f0, d0 := build(func(string) {})
	for name, c := range map[string]struct {
		edit   func(string)
		fp, dg bool // whether the keys must differ
	}{
		"same":                {func(string) {}, false, false},
		"tokenizer":           {set("tokenizer.json", "{ }"), true, true},
		"config":              {set("config.json", strings.Replace(config, "8", "9", 1)), true, true},
		"generation":          {set("generation_config.json", "{}"), true, true},
		"unrelated":           {set("README.md", "x"), false, false},
		"last byte":           {flip(1), true, true},
		"first byte":          {flip(3200), true, true},
		"between the samples": {flip(700), false, true},
	} {
		f, d := build(c.edit)
		if (f != f0) != c.fp || (d != d0) != c.dg {
			t.Errorf("%s: fingerprint differs %v, want %v; digest differs %v, want %v", name, f != f0, c.fp, d != d0, c.dg)
		}
	}
	// A split GGUF has the same keys under another name.
	fa, da := keys(t, open(t, splitGGUF(t, t.TempDir(), "x", "llama", 2)))
	fb, db := keys(t, open(t, splitGGUF(t, t.TempDir(), "another", "llama", 2)))
	if fa != fb || da != db {
		t.Error("keys depend on file names")
	}
}

func TestDigestStops(t *testing.T) {
	c := open(t, splitGGUF(t, t.TempDir(), "m", "llama", 0))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Digest(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	sum := sha256.New()
	f := File{"weights-00000", c.Path(), 1}
	if err := digestFile(context.Background(), sum, f, make([]byte, 10), func(int) {}); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Error(err)
	}
}

func TestHubCacheLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs symbolic links")
	}
	repo := t.TempDir()
	snap, blobs := filepath.Join(repo, "snapshots", "abc"), filepath.Join(repo, "blobs")
	for _, d := range []string{snap, blobs} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	src := files(t, map[string]string{"config.json": config, "tokenizer.json": "{}"})
	weights(t, src, 1)
	names, err := listing(src)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		blob := fmt.Sprintf("%064d", i)
		if err := errors.Join(os.Rename(filepath.Join(src, name), filepath.Join(blobs, blob)),
			os.Symlink("../../blobs/"+blob, filepath.Join(snap, name))); err != nil {
			t.Fatal(err)
		}
	}
	c := open(t, snap)
	if len(c.Source().Tensors()) != len(tensors) {
		t.Error("tensors missing")
	}
	if _, err := Open(repo); err == nil || !strings.Contains(err.Error(), "snapshots/<revision>") {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(blobs, fmt.Sprintf("%064d", 0))); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(snap); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("dangling config: %v", err)
	}
}

func TestAdvice(t *testing.T) {
	lfs := "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
	for _, c := range []struct {
		want string
		path string
		has  map[string]string
	}{
		{"hf download org/name", "org/name", nil},
		{"no such file", "/no/such/path", nil},
		{"empty folder", "", map[string]string{}},
		{"no config.json, so this", "", map[string]string{"x": ""}},
		{"GGUF files (a.gguf, b.gguf): give the path", "", map[string]string{"a.gguf": "", "b.gguf": ""}},
		{"consolidated format", "", map[string]string{"consolidated.safetensors": "", "params.json": ""}},
		{"consolidated format", "", map[string]string{"consolidated.safetensors": "", "config.json": config}},
		{"an adapter", "", map[string]string{"adapter_config.json": "{}"}},
		{"an adapter", "", map[string]string{"config.json": config, "adapter_model.safetensors": ""}},
		{"diffusion pipeline", "", map[string]string{"model_index.json": "{}"}},
		{"a bundle", "", map[string]string{"embed.seg": ""}},
		{"safe_serialization=True", "", map[string]string{"config.json": config, "pytorch_model.bin": "PK\x03\x04"}},
		{"safe_serialization=True", "m.bin", map[string]string{"m.bin": "PK\x03\x04....."}},
		{"safe_serialization=True", "m.pt", map[string]string{"m.pt": "\x80\x02}q."}},
		{"another framework (flax_model.msgpack)", "", map[string]string{"config.json": config, "flax_model.msgpack": ""}},
		{"but no weights", "", map[string]string{"config.json": config}},
		{"without model.safetensors.index.json", "", map[string]string{"config.json": config, "model-00001-of-00002.safetensors": ""}},
		{"several safetensors files (a.safetensors, b.safetensors)", "", map[string]string{"config.json": config, "a.safetensors": "", "b.safetensors": ""}},
		{"no safetensors, but GGUF files (m.gguf)", "", map[string]string{"config.json": config, "m.gguf": ""}},
		{"git lfs pull", "", map[string]string{"config.json": config, "model.safetensors": lfs}},
		{"git lfs pull", "", map[string]string{"config.json": lfs}},
		{"git lfs pull", "m.gguf", map[string]string{"m.gguf": lfs}},
		{"shard 00001 of 00002: give its folder", "model-00001-of-00002.safetensors",
			map[string]string{"model-00001-of-00002.safetensors": "\x02\x00\x00\x00\x00\x00\x00\x00{}", "config.json": config}},
		{"needs its config.json beside it", "m", map[string]string{"m": "\x02\x00\x00\x00\x00\x00\x00\x00{}"}},
		{"consolidated format", "consolidated.safetensors", map[string]string{"consolidated.safetensors": "\x02\x00\x00\x00\x00\x00\x00\x00{}"}},
		{"give the folder that holds this file", "config.json", map[string]string{"config.json": config}},
		{"empty file", "m", map[string]string{"m": ""}},
		{"neither GGUF nor safetensors: the file starts with \"hello\"", "m", map[string]string{"m": "hello"}},
		{"header length", "m.safetensors", map[string]string{"m.safetensors": "hello you all"}},
		{"no general.architecture", "noarch-00001-of-00001.gguf", nil},
		{"from before GGUF", "m", map[string]string{"m": "tjgg\x03\x00\x00\x00"}},
	} {
		path := c.path
		switch {
		case c.has != nil:
			path = filepath.Join(files(t, c.has), c.path)
		case strings.HasPrefix(path, "noarch"):
			path = splitGGUF(t, t.TempDir(), "noarch", "", 0)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %s: got %v, want %q", c.has, c.path, err, c.want)
		}
	}
}

func TestArchitecture(t *testing.T) {
	for in, want := range map[string]string{
		`{}`: " ", `{"architectures":null,"model_type":null}`: " ", `{"architectures":[]}`: " ",
		`{"architectures":["A","B"],"model_type":"a"}`: "A a",
		`{"text_config":{"model_type":"x"}}`:           " ",
		`{"architectures":"A"}`:                        "architectures is no list of strings",
		`{"architectures":[1]}`:                        "architectures[0] is no string",
		`{"model_type":[]}`:                            "model_type is no string",
	} {
		arch, typ, err := architecture([]byte(in))
		got := arch + " " + typ
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
