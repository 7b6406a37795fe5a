package kernel

import "unsafe"

// floatArgs is read by gemmFloat by the names of its fields. The kernel advances next.
type floatArgs struct {
	w       unsafe.Pointer // f32 [2][channels][16]
	panel   int            // bytes from panel to panel
	x       unsafe.Pointer // c4 f32 slab
	tile    int            // bytes of a tile
	groups  int            // groups of 4 channels
	tiles   int
	in      unsafe.Pointer // C so far, rows of 32
	inStep  int            // bytes from token to token
	out     unsafe.Pointer // C
	outStep int
	next    [2]unsafe.Pointer // records to prefetch
	lines   int               // lines of each per three tiles
}

const (
	floatPanels = 2 // panels of the kernel
	floatGroup  = 8 // panels that share a slab of the activations in the second cache
)

// floatTokens is the largest number of tokens of one pass over the weights.
var floatTokens = 516

// floatScratch is one slab of expanded panels.
type floatScratch struct {
	w     [floatPanels][Slab][16]float32
	zero  [floatPanels][16]float32
	x     [Slab]float32
	out   [16]float32
	bytes floatBytes
	gemv  gemvFloatArgs
}

const floatScratchBytes = (int(unsafe.Sizeof(floatScratch{})) + 63) &^ 63

// matmulFloatAVX512 computes panels [p0, p1) for f32 activations.
func matmulFloatAVX512(m *Matmul, p0, p1 int, scratch []byte) {
	if m.X.Layout == Plain || m.X.S == 1 {
		for t := range m.X.S {
			gemvFloat(m, t, p0, p1, scratch)
		}
		return
	}
	p0, p1, t, count := m.pass(p0, p1)
	for p := p0; p < p1; p += m.unit {
		gemmFloatGroup(m, p, min(p+m.unit, p1), t, count, scratch)
	}
}

// gemmFloatGroup computes panels [p0, p1) for the tokens [t0, t0+count). Slab by
// slab every pair of panels is expanded and meets all tokens; what the slabs
// have added up to lies in c, [pair][token][32], and the last slab writes to
// the output.
func gemmFloatGroup(m *Matmul, p0, p1, t0, count int, scratch []byte) {
	f := (*floatScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:floatScratchBytes])))
	f.zero = [floatPanels][16]float32{}
	tokens := roundUp(count, 4)
	c := slice[float32](scratch, floatScratchBytes, ceil(p1-p0, floatPanels)*tokens*32)
	w, x := m.W, &m.X
	slabs := ceil(w.K, Slab)
	a := floatArgs{w: unsafe.Pointer(&f.w), tile: Slab * 16}
	for s := range slabs {
		k := min(Slab, w.K-s*Slab)
		a.x, a.groups = unsafe.Pointer(&x.F[x.off(t0, s*Slab)]), ceil(k, 4)
		if s == slabs-1 {
			a.tile = (roundUp(w.K, 64) - s*Slab) * 16
		}
		for p := p0; p < p1; p += floatPanels {
			n := min(floatPanels, p1-p)
			a.panel = (n - 1) * Slab * 64 // a missing panel is computed as the first
			for i := range n {
				f.expand(&f.w[i], w, w.runSlab(p+i, s, f.bytes.slab[:]), k)
			}
			a.prefetch(w, p, p0, p1, s, tokens)
			ci := c[(p-p0)/floatPanels*tokens*32:][:tokens*32]
			a.in, a.inStep = unsafe.Pointer(&ci[0]), 128
			if s == 0 {
				a.in, a.inStep = unsafe.Pointer(&f.zero), 0
			}
			a.out, a.outStep, a.tiles = unsafe.Pointer(&ci[0]), 128, tokens/4
			if s == slabs-1 {
				a.last(m, p, n, t0, count, ci)
				continue
			}
			gemmFloat(&a)
		}
	}
}

// last runs the kernel for the last slab of n panels from p on. Tokens go
// straight to the output, but those of a tile that is not full and panels that
// do not fill their rows go through c.
func (a floatArgs) last(m *Matmul, p, n, t0, count int, c []float32) {
	member, row, _ := m.W.panel(p)
	out := &m.Out[member]
	whole := count
	if count%4 != 0 {
		whole = (count - 1) / 12 * 12
	}
	if n < floatPanels || row+16*floatPanels > out.C {
		whole = 0
	}
	if whole > 0 {
		dst := out.F[t0*out.C+row:]
		_ = dst[(whole-1)*out.C+16*floatPanels-1]
		a.out, a.outStep, a.tiles = unsafe.Pointer(&dst[0]), 4*out.C, whole/4
		gemmFloat(&a)
	}
	if whole == count {
		return
	}
	a.x = unsafe.Add(a.x, whole/4*a.tile)
	a.in = unsafe.Add(a.in, whole*a.inStep)
	c = c[whole*32:]
	a.out, a.outStep, a.tiles = unsafe.Pointer(&c[0]), 128, ceil(count-whole, 4)
	gemmFloat(&a)
	for i := range n {
		member, row, rows := m.W.panel(p + i)
		out := &m.Out[member]
		for t := range count - whole {
			copy(out.F[(t0+whole+t)*out.C+row:][:rows], c[t*32+16*i:])
		}
	}
}

// prefetch has the kernel fetch the packed records that come after panel p of
// slab s: those of the next panels, or of the next slab.
func (a *floatArgs) prefetch(w *Weight, p, p0, p1, s, tokens int) {
	size, ok := direct(w)
	a.lines = 0
	if w.Form != P16 || !ok {
		return
	}
	p += floatPanels
	if p >= p1 {
		p, s = p0, s+1
		if (s+1)*Slab > w.K {
			p, s = p1, 0
		}
	}
	if p+floatPanels > w.panels || (s+1)*Slab > w.K {
		return
	}
	for i := range a.next {
		a.next[i] = unsafe.Pointer(&w.Data[(p+i)*w.stride+s*Slab*size])
	}
	a.lines = ceil(Slab*size/64, max(1, tokens/12))
}

// floatPass is the number of tokens of one pass, a multiple of 12 where there
// are several.
func floatPass(m *Matmul) int {
	s := m.X.S
	if m.X.Layout == Plain {
		return max(1, s)
	}
	n := ceil(s, ceil(max(1, s), floatTokens))
	return max(1, min(roundUp(n, 12), s))
}

func floatScratchSize(m *Matmul) int {
	return floatScratchBytes + 4*roundUp(m.tokens, 4)*floatGroup*16
}

// floatUnit: with few tokens the weights are what is read most, so every panel
// is read from end to end.
func floatUnit(m *Matmul) int {
	if m.X.S > 1 && m.X.S <= 48 {
		return floatPanels
	}
	if m.X.S > 1 {
		return max(floatPanels, min(floatGroup, m.W.panels/8&^1))
	}
	return max(1, min(4, m.W.panels/16))
}

var fmaMatmul = matmulImpl{matmulFloatAVX512, floatUnit, floatScratchSize, floatPass, plainPasses}
