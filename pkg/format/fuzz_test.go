package format_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/hostile/bundles"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// FuzzManifest: a manifest that is accepted is accepted again as it is written.
func FuzzManifest(f *testing.F) {
	from := sound(f)
	text := read(f, from, format.ManifestName)
	f.Add(text)
	dir := f.TempDir()
	for _, c := range bundles.Cases() {
		if !strings.HasPrefix(c.Name, "manifest/") && !strings.HasPrefix(c.Name, "index/") {
			continue
		}
		path := filepath.Join(dir, format.ManifestName)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			f.Fatal(err)
		}
		if err := c.Break(dir); err != nil {
			f.Fatal(err)
		}
		if text := read(f, path); len(text) < 1<<15 {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := format.DecodeManifest(text)
		if err != nil {
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		m2, err := format.DecodeManifest(again)
		if err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
		third, err := m2.Encode()
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("written twice it differs (%v)", err)
		}
	})
}

// FuzzSegment: a segment that is accepted is a verified graph, and is accepted
// again as it is written, byte for byte.
func FuzzSegment(f *testing.F) {
	from := sound(f)
	for _, s := range open(f, from).Manifest.Graphs[0].Segments {
		f.Add(read(f, from, s.File))
	}
	f.Add([]byte{})
	f.Add([]byte{0x08, 0x01, 0x22, 0x00})
	weight := anyWeight(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := format.DecodeSegment(data, weight)
		if err != nil {
			return
		}
		if err := ir.Verify(s.Graph); err != nil {
			t.Fatal(err)
		}
		again, err := format.EncodeSegment(s)
		if err != nil {
			t.Fatal(err)
		}
		s2, err := format.DecodeSegment(again, weight)
		if err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
		third, err := format.EncodeSegment(s2)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("written twice it differs (%v)", err)
		}
	})
}

// anyWeight finds the weights of the sound bundle by name.
func anyWeight(t testing.TB) func(string) (*ir.Expr, error) {
	m := open(t, sound(t)).Manifest
	return func(name string) (*ir.Expr, error) {
		for _, w := range m.Weights {
			if w.Name != name {
				continue
			}
			typ, err := tensor.ParseType(w.Type)
			if err != nil {
				return nil, err
			}
			form, err := tensor.ParseForm(w.Form)
			if err != nil {
				return nil, err
			}
			return ir.StoredExpr(w.Name, typ, w.Shape, form, w.Rows), nil
		}
		return nil, fmt.Errorf("no weight %.40q", name)
	}
}
