package convert_test

import (
	"bytes"
	"strings"
	"testing"
	"unsafe"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// TestExtents: every weight of a bundle, and every slice of one in an expanded
// graph, is a part of a mapped file at the place that a device is told.
func TestExtents(t *testing.T) {
	b, err := format.Open(write(t, testutil.Model("qwen3-f32-tied"), convert.Options{Type: typed(t, "q8_0")}))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	slices := 0
	for _, s := range b.Segments {
		expanded := s.Graph.Clone()
		if err := ir.Expand(expanded, nil); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			g *ir.Graph
			w backend.Weights
		}{{s.Graph, b}, {expanded, backend.Slices(b, s.Graph)}} {
			for _, w := range c.g.Weights {
				data, err := c.w.Bytes(s.Name, w)
				if err != nil {
					t.Fatal(err)
				}
				e, ok := backend.ExtentOf(c.w, s.Name, w)
				if !ok || !strings.HasSuffix(e.File, ".bin") || !bytes.Equal(e.Bytes(), data) || &e.Bytes()[0] != &data[0] {
					t.Fatalf("%s of %s: extent %q %d+%d (%v)", w.Name, s.Name, e.File, e.Offset, e.Length, ok)
				}
				if e.Offset%format.TensorAlign != 0 && w.Form == tensor.FormP16 || uintptr(unsafe.Pointer(&e.Mapping[0]))%4096 != 0 || len(e.Mapping)%format.FileAlign != 0 {
					t.Errorf("%s of %s: at %d of a mapping of %d bytes", w.Name, s.Name, e.Offset, len(e.Mapping))
				}
				if w.Kind == ir.ExprSliceRows {
					slices++
				}
			}
		}
	}
	if slices == 0 {
		t.Error("no slice was looked at")
	}
	if _, ok := b.Extent("nowhere", b.Segments[0].Graph.Weights[0]); ok {
		t.Error("a weight of an unknown segment lies somewhere")
	}
}
