package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/tessera-llm/tessera/pkg/codec"
)

// TestHostileNames: names with commands for a terminal, or with a line of their
// own, are shown and do nothing, wherever a command prints them.
func TestHostileNames(t *testing.T) {
	const evil = "\x1b[2Jevil\u009b31m\r\nmodel       forged\x7f"
	dir := filepath.Join(t.TempDir(), "m.tess")
	if err := os.CopyFS(dir, os.DirFS(bundle(t, "llama3-bf16-tied"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "manifest.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	meta, source := m["meta"].(map[string]any), m["source"].(map[string]any)
	meta["name"], meta["arch"], source["kind"], source["type"], source["ignored_keys"] = evil, evil, evil, evil, []string{evil}
	if text, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"inspect", dir}, {"inspect", dir, "--tensors"}, {"bench", dir, "-p", "1", "-n", "0", "-r", "1"},
		{"run", dir, "--kv-type", evil}, {"run-segment", dir, evil, "-o", t.TempDir()},
	} {
		out, errs, _ := app(t, args...)
		shown := out + errs
		if strings.Contains(shown, "\nmodel       forged") || strings.IndexFunc(shown, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) >= 0 {
			t.Errorf("%q prints %q", args[0], shown)
		}
		if !strings.Contains(shown, "evil") {
			t.Errorf("%q does not show the name: %q", args[0], shown)
		}
	}
	if out := ok(t, "inspect", dir); !strings.Contains(out, "bundle      ␛[2Jevil\uFFFD31m␍␊model       forged\uFFFD (format 0") {
		t.Errorf("%s", out)
	}
}

func TestCacheTypesRefused(t *testing.T) {
	path := bundle(t, "llama3-bf16-tied")
	for _, kv := range []string{"f16/", "/f16", "a/b/c", "F16", "", "/", "f16/f16/f16", "q4_0"} {
		for _, args := range [][]string{{"run", path, "--tokens", "1"}, {"bench", path}, {"verify", path}, {"logits", path, "--tokens", "1", "-o", "x"},
			{"perplexity", path, "-f", "x"}, {"run-segment", path, "embed", "--tokens", "1", "-o", "x"}} {
			out, errs, code := app(t, append(args, "--kv-type", kv)...)
			if want := `--kv-type: cache type "` + kv + `": want ` + codec.PairNames(); code != exitUsage || out != "" || !strings.Contains(errs, want) {
				t.Errorf("%s --kv-type %q: exit code %d, %q, want %q", args[0], kv, code, errs, want)
			}
		}
	}
}
