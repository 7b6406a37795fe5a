package backendtest

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// floats are the float types among the target's weights.
func (m *maker) floats() []tensor.Type {
	var all []tensor.Type
	for _, r := range m.target.Matmuls {
		if r.Weight.Float() {
			all = append(all, r.Weight)
		}
	}
	return all
}

// forms are the orders a weight of a row may lie in: rows always.
func forms(r target.MatmulRow) []ir.Form {
	if r.Form == ir.Rows {
		return []ir.Form{ir.Rows}
	}
	return []ir.Form{ir.Rows, r.Form}
}

// inputs are layouts of a matmul's input: plain always.
func inputs(r target.MatmulRow) []ir.Layout {
	if r.Input == ir.Plain {
		return []ir.Layout{ir.Plain}
	}
	return []ir.Layout{ir.Plain, r.Input}
}

// elems are what a matmul's input may hold: f32 always, i8 when the row has a
// scheme and whole blocks.
func elems(r target.MatmulRow, k int64) []ir.Elem {
	if r.Scheme == "" || k%r.KMod != 0 {
		return []ir.Elem{ir.F32}
	}
	return []ir.Elem{ir.F32, ir.I8}
}

// depths are values of K that a type can have: tails of blocks and of slabs.
func depths(t tensor.Type, long bool) []int64 {
	block := int64(t.BlockElems())
	var all []int64
	switch {
	case block == 1:
		all = []int64{1, 3, 6, 10, 14, 16, 18, 20, 21, 23, 24, 25, 27, 29, 64, 127, 255, 257, 300}
		if long {
			for k := int64(2); k < 70; k++ {
				all = append(all, k)
			}
			all = append(all, 256, 511, 512, 513, 1025)
		}
	case block < 256:
		all = []int64{block, 2 * block, 96, 160, 256, 288, 544}
		if long {
			all = append(all, 128, 224, 320, 512, 768, 1056)
		}
	default:
		all = []int64{block, 2 * block}
		if long {
			all = append(all, 3*block, 5*block)
		}
	}
	return all
}

// heights are values of N in turn: every residue mod 16, around one, two and
// three panels.
func heights(i int) int64 {
	return []int64{1, 16, 17, 5, 31, 12, 35, 24, 9, 46, 2, 30, 7, 20, 29, 11, 38, 8, 3, 26}[i%20]
}

func matmulCases(m *maker) {
	i := 0
	for _, r := range m.target.Matmuls {
		for _, f := range forms(r) {
			for _, k := range depths(r.Weight, m.long) {
				for _, e := range elems(r, k) {
					for _, l := range inputs(r) {
						n := heights(i)
						i++
						b := m.begin("%s %s, %s %s, K %d, N %d", r.Weight, f, e, l, k, n)
						x := b.matmulInput(k, e, r.Scheme, l)
						w := b.weight("w", r.Weight, f, k, n)
						b.extreme, b.c.Costly = b.seed%5 == 4, k > 160
						b.apply(ir.Node{In: []ir.ValueID{x}, Weights: []string{w}}, 1, -1, ir.Plain)
						b.end(matmulRows(k))
					}
				}
			}
		}
	}
}

// matmulRows keeps slow definitions short: tails of tiles of 4, 8, 12 and 16
// tokens all the same.
func matmulRows(k int64) int {
	if k > 160 {
		return 21
	}
	return 37
}

// matmulInput declares x and brings it into the element type and layout.
func (b *builder) matmulInput(k int64, e ir.Elem, scheme string, l ir.Layout) ir.ValueID {
	x := b.input("x", k)
	if e == ir.I8 {
		x = b.node(ir.Node{Op: ir.OpQuantizeAct, In: []ir.ValueID{x}, Attrs: []ir.Attr{ir.StringAttr("scheme", scheme)}}, "q")[0]
		b.g.Value(x).Layout = l
	} else if l == ir.C4 {
		x = b.relayout(x, ir.C4)
	}
	return x
}

// groupCases: one weight of several members, several weights, weights of
// different types, both.
func groupCases(m *maker) {
	shapes := [][][]int64{{{16, 8, 8}}, {{16}, {7}, {33}}, {{1, 2}, {15}}, {{17, 31}}, {{4}, {20, 3, 1}}, {{40}}}
	i := 0
	for at, r := range m.target.Matmuls {
		for _, f := range forms(r) {
			for _, e := range []ir.Elem{ir.F32, ir.I8} {
				for _, l := range inputs(r) {
					k := depths(r.Weight, false)[i%len(depths(r.Weight, false))]
					if e == ir.I8 && r.Scheme == "" {
						continue
					}
					shape := append(slices.Clone(shapes[i%len(shapes)]), []int64{heights(i)})
					i++
					b := m.begin("%s %s, %s %s, K %d, members %v", r.Weight, f, e, l, k, shape)
					x := b.matmulInput(k, e, r.Scheme, l)
					n, members := ir.Node{In: []ir.ValueID{x}}, []int64(nil)
					for j, rows := range shape {
						t := r.Weight
						if other := m.target.Matmuls[(at+j)%len(m.target.Matmuls)]; i%2 == 0 && k%int64(other.Weight.BlockElems()) == 0 && (e == ir.F32 || other.Scheme == r.Scheme) {
							t = other.Weight
						}
						n.Weights = append(n.Weights, b.weight(fmt.Sprintf("w%d", j), t, f, k, rows...))
						members = append(members, rows...)
					}
					n.Attrs = []ir.Attr{ir.IntsAttr("members", members...)}
					b.c.Costly = k > 160
					b.apply(n, len(members), -1, ir.Plain)
					b.end(matmulRows(k))
				}
			}
		}
	}
}

// embeddingCases: every type and form the target gathers from.
func embeddingCases(m *maker) {
	for _, r := range m.target.Matmuls {
		for _, f := range []ir.Form{ir.Rows, r.Form} {
			if !m.target.CanGather(r.Weight, f) {
				continue
			}
			for i, k := range depths(r.Weight, m.long) {
				v := heights(i + len(m.cases))
				b := m.begin("%s %s, %d rows of %d", r.Weight, f, v, k)
				ids := b.ids("ids", 37, int(v))
				w := b.weight("w", r.Weight, f, k, v)
				b.apply(ir.Node{In: []ir.ValueID{ids}, Weights: []string{w}}, 1, -1, ir.Plain)
				b.end(37)
			}
		}
	}
}
