package cache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/quant"
)

// TestOpen: a checkpoint opens through the cache, in memory, and as the bundle that the
// cache made of it, with the same texts.
func TestOpen(t *testing.T) {
	model := testutil.Model("war-and-peace")
	c := &Cache{Dir: filepath.Join(t.TempDir(), "cache"), Limit: DefaultLimit}
	made := 0
	o := OpenOptions{Target: "cpu", Convert: convert.Options{Type: quant.Q8_0}, Workers: 2, Cache: c, Progress: func(int64, int64) { made++ }}
	check := func(what string, path string, o OpenOptions) *Opened {
		t.Helper()
		x, err := Open(t.Context(), path, o)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		t.Cleanup(func() { x.Close() })
		texts, err := x.Texts()
		if err != nil || texts.Tokenizer == nil || len(texts.Stop) == 0 {
			t.Errorf("%s: %+v, %v", what, texts, err)
		}
		if tok, err := x.Tokenizer(); err != nil || tok == nil || tok.Size() != texts.Tokenizer.Size() {
			t.Errorf("%s: %v, %v", what, tok, err)
		}
		if x.Type != "q8_0" || len(x.Program.Segments) != 4 {
			t.Errorf("%s: type %s, %d segments", what, x.Type, len(x.Program.Segments))
		}
		return x
	}
	first := check("checkpoint", model, o)
	if made == 0 || filepath.Dir(first.Path) != c.Dir {
		t.Errorf("made %d times in %s", made, first.Path)
	}
	made = 0
	if again := check("again", model, o); made > 0 || again.Path != first.Path {
		t.Errorf("made again, in %s", again.Path)
	}
	check("bundle", first.Path, OpenOptions{})
	o.InMemory, o.Cache = true, nil
	if x := check("in memory", model, o); x.Path != "" {
		t.Errorf("in memory, but in %s", x.Path)
	}
	for path, want := range map[string]string{filepath.Join(t.TempDir(), "nowhere"): "nowhere", t.TempDir(): ""} {
		if _, err := Open(t.Context(), path, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	// What was left out of a checkpoint is told.
	dir := filepath.Join(t.TempDir(), "odd")
	if err := os.CopyFS(dir, os.DirFS(testutil.Model("qwen3-f32-tied"))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(strings.Replace(string(text), "{", `{"some_odd_key": null,`, 1)), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	o.Convert = convert.Options{}
	o.Warn = func(path string, w []string) { told = path + strings.Join(w, ";") }
	x, err := Open(t.Context(), dir, o)
	if err != nil || !strings.Contains(told, "some_odd_key") || !strings.Contains(told, dir) {
		t.Fatalf("%q, %v", told, err)
	}
	defer x.Close()
	if tok, err := x.Tokenizer(); err != nil || tok != nil {
		t.Errorf("%v, %v", tok, err)
	}
	if _, err := Tokenizer(dir); err == nil || !strings.Contains(err.Error(), "has no tokenizer") {
		t.Error(err)
	}
	if tok, err := Tokenizer(first.Path); err != nil || tok.Size() == 0 {
		t.Error(tok, err)
	}
	if tok, err := Tokenizer(model); err != nil || tok.Size() == 0 {
		t.Error(tok, err)
	}
}
