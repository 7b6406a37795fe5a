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

// adjustment is a logit adjustment of a row of a case.
type adjustment struct {
	row         int
	id          int32
	scale, bias float32
}

// topKInputs declares what topk reads behind the logits: adjustments of two
// rows in three, another temperature for each row, masks for one row in four.
func (b *builder) topKInputs(rows int, vocab int64, adjust int) []ir.ValueID {
	r := seeded(b.c.Name)
	var list []adjustment
	for row := range rows {
		for range adjust * min(1, row%3) { // ids may repeat; powers of two are exact
			list = append(list, adjustment{row, int32(r.IntN(int(vocab))), []float32{0.5, 1, 2, 4}[r.IntN(4)], float32(r.IntN(5) - 2)})
		}
	}
	if b.seed%4 == 1 && len(list) > 0 {
		list[0].bias = float32(math.Inf(-1)) // a forbidden token
	}
	of := func(sp Span) []adjustment {
		var in []adjustment
		for _, a := range list {
			if a.row >= sp.Start && a.row < sp.Start+sp.Len {
				a.row -= sp.Start
				in = append(in, a)
			}
		}
		return in
	}
	b.c.room = len(list)
	ints := func(pick func(a adjustment) int32) func(Span) []int32 {
		return func(sp Span) (x []int32) {
			for _, a := range of(sp) {
				x = append(x, pick(a))
			}
			return x
		}
	}
	floats := func(pick func(a adjustment) float32) func(Span) []float32 {
		return func(sp Span) (x []float32) {
			for _, a := range of(sp) {
				x = append(x, pick(a))
			}
			return x
		}
	}
	b.c.inner[ir.ExtAdjRow], b.c.inner[ir.ExtAdjIDs] = ints(func(a adjustment) int32 { return int32(a.row) }), ints(func(a adjustment) int32 { return a.id })
	b.c.innerF32[ir.ExtAdjScale], b.c.innerF32[ir.ExtAdjBias] = floats(func(a adjustment) float32 { return a.scale }), floats(func(a adjustment) float32 { return a.bias })
	words := int(vocab+31) / 32
	masks := map[int][]int32{}
	for row := range rows {
		b.c.f32[ir.ExtInvTemp] = append(b.c.f32[ir.ExtInvTemp], []float32{1, 0.5, 2}[row%3])
		if row%4 == 2 {
			for range words {
				masks[row] = append(masks[row], int32(r.Uint32()|1))
			}
		}
	}
	masked := func(sp Span, each func(row int)) {
		for row := sp.Start; row < sp.Start+sp.Len; row++ {
			if masks[row] != nil {
				each(row)
			}
		}
	}
	b.c.inner[ir.ExtMaskRow] = func(sp Span) (x []int32) {
		masked(sp, func(row int) { x = append(x, int32(row-sp.Start)) })
		return x
	}
	b.c.inner[ir.ExtMask] = func(sp Span) (x []int32) {
		masked(sp, func(row int) { x = append(x, masks[row]...) })
		return x
	}
	return []ir.ValueID{
		b.raw(ir.ExtAdjRow, ir.I32, ir.A), b.raw(ir.ExtAdjIDs, ir.I32, ir.A), b.raw(ir.ExtAdjScale, ir.F32, ir.A), b.raw(ir.ExtAdjBias, ir.F32, ir.A),
		b.raw(ir.ExtInvTemp, ir.F32, ir.S), b.raw(ir.ExtMaskRow, ir.I32, ir.M), b.raw(ir.ExtMask, ir.I32, ir.M, ir.Dim(words)),
	}
}

// topKCases: with and without adjustments and masks, ties, every k, logits of NaN
// and ±Inf, vocabularies around vectors and around the longest run of one call.
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
		in := append([]ir.ValueID{b.raw("logits", ir.F32, ir.S, ir.Dim(s.vocab))}, b.topKInputs(s.rows, s.vocab, s.adjust)...)
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
		b.apply(ir.Node{In: in, Attrs: []ir.Attr{ir.IntAttr("k", s.k)}}, 4, -1, ir.Plain)
		b.end(s.rows)
	}
}
