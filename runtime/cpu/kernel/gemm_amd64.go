package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// gemmArgs is read by the GEMM kernels by the names of its fields.
type gemmArgs struct {
	w      uintptr // bytes [3][64][64]
	scale  uintptr // f32 [3][8 or 16][16]
	act    uintptr // the slab of the c4 activation
	init   uintptr // init, init16, minpair or bsum plane of the slab
	exp    uintptr
	base   uintptr
	c      uintptr // f32 [tiles][4][48]
	tiles  int
	blocks int // blocks of 32 in the slab
	skip   int // plane bytes of the blocks a short slab lacks
	min    uintptr
	dmin   uintptr
	buf    uintptr // 512 bytes, FMA forms only
}

// fmaForms selects the FMA forms of the GEMM kernels: on Intel, where 512-bit
// conversions and integer adds take slots of the dot products. The bits are
// the same; the tests run both.
var fmaForms = func() bool {
	_, b, c, d := cpuid(0)
	return b == 0x756e6547 && d == 0x49656e69 && c == 0x6c65746e // GenuineIntel
}()

const (
	groupPanels = 3   // panels of one GEMM kernel
	gemmTokens  = 504 // largest number of tokens of one pass over the weights
)

// vnniScratch is one slab of three expanded panels.
type vnniScratch struct {
	w     [groupPanels][64 * 64]byte
	scale [groupPanels * 16 * 16]float32 // panels 8*16 apart, 16*16 for q6_k
	minF  [groupPanels][8 * 16]float32
	min   [groupPanels][4 * 16 * 2]int16
	dmin  [groupPanels][16]float32
	buf   [128]int32                 // for the FMA forms
	_     [64]byte                   // keeps slab and w apart in the cache
	slab  [maxSlabBytes]byte         // for weights in rows form
	tile  [8][pack.PanelRows]float32 // up to eight tokens of a panel
	out   [pack.PanelRows]float32    // a panel that does not fill its rows
	gemv  gemvArgs
	gemm  gemmArgs
	amx   amxArgs
}

const vnniScratchBytes = (int(unsafe.Sizeof(vnniScratch{})) + 63) &^ 63

// expand fills panel i of the scratch from the records of one slab of w.
func (v *vnniScratch) expand(i int, w *Weight, rec []byte) {
	w.native.expand(v, i, &rec[0], len(rec)/w.run.Size)
}

// terms is where the kernels find the terms of the plane p, and dmin.
func (v *vnniScratch) terms(p pack.Plane) (min, dmin uintptr) {
	if p == pack.PlaneBSum {
		return addr(&v.minF), 0
	}
	return addr(&v.min), addr(&v.dmin)
}

// matmulQuantAVX512 computes panels [p0, p1) for i8 activations.
func matmulQuantAVX512(m *Matmul, p0, p1 int, scratch []byte) {
	if m.X.Layout == Plain || m.X.S == 1 {
		for t := range m.X.S {
			gemvQuant(m, t, p0, p1, scratch)
		}
		return
	}
	if m.X.S <= tileTokensFor(m.W.run) {
		gemvTiles(m, p0, p1, scratch)
		return
	}
	p0, p1, t, count := m.pass(p0, p1)
	for p := p0; p < p1; p += groupPanels {
		gemmQuant(m, p, min(groupPanels, p1-p), t, count, scratch)
	}
}

// passBytes is how much of the activations one pass over the weights may touch:
// they are read again for every group of panels and should stay in the second
// cache. passMin is the fewest tokens that pay for expanding the weights again.
var (
	passBytes = 1 << 20
	passMin   = 96
)

// vnniPass is the number of tokens of one pass, a multiple of 12 where there are
// several.
func vnniPass(m *Matmul) int {
	if m.X.Layout == Plain || m.X.S <= tileTokensFor(m.W.run) {
		return max(1, m.X.S)
	}
	perToken := m.W.K*5/4 + 1 // integers and the planes that one type reads
	return min(gemmTokens, max(passMin, passBytes/perToken/12*12), max(1, m.X.S))
}

// pass undoes the numbering of passes: real panels, first token, tokens.
func (m *Matmul) pass(p0, p1 int) (q0, q1, t0, count int) {
	i := p0 / m.stride
	t0 = i * m.tokens
	return p0 - i*m.stride, p1 - i*m.stride, t0, min(m.tokens, m.X.S-t0)
}

// gemmQuant computes n panels from p on for the tokens [t0, t0+count) of a c4
// activation; t0 is a multiple of 4.
func gemmQuant(m *Matmul, p, n, t0, count int, scratch []byte) {
	v := (*vnniScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:vnniScratchBytes])))
	tiles := ceil(count, 4)
	c := slice[float32](scratch, vnniScratchBytes, tiles*4*groupPanels*16)
	clear(c)
	w, x := m.W, &m.X
	gemm := planeKernels[w.run.Plane].gemm
	if fmaForms {
		gemm = planeKernels[w.run.Plane].gemmFMA
	}
	a := &v.gemm
	*a = gemmArgs{w: addr(&v.w), scale: addr(&v.scale), c: addr(unsafe.SliceData(c)), tiles: tiles, buf: addr(&v.buf)}
	a.min, a.dmin = v.terms(w.run.Plane)
	_, all := tile(C4, x.S)
	for s := range ceil(w.K, Slab) {
		width := min(Slab, roundUp(w.K, 64)-s*Slab)
		for i := range n {
			v.expand(i, w, w.runSlab(p+i, s, v.slab[:]))
		}
		g := s*all + t0/4
		a.act = addr(&x.Q[x.off(t0, s*Slab)])
		a.exp, a.base = addr(&x.Exp[g*32]), addr(&x.Base[g*4])
		a.blocks, a.skip = width/32, (8-width/32)*16
		a.init = x.plane(w.run.Plane, g*4)
		gemm(a)
	}
	storeTile(m, p, n, t0, count, c, groupPanels)
}

// storeTile copies the C tile [tokens][per panels][16] to the outputs.
func storeTile(m *Matmul, p, n, t0, count int, c []float32, per int) {
	member, row, _ := m.W.panel(p)
	out := &m.Out[member]
	if per == groupPanels && n == per && row+16*per <= out.C {
		dst := out.F[t0*out.C+row:]
		_, _ = dst[(count-1)*out.C+16*per-1], c[(16*per)*count-1]
		storeRows3(&dst[0], 4*out.C, &c[0], count)
		return
	}
	for i := range n {
		member, row, rows := m.W.panel(p + i)
		out := &m.Out[member]
		for t := range count {
			copy(out.F[(t0+t)*out.C+row:][:rows], c[(t*per+i)*16:])
		}
	}
}

func vnniScratchSize(m *Matmul) int {
	return vnniScratchBytes + 4*roundUp(m.tokens, 4)*groupPanels*16
}

func vnniUnit(m *Matmul) int {
	if m.X.S > tileTokensFor(m.W.run) {
		return groupPanels
	}
	return max(1, min(8, m.W.panels/16))
}

var vnniMatmul = matmulImpl{matmulQuantAVX512, vnniUnit, vnniScratchSize, vnniPass, plainPasses}
