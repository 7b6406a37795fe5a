package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// floatArgs and gemvFloatArgs are read by the kernels at fixed offsets.
type floatArgs struct {
	w      unsafe.Pointer // 0: f32 [2][channels][16]
	panel  int            // 8: bytes from panel to panel
	x      unsafe.Pointer // 16: c4 f32 slab
	tile   int            // 24: bytes of a tile
	c      unsafe.Pointer // 32: f32 [tiles][4][2][16]
	groups int            // 40: groups of 4 channels
	tiles  int            // 48
}

type gemvFloatArgs struct {
	w     unsafe.Pointer // 0
	slab  int            // 8: bytes of a slab
	x     unsafe.Pointer // 16
	c     unsafe.Pointer // 24: f32 [16], added to
	pairs int            // 32: channels / 2, gemv1 only
}

//go:noescape
func gemmFloat(a *floatArgs)

//go:noescape
func gemv4F16(a *gemvFloatArgs)

//go:noescape
func gemv4BF16(a *gemvFloatArgs)

//go:noescape
func gemv4F32(a *gemvFloatArgs)

//go:noescape
func gemv1F16(a *gemvFloatArgs)

//go:noescape
func gemv1BF16(a *gemvFloatArgs)

//go:noescape
func gemv1F32(a *gemvFloatArgs)

//go:noescape
func expandBF16(dst *float32, src *byte, n int)

const floatPanels = 2 // panels of the float GEMM

// floatScratch is one slab of expanded panels. The generic part is used to
// decode quantised weights.
type floatScratch struct {
	w   [floatPanels][Slab][16]float32
	x   [Slab]float32
	out [16]float32
	gen genericScratch
}

const floatScratchBytes = (int(unsafe.Sizeof(floatScratch{})) + 63) &^ 63

// expand decodes n channels of one panel to w; channels beyond n, up to a
// multiple of 4, become zero.
func (f *floatScratch) expand(w *[Slab][16]float32, t tensor.Type, rec []byte, n int) {
	switch t {
	case tensor.F32:
		copy(w[:n], slice32x16(rec, n))
	case tensor.F16:
		halfToFloat(&w[0][0], &slice[uint16](rec, 0, 16*n)[0], 16*roundUp(n, 2))
	case tensor.BF16:
		expandBF16(&w[0][0], &rec[0], ceil(n, 2))
	default:
		expandFloat(w, &f.gen.panel, &f.gen.q, t, rec, n)
	}
	clear(w[n:roundUp(n, 4)])
}

func slice32x16(b []byte, n int) [][16]float32 {
	_ = b[64*n-1]
	return unsafe.Slice((*[16]float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// matmulFloatAVX512 computes panels [p0, p1) for f32 activations.
func matmulFloatAVX512(m *Matmul, p0, p1 int, scratch []byte) {
	if m.X.Layout == Plain || m.X.S == 1 {
		for t := range m.X.S {
			gemvFloat(m, t, p0, p1, scratch)
		}
		return
	}
	p0, p1, t, count := m.pass(p0, p1)
	for p := p0; p < p1; p += floatPanels {
		gemmFloatTokens(m, p, min(floatPanels, p1-p), t, count, scratch)
	}
}

func gemmFloatTokens(m *Matmul, p, n, t0, count int, scratch []byte) {
	f := (*floatScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:floatScratchBytes])))
	tiles := ceil(count, 4)
	c := slice[float32](scratch, floatScratchBytes, tiles*4*floatPanels*16)
	clear(c)
	w, x := m.W, &m.X
	a := floatArgs{w: unsafe.Pointer(&f.w), panel: Slab * 64, c: unsafe.Pointer(unsafe.SliceData(c)), tiles: tiles}
	for s := range ceil(w.K, Slab) {
		k := min(Slab, w.K-s*Slab)
		for i := range n {
			f.expand(&f.w[i], w.Type, w.slab(p+i, s, f.gen.slab[:]), k)
		}
		a.x, a.tile = unsafe.Pointer(&x.F[x.off(t0, s*Slab)]), min(Slab, roundUp(w.K, 64)-s*Slab)*16
		a.groups = ceil(k, 4)
		gemmFloat(&a)
	}
	storeTile(m, p, n, t0, count, c, floatPanels)
}

// gemvFloat computes panels [p0, p1) for token t of an f32 activation whose
// tokens are contiguous.
func gemvFloat(m *Matmul, t, p0, p1 int, scratch []byte) {
	f := (*floatScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:floatScratchBytes])))
	w, x := m.W, &m.X
	row := x.F
	if x.Layout == Plain {
		row = x.F[t*x.C:]
	}
	row = row[:x.C]
	size, inPlace := direct(w.Type)
	for p := p0; p < p1; p++ {
		f.out = [16]float32{}
		a := gemvFloatArgs{slab: Slab * size, c: unsafe.Pointer(&f.out)}
		s, slabs := 0, ceil(w.K, Slab)
		for ; inPlace && w.Form == P16 && (s+4)*Slab <= w.K; s += 4 {
			a.w, a.x = unsafe.Pointer(&w.Data[p*w.stride+s*a.slab]), unsafe.Pointer(&row[s*Slab])
			a.four(w.Type)
		}
		for ; s < slabs; s++ {
			k := min(Slab, w.K-s*Slab)
			rec := w.slab(p, s, f.gen.slab[:])
			a.w, a.x, a.pairs = unsafe.Pointer(&rec[0]), unsafe.Pointer(&row[s*Slab]), ceil(k, 2)
			t := w.Type
			if !inPlace || k%2 != 0 { // through f32 scratch, an odd channel padded by zero
				f.expand(&f.w[0], w.Type, rec, k)
				copy(f.x[:], row[s*Slab:s*Slab+k])
				if k%2 != 0 {
					f.x[k] = 0
				}
				a.w, a.x, t = unsafe.Pointer(&f.w[0]), unsafe.Pointer(&f.x), tensor.F32
			}
			a.one(t)
		}
		member, r, rows := w.panel(p)
		copy(m.Out[member].F[t*m.Out[member].C+r:][:rows], f.out[:])
	}
}

// direct reports whether the GEMV kernels read records of type t in place,
// and the bytes of a channel.
func direct(t tensor.Type) (size int, ok bool) {
	switch t {
	case tensor.F32:
		return 64, true
	case tensor.F16, tensor.BF16:
		return 32, true
	}
	return 0, false
}

// four and one dispatch by type; a switch keeps the arguments off the heap.
func (a *gemvFloatArgs) four(t tensor.Type) {
	switch t {
	case tensor.F32:
		gemv4F32(a)
	case tensor.F16:
		gemv4F16(a)
	case tensor.BF16:
		gemv4BF16(a)
	}
}

func (a *gemvFloatArgs) one(t tensor.Type) {
	switch t {
	case tensor.F32:
		gemv1F32(a)
	case tensor.F16:
		gemv1F16(a)
	case tensor.BF16:
		gemv1BF16(a)
	}
}

func floatScratchSize(m *Matmul) int {
	return floatScratchBytes + 4*roundUp(m.tokens, 4)*floatPanels*16
}

func floatUnit(s, panels int) int {
	if s > 1 {
		return floatPanels
	}
	return max(1, min(4, panels/16))
}

var fmaMatmul = matmulImpl{matmulFloatAVX512, floatUnit, floatScratchSize}
