package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/internal/npy"
)

// TestLogits: one file whatever the source, chunks and threads; row i depends
// on ids 0..i only.
func TestLogits(t *testing.T) {
	path, dir := bundle(t, "qwen3-f32-tied"), t.TempDir()
	out := func(name string) string { return filepath.Join(dir, name) }
	const ids = "5,200,17,3,90,41,8,255,0,1,2"
	ok(t, "logits", path, "--tokens", ids, "-o", out("a"))
	a := read(t, out("a"))
	if len(a.Shape) != 2 || a.Shape[0] != 11 || a.Shape[1] != 256 {
		t.Fatalf("shape %v", a.Shape)
	}
	file := out("ids.txt")
	if err := os.WriteFile(file, []byte("5 200\n17,3,\t90 41 8 255 0 1 2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, args := range [][]string{
		{path, "--tokens", ids, "--chunk", "3", "--threads", "2"},
		{path, "--tokens-file", file, "--chunk", "1"},
		{modelPath("qwen3-f32-tied"), "--no-cache", "--tokens", ids},
		{modelPath("qwen3-f32-tied"), "--no-cache", "--tokens", ids, "--decoder-parts", "2"},
	} {
		ok(t, append([]string{"logits", "-o", out("b")}, args...)...)
		if !sameFile(t, out("a"), out("b")) {
			t.Errorf("variant %d differs", i)
		}
	}
	ok(t, "logits", path, "--tokens", "5,200,17", "-o", out("c"))
	if !slices.Equal(read(t, out("c")).F32, a.F32[:3*256]) {
		t.Error("logits depend on later tokens")
	}
	// The reference agrees up to float32 rounding, not in bits.
	ok(t, "logits", path, "--tokens", ids, "-o", out("r"), "--backend", "reference")
	r := read(t, out("r"))
	if d, most := maxDiff(a, r); d == 0 || d > 1e-4*most {
		t.Errorf("reference differs by %v of %v", d, most)
	}
	// Another cache type and another weight type change the numbers.
	ok(t, "logits", path, "--tokens", ids, "-o", out("k"), "--kv-type", "q8_0")
	ok(t, "logits", modelPath("qwen3-f32-tied"), "--no-cache", "--type", "q8_0", "--tokens", ids, "-o", out("q"))
	for _, f := range []string{"k", "q"} {
		if d, most := maxDiff(a, read(t, out(f))); d == 0 || d > 0.1*most {
			t.Errorf("%s differs by %v of %v", f, d, most)
		}
	}
}

func maxDiff(a, b *npy.Array) (diff, most float32) {
	for i, x := range a.F32 {
		diff, most = max(diff, x-b.F32[i], b.F32[i]-x), max(most, x, -x)
	}
	return diff, most
}

func TestLogitsRefuses(t *testing.T) {
	path, dir := bundle(t, "qwen3-f32-tied"), t.TempDir()
	out := filepath.Join(dir, "o")
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, slices.Repeat([]byte("1 "), 600), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "no output", []string{path, "--tokens", "1"}},
		{2, "want either", []string{path, "-o", out}},
		{2, "want either", []string{path, "-o", out, "--tokens", "1", "--tokens-file", long}},
		{2, "want a number", []string{path, "-o", out, "--tokens", "1,,2"}},
		{1, "outside 0..255", []string{path, "-o", out, "--tokens", "1,256"}},
		{1, "--context 600", []string{path, "-o", out, "--tokens-file", long}},
		{1, "the context is full", []string{path, "-o", out, "--tokens", "1,2,3", "--context", "2"}},
		{2, "cache type", []string{path, "-o", out, "--tokens", "1", "--kv-type", "x"}},
		{1, "no such file", []string{path, "-o", filepath.Join(dir, "none", "o"), "--tokens", "1"}},
		{2, "one: a bundle", []string{path, path, "-o", out, "--tokens", "1"}},
	} {
		fails(t, c.code, c.want, append([]string{"logits"}, c.args...)...)
	}
	if left, _ := filepath.Glob(out + "*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	ok(t, "logits", path, "-o", out, "--tokens-file", long, "--context", "600")
}
