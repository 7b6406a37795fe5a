package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

//go:noescape
func gemv256Q8_0(a *gemvArgs)

//go:noescape
func gemv256Q4_0(a *gemvArgs)

//go:noescape
func gemv256Q4_1(a *gemvArgs)

//go:noescape
func gemv256Q5_0(a *gemvArgs)

//go:noescape
func gemv256Q5_1(a *gemvArgs)

//go:noescape
func gemv256Q4_K(a *gemvArgs)

//go:noescape
func gemv256Q5_K(a *gemvArgs)

//go:noescape
func gemv256Q6_K(a *gemvArgs)

//go:noescape
func gemv256VQ8_0(a *gemvArgs)

//go:noescape
func gemv256VQ4_0(a *gemvArgs)

//go:noescape
func gemv256VQ4_1(a *gemvArgs)

//go:noescape
func gemv256VQ5_0(a *gemvArgs)

//go:noescape
func gemv256VQ5_1(a *gemvArgs)

//go:noescape
func gemv256VQ4_K(a *gemvArgs)

//go:noescape
func gemv256VQ5_K(a *gemvArgs)

//go:noescape
func gemv256VQ6_K(a *gemvArgs)

// gemvQuant256 computes panels [p0, p1) for token t of an i8 activation whose
// tokens are contiguous. Packed panels are read in place, whole; rows are
// interleaved slab by slab. The kernels add to C.
func gemvQuant256(m *Matmul, tier Tier, t, p0, p1 int, scratch []byte) {
	v := (*scratch256)(unsafe.Pointer(unsafe.SliceData(scratch[:scratch256Bytes])))
	w, x := m.W, &m.X
	size := pack.RecordBytes(w.Type)
	g, _, _ := x.group(t, 0)
	for p := p0; p < p1; p++ {
		clear(v.out[:])
		a := gemvArgs{c: unsafe.Pointer(&v.out)}
		if w.Form == P16 {
			a.slabs(x, w.Type, t, g, 0)
			a.rec, a.records = unsafe.Pointer(&w.Data[p*w.stride]), w.stride/size
			a.run256(w.Type, tier)
		} else {
			for s := range ceil(w.K, Slab) {
				rec := w.slab(p, s, v.gen.slab[:])
				a.slabs(x, w.Type, t, g, s)
				a.rec, a.records = unsafe.Pointer(&rec[0]), len(rec)/size
				a.run256(w.Type, tier)
			}
		}
		member, row, rows := w.panel(p)
		out := &m.Out[member]
		copy(out.F[t*out.C+row:][:rows], v.out[:])
	}
}

// slabs sets the activations from slab s on; g is the group of slab 0.
func (a *gemvArgs) slabs(x *Act, w tensor.Type, t, g, s int) {
	a.act = unsafe.Pointer(&x.Q[x.off(t, 0)+s*Slab])
	g += s
	a.exp, a.base = unsafe.Pointer(&x.Exp[g*8]), unsafe.Pointer(&x.Base[g])
	switch w {
	case tensor.Q6_K:
		a.init = unsafe.Pointer(&x.Init16[g*16])
	case tensor.Q4_K, tensor.Q5_K:
		a.init = unsafe.Pointer(&x.MinPair[g*8])
	case tensor.Q4_1, tensor.Q5_1:
		a.init = unsafe.Pointer(&x.BSum[g*8])
	default:
		a.init = unsafe.Pointer(&x.Init[g*8])
	}
}

func (a *gemvArgs) run256(t tensor.Type, tier Tier) {
	if tier == AVXVNNI {
		a.run256V(t)
		return
	}
	switch t {
	case tensor.Q8_0:
		gemv256Q8_0(a)
	case tensor.Q4_0:
		gemv256Q4_0(a)
	case tensor.Q4_1:
		gemv256Q4_1(a)
	case tensor.Q5_0:
		gemv256Q5_0(a)
	case tensor.Q5_1:
		gemv256Q5_1(a)
	case tensor.Q4_K:
		gemv256Q4_K(a)
	case tensor.Q5_K:
		gemv256Q5_K(a)
	case tensor.Q6_K:
		gemv256Q6_K(a)
	}
}

func (a *gemvArgs) run256V(t tensor.Type) {
	switch t {
	case tensor.Q8_0:
		gemv256VQ8_0(a)
	case tensor.Q4_0:
		gemv256VQ4_0(a)
	case tensor.Q4_1:
		gemv256VQ4_1(a)
	case tensor.Q5_0:
		gemv256VQ5_0(a)
	case tensor.Q5_1:
		gemv256VQ5_1(a)
	case tensor.Q4_K:
		gemv256VQ4_K(a)
	case tensor.Q5_K:
		gemv256VQ5_K(a)
	case tensor.Q6_K:
		gemv256VQ6_K(a)
	}
}
