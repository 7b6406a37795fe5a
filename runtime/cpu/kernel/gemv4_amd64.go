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

//go:noescape
func gemv8xQ8_0(a *gemvArgs)

//go:noescape
func gemv8xQ4_0(a *gemvArgs)

//go:noescape
func gemv8xQ4_1(a *gemvArgs)

//go:noescape
func gemv8xQ5_0(a *gemvArgs)

//go:noescape
func gemv8xQ5_1(a *gemvArgs)

//go:noescape
func gemv8xQ4_K(a *gemvArgs)

//go:noescape
func gemv8xQ5_K(a *gemvArgs)

//go:noescape
func gemv8xQ6_K(a *gemvArgs)

// tileTokens is the most tokens for which panels are read in place and expanded
// for eight tokens at a time; with more the GEMM, which expands a panel once, is faster.
var tileTokens = 16

// gemvTiles computes panels [p0, p1) for a c4 activation of two to tileTokens
// tokens. A panel stays in the second cache while its tokens take turns.
func gemvTiles(m *Matmul, p0, p1 int, scratch []byte) {
	v := (*vnniScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:vnniScratchBytes])))
	w, x := m.W, &m.X
	size, per := pack.RecordBytes(w.Type), recordsPerSlab(w.Type)
	records, most := w.stride/size, callRecords(w.Type)
	a := gemvArgs{c: unsafe.Pointer(&v.tile)}
	for p := p0; p < p1; p++ {
		member, row, rows := w.panel(p)
		out := &m.Out[member]
		for t := 0; t < x.S; t += 8 {
			n := min(8, x.S-t)
			v.tile = [8][pack.PanelRows]float32{}
			for r := 0; r < records; r += a.records {
				a.tileSlabs(x, w.Type, t, r/per)
				a.rec, a.records = unsafe.Pointer(&w.Data[p*w.stride+r*size]), min(records-r, most)
				if whole := records / per * per; t > 0 && r < whole {
					a.records = min(a.records, whole-r) // tiles of a short slab lie closer
				}
				if n > 4 {
					a.runTiles(w.Type)
				} else {
					a.runTile(w.Type)
				}
			}
			for i := range n {
				copy(out.F[(t+i)*out.C+row:][:rows], v.tile[i][:])
			}
		}
	}
}

// tileSlabs sets the activations of the tile of token t from slab s on.
func (a *gemvArgs) tileSlabs(x *Act, w tensor.Type, t, s int) {
	_, tiles := tile(C4, x.S)
	g := s*tiles + t/4
	a.act = unsafe.Pointer(&x.Q[x.off(t, s*Slab)])
	a.exp, a.base = unsafe.Pointer(&x.Exp[g*32]), unsafe.Pointer(&x.Base[g*4])
	a.actSkip, a.expSkip, a.baseStep = (tiles-1)*1024, (tiles-1)*128, tiles*16
	a.initSkip = a.expSkip
	switch w {
	case tensor.Q6_K:
		a.init = unsafe.Pointer(&x.Init16[g*64])
		a.initSkip *= 2
	case tensor.Q4_K, tensor.Q5_K:
		a.init = unsafe.Pointer(&x.MinPair[g*32])
		a.initSkip /= 2
	case tensor.Q4_1, tensor.Q5_1:
		a.init = unsafe.Pointer(&x.BSum[g*32])
	default:
		a.init = unsafe.Pointer(&x.Init[g*32])
	}
}

func (a *gemvArgs) runTiles(t tensor.Type) {
	switch t {
	case tensor.Q8_0:
		gemv8xQ8_0(a)
	case tensor.Q4_0:
		gemv8xQ4_0(a)
	case tensor.Q4_1:
		gemv8xQ4_1(a)
	case tensor.Q5_0:
		gemv8xQ5_0(a)
	case tensor.Q5_1:
		gemv8xQ5_1(a)
	case tensor.Q4_K:
		gemv8xQ4_K(a)
	case tensor.Q5_K:
		gemv8xQ5_K(a)
	case tensor.Q6_K:
		gemv8xQ6_K(a)
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
