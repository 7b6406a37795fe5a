package backendtest

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// makers has the cases of the ops whose rows do not tell them. An op without a
// row here gets the cases of what it quantises, or, when it maps rows of f32
// without weights and attributes, those of elementwise ops.
var makers = map[ir.OpName]func(*maker){
	ir.OpEmbedding:   embeddingCases,
	ir.OpRMSNorm:     normCases,
	ir.OpAddRMSNorm:  normCases,
	ir.OpMatmul:      matmulCases,
	ir.OpMatmulGroup: groupCases,
	ir.OpAddBias:     biasCases,
	ir.OpRope:        ropeCases,
	ir.OpRopeQK:      ropeQKCases,
	ir.OpAttention:   attentionCases,
	ir.OpCausalConv:  convCases,
	ir.OpSelectRows:  selectCases,
	ir.OpTopK:        topKCases,
	ir.OpBoundary:    boundaryCases,
	ir.OpQuantizeAct: quantizeCases,
	ir.OpRelayout:    relayoutCases,
	ir.OpGatedAct:    gatedCases,
}

// casesOf makes the cases of an op. No cases are an error.
func casesOf(op *ir.Op, budget Budget, long bool) ([]*Case, error) {
	name := op.Name
	if op.Quantises != "" {
		name = op.Quantises
	}
	makeCases := makers[name]
	if makeCases == nil && op.Weights == 0 && op.States == 0 && len(op.Attrs) == 0 {
		makeCases = elementwiseCases
	}
	if makeCases == nil {
		return nil, fmt.Errorf("op %s has no cases: it needs a row in makers", op.Name)
	}
	m := &maker{op: op, target: budget.Target, codecs: budget.Codecs, long: long, cache: weightCache{}}
	schemes := []string{""}
	if op.Quantises != "" {
		schemes = ir.Schemes
	}
	for _, m.scheme = range schemes {
		makeCases(m)
	}
	if m.err != nil {
		return nil, m.err
	}
	if len(m.cases) == 0 {
		return nil, fmt.Errorf("op %s has no cases on target %s", op.Name, m.target.Name)
	}
	return m.cases, nil
}

// widths are numbers of channels: all residues mod 16 from 1 on, then around
// the slab of 256 and its multiples.
func (m *maker) widths() []int64 {
	var w []int64
	for c := int64(1); c <= 36; c++ {
		w = append(w, c)
	}
	w = append(w, 48, 63, 64, 65, 96, 127, 128, 160, 255, 256, 257, 288, 320, 511, 512, 515)
	if m.long {
		for c := int64(37); c <= 80; c++ {
			w = append(w, c)
		}
		w = append(w, 750, 768, 1023, 1024, 1031)
	}
	return w
}

// rowsFor keeps a case's work about equal whatever its width.
func rowsFor(channels int64) int {
	if channels > 160 {
		return 19
	}
	return 37
}

func elementwiseCases(m *maker) {
	for _, c := range m.widths() {
		b := m.begin("%d channels", c)
		n := ir.Node{}
		for i := range m.op.In {
			n.In = append(n.In, b.input(fmt.Sprintf("x%d", i), c))
		}
		b.extreme = b.seed%5 == 4
		b.apply(n, 1, -1, ir.Plain)
		b.end(rowsFor(c))
	}
}

func boundaryCases(m *maker) {
	for _, c := range m.widths() {
		b := m.begin("%d channels", c)
		x := b.input("x", c)
		b.apply(ir.Node{In: []ir.ValueID{x}, Attrs: []ir.Attr{ir.StringAttr("name", "wall")}}, 1, -1, ir.Plain)
		b.end(rowsFor(c))
		b = m.begin("%d channels and others", c)
		in := []ir.ValueID{b.input("x0", c), b.input("x1", 3), b.input("x2", c+5)}
		b.apply(ir.Node{In: in, Attrs: []ir.Attr{ir.StringAttr("name", "wall")}}, len(in), -1, ir.Plain)
		b.end(rowsFor(c))
	}
}

func biasCases(m *maker) {
	types := m.floats()
	for i, c := range m.widths() {
		b := m.begin("%d channels", c)
		x := b.input("x", c)
		w := b.weight("b", types[i%len(types)], ir.Rows, 0, c)
		b.extreme = b.seed%5 == 4
		b.apply(ir.Node{In: []ir.ValueID{x}, Weights: []string{w}}, 1, -1, ir.Plain)
		b.end(rowsFor(c))
	}
}

// gatedCases tries every activation of the op table.
func gatedCases(m *maker) {
	for _, act := range ir.Ops() {
		if !act.Activation {
			continue
		}
		for _, c := range m.widths() {
			for _, l := range m.layouts(0) {
				if !m.fits(c) {
					continue
				}
				b := m.begin("%s, %d channels, %s", act.Name, c, l)
				gate, up := b.input("gate", c), b.input("up", c)
				b.extreme = b.seed%5 == 4
				b.apply(ir.Node{In: []ir.ValueID{gate, up}, Attrs: []ir.Attr{ir.StringAttr("act", string(act.Name))}}, 1, 0, l)
				b.end(rowsFor(c))
			}
		}
	}
}

// quantizeCases: plain to plain and c4, c4 to c4.
func quantizeCases(m *maker) {
	for _, scheme := range ir.Schemes {
		for c := int64(32); c <= 1056; c += 32 {
			if c > 576 && !m.long && c != 1024 {
				continue
			}
			for _, in := range []ir.Layout{ir.Plain, ir.C4} {
				for _, out := range m.layouts(0) {
					if in == ir.C4 && out == ir.Plain {
						continue // the op keeps c4
					}
					b := m.begin("%s, %d channels, %s to %s", scheme, c, in, out)
					x := b.input("x", c)
					if in == ir.C4 {
						x = b.relayout(x, ir.C4)
					}
					b.extreme = b.seed%3 == 2
					b.apply(ir.Node{In: []ir.ValueID{x}, Attrs: []ir.Attr{ir.StringAttr("scheme", scheme)}}, 1, 0, out)
					b.end(rowsFor(c))
				}
			}
		}
	}
}

func (b *builder) relayout(x ir.ValueID, to ir.Layout) ir.ValueID {
	y := b.node(ir.Node{Op: ir.OpRelayout, In: []ir.ValueID{x}, Attrs: []ir.Attr{ir.StringAttr("to", to.String())}}, fmt.Sprintf("%s.%s", b.g.Value(x).Name, to))[0]
	b.g.Value(y).Layout = to
	return y
}

// relayoutCases: f32 and i8, to c4 and back.
func relayoutCases(m *maker) {
	to := func(l ir.Layout) []ir.Attr { return []ir.Attr{ir.StringAttr("to", l.String())} }
	for _, c := range m.widths() {
		b := m.begin("f32, %d channels", c)
		x := b.input("x", c)
		b.apply(ir.Node{In: []ir.ValueID{x}, Attrs: to(ir.C4)}, 1, 0, ir.C4) // observed through the way back
		b.extreme = b.seed%5 == 4
		b.end(rowsFor(c))
		for _, scheme := range ir.Schemes {
			if c%32 != 0 {
				continue
			}
			b := m.begin("i8, %d channels", c)
			q := b.node(ir.Node{Op: ir.OpQuantizeAct, In: []ir.ValueID{b.input("x", c)}, Attrs: []ir.Attr{ir.StringAttr("scheme", scheme)}}, "q")[0]
			there := b.relayout(q, ir.C4)
			b.observe(there)
			b.apply(ir.Node{In: []ir.ValueID{there}, Attrs: to(ir.Plain)}, 1, 0, ir.Plain)
			b.end(rowsFor(c))
		}
	}
}

// selectCases: rows wanted twice, in any order, more and fewer than there are
// tokens, none of a span.
func selectCases(m *maker) {
	for _, c := range m.widths() {
		b := m.begin("%d channels", c)
		x := b.input("x", c)
		seed := b.seed
		b.c.Want = func(sp Span) []int32 {
			list := make([]int32, (sp.Len+3)*((sp.Start+seed)%3)/2)
			for i := range list {
				list[i] = int32((5*i + seed) % sp.Len)
			}
			return list
		}
		b.apply(ir.Node{In: []ir.ValueID{x}}, 1, -1, ir.Plain)
		b.end(rowsFor(c))
	}
}
