package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// neonArgs is read by the integer kernels by the names of its fields. The GEMM kernels
// compute half a panel: w, scale, c, min and dmin point at its first row.
type neonArgs struct {
	w      uintptr // int8 [groups][16][4]
	scale  uintptr // f32 [8 or 16][16]
	act    uintptr // the slab of the activation
	exp    uintptr
	base   uintptr
	c      uintptr // f32 [tokens][16], added to
	tiles  int     // GEMM only
	blocks int     // blocks of 32 in the slab
	skip   int     // plane bytes of the blocks a short slab lacks
	min    uintptr // int16 or f32 [8][16]
	plane  uintptr // minpair or bsum
	dmin   uintptr // f32 [16]
}

// The i8mm forms take weights that neonPairs has put in pairs of rows.

//go:noescape
func neonPairs(w *byte, n int)

// neonScratch is one slab of one expanded panel.
type neonScratch struct {
	w     [64 * 64]byte
	scale [16][16]float32
	minF  [8][16]float32
	min   [8][16]int16
	d     [16]float32
	dmin  [16]float32
	wf    [Slab][16]float32
	xf    [Slab / 4][4][4]float32
	gen   genericScratch
	args  neonArgs
	gemvs neonGemvArgs
	float neonFloatGemvArgs
}

const neonScratchBytes = (int(unsafe.Sizeof(neonScratch{})) + 63) &^ 63

// neonTokens is the number of tokens of one pass over the weights.
const neonTokens = 512

// neonPasses is how often an item reads its panels; tokens one by one find the panel in
// the first cache.
func neonPasses(m *Matmul) int { return ceil(max(1, m.X.S), neonTokens) }

// matmulQuantNEON computes panels [p0, p1) for i8 activations.
func matmulQuantNEON(m *Matmul, p0, p1 int, scratch []byte) {
	matmulQuantARM(m, p0, p1, scratch, false)
}

// matmulQuantI8MM is the same with products of matrices from two tiles on: for
// one, pairing the rows of the weights costs more than it saves.
func matmulQuantI8MM(m *Matmul, p0, p1 int, scratch []byte) {
	matmulQuantARM(m, p0, p1, scratch, m.X.S > 4)
}

func matmulQuantARM(m *Matmul, p0, p1 int, scratch []byte, pairs bool) {
	v := (*neonScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:neonScratchBytes])))
	for p := p0; p < p1; p++ {
		for t := 0; t < m.X.S; t += neonTokens {
			n := min(neonTokens, m.X.S-t)
			c := slice[float32](scratch, neonScratchBytes, roundUp(n, 4)*16)
			clear(c)
			tiled := m.X.Layout == C4 && m.X.S > 1
			if !tiled && m.W.native.stream != nil && m.W.inPlace() {
				for i := range n {
					v.gemvStream(m, p, t+i, c[16*i:])
				}
				storeNEON(m, p, t, n, c)
				continue
			}
			for s := range ceil(m.W.K, Slab) {
				v.expand(m.W.steps, m.W.slabAs(m.W.steps, p, s, v.gen.slab[:]))
				if tiled {
					if pairs {
						neonPairs(&v.w[0], Slab/8)
					}
					v.gemm(m, s, t, n, c, pairs)
					continue
				}
				for i := range n {
					v.gemv(m, s, t+i, c[16*i:])
				}
			}
			storeNEON(m, p, t, n, c)
		}
	}
}

// gemm adds slab s of n tokens from t0 on, a multiple of 4.
func (v *neonScratch) gemm(m *Matmul, s, t0, n int, c []float32, pairs bool) {
	x := &m.X
	_, all := tile(C4, x.S)
	g := s*all + t0/4
	blocks := min(Slab, roundUp(x.C, 64)-s*Slab) / 32
	f := m.W.run
	gemm := planeKernels[f.Plane].gemm
	if pairs {
		gemm = planeKernels[f.Plane].pairs
	}
	for half := range 2 {
		r, first := 8*half, 32*half
		if pairs {
			first = 64 * half
		}
		a := &v.args
		*a = neonArgs{
			w: addr(&v.w[first]), scale: addr(&v.scale[0][r]),
			act: addr(&x.Q[x.off(t0, s*Slab)]), exp: addr(&x.Exp[g*32]),
			base: addr(&x.Base[g*4]), c: addr(&c[r]), plane: x.plane(f.Plane, g*4),
			tiles: ceil(n, 4), blocks: blocks, skip: (8 - blocks) * 16,
		}
		a.min, a.dmin = v.terms(f.Plane, r)
		gemm(a)
	}
}

// terms is where the kernels find the terms of the plane p from row r on, and dmin.
func (v *neonScratch) terms(p pack.Plane, r int) (min, dmin uintptr) {
	if p == pack.PlaneBSum {
		return addr(&v.minF[0][r]), 0
	}
	return addr(&v.min[0][r]), addr(&v.dmin[r])
}

// gemv adds slab s of token t, whose channels are contiguous, to c [16].
func (v *neonScratch) gemv(m *Matmul, s, t int, c []float32) {
	x := &m.X
	g, _, _ := x.group(t, s)
	f := m.W.run
	a := &v.args
	*a = neonArgs{
		w: addr(&v.w), scale: addr(&v.scale),
		act: addr(&x.Q[x.off(t, s*Slab)]), exp: addr(&x.Exp[g*8]),
		base: addr(&x.Base[g]), c: addr(&c[0]), plane: x.plane(f.Plane, g),
		blocks: min(Slab, roundUp(x.C, 64)-s*Slab) / 32,
	}
	a.min, a.dmin = v.terms(f.Plane, 0)
	planeKernels[f.Plane].gemv(a)
}

// storeNEON copies C [tokens][16] of panel p to n tokens from t0 on.
func storeNEON(m *Matmul, p, t0, n int, c []float32) {
	member, row, rows := m.W.panel(p)
	out := &m.Out[member]
	for t := range n {
		copy(out.F[(t0+t)*out.C+row:][:rows], c[t*16:])
	}
}

func neonScratchSize(m *Matmul) int {
	return neonScratchBytes + 64*min(neonTokens, roundUp(max(m.X.S, 1), pack.PanelRows))
}

func neonUnit(m *Matmul) int {
	if m.X.S > 1 {
		return 1
	}
	return max(1, min(4, m.W.panels/16))
}

var (
	neonQuant = matmulImpl{matmulQuantNEON, neonUnit, neonScratchSize, allTokens, neonPasses}
	i8mmQuant = matmulImpl{matmulQuantI8MM, neonUnit, neonScratchSize, allTokens, neonPasses}
)
