package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// gemvArgs is read by the GEMV kernels at fixed offsets.
type gemvArgs struct {
	rec     unsafe.Pointer // 0: panel
	act     unsafe.Pointer // 8: integers of one token, contiguous
	init    unsafe.Pointer // 16: init, init16, minpair or bsum plane of the token
	exp     unsafe.Pointer // 24
	base    unsafe.Pointer // 32
	c       unsafe.Pointer // 40: f32 [16]
	records int            // 48
}

//go:noescape
func gemvQ8_0(a *gemvArgs)

//go:noescape
func gemvQ4_0(a *gemvArgs)

//go:noescape
func gemvQ4_1(a *gemvArgs)

//go:noescape
func gemvQ5_0(a *gemvArgs)

//go:noescape
func gemvQ5_1(a *gemvArgs)

//go:noescape
func gemvQ4_K(a *gemvArgs)

//go:noescape
func gemvQ5_K(a *gemvArgs)

//go:noescape
func gemvQ6_K(a *gemvArgs)

// gemvQuant computes panels [p0, p1) for token t of an i8 activation whose
// tokens are contiguous: plain, or c4 of one token.
func gemvQuant(m *Matmul, t, p0, p1 int, scratch []byte) {
	v := (*vnniScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:vnniScratchBytes])))
	w, x := m.W, &m.X
	g, _, _ := x.group(t, 0)
	a := gemvArgs{
		act:     unsafe.Pointer(&x.Q[x.off(t, 0)]),
		init:    unsafe.Pointer(&x.Init[g*8]),
		exp:     unsafe.Pointer(&x.Exp[g*8]),
		base:    unsafe.Pointer(&x.Base[g]),
		records: w.stride / pack.RecordBytes(w.Type),
	}
	switch w.Type {
	case tensor.Q6_K:
		a.init = unsafe.Pointer(&x.Init16[g*16])
	case tensor.Q4_K, tensor.Q5_K:
		a.init = unsafe.Pointer(&x.MinPair[g*8])
	case tensor.Q4_1, tensor.Q5_1:
		a.init = unsafe.Pointer(&x.BSum[g*8])
	}
	for p := p0; p < p1; p++ {
		member, row, rows := w.panel(p)
		out := m.Out[member].F[t*m.Out[member].C+row:][:rows]
		if a.c = unsafe.Pointer(&out[0]); rows < 16 {
			a.c = unsafe.Pointer(&v.out)
		}
		a.rec = unsafe.Pointer(&w.Data[p*w.stride])
		a.run(w.Type)
		if rows < 16 {
			copy(out, v.out[:])
		}
	}
}

func (a *gemvArgs) run(t tensor.Type) {
	switch t {
	case tensor.Q8_0:
		gemvQ8_0(a)
	case tensor.Q4_0:
		gemvQ4_0(a)
	case tensor.Q4_1:
		gemvQ4_1(a)
	case tensor.Q5_0:
		gemvQ5_0(a)
	case tensor.Q5_1:
		gemvQ5_1(a)
	case tensor.Q4_K:
		gemvQ4_K(a)
	case tensor.Q5_K:
		gemvQ5_K(a)
	case tensor.Q6_K:
		gemvQ6_K(a)
	}
}
