package kernel

import (
	"unsafe"
)

// neonFloatArgs is read by the float32 GEMM kernel by the names of its fields.
type neonFloatArgs struct {
	w      unsafe.Pointer // channels of 16 rows
	x      unsafe.Pointer // c4 slab
	c      unsafe.Pointer // f32 [tokens][16], added to
	tiles  int
	groups int // groups of 4 channels
	step   int // bytes of a tile of x
}

// neonFloatGemvArgs is read by the float32 GEMV kernels by the names of its fields.
type neonFloatGemvArgs struct {
	w      uintptr // channels of 16 rows
	x      uintptr // the channels of one token
	c      uintptr // f32 [16], added to
	groups int     // groups of 4 channels (gemv4: always 64)
	step   int     // bytes of a slab of w (gemv4)
}

// matmulFloatNEON computes panels [p0, p1) for f32 activations.
func matmulFloatNEON(m *Matmul, p0, p1 int, scratch []byte) {
	v := (*neonScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:neonScratchBytes])))
	for p := p0; p < p1; p++ {
		for t := 0; t < m.X.S; t += neonTokens {
			n := min(neonTokens, m.X.S-t)
			c := slice[float32](scratch, neonScratchBytes, roundUp(n, 4)*16)
			clear(c)
			if m.X.S == 1 {
				v.gemvFloat(m, p, c)
			} else {
				v.gemmFloat(m, p, t, n, c)
			}
			storeNEON(m, p, t, n, c)
		}
	}
}

// gemmFloat adds n tokens from t0 on, a multiple of 4.
func (v *neonScratch) gemmFloat(m *Matmul, p, t0, n int, c []float32) {
	w, x := m.W, &m.X
	for s := range ceil(w.K, Slab) {
		k := min(Slab, w.K-s*Slab)
		a := neonFloatArgs{w: unsafe.Pointer(v.weights(w, p, s, k)), groups: ceil(k, 4)}
		if x.Layout == C4 {
			a.x, a.c, a.tiles = unsafe.Pointer(&x.F[x.off(t0, s*Slab)]), unsafe.Pointer(&c[0]), ceil(n, 4)
			a.step = min(Slab, roundUp(w.K, 64)-s*Slab) * 16
			neonGemmFloat(&a)
			continue
		}
		a.x, a.tiles = unsafe.Pointer(&v.xf), 1
		for t := 0; t < n; t += 4 {
			v.gather(x, t0+t, min(4, n-t), s*Slab, k)
			a.c = unsafe.Pointer(&c[16*t])
			neonGemmFloat(&a)
		}
	}
}

// gemvFloat adds the only token.
func (v *neonScratch) gemvFloat(m *Matmul, p int, c []float32) {
	w, x := m.W, m.X.F[:m.X.C]
	a := &v.float
	*a = neonFloatGemvArgs{c: addr(&c[0])}
	s := 0
	if w.native != nil && w.native.gemv4 != nil && w.inPlace() {
		for a.step = Slab / w.run.Channels * w.run.Size; (s+4)*Slab <= w.K; s += 4 {
			a.w, a.x = addr(&w.Data[p*w.stride+s*a.step]), addr(&x[s*Slab])
			w.native.gemv4(a)
		}
	}
	xs := (*[Slab]float32)(unsafe.Pointer(&v.xf))
	for ; s < ceil(w.K, Slab); s++ {
		k := min(Slab, w.K-s*Slab)
		clear(xs[copy(xs[:], x[s*Slab:s*Slab+k]):roundUp(k, 4)])
		a.w, a.x, a.groups = addr(v.weights(w, p, s, k)), addr(xs), ceil(k, 4)
		neonGemv1F32(a)
	}
}

// weights returns k channels of slab s as float32, padded with zeros to a
// multiple of 4.
func (v *neonScratch) weights(w *Weight, p, s, k int) *float32 {
	rec := w.slab(p, s, v.gen.slab[:])
	switch n := w.native; {
	case n != nil && n.widen != nil:
		n.widen(&v.wf[0][0], &rec[0], ceil(k, 2))
	case n != nil && n.gemv4 != nil && k%4 == 0: // they are f32
		return (*float32)(unsafe.Pointer(&rec[0]))
	default:
		expandFloat(&v.wf, &v.gen.panel, &v.gen.q, w.Type, rec, k)
	}
	clear(v.wf[k:roundUp(k, 4)])
	return &v.wf[0][0]
}

// gather copies n tokens of a plain activation, k channels from k0 on, to the
// tile xf.
func (v *neonScratch) gather(x *Act, t0, n, k0, k int) {
	clear(v.xf[:ceil(k, 4)])
	for t := range n {
		for i, f := range x.F[(t0+t)*x.C+k0:][:k] {
			v.xf[i/4][t][i%4] = f
		}
	}
}

var neonFloat = matmulImpl{matmulFloatNEON, neonUnit, neonScratchSize, allTokens, neonPasses}
