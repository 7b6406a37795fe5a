package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/format"
)

// withKeys is a copy of a committed checkpoint whose config.json says more.
func withKeys(t *testing.T, model string, more map[string]any) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), model)
	if err := os.CopyFS(dir, os.DirFS(modelPath(model))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	for k, v := range more {
		config[k] = v
	}
	if text, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestIgnoreKey: a setting that the family does not know stops every command
// that opens the checkpoint; --ignore-key lets it pass, is said, and stands in
// the plan and in the manifest, also behind a re-cut.
func TestIgnoreKey(t *testing.T) {
	src := withKeys(t, "llama-f32", map[string]any{"final_logit_softcapping": 30, "num_experts": 8, "use_gate": false})
	out := filepath.Join(t.TempDir(), "out.tess")
	for _, args := range [][]string{{"convert", src, "-o", out}, {"convert", src, "--plan"}, {"run", src, "--tokens", "1,2", "-n", "1"}, {"verify", src},
		{"logits", src, "--tokens", "1", "-o", filepath.Join(t.TempDir(), "x.npy")}, {"inspect", src}, {"bench", src}} {
		for _, key := range []string{"final_logit_softcapping", "num_experts"} {
			fails(t, 1, `key "`+key+`"`, args...)
		}
	}
	both := []string{"--ignore-key", "num_experts", "--ignore-key", "final_logit_softcapping"}
	_, errs, code := app(t, append([]string{"convert", src, "-o", out}, both...)...)
	if code != 0 || !strings.Contains(errs, `warning: `+src+`: key "num_experts" (8) is left out`) || !strings.Contains(errs, `"use_gate" is false`) {
		t.Fatalf("exit code %d, errors %q", code, errs)
	}
	if text := ok(t, append([]string{"convert", src, "--plan"}, both...)...); !strings.Contains(text, "ignored key  num_experts\n") {
		t.Errorf("the plan does not name the key:\n%s", text)
	}
	cut := filepath.Join(t.TempDir(), "cut.tess")
	ok(t, "segment", out, "--decoder-parts", "2", "-o", cut)
	for _, path := range []string{out, cut} {
		b, err := format.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Manifest.Source.IgnoredKeys; !slices.Equal(got, []string{"final_logit_softcapping", "num_experts"}) {
			t.Errorf("%s: ignored keys %q", path, got)
		}
		b.Close()
		if text := ok(t, "inspect", path); !strings.Contains(text, "ignored key num_experts\n") {
			t.Errorf("inspect does not name the key:\n%s", text)
		}
	}
	// The model is the one without the keys.
	logits := func(path string, more ...string) []byte {
		npy := filepath.Join(t.TempDir(), "x.npy")
		ok(t, append([]string{"logits", path, "--tokens", "1,5,9,33", "-o", npy}, more...)...)
		data, err := os.ReadFile(npy)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	want := logits(modelPath("llama-f32"))
	if !bytes.Equal(logits(out), want) || !bytes.Equal(logits(src, both...), want) {
		t.Error("logits are not those of the checkpoint without the keys")
	}
	fails(t, 2, "--ignore-key changes a conversion", "run", out, "--ignore-key", "x", "--tokens", "1")
	fails(t, 2, "--ignore-key changes a conversion", "inspect", out, "--ignore-key", "x")
	fails(t, 1, "--ignore-key mystery", "convert", modelPath("llama-f32"), "--plan", "--ignore-key", "mystery")
}
