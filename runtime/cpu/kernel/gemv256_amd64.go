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
// tokens are contiguous. Packed panels are read in place, in as few calls as
// callBytes allows; rows are interleaved slab by slab. The kernels add to C.
func gemvQuant256(m *Matmul, tier Tier, t, p0, p1 int, scratch []byte) {
	v := (*scratch256)(unsafe.Pointer(unsafe.SliceData(scratch[:scratch256Bytes])))
	w, x := m.W, &m.X
	g, _, _ := x.group(t, 0)
	size, per := pack.RecordBytes(w.Type), recordsPerSlab(w.Type)
	records, most := ceil(w.K, pack.RecordChannels(w.Type)), callRecords(w.Type)
	if w.Form != P16 {
		most = per
	}
	for p := p0; p < p1; p++ {
		clear(v.out[:])
		a := gemvArgs{c: unsafe.Pointer(&v.out)}
		for r := 0; r < records; r += a.records {
			a.slabs(x, w.Type, t, g, r/per)
			a.records = min(records-r, most)
			if w.Form == P16 {
				a.rec = unsafe.Pointer(&w.Data[p*w.stride+r*size])
			} else {
				a.rec = unsafe.Pointer(&w.slab(p, r/per, v.gen.slab[:])[0])
			}
			a.run256(w.Type, tier)
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
