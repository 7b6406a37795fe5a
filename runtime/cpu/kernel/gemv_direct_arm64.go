package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// neonGemvArgs is read by the kernels that stream packed records, at fixed
// offsets.
type neonGemvArgs struct {
	rec     unsafe.Pointer // 0: panel
	act     unsafe.Pointer // 8: integers of one token, contiguous
	exp     unsafe.Pointer // 16
	base    unsafe.Pointer // 24
	init    unsafe.Pointer // 32: init, init16 or minpair plane of the token
	c       unsafe.Pointer // 40: f32 [16], added to
	records int            // 48
}

//go:noescape
func neonGemvQ8_0(a *neonGemvArgs)

//go:noescape
func neonGemvQ4_0(a *neonGemvArgs)

//go:noescape
func neonGemvQ4_K(a *neonGemvArgs)

//go:noescape
func neonGemvQ6_K(a *neonGemvArgs)

// streams reports whether packed weights of type t have a kernel that reads
// the records in place.
func streams(w *Weight) bool {
	switch w.Type {
	case tensor.Q8_0, tensor.Q4_0, tensor.Q4_K, tensor.Q6_K:
		return w.Form == P16
	}
	return false
}

// gemvStream adds panel p for token t to c [16].
func gemvStream(m *Matmul, p, t int, c []float32) {
	w, x := m.W, &m.X
	g, _, _ := x.group(t, 0)
	a := neonGemvArgs{
		rec: unsafe.Pointer(&w.Data[p*w.stride]), act: unsafe.Pointer(&x.Q[x.off(t, 0)]),
		exp: unsafe.Pointer(&x.Exp[g*8]), base: unsafe.Pointer(&x.Base[g]), init: unsafe.Pointer(&x.Init[g*8]),
		c: unsafe.Pointer(&c[0]), records: w.stride / pack.RecordBytes(w.Type),
	}
	switch w.Type {
	case tensor.Q8_0:
		neonGemvQ8_0(&a)
	case tensor.Q4_0:
		neonGemvQ4_0(&a)
	case tensor.Q4_K:
		a.init = unsafe.Pointer(&x.MinPair[g*8])
		neonGemvQ4_K(&a)
	case tensor.Q6_K:
		a.init = unsafe.Pointer(&x.Init16[g*16])
		neonGemvQ6_K(&a)
	}
}
