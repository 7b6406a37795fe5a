package kernel

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Elem is what an activation holds, Layout its order in memory, Form the order
// of a stored weight: the enums of the graph (pkg/tensor).
type (
	Elem   = tensor.Elem
	Layout = tensor.Layout
	Form   = tensor.Form
)

// The values that kernels know.
const (
	F32 = tensor.ElemF32
	I8  = tensor.ElemI8 // int8 with the planes of scheme s256e32

	// Plain is row-major [S, C]: f32 dense, i8 with C padded to 64.
	Plain = tensor.LayoutPlain
	// C4 is slab-major and tile-major: slabs of 256 channels, tiles of 4
	// tokens, groups of 4 channels; element (t, k) is at
	// ((k/256*tiles + t/4)*64 + k%256/4)*16 + t%4*4 + k%4. The last slab is as
	// wide as is left of C padded to 64. For one token the tile is one wide: the plain
	// vector.
	C4 = tensor.LayoutC4

	Rows = tensor.FormRows // as in GGUF
	P16  = tensor.FormP16  // panels of 16 rows (pkg/pack)
)

// amxMinTokens is the number of tokens from which AMX kernels are faster than
// those of AVX-512, so that an activation has plane T.
const amxMinTokens = 32

// Slab is the number of channels that share an activation scale.
const Slab = 256

// Act is an activation of S tokens by C channels: a view of memory that the
// caller owns. The planes of an i8 activation are indexed by (group, item,
// lane), where a group is one (slab, tile), the tile W tokens wide (4 for c4
// with S > 1, else 1): Base[g*W+l], Exp[(g*8+block)*W+l] and so on.
type Act struct {
	Elem   Elem
	Layout Layout
	S, C   int

	F []float32 // f32 elements

	Q       []int8    // i8 elements
	Base    []float32 // slab scale
	Exp     []int32   // -(e << 23) of each block of 32
	Init    []int32   // -128 * sum of the block
	Init16  []int32   // -128 * sum of each 16 channels
	MinPair []int16   // rne(8 * sum * 2^-e) of blocks (2p, 2p+1), interleaved
	BSum    []float32 // sum * 2^-e of each block

	// T repeats Q token-major for the AMX kernels: per slab and 16 tokens
	// [8 blocks][16 tokens][32]. Nil where there is no AMX, and below amxMinTokens.
	T []int8
}

// planes is the memory of an i8 activation.
type planes struct{ q, base, exp, init, init16, minPair, bsum, t, end int }

func layoutI8(l Layout, s, c int) (p planes) {
	w, tiles := tile(l, s)
	groups := ceil(c, Slab) * tiles * w
	p.base = roundUp(roundUp(c, 64)*tiles*w, 64)
	p.exp = p.base + roundUp(groups*4, 64)
	p.init = p.exp + roundUp(groups*32, 64)
	p.init16 = p.init + roundUp(groups*32, 64)
	p.minPair = p.init16 + roundUp(groups*64, 64)
	p.bsum = p.minPair + roundUp(groups*16, 64)
	p.t = p.bsum + roundUp(groups*32, 64)
	p.end = p.t
	if haveAMX && s >= amxMinTokens && w > 1 {
		p.end += ceil(c, Slab) * ceil(s, 16) * 16 * Slab
	}
	return p
}

// tile is the width of a tile and the number of tiles.
func tile(l Layout, s int) (w, tiles int) {
	if l == C4 && s > 1 {
		return 4, ceil(s, 4)
	}
	return 1, s
}

// Bytes is the size of the memory of an activation: a multiple of 64 that
// grows with s.
func Bytes(e Elem, l Layout, s, c int) int {
	switch {
	case e == I8:
		return layoutI8(l, s, c).end
	case l == Plain:
		return roundUp(4*s*c, 64)
	}
	w, tiles := tile(l, s)
	return 4 * roundUp(c, 64) * w * tiles
}

// View makes an activation of mem, which must be 64-byte aligned and hold
// Bytes(e, l, s, c).
func View(mem []byte, e Elem, l Layout, s, c int) (Act, error) {
	a := Act{Elem: e, Layout: l, S: s, C: c}
	if s < 0 || c <= 0 || s > 1<<24 || c > 1<<28 {
		return a, fmt.Errorf("activation of shape [%d, %d] is out of range", s, c)
	}
	if e != F32 && e != I8 || l != Plain && l != C4 {
		return a, fmt.Errorf("activation of %s in layout %s has no memory form", e, l)
	}
	if n := Bytes(e, l, s, c); len(mem) < n {
		return a, fmt.Errorf("%s %s activation [%d, %d]: got %d bytes, want %d", e, l, s, c, len(mem), n)
	}
	if s == 0 {
		return a, nil
	}
	if !aligned64(mem) {
		return a, fmt.Errorf("%s %s activation [%d, %d]: memory is not 64-byte aligned", e, l, s, c)
	}
	if e == F32 && l == Plain {
		a.F = slice[float32](mem, 0, s*c)
		return a, nil
	}
	w, tiles := tile(l, s)
	if n := roundUp(c, 64) * w * tiles; e == F32 {
		a.F = slice[float32](mem, 0, n)
	} else {
		p := layoutI8(l, s, c)
		g := ceil(c, Slab) * tiles * w
		a.Q = slice[int8](mem, 0, n)
		a.Base = slice[float32](mem, p.base, g)
		a.Exp = slice[int32](mem, p.exp, 8*g)
		a.Init = slice[int32](mem, p.init, 8*g)
		a.Init16 = slice[int32](mem, p.init16, 16*g)
		a.MinPair = slice[int16](mem, p.minPair, 8*g)
		a.BSum = slice[float32](mem, p.bsum, 8*g)
		a.T = slice[int8](mem, p.t, p.end-p.t)
	}
	return a, nil
}

// Shaped is an activation without memory, of which only the shape is asked.
func Shaped(e Elem, l Layout, s, c int) Act { return Act{Elem: e, Layout: l, S: s, C: c} }

// FromF32 views f as a plain f32 activation; len(f) must be s*c.
func FromF32(f []float32, s, c int) Act {
	return Act{Elem: F32, Layout: Plain, S: s, C: c, F: f[: s*c : s*c]}
}

// rows views rows [t0, t0+n) of a plain activation.
func (a *Act) rows(t0, n int) Act {
	if a.F == nil && a.Q == nil {
		return Shaped(a.Elem, a.Layout, n, a.C)
	}
	if a.Elem == F32 {
		return FromF32(a.F[t0*a.C:(t0+n)*a.C], n, a.C)
	}
	cp, g, m := roundUp(a.C, 64), t0*ceil(a.C, Slab), n*ceil(a.C, Slab)
	return Act{Elem: I8, Layout: Plain, S: n, C: a.C, Q: a.Q[t0*cp : (t0+n)*cp], Base: a.Base[g : g+m],
		Exp: a.Exp[8*g : 8*(g+m)], Init: a.Init[8*g : 8*(g+m)], Init16: a.Init16[16*g : 16*(g+m)],
		MinPair: a.MinPair[8*g : 8*(g+m)], BSum: a.BSum[8*g : 8*(g+m)]}
}

// off is the index of (t, k) in F of a c4 activation and in Q of any.
func (a *Act) off(t, k int) int {
	cp := roundUp(a.C, 64)
	w, tiles := tile(a.Layout, a.S)
	if w == 1 {
		return t*cp + k
	}
	s := k / Slab
	width := min(Slab, cp-s*Slab)
	return (s*Slab*tiles+t/4*width)*4 + k%Slab/4*16 + t%4*4 + k%4
}

// tokenTile is where plane T has the tile of 16 tokens of (token t, slab s).
func (a *Act) tokenTile(t, s int) int { return (s*ceil(a.S, 16) + t/16) * 16 * Slab }

// group is the index of (token t, slab s) in the planes: the group and lane.
func (a *Act) group(t, s int) (g, lane, w int) {
	w, tiles := tile(a.Layout, a.S)
	if a.Layout == Plain {
		return t*ceil(a.C, Slab) + s, 0, 1
	}
	return s*tiles + t/w, t % w, w
}

// At is the value at (t, k), dequantised for i8; for tests and traces.
func (a *Act) At(t, k int) float32 {
	if a.Elem == F32 {
		if a.Layout == Plain {
			return a.F[t*a.C+k]
		}
		return a.F[a.off(t, k)]
	}
	g, lane, w := a.group(t, k/Slab)
	e := -a.Exp[(g*8+k%Slab/32)*w+lane] >> 23
	return float32(a.Q[a.off(t, k)]) * (a.Base[g*w+lane] * exp2i(-int(e)))
}

// putRun stores consecutive channels of token t from k0 on.
func (a *Act) putRun(t, k0 int, src []float32) {
	if a.Layout == Plain {
		copy(a.F[t*a.C+k0:], src)
		return
	}
	if a.S == 1 {
		copy(a.F[k0:], src)
		return
	}
	for i, v := range src {
		a.F[a.off(t, k0+i)] = v
	}
}

// getRun loads consecutive channels of token t from k0 on.
func (a *Act) getRun(dst []float32, t, k0 int) {
	if a.Layout == Plain {
		copy(dst, a.F[t*a.C+k0:])
		return
	}
	if a.S == 1 {
		copy(dst, a.F[k0:])
		return
	}
	for i := range dst {
		dst[i] = a.F[a.off(t, k0+i)]
	}
}

// zeroPads writes the pads of an f32 c4 activation.
func (a *Act) zeroPads() {
	if a.Layout == Plain || a.S == 0 {
		return
	}
	w, tiles := tile(a.Layout, a.S)
	cp := roundUp(a.C, 64)
	for t := range tiles * w {
		k := a.C
		if t >= a.S {
			k = 0
		}
		for ; k < cp; k++ {
			a.F[a.off(t, k)] = 0
		}
	}
}
