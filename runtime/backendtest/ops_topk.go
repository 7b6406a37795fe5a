package backendtest

import (
	"encoding/binary"
	"math"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// bytesOf is x in memory order.
func bytesOf(x []float32) []byte {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return aligned(b)
}

// topKCases: with and without adjustments, ties, every k, logits of NaN and
// ±Inf, vocabularies around vectors and around the longest run of one call.
func topKCases(m *maker) {
	type shape struct {
		vocab, k int64
		adjust   int
		rows     int
	}
	var all []shape
	for i, v := range m.widths() {
		all = append(all, shape{v, min(v, []int64{1, 2, 5, 8, 64}[i%5]), []int{0, 1, 7}[i%3], 21})
	}
	all = append(all, shape{1000, 1000, 3, 5}, shape{1<<15 - 1, 64, 100, 3}, shape{1<<15 + 5, 40, 0, 3})
	if m.long {
		all = append(all, shape{70001, 64, 5, 2}, shape{151936, 64, 0, 1})
	}
	for _, s := range all {
		b := m.begin("%d of %d, %d adjusted", s.k, s.vocab, s.adjust)
		rows := func(name string, e ir.Elem, shape ...ir.Dim) ir.ValueID { return b.raw(name, e, shape...) }
		in := []ir.ValueID{rows("logits", ir.F32, ir.S, ir.Dim(s.vocab)), rows("adj_ids", ir.I32, ir.A), rows("adj_scale", ir.F32, ir.A), rows("adj_bias", ir.F32, ir.A)}
		r := seeded(b.c.Name)
		logits := random(b.c.Name, s.rows, int(s.vocab), false)
		for i := range logits {
			switch kind := b.seed % 4; {
			case kind == 1: // ties
				logits[i] = float32(math.Round(float64(logits[i])))
			case kind == 2 && r.IntN(9) == 0:
				logits[i] = float32(math.NaN())
			case kind == 3 && r.IntN(9) == 0:
				logits[i] = float32(math.Inf(-1))
			}
		}
		b.c.f32["logits"] = logits
		b.c.i32["adj_ids"], b.c.f32["adj_scale"], b.c.f32["adj_bias"] = []int32{}, []float32{}, []float32{}
		for range s.adjust { // ids may repeat; powers of two are exact
			b.c.i32["adj_ids"] = append(b.c.i32["adj_ids"], int32(r.IntN(int(s.vocab))))
			b.c.f32["adj_scale"] = append(b.c.f32["adj_scale"], []float32{0.5, 1, 2, 4}[r.IntN(4)])
			b.c.f32["adj_bias"] = append(b.c.f32["adj_bias"], float32(r.IntN(5)-2))
		}
		if b.seed%4 == 1 && s.adjust > 0 {
			b.c.f32["adj_bias"][0] = float32(math.Inf(-1)) // a forbidden token
		}
		b.apply(ir.Node{In: in, Attrs: []ir.Attr{ir.IntAttr("k", s.k)}}, 3, -1, ir.Plain)
		b.end(s.rows)
	}
}
