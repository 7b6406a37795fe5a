package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// amxArgs is read by the AMX kernels at fixed offsets; the counters are
// written.
type amxArgs struct {
	w      unsafe.Pointer // 0: signed bytes [panels][64][64]
	scale  unsafe.Pointer // 8: f32 [panels][8 or 16][16]
	act    unsafe.Pointer // 16: plane T of the slab
	exp    unsafe.Pointer // 24
	base   unsafe.Pointer // 32
	c      unsafe.Pointer // 40: f32 [tiles][panels][16][16]
	jobs   int            // 48: tiles of 16 tokens, times panels
	ring   unsafe.Pointer // 56: amxRingBytes
	plane  unsafe.Pointer // 64: minpair or bsum, min forms only
	min    unsafe.Pointer // 72: [panels] int16 [4][16][2] or f32 [8][16]
	dmin   unsafe.Pointer // 80: f32 [panels][16]
	more   int            // 88: -1, for the first slab 0: C is not read
	sums   int            // 96: panels left in the tile whose sums are made,
	floats int            // 104: and in the tile whose floats are
	panels int            // 112
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
	if m.X.Layout == Plain || m.X.S < amxTokensFor(m.W.Type) {
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
	ring := unsafe.Pointer(&scratch[vnniScratchBytes])
	c := slice[float32](scratch, vnniScratchBytes+amxRingBytes, tiles*amxTile*amxPanels*16)
	w, x := m.W, &m.X
	a := amxArgs{w: unsafe.Pointer(&v.w), scale: unsafe.Pointer(&v.scale), c: unsafe.Pointer(&c[0]), jobs: tiles * n,
		ring: ring, panels: n}
	_, all := tile(C4, x.S)
	for s := range ceil(w.K, Slab) {
		blocks := min(Slab, roundUp(w.K, 64)-s*Slab) / 32
		for i := range n {
			v.expand(i, w.Type, w.slab(p+i, s, v.slab[:]))
			if amxSigned(w.Type) {
				signBytes(&v.w[i][0], blocks*8)
			}
			if blocks < 8 {
				v.padSlab(i, blocks)
			}
		}
		g := s*all + t0/4
		a.sums, a.floats = n, n
		a.act, a.exp, a.base = unsafe.Pointer(&x.T[x.tokenTile(t0, s)]), unsafe.Pointer(&x.Exp[g*32]), unsafe.Pointer(&x.Base[g*4])
		switch w.Type {
		case tensor.Q6_K:
			amxOffset16(&a)
		case tensor.Q4_K, tensor.Q5_K:
			a.plane, a.min, a.dmin = unsafe.Pointer(&x.MinPair[g*32]), unsafe.Pointer(&v.min), unsafe.Pointer(&v.dmin)
			amxMin(&a)
		case tensor.Q4_1, tensor.Q5_1:
			a.plane, a.min = unsafe.Pointer(&x.BSum[g*32]), unsafe.Pointer(&v.minF)
			amxMinF(&a)
		default:
			amxOffset(&a)
		}
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

// amxSigned says whether the scratch bytes of type t are offset by 128.
func amxSigned(t tensor.Type) bool {
	switch t {
	case tensor.Q8_0, tensor.Q4_0, tensor.Q5_0, tensor.Q6_K:
		return true
	}
	return false
}

func amxScratchSize(m *Matmul) int {
	return max(vnniScratchSize(m), vnniScratchBytes+amxRingBytes+4*roundUp(m.tokens, amxTile)*amxPanels*16)
}

// amxTokensFor is the number of tokens from which tiles are faster.
func amxTokensFor(t tensor.Type) int {
	if t == tensor.Q6_K { // products of 16 channels fill a quarter of a tile
		return 4 * amxMinTokens
	}
	return amxMinTokens
}

var amxMatmul = matmulImpl{matmulQuantAMX, vnniUnit, amxScratchSize}
