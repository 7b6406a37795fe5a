package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// tileTokens256 is the most tokens for which panels are read in place, decoded anew for
// every four; with more the GEMM, which expands a panel once, is faster. Upper bits
// make decoding dearer. BenchmarkTiles256 measures where it pays.
var tileTokens256 = 24

// tileTokens256For is tileTokens256 for w. Records that are made in scratch would be made
// again for every four tokens.
func tileTokens256For(w *Weight) int {
	switch {
	case !w.inPlace():
		return min(4, tileTokens256)
	case w.run.HighBits == 1:
		return min(16, tileTokens256)
	case w.run.HighBits == 2:
		return min(12, tileTokens256)
	}
	return tileTokens256
}

// gemvTiles256 computes panels [p0, p1) for a c4 activation of two to tileTokens256
// tokens. A panel stays in the second cache while its tiles take turns.
func gemvTiles256(m *Matmul, tier Tier, p0, p1 int, scratch []byte) {
	v := (*scratch256)(unsafe.Pointer(unsafe.SliceData(scratch[:scratch256Bytes])))
	w, x := m.W, &m.X
	kernel, pairs := w.native.tile256V, uintptr(0)
	if tier == AVX2 {
		kernel = w.native.tile256
		if w.run.Plane == pack.PlaneInit16 {
			sums := slice[int16](scratch, scratch256Bytes, len(x.Q)/8)
			pairSums256(&sums[0], &x.Q[0], len(x.Q)/64)
			pairs = addr(&sums[0])
		}
	}
	a := &v.gemv
	*a = gemvArgs{c: addr(&v.tile), acc: addr(&v.acc)}
	for p := p0; p < p1; p++ {
		for t := 0; t < x.S; t += 4 {
			v.tile = [4][pack.PanelRows]float32{}
			a.panel(m, kernel, p, t, pairs, v.gen.slab[:])
			m.storeTokens(p, t, v.tile[:min(4, x.S-t)])
		}
	}
}
