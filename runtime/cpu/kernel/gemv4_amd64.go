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
	a := gemvArgs{
		act:     unsafe.Pointer(&x.Q[0]),
		init:    unsafe.Pointer(&x.Init[0]),
		exp:     unsafe.Pointer(&x.Exp[0]),
		base:    unsafe.Pointer(&x.Base[0]),
		c:       unsafe.Pointer(&v.tile),
		records: w.stride / pack.RecordBytes(w.Type),
	}
	switch w.Type {
	case tensor.Q6_K:
		a.init = unsafe.Pointer(&x.Init16[0])
	case tensor.Q4_K, tensor.Q5_K:
		a.init = unsafe.Pointer(&x.MinPair[0])
	case tensor.Q4_1, tensor.Q5_1:
		a.init = unsafe.Pointer(&x.BSum[0])
	}
	for p := p0; p < p1; p++ {
		member, row, rows := w.panel(p)
		a.rec = unsafe.Pointer(&w.Data[p*w.stride])
		a.runTile(w.Type)
		out := &m.Out[member]
		for t := range x.S {
			copy(out.F[t*out.C+row:][:rows], v.tile[t][:])
		}
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
