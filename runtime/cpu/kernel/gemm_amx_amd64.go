package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// amxArgs is read by the AMX kernels by the names of its fields; the counters are
// written.
type amxArgs struct {
	w      uintptr // signed bytes [panels][64][64]
	scale  uintptr // f32 [panels][8 or 16][16]
	act    uintptr // plane T of the slab
	exp    uintptr
	base   uintptr
	c      uintptr // f32 [tiles][panels][16][16]
	jobs   int     // tiles of 16 tokens, times panels
	ring   uintptr // amxRingBytes
	plane  uintptr // minpair or bsum, min forms only
	min    uintptr // [panels] int16 [4][16][2] or f32 [8][16]
	dmin   uintptr // f32 [panels][16]
	more   int     // -1, for the first slab 0: C is not read
	sums   int     // panels left in the tile whose sums are made,
	floats int     // and in the tile whose floats are
	panels int
}

//go:noescape
func amxOffset(a *amxArgs)

//go:noescape
func amxOffset16(a *amxArgs)

//go:noescape
func amxMin(a *amxArgs)

//go:noescape
func amxMinF(a *amxArgs)

//go:noescape
func storeTiles(dst *float32, stride int, src *float32, panels, pitch, n int)

//go:noescape
func streamTiles(dst *float32, stride int, src *float32, panels, pitch, n int)

//go:noescape
func signBytes(w *byte, n int)

const (
	amxPanels    = groupPanels // panels expanded at a time
	amxTile      = 16          // tokens of a tile
	amxTileBytes = Slab * amxTile
	amxRingBytes = 8 << 10
	amxTokens    = 512 // largest number of tokens of one pass over the weights
)

// streamFloats is the size of an output from which it is written past the
// caches, which it would leave before it is read.
var streamFloats = 1 << 19

// matmulQuantAMX computes panels [p0, p1) for i8 activations.
func matmulQuantAMX(m *Matmul, p0, p1 int, scratch []byte) {
	if m.X.Layout == Plain || m.X.S < amxTokensFor(m.W.run) {
		matmulQuantAVX512(m, p0, p1, scratch)
		return
	}
	p0, p1, t, count := m.pass(p0, p1)
	for p := p0; p < p1; p += amxPanels {
		gemmAMX(m, p, min(amxPanels, p1-p), t, count, scratch)
	}
}

// gemmAMX computes n panels from p on for the tokens [t0, t0+count) of a c4
// activation; t0 is a multiple of 16.
func gemmAMX(m *Matmul, p, n, t0, count int, scratch []byte) {
	v := (*vnniScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:vnniScratchBytes])))
	tiles := ceil(count, amxTile)
	ring := addr(&scratch[vnniScratchBytes])
	c := slice[float32](scratch, vnniScratchBytes+amxRingBytes, tiles*amxTile*amxPanels*16)
	w, x := m.W, &m.X
	a, gemm, signed := &v.amx, planeKernels[w.run.Plane].amx, !w.run.HasMin()
	*a = amxArgs{w: addr(&v.w), scale: addr(&v.scale), c: addr(&c[0]), jobs: tiles * n, ring: ring, panels: n}
	a.min, a.dmin = v.terms(w.run.Plane)
	_, all := tile(C4, x.S)
	for s := range ceil(w.K, Slab) {
		blocks := min(Slab, roundUp(w.K, 64)-s*Slab) / 32
		for i := range n {
			v.expand(i, w, w.runSlab(p+i, s, v.slab[:]))
			if signed { // the bytes are offset by 128
				signBytes(&v.w[i][0], blocks*8)
			}
			if blocks < 8 {
				v.padSlab(i, blocks)
			}
		}
		g := s*all + t0/4
		a.sums, a.floats = n, n
		a.act, a.exp, a.base = addr(&x.T[x.tokenTile(t0, s)]), addr(&x.Exp[g*32]), addr(&x.Base[g*4])
		a.plane = x.plane(w.run.Plane, g*4)
		gemm(a)
		a.more = -1
	}
	storeAMX(m, p, n, t0, count, c)
}

// storeAMX copies the C tiles [tile][n panels][16][16] to the outputs.
func storeAMX(m *Matmul, p, n, t0, count int, c []float32) {
	for i := 0; i < n; {
		member, row, rows := m.W.panel(p + i)
		out := &m.Out[member]
		dst := out.F[t0*out.C+row:]
		full := min(n-i, (out.C-row)/16)
		if full > 0 {
			_, _ = dst[(count-1)*out.C+16*full-1], c[((count-1)/16*n+n-1)*256+255]
			if count*out.C >= streamFloats && out.C%16 == 0 && uintptr(unsafe.Pointer(&dst[0]))%64 == 0 {
				streamTiles(&dst[0], 4*out.C, &c[i*256], full, n, count)
			} else {
				storeTiles(&dst[0], 4*out.C, &c[i*256], full, n, count)
			}
			i += full
			continue
		}
		for t := range count {
			copy(dst[t*out.C:][:rows], c[((t/16*n+i)*16+t%16)*16:])
		}
		i++
	}
}

// padSlab makes the missing blocks of a short slab add exact zeros.
func (v *vnniScratch) padSlab(i, blocks int) {
	clear(v.w[i][blocks*512:])
	clear(v.minF[i][blocks*16:])
	scale := v.scale[i*128:][blocks*16 : 128]
	for k := range scale {
		scale[k] = 1
	}
}

func amxScratchSize(m *Matmul) int {
	return max(vnniScratchSize(m), vnniScratchBytes+amxRingBytes+4*roundUp(m.tokens, amxTile)*amxPanels*16)
}

// amxTokensFor is the number of tokens from which tiles are faster.
func amxTokensFor(f *pack.Format) int {
	if f.Group == 16 { // products of 16 channels fill a quarter of a tile
		return 4 * amxMinTokens
	}
	return amxMinTokens
}

// amxPass is the number of tokens of one pass, whole tiles where there are several.
func amxPass(m *Matmul) int {
	if m.X.Layout == Plain {
		return max(1, m.X.S)
	}
	return min(amxTokens, max(1, m.X.S))
}

var amxMatmul = matmulImpl{matmulQuantAMX, vnniUnit, amxScratchSize, amxPass, plainPasses}
