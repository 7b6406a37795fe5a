package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSynth(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ok(t, "synth", "tiny-qwen3", "-o", at("a.gguf"), "--type", "q4_k_m")
	ok(t, "synth", "-o", at("b.gguf"), "tiny-qwen3", "--type", "q4_k_m", "--threads", "1")
	if !sameFile(t, at("a.gguf"), at("b.gguf")) {
		t.Error("two runs differ")
	}
	ok(t, "synth", "tiny-qwen3", "-o", at("c.gguf"), "--type", "q4_k_m", "--seed", "2")
	if sameFile(t, at("a.gguf"), at("c.gguf")) {
		t.Error("the seed changes nothing")
	}
	var r struct {
		Files []string
		Bytes int64
	}
	if err := json.Unmarshal([]byte(ok(t, "synth", "tiny-llama", "-o", at("hf"), "--shards", "1M", "--json")), &r); err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, f := range r.Files {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		total += st.Size()
	}
	if len(r.Files) < 7 || total < r.Bytes {
		t.Errorf("%d files of %d bytes, %d of them tensors", len(r.Files), total, r.Bytes)
	}
	// What was written runs.
	for _, f := range []string{at("a.gguf"), at("hf")} {
		if out := ok(t, "run", f, "--no-cache", "--tokens", "1,2,3", "--greedy", "-n", "4", "--json"); strings.Count(out, `"id":`) != 4 {
			t.Errorf("%s: %q", f, out)
		}
	}
	if out := ok(t, "synth", "--list"); !strings.Contains(out, "llama-1b ") || !strings.Contains(out, "Qwen3 0.6B") {
		t.Error(out)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(ok(t, "synth", "--list", "--json")), &list); err != nil || len(list) < 10 || list[0]["name"] != "llama-1b" {
		t.Errorf("%v, %v", list, err)
	}
}

func TestSynthRefuses(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "m.gguf")
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "want one", nil},
		{2, "no output", []string{"tiny-llama"}},
		{2, "want one of llama-1b", []string{"llama-2b", "-o", out}},
		{2, "--type", []string{"tiny-llama", "-o", out, "--type", "q9"}},
		{2, "no checkpoint whose types to keep, want one of f32,", []string{"tiny-llama", "-o", out, "--type", "keep"}},
		{2, "want a size", []string{"tiny-llama", "-o", out, "--shards", "G"}},
		{2, "want a size", []string{"tiny-llama", "-o", out, "--shards", "-5"}},
		{2, "want gguf or hf", []string{"tiny-llama", "-o", out, "--format", "onnx"}},
		{2, "a folder", []string{"tiny-llama", "-o", out, "--format", "hf"}},
		{2, "ends in .gguf", []string{"tiny-llama", "-o", dir, "--format", "gguf"}},
		{1, "f32, f16 or bf16", []string{"tiny-llama", "-o", filepath.Join(dir, "hf"), "--type", "q8_0"}},
	} {
		fails(t, c.code, c.want, append([]string{"synth"}, c.args...)...)
	}
	ok(t, "synth", "tiny-llama", "-o", out)
	fails(t, 1, "exists already", "synth", "tiny-llama", "-o", out)
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}
