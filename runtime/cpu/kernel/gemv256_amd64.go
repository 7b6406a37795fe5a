package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// gemvQuant256 computes panels [p0, p1) for token t of an i8 activation whose
// tokens are contiguous. Packed panels are read in place, in as few calls as
// callBytes allows; rows are interleaved slab by slab. The kernels add to C.
func gemvQuant256(m *Matmul, tier Tier, t, p0, p1 int, scratch []byte) {
	v := (*scratch256)(unsafe.Pointer(unsafe.SliceData(scratch[:scratch256Bytes])))
	w, x := m.W, &m.X
	g, _, _ := x.group(t, 0)
	per, gemv := recordsPerSlab(w.run), w.native.gemv256
	if tier == AVXVNNI {
		gemv = w.native.gemv256V
	}
	records, most := ceil(w.K, w.run.Channels), w.callRecords()
	for p := p0; p < p1; p++ {
		clear(v.out[:])
		a := &v.gemv
		*a = gemvArgs{c: addr(&v.out)}
		for r := 0; r < records; r += a.records {
			a.slabs(x, w.run.Plane, t, g, r/per)
			a.rec, a.records = addr(w.records(p, r, v.gen.slab[:])), min(records-r, most)
			gemv(a)
		}
		member, row, rows := w.panel(p)
		out := &m.Out[member]
		copy(out.F[t*out.C+row:][:rows], v.out[:])
	}
}

// slabs sets the activations from slab s on; g is the group of slab 0.
func (a *gemvArgs) slabs(x *Act, p pack.Plane, t, g, s int) {
	g += s
	a.act, a.init = addr(&x.Q[x.off(t, 0)+s*Slab]), x.plane(p, g)
	a.exp, a.base = addr(&x.Exp[g*8]), addr(&x.Base[g])
}
