package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// tileTokens is the most tokens for which panels are read in place and expanded
// for eight tokens at a time; with more the GEMM, which expands a panel once, is faster.
var tileTokens = 16

// tileTokensFor is tileTokens for weights in format f.
func tileTokensFor(f *pack.Format) int {
	if f.Group == 16 { // twice the scales: a second time costs more than expanding a panel
		return min(8, tileTokens)
	}
	return tileTokens
}

// gemvTiles computes panels [p0, p1) for a c4 activation of two to tileTokens
// tokens. A panel stays in the second cache while its tokens take turns.
func gemvTiles(m *Matmul, p0, p1 int, scratch []byte) {
	v := (*vnniScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:vnniScratchBytes])))
	x, k := &m.X, m.W.native
	a := &v.gemv
	*a = gemvArgs{c: addr(&v.tile)}
	for p := p0; p < p1; p++ {
		for t := 0; t < x.S; t += 8 {
			v.tile = [8][pack.PanelRows]float32{}
			kernel := k.gemv8
			if x.S-t <= 4 {
				kernel = k.gemv4
			}
			a.panel(m, kernel, p, t, 0, v.slab[:])
			m.storeTokens(p, t, v.tile[:min(8, x.S-t)])
		}
	}
}

// panel adds to C what panel p gives for the tokens of the tile, or two, of token t.
// pairs is where the kernel finds its plane, 0 for that of the activation; records that
// are not in place are made in slab.
func (a *gemvArgs) panel(m *Matmul, kernel func(*gemvArgs), p, t int, pairs uintptr, slab []byte) {
	w, x := m.W, &m.X
	per := recordsPerSlab(w.run)
	records, most := ceil(w.K, w.run.Channels), w.callRecords()
	for r := 0; r < records; r += a.records {
		a.tileSlabs(x, w.run.Plane, t, r/per, pairs)
		a.rec, a.records = addr(w.records(p, r, slab)), min(records-r, most)
		if whole := records / per * per; t > 0 && r < whole {
			a.records = min(a.records, whole-r) // tiles of a short slab lie closer
		}
		kernel(a)
	}
}

// storeTokens copies the rows of panel p to the tokens from t on.
func (m *Matmul) storeTokens(p, t int, c [][pack.PanelRows]float32) {
	member, row, rows := m.W.panel(p)
	out := &m.Out[member]
	for i := range c {
		copy(out.F[(t+i)*out.C+row:][:rows], c[i][:])
	}
}

// tileSlabs sets the activations of the tile of token t from slab s on; pairs is as for
// panel.
func (a *gemvArgs) tileSlabs(x *Act, p pack.Plane, t, s int, pairs uintptr) {
	_, tiles := tile(C4, x.S)
	g := s*tiles + t/4
	a.act, a.init = addr(&x.Q[x.off(t, s*Slab)]), x.plane(p, g*4)
	if pairs != 0 {
		a.init = pairs + uintptr(g*4*planeBytes[p])
	}
	a.exp, a.base = addr(&x.Exp[g*32]), addr(&x.Base[g*4])
	a.actSkip, a.initSkip, a.expSkip, a.baseStep = (tiles-1)*1024, (tiles-1)*4*planeBytes[p], (tiles-1)*128, tiles*16
}
