package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// gemm256Args is read by the GEMM kernels of 256 bits by the names of its fields.
type gemm256Args struct {
	w      uintptr // bytes [64][64], or int16 for q8_0 without VNNI
	scale  uintptr // f32 [8 or 16][16]
	act    uintptr // the slab of the c4 activation
	plane  uintptr // init, init16 (pair sums without VNNI), minpair or bsum plane of the slab
	exp    uintptr
	base   uintptr
	c      uintptr // f32 [tiles][4][16]
	tiles  int
	blocks int     // blocks of 32 in the slab
	skip   int     // plane bytes of the blocks a short slab lacks
	min    uintptr // int16 pairs [4][16][2] or f32 [8][16]
	dmin   uintptr
	acc    uintptr // 512 bytes
}

const (
	panels256 = 4   // panels of one item of a GEMM: they share the widened activations
	tokens256 = 264 // largest number of tokens of one pass of an item
)

// scratch256 is one slab of one expanded panel.
type scratch256 struct {
	w     [2 * 64 * 64]byte
	scale [16][16]float32
	acc   [144]float32
	minF  [8][16]float32
	min   [4][16][2]int16
	dmin  [16]float32
	d     [16]float32
	out   [16]float32
	tile  [4][16]float32
	gen   genericScratch
	gemv  gemvArgs
	gemm  gemm256Args
}

const scratch256Bytes = (int(unsafe.Sizeof(scratch256{})) + 63) &^ 63

// terms is where the kernels find the terms of the plane p, and dmin.
func (v *scratch256) terms(p pack.Plane) (min, dmin uintptr) {
	if p == pack.PlaneBSum {
		return addr(&v.minF), 0
	}
	return addr(&v.min), addr(&v.dmin)
}

// matmulQuantAVX2 and matmulQuantAVXVNNI compute panels [p0, p1) for i8
// activations.
func matmulQuantAVX2(m *Matmul, p0, p1 int, scratch []byte) {
	matmulQuant256(m, AVX2, p0, p1, scratch)
}

func matmulQuantAVXVNNI(m *Matmul, p0, p1 int, scratch []byte) {
	matmulQuant256(m, AVXVNNI, p0, p1, scratch)
}

func matmulQuant256(m *Matmul, tier Tier, p0, p1 int, scratch []byte) {
	x := &m.X
	if x.Layout == Plain || x.S == 1 {
		for t := range x.S {
			gemvQuant256(m, tier, t, p0, p1, scratch)
		}
		return
	}
	if x.S <= tileTokens256For(m.W) {
		gemvTiles256(m, tier, p0, p1, scratch)
		return
	}
	for p := p0; p < p1; p += panels256 {
		pass := passTokens256(x.S)
		for t := 0; t < x.S; t += pass {
			gemmQuant256(m, tier, p, min(panels256, p1-p), t, min(pass, x.S-t), scratch)
		}
	}
}

// passTokens256 cuts s tokens into equal passes, multiples of 4.
func passTokens256(s int) int { return roundUp(ceil(s, ceil(s, tokens256)), 4) }

// quantPasses256 is how often an item reads its panels.
func quantPasses256(m *Matmul) int { return m.innerPasses(passTokens256(max(1, m.X.S))) }

// gemmQuant256 computes n panels from p on for the tokens [t0, t0+count) of a
// c4 activation; t0 is a multiple of 4.
func gemmQuant256(m *Matmul, tier Tier, p, n, t0, count int, scratch []byte) {
	v := (*scratch256)(unsafe.Pointer(unsafe.SliceData(scratch[:scratch256Bytes])))
	w, x := m.W, &m.X
	tiles := ceil(count, 4)
	c := slice[float32](scratch, scratch256Bytes, n*tiles*64)
	clear(c)
	wide := slice[int16](scratch, scratch256Bytes+n*tiles*256, tiles*4*Slab)
	_, all := tile(C4, x.S)
	gemm, wideW, pairs := w.native.gemm256V, false, false
	if tier == AVX2 {
		gemm, wideW, pairs = w.native.gemm256, w.steps.LowBits == 8, w.run.Plane == pack.PlaneInit16
	}
	a := &v.gemm
	*a = gemm256Args{w: addr(&v.w), scale: addr(&v.scale), acc: addr(&v.acc), tiles: tiles}
	a.min, a.dmin = v.terms(w.run.Plane)
	for s := range ceil(w.K, Slab) {
		width := min(Slab, roundUp(w.K, 64)-s*Slab)
		g := s*all + t0/4
		q := x.Q[x.off(t0, s*Slab):][:tiles*4*width]
		a.act, a.plane = addr(&q[0]), x.plane(w.run.Plane, g*4)
		if wideW {
			wideActs256(&wide[0], &q[0], len(q)/32)
			a.act = addr(&wide[0])
		}
		if pairs {
			pairSums256(&wide[0], &q[0], len(q)/64)
			a.plane = addr(&wide[0])
		}
		a.exp, a.base = addr(&x.Exp[g*32]), addr(&x.Base[g*4])
		a.blocks, a.skip = width/32, (8-width/32)*16
		for i := range n {
			v.expand(w.steps, w.slabAs(w.steps, p+i, s, v.gen.slab[:]), wideW)
			w.fetchNext256(p+i, n, s)
			a.c = addr(&c[i*tiles*64])
			gemm(a)
		}
	}
	for i := range n {
		storePanel(m, p+i, t0, count, c[i*tiles*64:])
	}
}

// fetchNext256 fetches what a GEMM expands next of panel p: the slab behind s, or the
// first one of the panel n further on.
func (w *Weight) fetchNext256(p, n, s int) {
	if s++; s == ceil(w.K, Slab) {
		p, s = p+n, 0
	}
	if w.Form == P16 && p < w.panels {
		next := w.slab(p, s, nil)
		fetch256(&next[0], ceil(len(next), 64))
	}
}

// storePanel copies C [tokens][16] of one panel to tokens from t0 on.
func storePanel(m *Matmul, p, t0, count int, c []float32) {
	member, row, rows := m.W.panel(p)
	out := &m.Out[member]
	if rows == 16 {
		dst := out.F[t0*out.C+row:]
		_, _ = dst[(count-1)*out.C+15], c[16*count-1]
		storeRows256(&dst[0], 4*out.C, &c[0], count)
		return
	}
	for t := range count {
		copy(out.F[(t0+t)*out.C+row:][:rows], c[t*16:])
	}
}

func quantScratchSize256(m *Matmul) int {
	s := max(m.X.S, 1)
	n := roundUp(min(tokens256, s), 4) * (64*panels256 + 2*Slab)
	if m.W.run.Plane == pack.PlaneInit16 {
		n = max(n, roundUp(min(tileTokens256, s), 4)*m.W.K/4) // pair sums of whole tiles
	}
	return scratch256Bytes + roundUp(n, 64)
}

func unit256(m *Matmul) int {
	if m.X.S > 1 {
		return max(1, min(panels256, m.W.panels/32))
	}
	return max(1, min(4, m.W.panels/16))
}

var (
	avx2Quant    = matmulImpl{matmulQuantAVX2, unit256, quantScratchSize256, allTokens, quantPasses256}
	avxvnniQuant = matmulImpl{matmulQuantAVXVNNI, unit256, quantScratchSize256, allTokens, quantPasses256}
)
