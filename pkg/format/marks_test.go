package format_test

import (
	"testing"

	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
)

// A segment file keeps the places of values at a boundary that was not cut.
func TestMarksKeepTheirPlaces(t *testing.T) {
	g, err := ir.Parse(`graph s
input %0 x f32[S,32]
%1 stream f32[S,32] mark=layer.0:1 = silu(%0)
%2 hidden f32[S,32] mark=layer.0 = silu(%1)
output %2
output %1
`)
	if err != nil {
		t.Fatal(err)
	}
	data, err := format.EncodeSegment(ir.Segment{Name: "s", Kind: ir.KindModel, Graph: g})
	if err != nil {
		t.Fatal(err)
	}
	s, err := format.DecodeSegment(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Graph.Name = g.Name
	if a, b := ir.Format(g), ir.Format(s.Graph); a != b {
		t.Errorf("%s became %s", a, b)
	}
}
