package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	use := func(args ...string) string {
		t.Helper()
		t.Setenv("TESSERA_TEST_CACHE", dir)
		return ok(t, args...)
	}
	if out := use("cache", "path"); strings.TrimSpace(out) != dir {
		t.Error(out)
	}
	if out := use("cache"); !strings.HasPrefix(out, "0 bundles, 0 B of at most") {
		t.Error(out)
	}
	model := modelPath("qwen3-f32-tied")
	first := use("run", model, "--tokens", "1,2,3", "--greedy")
	if out := use("run", model, "--tokens", "1,2,3", "--greedy"); out != first {
		t.Errorf("from the cache %q, before %q", out, first)
	}
	use("logits", model, "--type", "q8_0", "--tokens", "1", "-o", filepath.Join(t.TempDir(), "l"))
	var list struct {
		Path    string
		Bytes   int64
		Bundles []cachedBundle
	}
	if err := json.Unmarshal([]byte(use("cache", "list", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Bundles) != 2 || list.Path != dir || list.Bytes != list.Bundles[0].Bytes+list.Bundles[1].Bytes || list.Bundles[0].Model != "qwen3-f32-tied" || list.Bundles[1].Type != "q8_0" {
		t.Errorf("%+v", list)
	}
	if out := use("cache"); !strings.Contains(out, "q8_0") || !strings.Contains(out, "2 bundles") {
		t.Error(out)
	}
	if out := use("cache", "clear"); !strings.HasPrefix(out, "2 bundles removed") {
		t.Error(out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	fails(t, 2, "want list, clear or path", "cache", "empty")
	fails(t, 2, "2 arguments", "cache", "list", "path")
}
