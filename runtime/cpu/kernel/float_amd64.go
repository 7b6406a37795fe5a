package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// gemvFloatArgs is read by the kernels by the names of its fields.
type gemvFloatArgs struct {
	w     uintptr
	slab  int // bytes of a slab (256-bit forms)
	x     uintptr
	c     uintptr // f32 [16], added to
	pairs int     // channels / 2; in gemvSlabs the number of slabs
}

// scratchKernels are the kernels that read slabs which were widened to f32 scratch.
func scratchKernels() *native { return natives[tensor.F32] }

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
	size, inPlace := direct(w)
	f32 := scratchKernels()
	a := &f.gemv
	for p := p0; p < p1; p++ {
		f.out = [16]float32{}
		*a = gemvFloatArgs{c: addr(&f.out)}
		s, slabs := 0, ceil(w.K, Slab)
		for whole := w.K / Slab; inPlace && w.Form == P16 && s < whole; s += a.pairs {
			a.w, a.x = addr(&w.Data[p*w.stride+s*Slab*size]), addr(&row[s*Slab])
			a.pairs = min(whole-s, max(1, callBytes/(Slab*size)))
			w.native.slabs(a)
		}
		for ; s < slabs; s++ {
			k := min(Slab, w.K-s*Slab)
			rec := w.runSlab(p, s, f.bytes.slab[:])
			a.w, a.x, a.pairs = addr(&rec[0]), addr(&row[s*Slab]), ceil(k, 2)
			kernels := w.native
			if !inPlace || k%2 != 0 { // through f32 scratch, an odd channel padded by zero
				f.expand(&f.w[0], w, rec, k)
				copy(f.x[:], row[s*Slab:s*Slab+k])
				if k%2 != 0 {
					f.x[k] = 0
				}
				a.w, a.x, kernels = addr(&f.w[0]), addr(&f.x), f32
			}
			kernels.one(a)
		}
		member, r, rows := w.panel(p)
		copy(m.Out[member].F[t*m.Out[member].C+r:][:rows], f.out[:])
	}
}

// direct reports whether the GEMV kernels read the records of w in place, and the
// bytes of a channel: they do for floats.
func direct(w *Weight) (size int, ok bool) {
	return w.format.Size / w.format.Channels, !w.Type.Quantised()
}
