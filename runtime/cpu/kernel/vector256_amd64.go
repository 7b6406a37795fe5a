package kernel

import (
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// expWide holds rows of eight equal constants for the AVX2 forms.
var expWide = func() (w [18][8]float32) {
	for i, v := range [18]float32{f32.Log2e, f32.Magic, -f32.Ln2Hi, -f32.Ln2Lo, f32.ExpC5, f32.ExpC4, f32.ExpC3, f32.ExpC2, f32.ExpC1,
		f32.ExpC0, 1, f32.ExpMax, f32.ExpMin, float32(math.Inf(1)), float32(math.Copysign(0, -1)), math.Float32frombits(1<<31 - 1),
		math.Float32frombits(127), math.Float32frombits(0xffffff81)} {
		for j := range w[i] {
			w[i][j] = v
		}
	}
	return w
}()

//go:noescape
func add256(dst, a, b *float32, n int)

//go:noescape
func mul256(dst, a, b *float32, n int)

//go:noescape
func scaleMul256(dst, x, w *float32, r float32, n int)

//go:noescape
func scale256(x *float32, r float32, n int)

//go:noescape
func squares256(l, x *float32, n int)

//go:noescape
func silu256(dst, x *float32, n int)

//go:noescape
func expSub256(x *float32, m float32, n int)

//go:noescape
func expSum256(l, x *float32, m float32, n int)

//go:noescape
func rotate256(dl, dh, xl, xh, cos, sin *float32, n int)

//go:noescape
func merge256(o, p *float32, a, b float32, n int)

//go:noescape
func maxScores256(s *float32, panels int, first, last *int32, scale float32) (m float32)

//go:noescape
func sumScores256(lanes *[16]float32, s *float32, panels int, first, last *int32)

// panelMasks is 16 zeros, 16 ones, 16 zeros: the window of 16 from 16-i on has
// zeros for the first i positions of a panel, the one from 32-i on for all others.
var panelMasks = func() (m [48]int32) {
	for i := range 16 {
		m[16+i] = -1
	}
	return m
}()

// softmax256 turns the scores of positions [from, to) of a chunk into
// exponentials of their distance to the maximum, which it returns, and sums them by
// position mod 16. Scores of other positions become garbage.
func softmax256(s []float32, from, to int, scale float32, lanes *[16]float32) float32 {
	first, last := from/16, (to-1)/16
	s = s[first*16 : last*16+16]
	before, after := &panelMasks[16-from%16], &panelMasks[32-((to-1)%16+1)]
	m := maxScores256(&s[0], len(s)/16, before, after, scale)
	expSub256(&s[0], m, len(s))
	sumScores256(lanes, &s[0], len(s)/16, before, after)
	return m
}

//go:noescape
func div256(x *float32, l float32, n int)

//go:noescape
func blockMax256(max *[8]uint32, x *[Slab]float32)

//go:noescape
func quantBlocks256(q *[Slab]int8, sums *[32]int64, x *[Slab]float32, mult *[8]float32)
