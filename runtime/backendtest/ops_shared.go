package backendtest

import (
	"math"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
)

// sharedShape is a state that two nodes read, the second without appending.
type sharedShape struct {
	heads, kv      int64
	k, v           int64
	ofK            bool  // v is part of k
	window, second int64 // what the state keeps and the first node sees; what the second sees
	rows           int
}

var sharedShapes = []sharedShape{
	{4, 2, 16, 16, false, 0, 0, 37},
	{3, 3, 18, 10, false, 0, 7, 37},
	{16, 2, 32, 64, false, 20, 20, 45},
	{4, 1, 64, 32, false, 16, 9, 45},
	{8, 2, 8, 8, false, 270, 256, 530},
	// One head of k for all queries, v a part of it, with and without blocks that
	// tiers and codecs want.
	{4, 1, 6, 6, true, 0, 0, 37},
	{16, 1, 18, 10, true, 0, 5, 37},
	{12, 1, 48, 16, true, 0, 0, 37},
	{16, 1, 96, 64, true, 0, 0, 37},
	{10, 1, 96, 32, true, 17, 16, 45},
	{8, 2, 64, 64, true, 0, 3, 37},
	{16, 4, 24, 8, true, 31, 31, 45},
	{4, 1, 96, 64, true, 0, 0, 530},
	{8, 1, 32, 32, true, 300, 257, 530},
}

// sharedCases are attentions of which the second reads what the first has
// appended, in every cache type that holds the heads.
func sharedCases(m *maker) {
	for i, s := range sharedShapes {
		for j, l := range m.layouts(0) {
			costly := s.rows > 250
			if !m.fits(s.heads*s.v) || costly && !m.long && i%2 != j {
				continue
			}
			b := m.begin("%d heads over %d of %d and %d, windows %d and %d, shared, part of k %v, %d positions, %s", s.heads, s.kv, s.k, s.v, s.window, s.second, s.ofK, s.rows, l)
			b.g.AddState(&ir.State{Name: "kv.0", Heads: s.kv, KDim: s.k, VDim: s.v, VOfK: s.ofK, Window: s.window})
			in := []ir.ValueID{b.input("q", s.heads*s.k), b.input("k", s.kv*s.k)}
			if !s.ofK {
				in = append(in, b.input("v", s.kv*s.v))
			}
			again := b.input("q2", s.heads*s.k)
			b.apply(ir.Node{In: in, States: []string{"kv.0"}, Attrs: s.attrs(s.window)}, 1, 0, l)
			b.apply(ir.Node{In: []ir.ValueID{again}, States: []string{"kv.0"}, Attrs: s.attrs(s.second)}, 1, 0, l)
			b.c.KV, b.c.Costly = m.keeping(s), costly || s.heads*s.k >= 64
			if len(b.c.KV) > 2 && !m.long {
				b.c.KV = []string{b.c.KV[0], b.c.KV[1+(i+j)%(len(b.c.KV)-1)]}
			}
			b.c.Spans = attentionSpans(s.rows, b.seed, m.long)
			b.end(s.rows)
		}
	}
}

func (s *sharedShape) attrs(window int64) []ir.Attr {
	attrs := []ir.Attr{ir.IntAttr("head_dim", s.k), ir.IntAttr("heads", s.heads), ir.IntAttr("kv_heads", s.kv), ir.FloatAttr("scale", 1/math.Sqrt(float64(s.k)))}
	if window > 0 {
		attrs = append(attrs, ir.IntAttr("window", window))
	}
	return attrs
}

// keeping are the cache types that keep such heads.
func (m *maker) keeping(s sharedShape) []string {
	var all []string
	for _, kv := range m.codecs {
		pair, err := codec.ParsePair(kv)
		m.fail(err)
		if err == nil && pair.Fits(int(s.k), int(s.v), s.ofK) == nil {
			all = append(all, kv)
		}
	}
	return all
}
