package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

//go:noescape
func gemv4xQ8_0(a *gemvArgs)

//go:noescape
func gemv4xQ4_0(a *gemvArgs)

//go:noescape
func gemv4xQ4_1(a *gemvArgs)

//go:noescape
func gemv4xQ5_0(a *gemvArgs)

//go:noescape
func gemv4xQ5_1(a *gemvArgs)

//go:noescape
func gemv4xQ4_K(a *gemvArgs)

//go:noescape
func gemv4xQ5_K(a *gemvArgs)

//go:noescape
func gemv4xQ6_K(a *gemvArgs)

// gemvTile computes panels [p0, p1) for a c4 activation of two to four tokens.
func gemvTile(m *Matmul, p0, p1 int, scratch []byte) {
	v := (*vnniScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:vnniScratchBytes])))
	w, x := m.W, &m.X
	size, per := pack.RecordBytes(w.Type), recordsPerSlab(w.Type)
	records, most := w.stride/size, callRecords(w.Type)
	a := gemvArgs{c: unsafe.Pointer(&v.tile)}
	a.tileSlabs(x, w.Type, 0)
	for p := p0; p < p1; p++ {
		v.tile = [4][pack.PanelRows]float32{}
		for r := 0; r < records; r += a.records {
			if most < records {
				a.tileSlabs(x, w.Type, r/per)
			}
			a.rec, a.records = unsafe.Pointer(&w.Data[p*w.stride+r*size]), min(records-r, most)
			a.runTile(w.Type)
		}
		member, row, rows := w.panel(p)
		out := &m.Out[member]
		for t := range x.S {
			copy(out.F[t*out.C+row:][:rows], v.tile[t][:])
		}
	}
}

// tileSlabs sets the activations, one tile, from slab s on.
func (a *gemvArgs) tileSlabs(x *Act, w tensor.Type, s int) {
	a.act = unsafe.Pointer(&x.Q[x.off(0, s*Slab)])
	a.exp, a.base = unsafe.Pointer(&x.Exp[s*32]), unsafe.Pointer(&x.Base[s*4])
	switch w {
	case tensor.Q6_K:
		a.init = unsafe.Pointer(&x.Init16[s*64])
	case tensor.Q4_K, tensor.Q5_K:
		a.init = unsafe.Pointer(&x.MinPair[s*32])
	case tensor.Q4_1, tensor.Q5_1:
		a.init = unsafe.Pointer(&x.BSum[s*32])
	default:
		a.init = unsafe.Pointer(&x.Init[s*32])
	}
}

func (a *gemvArgs) runTile(t tensor.Type) {
	switch t {
	case tensor.Q8_0:
		gemv4xQ8_0(a)
	case tensor.Q4_0:
		gemv4xQ4_0(a)
	case tensor.Q4_1:
		gemv4xQ4_1(a)
	case tensor.Q5_0:
		gemv4xQ5_0(a)
	case tensor.Q5_1:
		gemv4xQ5_1(a)
	case tensor.Q4_K:
		gemv4xQ4_K(a)
	case tensor.Q5_K:
		gemv4xQ5_K(a)
	case tensor.Q6_K:
		gemv4xQ6_K(a)
	}
}
