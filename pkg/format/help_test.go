package format_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/quant"
)

// convertTo converts a committed checkpoint.
func convertTo(name, out, typ string, parts int) error {
	q, err := quant.ParseRecipe(typ)
	if err != nil {
		return err
	}
	ck, err := checkpoint.Open(testutil.Model(name))
	if err != nil {
		return err
	}
	defer ck.Close()
	p, err := convert.NewPlan(context.Background(), ck, convert.Options{Type: q, DecoderParts: parts})
	if err != nil {
		return err
	}
	return p.Write(context.Background(), out, convert.WriteOptions{Workers: 2})
}

var tied = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tessera-format")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sound.tess")
	return path, convertTo("llama3-bf16-tied", path, "q8_0", 2)
})

// sound is a tied q8_0 bundle whose decoder is in two parts; not to be changed.
func sound(t testing.TB) string {
	t.Helper()
	path, err := tied()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := tied(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func open(t testing.TB, path string) *format.Bundle {
	t.Helper()
	b, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func read(t testing.TB, parts ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// hidden lists what lies beside a bundle under a hidden name.
func hidden(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name()[0] == '.' {
			names = append(names, e.Name())
		}
	}
	return names
}
