package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/runtime"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "1": 1, "500M": 500e6, "4g": 4e9, "16GB": 16e9, "2GiB": 2 << 30, "3 MB": 3e6, "7k": 7e3, "1TiB": 1 << 40} {
		if n, err := parseSize(text); err != nil || n != want {
			t.Errorf("%q: %d, %v, want %d", text, n, err, want)
		}
	}
	for _, text := range []string{"0", "-1", "1.5G", "G", "4X", "4GG", "9999999999G", "4iB", "1e9"} {
		if n, err := parseSize(text); err == nil {
			t.Errorf("%q: %d", text, n)
		}
	}
}

// TestMaxMemoryFlag: every command that runs a model refuses one that takes more than it
// may, and says what it is made of; a size that is none is a mistake on the command line.
func TestMaxMemoryFlag(t *testing.T) {
	path, dir := bundle(t, "qwen3-f32-tied"), t.TempDir()
	for _, args := range [][]string{
		{"run", path, "--tokens", "1,2,3", "-n", "1"},
		{"logits", path, "--tokens", "1,2,3", "-o", dir + "/l.npy"},
		{"bench", path, "-p", "4", "-n", "0", "-r", "1"},
		{"verify", path, "--sizes", "1"},
		{"verify", modelPath("qwen3-f32-tied"), "--sizes", "1"},
		{"run-segment", path, "embed", "--tokens", "1", "-o", dir + "/s"},
	} {
		fails(t, 1, "more than the 100 kB allowed: weights ", append(args, "--max-memory", "100k")...)
		fails(t, 2, "--max-memory", append(args, "--max-memory", "much")...)
	}
	fails(t, 2, "--max-memory", "bench", modelPath("qwen3-f32-tied"), "--ablate", "--max-memory", "1G")
	ok(t, "run", path, "--tokens", "1,2,3", "-n", "1", "--max-memory", "1G")
	ok(t, "bench", path, "-p", "4", "-n", "2", "-r", "1", "--sessions", "1,2", "--max-memory", "1G")
}

// TestMemoryTables: inspect of a bundle says what --plan of its checkpoint has said, for people
// and for machines.
func TestMemoryTables(t *testing.T) {
	path := bundle(t, "llama-f32")
	sum := func(out string) string {
		_, table, found := strings.Cut(out, "memory      at most, with ")
		if !found || !strings.Contains(table, "  sum  ") {
			t.Fatalf("no table of memory:\n%s", out)
		}
		return table
	}
	if a, b := sum(ok(t, "inspect", path)), sum(ok(t, "convert", modelPath("llama-f32"), "--plan")); a != b {
		t.Errorf("inspect says\n%s--plan says\n%s", a, b)
	}
	var bundle, plan struct{ Memory []runtime.Memory }
	if err := json.Unmarshal([]byte(ok(t, "inspect", path, "--json")), &bundle); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(ok(t, "convert", modelPath("llama-f32"), "--plan", "--json")), &plan); err != nil {
		t.Fatal(err)
	}
	if len(bundle.Memory) == 0 || len(bundle.Memory) != len(plan.Memory) {
		t.Fatalf("%d and %d sums", len(bundle.Memory), len(plan.Memory))
	}
	for i, m := range bundle.Memory {
		if m.Mapped = 0; m != plan.Memory[i] || m.Sum <= m.Weights+m.Process {
			t.Errorf("inspect says %+v, --plan %+v", m, plan.Memory[i])
		}
	}
}
