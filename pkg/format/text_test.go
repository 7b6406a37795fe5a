package format_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
)

// TestTexts: a bundle's texts are those of the checkpoint it was made of.
func TestTexts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkpoint")
	if err := os.CopyFS(dir, os.DirFS(testutil.Model("war-and-peace"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte("{{ messages }}"), 0o666); err != nil {
		t.Fatal(err)
	}
	ck, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer ck.Close()
	plan, err := convert.NewPlan(t.Context(), ck, convert.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := plan.ReadTexts()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.tess")
	if err := plan.Write(t.Context(), path, convert.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, path).Texts()
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Templates.List) != 1 || !slices.Equal(got.Templates.List, want.Templates.List) || !slices.Equal(got.Stop, want.Stop) || len(got.Stop) == 0 {
		t.Errorf("%+v, want %+v", got, want)
	}
	const text = "Prince Andrew, тише 日本語"
	a, err := got.Tokenizer.Encode(text, tokenizer.EncodeOptions{AddSpecial: true})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := want.Tokenizer.Encode(text, tokenizer.EncodeOptions{AddSpecial: true}); err != nil || !slices.Equal(a, b) {
		t.Errorf("%v, want %v (%v)", a, b, err)
	}
	// A model of ids alone has none.
	none, err := open(t, sound(t)).Texts()
	if err != nil || none.Tokenizer != nil || len(none.Templates.List) > 0 {
		t.Errorf("%+v, %v", none, err)
	}
	if files, err := none.Files(); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestTemplatesRefused(t *testing.T) {
	for data, want := range map[string]string{
		``:                              "want a list",
		`{}`:                            "want a list",
		`[1]`:                           "want a list",
		`[{"Name":"a","Sauce":"x"}]`:    "Sauce",
		`[] []`:                         "more behind",
		`[{"Name":"","Source":"x"}]`:    "a name of its own",
		`[{"Name":"a"},{"Name":"a"}]`:   "a name of its own",
		`[{"Name":"a","Source":["x"]}]`: "want a list",
	} {
		if _, err := format.DecodeTemplates([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", data, err, want)
		}
	}
}
