package backendtest

import (
	"math"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// headDims are channels of a head: every even residue mod 4 and 16, the usual
// ones, and some that are no multiple of anything.
func (m *maker) headDims() []int64 {
	d := []int64{6, 10, 14, 18, 20, 8, 4, 2, 12, 16, 32, 48, 64, 80, 96, 128}
	if m.long {
		d = append(d, 22, 24, 26, 28, 30, 34, 40, 46, 72, 112, 192, 256)
	}
	return d
}

// normCases serves rms_norm and add_rms_norm: whole rows, and heads of a row.
func normCases(m *maker) {
	for _, c := range m.widths() {
		m.norm(c, c)
	}
	for i, dim := range append(m.headDims(), 1, 3, 5, 7, 9, 11, 13, 15, 17) {
		for _, heads := range []int64{3 + int64(i%3), 16} {
			m.norm(dim*heads, dim)
		}
	}
}

func (m *maker) norm(c, dim int64) {
	last := m.op.In - 1 // rms_norm has one input and output, add_rms_norm two
	types := m.floats()
	for _, l := range m.layouts(last) {
		if !m.fits(c) {
			continue
		}
		b := m.begin("%d channels by %d, %s", c, dim, l)
		x := []ir.ValueID{b.input("a", c)}
		if last > 0 {
			x = append(x, b.input("b", c))
		}
		w := b.weight("w", types[b.seed%len(types)], ir.Rows, 0, dim)
		b.extreme = b.seed%5 == 4
		eps := []float64{1e-5, 1e-6, 0}[b.seed%3]
		if b.extreme {
			eps = 1e-6
		}
		b.apply(ir.Node{In: x, Weights: []string{w}, Attrs: []ir.Attr{ir.IntAttr("dim", dim), ir.FloatAttr("eps", eps)}}, last+1, last, l)
		b.end(rowsFor(c))
	}
}

// ropeShapes are head counts, channels and rotated channels of a head.
func (m *maker) ropeShapes() [][3]int64 {
	var all [][3]int64
	for i, d := range m.headDims() {
		all = append(all, [3]int64{1 + int64(i%3), d, d})
		if rd := d / 2 &^ 1; rd > 0 {
			all = append(all, [3]int64{2, d, rd})
		}
	}
	// Odd heads keep a channel; 17 heads of 3 begin at channels of every residue.
	return append(all, [3]int64{17, 3, 2}, [3]int64{1, 5, 4}, [3]int64{1, 7, 4}, [3]int64{1, 9, 8}, [3]int64{1, 11, 10}, [3]int64{1, 13, 12},
		[3]int64{1, 14, 14}, [3]int64{1, 15, 14}, [3]int64{5, 13, 6}, [3]int64{2, 33, 32})
}

func (b *builder) invFreq(n int64) string {
	f := make([]float32, n)
	for i := range f {
		f[i] = float32(math.Pow(10000, -float64(i)/float64(n)))
	}
	_, err := b.g.AddWeight("inv_freq", ir.StoredExpr("inv_freq", tensor.F32, tensor.Shape{n}, ir.Rows, []int64{n}))
	b.m.fail(err)
	b.c.Weights["inv_freq"] = bytesOf(f)
	return "inv_freq"
}

func ropeAttrs(seed int, dim, rotary int64) []ir.Attr {
	attrs := []ir.Attr{ir.IntAttr("head_dim", dim), ir.IntAttr("rotary_dim", rotary)}
	if seed%3 == 0 {
		attrs = append(attrs, ir.FloatAttr("mscale", 1.25))
	}
	return attrs
}

func ropeCases(m *maker) {
	for _, s := range m.ropeShapes() {
		heads, dim, rotary := s[0], s[1], s[2]
		b := m.begin("%d heads of %d, %d rotated", heads, dim, rotary)
		x := b.input("x", heads*dim)
		f := b.invFreq(rotary / 2)
		b.paced()
		b.apply(ir.Node{In: []ir.ValueID{x}, Weights: []string{f}, Attrs: ropeAttrs(b.seed, dim, rotary)}, 1, -1, ir.Plain)
		b.end(37)
	}
}

// ropeQKCases: with and without norms, more queries than keys.
func ropeQKCases(m *maker) {
	types := m.floats()
	for _, s := range m.ropeShapes() {
		for _, norms := range []bool{false, true} {
			heads, dim, rotary := s[0], s[1], s[2]
			b := m.begin("%d heads of %d, %d rotated, norms %v", heads, dim, rotary, norms)
			q, k := b.input("q", 2*heads*dim), b.input("key", heads*dim)
			b.paced()
			n := ir.Node{In: []ir.ValueID{q, k}, Weights: []string{b.invFreq(rotary / 2)}, Attrs: ropeAttrs(b.seed, dim, rotary)}
			if norms {
				t := types[b.seed%len(types)]
				n.Weights = append(n.Weights, b.weight("q_norm", t, ir.Rows, 0, dim), b.weight("k_norm", t, ir.Rows, 0, dim))
				n.Attrs = append(n.Attrs, ir.FloatAttr("eps", 1e-6))
			}
			b.apply(n, 2, -1, ir.Plain)
			b.end(37)
		}
	}
}

// attentionShape is one row of the attention cases.
type attentionShape struct {
	heads, kv, dim, window int64
	rows                   int
}

func (m *maker) attentionShapes() []attentionShape {
	var all []attentionShape
	// Every head_dim with several KV heads, so that outputs begin at channels of
	// every residue; groups of one to six.
	for i, d := range m.headDims() {
		kv, group := int64(2+i%3), int64(1+i%6)
		if d >= 48 && !m.long {
			kv, group = 2, 1+group%2
		}
		all = append(all, attentionShape{kv * group, kv, d, 0, 39})
	}
	for i, d := range []int64{1, 3, 5, 7, 9, 11, 13, 15, 6, 10, 14, 18} {
		all = append(all, attentionShape{3, 3, d, int64(i), 37})
	}
	all = append(all, attentionShape{1, 1, 20, 0, 37})
	// 16 heads fill whole blocks, so that results are quantised too.
	for i, d := range []int64{2, 6, 10, 14, 18} {
		all = append(all, attentionShape{16, []int64{2, 16, 8, 4, 16}[i], d, 0, 37})
	}
	// Windows around the panel of 16 positions, then around the chunk of 256.
	for i, w := range []int64{1, 2, 8, 15, 16, 17, 31} {
		all = append(all, attentionShape{4, 2, []int64{32, 18}[i%2], w, 45})
	}
	for i, w := range []int64{0, 1, 8, 255, 256, 257, 512} {
		all = append(all, attentionShape{2, 1 + int64(i%2), 8, w, 530})
	}
	all = append(all, attentionShape{4, 1, 8, 250, 530}, attentionShape{2, 1, 32, 0, 290}, attentionShape{24, 4, 32, 20, 70})
	if m.long {
		all = append(all, attentionShape{2, 1, 32, 300, 1100}, attentionShape{12, 2, 64, 0, 290}, attentionShape{6, 2, 96, 17, 530})
	}
	return all
}

// attentionCases run in every cache type that holds the head; quick ones in the
// first and in one of the others, which take turns.
func attentionCases(m *maker) {
	turns := map[int]int{} // by the number of types to choose from
	for i, s := range m.attentionShapes() {
		for j, l := range m.layouts(0) {
			costly := s.rows > 250
			if !m.fits(s.heads*s.dim) || costly && !m.long && i%2 != j {
				continue
			}
			b := m.begin("%d heads over %d of %d, window %d, %d positions, %s", s.heads, s.kv, s.dim, s.window, s.rows, l)
			n := ir.Node{In: []ir.ValueID{b.input("q", s.heads*s.dim), b.input("k", s.kv*s.dim), b.input("v", s.kv*s.dim)}, States: []string{"kv.0"}}
			b.g.AddState(&ir.State{Name: "kv.0", Heads: s.kv, KDim: s.dim, VDim: s.dim, Window: s.window})
			n.Attrs = []ir.Attr{ir.IntAttr("head_dim", s.dim), ir.IntAttr("heads", s.heads), ir.IntAttr("kv_heads", s.kv), ir.FloatAttr("scale", 1/math.Sqrt(float64(s.dim)))}
			if s.window > 0 {
				n.Attrs = append(n.Attrs, ir.IntAttr("window", s.window))
			}
			b.apply(n, 1, 0, l)
			b.c.KV, b.c.Costly = m.holding(s.dim), costly || s.heads*s.dim >= 64
			switch n := len(b.c.KV); {
			case m.long:
			case costly && i%3 > 0:
				b.c.KV = b.c.KV[:1]
			case n > 2:
				b.c.KV = []string{b.c.KV[0], b.c.KV[1+turns[n]%(n-1)]}
				turns[n]++
			}
			b.c.Spans = attentionSpans(s.rows, b.seed, m.long)
			b.end(s.rows)
		}
	}
	sharedCases(m)
}

// attentionSpans: in long cases the interesting starts are around chunks, and
// splits of few queries over many positions.
func attentionSpans(rows, seed int, long bool) []Span {
	if rows < 250 {
		return spans(rows, seed, long)
	}
	var list []Span
	for _, start := range []int{511 + seed%3, 497 + seed%16, 256 + seed%2, 255 - seed%2, 240 + seed%16} {
		for _, n := range []int{1 + seed%4, 17 - seed%16} {
			if start+n <= rows {
				list = append(list, Span{start, n})
			}
		}
	}
	return append(list, Span{0, 255 + seed%3}, Span{255 + seed%3, 20})
}

// holding are the cache types that hold heads of dim channels.
func (m *maker) holding(dim int64) []string {
	var all []string
	for _, kv := range m.codecs {
		pair, err := codec.ParsePair(kv)
		m.fail(err)
		if err == nil && pair.K.Fits(int(dim)) == nil && pair.V.Fits(int(dim)) == nil {
			all = append(all, kv)
		}
	}
	return all
}
