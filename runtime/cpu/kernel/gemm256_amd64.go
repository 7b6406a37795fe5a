package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// gemm256Args is read by the AVX2 kernels at fixed offsets.
type gemm256Args struct {
	w      unsafe.Pointer // 0: bytes [64][64]
	scale  unsafe.Pointer // 8: f32 [8 or 16][16]
	act    unsafe.Pointer // 16: two tokens of a c4 tile
	corr   unsafe.Pointer // 24: init or init16 plane of the pair
	exp    unsafe.Pointer // 32
	base   unsafe.Pointer // 40
	c      unsafe.Pointer // 48: f32 [2][16]
	blocks int            // 56
	shift  int64          // 64: the correction is corr >> shift, masked
	mask   int64          // 72: all ones, or zero for types without a zero point
	min    unsafe.Pointer // 80: int16 pairs of q4_k and q5_k
	plane  unsafe.Pointer // 88: minpair or bsum plane of the pair
	minF   unsafe.Pointer // 96: f32 mins of q4_1 and q5_1
	dmin   unsafe.Pointer // 104
}

//go:noescape
func gemm256(a *gemm256Args)

//go:noescape
func gemm256x16(a *gemm256Args)

//go:noescape
func gemm256x8(a *gemm256Args)

//go:noescape
func nibbles256(w, nib *byte, n int)

//go:noescape
func highBits256(w, high *byte, n int)

//go:noescape
func high2Bits256(w, high *byte, n int)

//go:noescape
func half256(dst *float32, src *byte, n int)

//go:noescape
func kScales256(scale, d *float32, sc *byte, n int)

//go:noescape
func q6Scales256(scale, d *float32, sc *byte, n int)

//go:noescape
func kMins256(min *int16, mn *byte)

//go:noescape
func bf16Pairs256(dst *float32, src *byte, n int)

//go:noescape
func gemmFloat256(w, x, c *float32, groups int)

// avx2Scratch is one slab of one expanded panel, and a tile for activations
// of a single token.
type avx2Scratch struct {
	w     [64 * 64]byte
	scale [16][16]float32
	minF  [8][16]float32
	min   [4][16][2]int16
	dmin  [16]float32
	d     [16]float32
	wf    [Slab][16]float32
	xf    [Slab / 4][4][4]float32
	gen   genericScratch
}

const avx2ScratchBytes = (int(unsafe.Sizeof(avx2Scratch{})) + 63) &^ 63

// expand fills the scratch from the records of one slab.
func (v *avx2Scratch) expand(t tensor.Type, rec []byte) {
	w := &v.w[0]
	switch t {
	case tensor.Q4_K, tensor.Q5_K:
		half256(&v.d[0], &rec[0], 16)
		half256(&v.dmin[0], &rec[32], 16)
		scale256(&v.dmin[0], 0.125, 16)
		kScales256(&v.scale[0][0], &v.d[0], &rec[64], 8)
		kMins256(&v.min[0][0][0], &rec[192])
		nibbles256(w, &rec[320], 32)
		if t == tensor.Q5_K {
			highBits256(w, &rec[2368], 8)
		}
		return
	case tensor.Q6_K:
		half256(&v.d[0], &rec[0], 16)
		q6Scales256(&v.scale[0][0], &v.d[0], &rec[64], 16)
		nibbles256(w, &rec[320], 32)
		high2Bits256(w, &rec[2368], 16)
		return
	}
	size := map32[t]
	for i := range len(rec) / size {
		r, out := rec[i*size:][:size], v.w[1024*i:]
		half256(&v.scale[2*i][0], &r[0], 32)
		switch t {
		case tensor.Q8_0:
			copy(out[:1024], r[64:])
		case tensor.Q4_0:
			nibbles256(&out[0], &r[64], 8)
		case tensor.Q4_1:
			half256(&v.minF[2*i][0], &r[64], 32)
			nibbles256(&out[0], &r[128], 8)
		case tensor.Q5_0:
			nibbles256(&out[0], &r[64], 8)
			highBits256(&out[0], &r[576], 2)
		case tensor.Q5_1:
			half256(&v.minF[2*i][0], &r[64], 32)
			nibbles256(&out[0], &r[128], 8)
			highBits256(&out[0], &r[640], 2)
		}
	}
}

// matmulQuantAVX2 computes panels [p0, p1) for i8 activations.
func matmulQuantAVX2(m *Matmul, p0, p1 int, scratch []byte) {
	x := &m.X
	if x.Layout == C4 && x.S > 1 {
		for p := p0; p < p1; p++ {
			for t := 0; t < x.S; t += gemmTokens {
				gemm256Panel(m, x, p, t, t, min(gemmTokens, x.S-t), scratch)
			}
		}
		return
	}
	// Contiguous tokens, one at a time: as the first of a tile.
	n := Bytes(I8, C4, 2, x.C)
	one, err := View(scratch[len(scratch)-n:][:n], I8, C4, 2, x.C)
	if err != nil {
		panic(err) // the scratch was sized by avx2ScratchSize
	}
	for t := range x.S {
		one.spread(x, t)
		for p := p0; p < p1; p++ {
			gemm256Panel(m, &one, p, 0, t, 1, scratch)
		}
	}
}

// spread copies token t of x to token 0 of a tile of four.
func (a *Act) spread(x *Act, t int) {
	src := x.Q[x.off(t, 0):][:roundUp(x.C, 64)]
	for k := 0; k < len(src); k += 4 {
		*(*[4]int8)(a.Q[4*k:]) = *(*[4]int8)(src[k:])
	}
	g, _, _ := x.group(t, 0)
	for s := range ceil(x.C, Slab) {
		a.Base[4*s] = x.Base[g+s]
		for b := range 8 {
			i, j := (s*8+b)*4, (g+s)*8+b
			a.Exp[i], a.Init[i], a.BSum[i] = x.Exp[j], x.Init[j], x.BSum[j]
			a.Init16[2*i], a.Init16[2*i+4] = x.Init16[2*j], x.Init16[2*j+1]
		}
		for p := range 4 {
			i, j := (s*4+p)*8, ((g+s)*4+p)*2
			a.MinPair[i], a.MinPair[i+1] = x.MinPair[j], x.MinPair[j+1]
		}
	}
}

// gemm256Panel computes one panel for count tokens of x from t0 on, a multiple
// of 4, and writes them as tokens from to on.
func gemm256Panel(m *Matmul, x *Act, p, t0, to, count int, scratch []byte) {
	v := (*avx2Scratch)(unsafe.Pointer(unsafe.SliceData(scratch[:avx2ScratchBytes])))
	w := m.W
	c := slice[float32](scratch, avx2ScratchBytes, roundUp(count, 4)*16)
	clear(c)
	_, all := tile(C4, x.S)
	var a gemm256Args
	a.w, a.scale = unsafe.Pointer(&v.w), unsafe.Pointer(&v.scale)
	switch w.Type {
	case tensor.Q4_0:
		a.shift, a.mask = 4, -1
	case tensor.Q5_0:
		a.shift, a.mask = 3, -1
	case tensor.Q6_K:
		a.shift, a.mask = 2, -1
	case tensor.Q4_K, tensor.Q5_K:
		a.min, a.dmin = unsafe.Pointer(&v.min), unsafe.Pointer(&v.dmin)
	case tensor.Q4_1, tensor.Q5_1:
		a.minF = unsafe.Pointer(&v.minF)
	}
	for s := range ceil(w.K, Slab) {
		width := min(Slab, roundUp(w.K, 64)-s*Slab)
		v.expand(w.Type, w.slab(p, s, v.gen.slab[:]))
		a.blocks = width / 32
		for t := 0; t < count; t += 2 {
			g, lane := s*all+(t0+t)/4, (t0+t)%4
			a.act = unsafe.Pointer(&x.Q[x.off(t0+t, s*Slab)])
			a.exp, a.base = unsafe.Pointer(&x.Exp[g*32+lane]), unsafe.Pointer(&x.Base[g*4+lane])
			a.corr, a.c = unsafe.Pointer(&x.Init[g*32+lane]), unsafe.Pointer(&c[t*16])
			switch w.Type {
			case tensor.Q8_0:
				gemm256x8(&a)
				continue
			case tensor.Q6_K:
				a.corr = unsafe.Pointer(&x.Init16[g*64+lane])
				gemm256x16(&a)
				continue
			case tensor.Q4_K, tensor.Q5_K:
				a.plane = unsafe.Pointer(&x.MinPair[(g*16+lane)*2])
			case tensor.Q4_1, tensor.Q5_1:
				a.plane = unsafe.Pointer(&x.BSum[g*32+lane])
			}
			gemm256(&a)
		}
	}
	storePanel(m, p, to, count, c)
}

// storePanel copies C [tokens][16] of one panel to tokens from to on.
func storePanel(m *Matmul, p, to, count int, c []float32) {
	member, row, rows := m.W.panel(p)
	out := &m.Out[member]
	for t := range count {
		copy(out.F[(to+t)*out.C+row:][:rows], c[t*16:])
	}
}

// matmulFloatAVX2 computes panels [p0, p1) for f32 activations.
func matmulFloatAVX2(m *Matmul, p0, p1 int, scratch []byte) {
	for p := p0; p < p1; p++ {
		for t := 0; t < m.X.S; t += gemmTokens {
			floatPanel256(m, p, t, min(gemmTokens, m.X.S-t), scratch)
		}
	}
}

func floatPanel256(m *Matmul, p, t0, count int, scratch []byte) {
	v := (*avx2Scratch)(unsafe.Pointer(unsafe.SliceData(scratch[:avx2ScratchBytes])))
	w, x := m.W, &m.X
	c := slice[float32](scratch, avx2ScratchBytes, roundUp(count, 4)*16)
	clear(c)
	for s := range ceil(w.K, Slab) {
		k := min(Slab, w.K-s*Slab)
		rec := w.slab(p, s, v.gen.slab[:])
		wf := &v.wf
		switch w.Type {
		case tensor.F32:
			copy(wf[:k], slice32x16(rec, k))
		case tensor.F16:
			half256(&wf[0][0], &rec[0], 16*roundUp(k, 2))
		case tensor.BF16:
			bf16Pairs256(&wf[0][0], &rec[0], ceil(k, 2))
		default:
			expandFloat(wf, &v.gen.panel, &v.gen.q, w.Type, rec, k)
		}
		clear(wf[k:roundUp(k, 4)])
		for t := 0; t < count; t += 4 {
			tl := &v.xf[0][0][0]
			if x.Layout == C4 && x.S > 1 {
				tl = &x.F[x.off(t0+t, s*Slab)]
			} else {
				v.gather(x, t0+t, min(4, count-t), s*Slab, k)
			}
			gemmFloat256(&wf[0][0], tl, &c[t*16], ceil(k, 4))
		}
	}
	storePanel(m, p, t0, count, c)
}

// gather copies n contiguous tokens, k channels from k0 on, to the tile xf.
func (v *avx2Scratch) gather(x *Act, t0, n, k0, k int) {
	clear(v.xf[:ceil(k, 4)])
	for t := range n {
		row := x.F
		if x.Layout == Plain {
			row = x.F[(t0+t)*x.C:]
		}
		for i, f := range row[k0 : k0+k] {
			v.xf[i/4][t][i%4] = f
		}
	}
}

func avx2ScratchSize(m *Matmul) int {
	return avx2ScratchBytes + 64*min(gemmTokens, roundUp(max(m.X.S, 1), 4)) + Bytes(I8, C4, 2, m.W.K)
}

func avx2Unit(s, panels int) int {
	if s > 1 {
		return 1
	}
	return max(1, min(4, panels/16))
}

var (
	avx2Quant = matmulImpl{matmulQuantAVX2, avx2Unit, avx2ScratchSize}
	avx2Float = matmulImpl{matmulFloatAVX2, avx2Unit, avx2ScratchSize}
)
