package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// gemvFloatArgs is read by the kernels at fixed offsets.
type gemvFloatArgs struct {
	w     unsafe.Pointer // 0
	slab  int            // 8: bytes of a slab (256-bit forms)
	x     unsafe.Pointer // 16
	c     unsafe.Pointer // 24: f32 [16], added to
	pairs int            // 32: channels / 2; in gemvSlabs the number of slabs
}

//go:noescape
func gemvSlabsF16(a *gemvFloatArgs)

//go:noescape
func gemvSlabsBF16(a *gemvFloatArgs)

//go:noescape
func gemvSlabsF32(a *gemvFloatArgs)

//go:noescape
func gemv1F16(a *gemvFloatArgs)

//go:noescape
func gemv1BF16(a *gemvFloatArgs)

//go:noescape
func gemv1F32(a *gemvFloatArgs)

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
		a := gemvFloatArgs{c: unsafe.Pointer(&f.out)}
		s, slabs := 0, ceil(w.K, Slab)
		for whole := w.K / Slab; inPlace && w.Form == P16 && s < whole; s += a.pairs {
			a.w, a.x, a.pairs = unsafe.Pointer(&w.Data[p*w.stride+s*Slab*size]), unsafe.Pointer(&row[s*Slab]), min(whole-s, max(1, callBytes/(Slab*size)))
			a.whole(w.Type)
		}
		for ; s < slabs; s++ {
			k := min(Slab, w.K-s*Slab)
			rec := w.slab(p, s, f.bytes.slab[:])
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

// whole and one dispatch by type; a switch keeps the arguments off the heap.
func (a *gemvFloatArgs) whole(t tensor.Type) {
	switch t {
	case tensor.F32:
		gemvSlabsF32(a)
	case tensor.F16:
		gemvSlabsF16(a)
	case tensor.BF16:
		gemvSlabsBF16(a)
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
