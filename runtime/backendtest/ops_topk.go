package backendtest

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

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
		var in []ir.ValueID
		words := ir.Dim((s.vocab + 31) / 32)
		in = append(in, b.raw("logits", ir.F32, ir.R, ir.Dim(s.vocab)), b.raw(ir.ExtAdjRow, ir.I32, ir.A), b.raw(ir.ExtAdjIDs, ir.I32, ir.A),
			b.raw(ir.ExtAdjScale, ir.F32, ir.A), b.raw(ir.ExtAdjBias, ir.F32, ir.A), b.raw(ir.ExtInvTemp, ir.F32, ir.R),
			b.raw(ir.ExtMaskRow, ir.I32, ir.M), b.raw(ir.ExtMask, ir.I32, ir.M, words))
		b.c.f32["logits"] = topLogits(b.c.Name, b.seed, s.rows, int(s.vocab))
		r := seeded(b.c.Name + "rows")
		for row := range s.rows {
			b.c.top = append(b.c.top, randomTop(r, s.vocab, s.adjust, row))
		}
		if b.seed%4 == 1 && s.adjust > 0 {
			b.c.top[0].bias[0] = float32(math.Inf(-1)) // a forbidden token
		}
		b.apply(ir.Node{In: in, Attrs: []ir.Attr{ir.IntAttr("k", s.k)}}, 4, -1, ir.Plain)
		b.end(s.rows)
	}
}

// topLogits are logits with, from seed to seed, ties, NaN and -Inf.
func topLogits(name string, seed, rows, vocab int) []float32 {
	r := seeded(name)
	logits := random(name, rows, vocab, false)
	for i := range logits {
		switch kind := seed % 4; {
		case kind == 1:
			logits[i] = float32(math.Round(float64(logits[i])))
		case kind == 2 && r.IntN(9) == 0:
			logits[i] = float32(math.NaN())
		case kind == 3 && r.IntN(9) == 0:
			logits[i] = float32(math.Inf(-1))
		}
	}
	return logits
}

// randomTop is what a row is asked: about n adjustments, whose ids may repeat
// and whose scales are powers of two and so exact; a temperature in every second row, a
// mask in every third.
func randomTop(r *rand.Rand, vocab int64, n, row int) topRow {
	t := topRow{invTemp: 1}
	for range n * (row % 3) / 2 {
		t.ids = append(t.ids, int32(r.Int64N(vocab)))
		t.scale = append(t.scale, []float32{0.5, 1, 2, 4}[r.IntN(4)])
		t.bias = append(t.bias, float32(r.IntN(5)-2))
	}
	if row == 0 && n > 0 { // the first row has one at least
		t.ids, t.scale, t.bias = []int32{0}, []float32{2}, []float32{1}
	}
	if row%2 == 1 {
		t.invTemp = []float32{0.5, 2, 1.25}[row/2%3]
	}
	if row%3 == 1 {
		t.mask = make([]int32, (vocab+31)/32)
		for i := range t.mask {
			t.mask[i] = int32(r.Uint32() | r.Uint32())
		}
		t.mask[0] |= 1 // bits beyond the vocabulary stay: they mean nothing
	}
	return t
}
