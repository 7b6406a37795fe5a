package kernel

import "unsafe"

// floatScratch256 is one slab of one expanded panel.
type floatScratch256 struct {
	w   [Slab][16]float32
	x   [Slab]float32
	out [16]float32
	gen genericScratch

	gemv gemvFloatArgs
}

const floatScratch256Bytes = (int(unsafe.Sizeof(floatScratch256{})) + 63) &^ 63

// expand decodes n channels of one panel to w; channels beyond n, up to a
// multiple of 4, become zero.
func (f *floatScratch256) expand(w *Weight, rec []byte, n int) {
	if w.native != nil && w.native.widen256 != nil {
		w.native.widen256(&f.w[0][0], &rec[0], ceil(n, 2))
	} else {
		expandFloat(&f.w, &f.gen.panel, &f.gen.q, w.Type, rec, n)
	}
	clear(f.w[n:roundUp(n, 4)])
}

// matmulFloatAVX2 computes panels [p0, p1) for f32 activations.
func matmulFloatAVX2(m *Matmul, p0, p1 int, scratch []byte) {
	if m.X.Layout == Plain || m.X.S == 1 {
		for t := range m.X.S {
			gemvFloat256(m, t, p0, p1, scratch)
		}
		return
	}
	for p := p0; p < p1; p++ {
		pass := floatPass256(m.X.S)
		for t := 0; t < m.X.S; t += pass {
			gemmFloatTokens256(m, p, t, min(pass, m.X.S-t), scratch)
		}
	}
}

// floatPass256 is the number of tokens of one pass over a panel.
func floatPass256(s int) int { return min(tokens256, roundUp(passTokens256(s), 12)) }

// floatPasses256 is how often an item reads its panels.
func floatPasses256(m *Matmul) int { return m.innerPasses(floatPass256(max(1, m.X.S))) }

// gemmFloatTokens256 computes one panel for the tokens [t0, t0+count) of a c4
// activation, six at a time and the last four or eight by fours.
func gemmFloatTokens256(m *Matmul, p, t0, count int, scratch []byte) {
	f := (*floatScratch256)(unsafe.Pointer(unsafe.SliceData(scratch[:floatScratch256Bytes])))
	w, x := m.W, &m.X
	padded := roundUp(count, 4)
	c := slice[float32](scratch, floatScratch256Bytes, padded*16)
	clear(c)
	for s := range ceil(w.K, Slab) {
		k := min(Slab, w.K-s*Slab)
		f.expand(w, w.slab(p, s, f.gen.slab[:]), k)
		tile := min(Slab, roundUp(w.K, 64)-s*Slab) * 4
		xs := x.F[x.off(t0, s*Slab):][:padded/4*tile]
		t := 0
		for ; t+12 <= padded; t += 12 {
			x0 := xs[t/4*tile:]
			x1, x2 := x0[tile:], x0[2*tile:]
			gemmFloat256x6(&f.w[0][0], &x0[0], &x0[8], &x1[0], &c[t*16], ceil(k, 4))
			gemmFloat256x6(&f.w[0][0], &x1[8], &x2[0], &x2[8], &c[(t+6)*16], ceil(k, 4))
		}
		for ; t < padded; t += 4 {
			gemmFloat256x4(&f.w[0][0], &xs[t/4*tile], &c[t*16], ceil(k, 4))
		}
	}
	storePanel(m, p, t0, count, c)
}

// gemvFloat256 computes panels [p0, p1) for token t of an f32 activation whose
// tokens are contiguous.
func gemvFloat256(m *Matmul, t, p0, p1 int, scratch []byte) {
	f := (*floatScratch256)(unsafe.Pointer(unsafe.SliceData(scratch[:floatScratch256Bytes])))
	w, x := m.W, &m.X
	row := x.F
	if x.Layout == Plain {
		row = x.F[t*x.C:]
	}
	row = row[:x.C]
	size, inPlace := direct(w)
	f32 := scratchKernels()
	for p := p0; p < p1; p++ {
		clear(f.out[:])
		a := &f.gemv
		*a = gemvFloatArgs{slab: Slab * size, c: addr(&f.out)}
		s, slabs := 0, ceil(w.K, Slab)
		for ; inPlace && w.Form == P16 && (s+2)*Slab <= w.K; s += 2 {
			a.w, a.x = addr(&w.Data[p*w.stride+s*a.slab]), addr(&row[s*Slab])
			w.native.two256(a)
		}
		for ; s < slabs; s++ {
			k := min(Slab, w.K-s*Slab)
			rec := w.slab(p, s, f.gen.slab[:])
			a.w, a.x, a.pairs = addr(&rec[0]), addr(&row[s*Slab]), ceil(k, 2)
			kernels := w.native
			if !inPlace || k%2 != 0 { // through f32 scratch, an odd channel padded by zero
				f.expand(w, rec, k)
				copy(f.x[:], row[s*Slab:s*Slab+k])
				if k%2 != 0 {
					f.x[k] = 0
				}
				a.w, a.x, kernels = addr(&f.w[0]), addr(&f.x), f32
			}
			kernels.one256(a)
		}
		member, r, rows := w.panel(p)
		copy(m.Out[member].F[t*m.Out[member].C+r:][:rows], f.out[:])
	}
}

func floatScratchSize256(m *Matmul) int {
	return floatScratch256Bytes + 64*min(tokens256, roundUp(max(m.X.S, 1), 4))
}

var avx2Float = matmulImpl{matmulFloatAVX2, unit256, floatScratchSize256, allTokens, floatPasses256}
