package format_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/format/tesserapb"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// viewSegment is a graph with one matmul whose weight w is stated like that.
func viewSegment(t *testing.T, w *tesserapb.Weight) []byte {
	t.Helper()
	w.Name = "w"
	data, err := proto.Marshal(&tesserapb.Segment{Version: format.SegmentVersion, Name: "s", Kind: ir.KindLogit, Graph: &tesserapb.Graph{
		Values: []*tesserapb.Value{
			{Name: "x", Elem: tesserapb.Elem_ELEM_F32, Shape: []int64{-1, 64}},
			{Name: "y", Elem: tesserapb.Elem_ELEM_F32, Shape: []int64{-1, 24}},
		},
		Inputs: []int32{0}, Outputs: []int32{1}, Weights: []*tesserapb.Weight{w},
		Nodes: []*tesserapb.Node{{Op: "matmul", In: []int32{0}, Weights: []string{"w"}, Out: []int32{1}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestViews reads weights that are made of stored ones, and refuses what no
// writer writes.
func TestViews(t *testing.T) {
	index := map[string]*ir.Expr{
		"a": ir.StoredExpr("a", tensor.Q8_0, tensor.Shape{40, 64}, tensor.FormP16, []int64{16, 24}),
		"b": ir.StoredExpr("b", tensor.Q8_0, tensor.Shape{8, 64}, tensor.FormRows, []int64{8}),
		"f": ir.StoredExpr("f", tensor.F32, tensor.Shape{24, 64}, tensor.FormRows, []int64{24}),
		"v": ir.StoredExpr("v", tensor.F32, tensor.Shape{24}, tensor.FormRows, []int64{24}),
		"0": ir.StoredExpr("0", tensor.F32, nil, tensor.FormRows, []int64{1}),
	}
	find := func(name string) (*ir.Expr, error) {
		if e := index[name]; e != nil {
			return e, nil
		}
		return nil, fmt.Errorf("no weight %s", name)
	}
	part := func(name string, lo, hi int64) *tesserapb.Part { return &tesserapb.Part{Stored: name, Lo: lo, Hi: hi} }
	for _, c := range []struct {
		w    *tesserapb.Weight
		want string // the expression, or a part of the error after "!"
	}{
		{&tesserapb.Weight{Form: "p16", Parts: []*tesserapb.Part{part("a", 16, 40)}}, "slice(stored(a, q8_0[40,64], p16, [16,24]), 16, 40)"},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("a", 3, 27)}}, "slice(pack(stored(a, q8_0[40,64], p16, [16,24]), rows), 3, 27)"},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("a", 0, 16), part("b", 0, 8)}},
			"!members [16 8]"}, // of a matmul; a matmul_group may have them
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("f", 0, 24)}}, "stored(f, f32[24,64], rows, [24])"},
		{&tesserapb.Weight{Form: "rows"}, "!no parts"},
		{&tesserapb.Weight{Parts: []*tesserapb.Part{part("f", 0, 24)}}, "!packing form"},
		{&tesserapb.Weight{Form: "p99", Parts: []*tesserapb.Part{part("f", 0, 24)}}, "!packing form"},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("x", 0, 24)}}, "!no weight x"},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("f", -1, 23)}}, "!rows [-1, 23)"},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("f", 1, 25)}}, "!rows [1, 25)"},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("f", 9, 9)}}, "!rows [9, 9)"},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("f", 1<<62, -1<<62)}}, "!rows ["},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("f", 0, 8), part("a", 0, 16)}}, "!types differ"},
		{&tesserapb.Weight{Form: "p16", Parts: []*tesserapb.Part{part("v", 0, 24)}}, "!pack of shape"},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("v", 0, 24)}}, "!matmul"},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("0", 0, 1)}}, "!"},
		{&tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{part("f", 0, 23)}}, "!"}, // 23 rows for 24 channels
	} {
		s, err := format.DecodeSegment(viewSegment(t, c.w), find)
		if want, refused := strings.CutPrefix(c.want, "!"); refused {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v, want an error with %q", c.w.Parts, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.w.Parts, err)
			continue
		}
		if text := ir.Format(s.Graph); !strings.Contains(text, "= "+c.want+"\n") {
			t.Errorf("%v: got\n%swant %s", c.w.Parts, text, c.want)
		}
		again, err := format.EncodeSegment(s)
		if err != nil {
			t.Fatal(err)
		}
		s2, err := format.DecodeSegment(again, find)
		if err != nil || ir.Format(s2.Graph) != ir.Format(s.Graph) {
			t.Errorf("%v: written and read again it is another graph (%v)", c.w.Parts, err)
		}
	}
}

// TestViewsAreBounded: the views of a small file cannot ask for more weights
// than the bundle holds a few times over.
func TestViewsAreBounded(t *testing.T) {
	many := make([]int64, 1<<16)
	for i := range many {
		many[i] = 1
	}
	index := map[string]*ir.Expr{
		"f": ir.StoredExpr("f", tensor.F32, tensor.Shape{6, 64}, tensor.FormRows, []int64{6}),
		"m": ir.StoredExpr("m", tensor.F32, tensor.Shape{1 << 16, 64}, tensor.FormRows, many),
	}
	find := func(name string) (*ir.Expr, error) { return index[name], nil }
	repeat := func(n int, lo, hi int64, name string) *tesserapb.Weight {
		w := &tesserapb.Weight{Form: "rows"}
		for range n {
			w.Parts = append(w.Parts, &tesserapb.Part{Stored: name, Lo: lo, Hi: hi})
		}
		return w
	}
	for _, c := range []struct {
		w    *tesserapb.Weight
		want string
	}{
		{repeat(4, 0, 6, "f"), "members [6 6 6 6]"}, // four times is allowed: the matmul refuses
		{repeat(5, 0, 6, "f"), "more than 4 times"},
		{repeat(25, 2, 3, "f"), "more than 4 times"},
		{repeat(600, 1000, 1001, "m"), "more parts and members"},
	} {
		_, err := format.DecodeSegment(viewSegment(t, c.w), find)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d parts of %s: %v, want %q", len(c.w.Parts), c.w.Parts[0].Stored, err, c.want)
		}
	}
}

// TestFirstTargetHasNoParts: one whole part is the stored weight itself, so it
// must be refused by what the file says, not by the expression it becomes.
func TestFirstTargetHasNoParts(t *testing.T) {
	stored := func(name string) (*ir.Expr, error) {
		return ir.StoredExpr(name, tensor.F32, tensor.Shape{24, 64}, tensor.FormRows, []int64{24}), nil
	}
	for _, of := range []string{"w", "other"} {
		data := viewSegment(t, &tesserapb.Weight{Form: "rows", Parts: []*tesserapb.Part{{Stored: of, Hi: 24}}})
		if _, err := format.DecodeSegment(data, stored); err != nil {
			t.Errorf("a further target: %v", err)
		}
		if _, err := format.DecodeFirst(data, stored); err == nil || !strings.Contains(err.Error(), `weight "w" has parts`) {
			t.Errorf("all of %q as a part, in a graph of the first target: %v", of, err)
		}
	}
}
