package kernel

import (
	"unsafe"
)

// Attention, AVX-512. A query row is one head of one token; rows of the heads
// of a group and of tokens that follow each other are computed together. Many rows
// go in twelves over a chunk that was read back as f32 once; up to eight read the
// cache in place, in the type it has, because then it is what takes the time.

// rows12Args is read by the kernels by the names of its fields.
type rows12Args struct {
	k      unsafe.Pointer // first panel
	q      [12]unsafe.Pointer
	scores unsafe.Pointer // row 0 at the first panel; advanced by the kernels
	dBytes int            // bytes of a query
	panels int            // counted down by the kernels
	kStep  int            // bytes of a panel

	s      unsafe.Pointer // row 0 at position 0
	rows   int
	m, l   unsafe.Pointer // running maxima and sums
	from   [12]int32
	to     [12]int32
	scale  float32     // > 0
	merges int32       // whether a row has a result already
	mc, lc [16]float32 // of this chunk
	a, b   [16]float32 // factors of the merge

	v      unsafe.Pointer // first position
	o      unsafe.Pointer // result of row 0
	oStep  int
	vStep  int            // bytes of a position
	pairs  int            // pairs of vectors of channels; counted down by the kernels
	masks  unsafe.Pointer // [head+tail][12]uint16
	head   int            // positions that not all rows see
	n      int            // positions that all rows see
	tail   int
	e      unsafe.Pointer // row 0 at the first position
	merge  uint32         // bits of the rows that have a result already
	merged [12]uint16     // the same as masks
	vScale unsafe.Pointer // q8_0 scales of V as f32
	d      int
}

//go:noescape
func qk12(a *rows12Args)

//go:noescape
func pv12(a *rows12Args)

//go:noescape
func softmax12(a *rows12Args)

// merge16Args is 16 running maxima and sums, those of a chunk, and the factors
// of both.
type merge16Args struct{ m, l, mc, lc, a, b [16]float32 }

//go:noescape
func merge16(a *merge16Args)

//go:noescape
func qk4F32(a *rows12Args)

//go:noescape
func qk4F16(a *rows12Args)

//go:noescape
func qk4Q8(a *rows12Args)

//go:noescape
func qk8F32(a *rows12Args)

//go:noescape
func qk8F16(a *rows12Args)

//go:noescape
func qk8Q8(a *rows12Args)

//go:noescape
func pv4F32(a *rows12Args)

//go:noescape
func pv4F16(a *rows12Args)

//go:noescape
func pv4Q8(a *rows12Args)

//go:noescape
func pv8F32(a *rows12Args)

//go:noescape
func pv8F16(a *rows12Args)

//go:noescape
func pv8Q8(a *rows12Args)

//go:noescape
func halfToFloat(dst *float32, src *uint16, n int)

//go:noescape
func floatToHalf(dst *uint16, src *float32, n int)

//go:noescape
func q8Keys(dst *float32, panel *byte, blocks int)

//go:noescape
func q8Values(dst *float32, q *int8, d *float32, blocks int)

const (
	wideRows   = 12 // query rows of the widest kernels
	directRows = 8  // at most as many read the cache in place
)

// wideState is the scratch of a tile of query rows.
type wideState struct {
	args   rows12Args
	apart  bool      // the result of a chunk is not merged into earlier ones
	direct bool      // the chunk is read in place
	vd     int       // channels of V
	kf, vf []float32 // K and V of a chunk as f32
	scores []float32 // [12][Chunk]
	masks  []uint16  // [Chunk][12]
	m, l   []float32 // per row
	o      []float32 // [row][D]

	k, v   unsafe.Pointer // of the chunk
	qk, pv *[2]func(*rows12Args)
	room   int // positions of the chunk in memory
}

// wideFloats is the scratch of a tile of rows query rows.
func wideFloats(kd, vd, rows int) int {
	return Chunk*(kd+vd) + wideRows*Chunk + wideRows*Chunk/2 + 2*roundUp(rows, 16) + rows*vd
}

// init lays out the scratch for rows query rows.
func (w *wideState) init(a *Attention, rows int, scratch []byte) {
	kd, d := a.Cache.KDim, a.Cache.VDim
	w.masks = slice[uint16](scratch, 0, wideRows*Chunk)
	all := slice[float32](scratch, 2*wideRows*Chunk, wideFloats(kd, d, rows)-wideRows*Chunk/2)
	take := func(n int) []float32 {
		s := all[:n:n]
		all = all[n:]
		return s
	}
	w.kf, w.vf, w.scores = take(Chunk*kd), take(Chunk*d), take(wideRows*Chunk)
	w.m, w.l, w.o = take(roundUp(rows, 16)), take(roundUp(rows, 16)), take(rows*d)
	w.vd = d
	w.args.d, w.args.dBytes, w.args.oStep = kd, 4*kd, 4*d
	w.args.s, w.args.scale = unsafe.Pointer(&w.scores[0]), a.Scale
	w.args.masks = unsafe.Pointer(&w.masks[0])
}

// chunk folds chunk c into the rows of queries [t0, t1) of kv head kh and
// returns the number of positions visited.
func (w *wideState) chunk(a *Attention, q *queries, kh, c, t0, t1 int) (seen int64) {
	g := a.Heads / a.Cache.Heads
	lo, hi := t1, t0 // tokens that see the chunk
	for t := t0; t < t1; t++ {
		if from, to, ok := a.visible(t, c); ok {
			seen += int64(to - from)
			lo, hi = min(lo, t), t+1
		}
	}
	r0, r1 := (lo-t0)*g, (hi-t0)*g
	// A V that is part of K comes from a decoded one.
	w.direct = !a.Cache.VOfK && r1-r0 <= directRows && (w.apart || a.first(t0)/Chunk == (a.Start+t1-1)/Chunk)
	w.load(a.Cache, c, kh, a.Start+t1)
	for ; r0 < r1; r0 += wideRows {
		w.group(a, q, kh, c, t0, r0, min(r0+wideRows, r1))
	}
	return seen
}

// load makes K and V of a chunk ready, up to position end.
func (w *wideState) load(c *KVCache, chunk, head, end int) {
	ch, p := c.list.at(chunk), &w.args
	kb, vb := c.kMem(ch, head), c.vMem(ch, head)
	n := min(ch.room, roundUp(end-chunk*Chunk, 16))
	w.room, w.qk, w.pv = ch.room, &f32Vec.qk, &f32Vec.pv
	switch f := c.k.form.vec; {
	case f != nil && f.stays(w.direct):
		w.k, p.kStep, w.qk = unsafe.Pointer(&kb[0]), 16*c.k.row, &f.qk
	default:
		w.k, p.kStep = unsafe.Pointer(&w.kf[0]), 64*c.KDim
		w.room = Chunk
		if f == nil || f.keys == nil {
			c.k.decode(w.kf[:n*c.KDim], kb, n, ch.room, c.KDim)
		} else {
			f.keys(w.kf[:n*c.KDim], kb, n, c.KDim)
		}
	}
	switch f := c.v.form.vec; {
	case c.VOfK:
		w.v, p.vStep = unsafe.Pointer(&w.vf[0]), 4*c.VDim
		valuesOfKeys(w.vf, unsafe.Slice((*float32)(w.k), n*c.KDim), n, c.KDim, c.VDim)
	case f != nil && f.stays(w.direct):
		w.v, p.vStep, w.pv = unsafe.Pointer(&vb[0]), f.channel*c.VDim, &f.pv
		if f.scales != nil {
			f.scales(w.vf, vb, n, ch.room, c.VDim)
		}
	default:
		w.v, p.vStep = unsafe.Pointer(&w.vf[0]), 4*c.VDim
		if f == nil || f.values == nil {
			c.v.decode(w.vf[:n*c.VDim], vb, n, ch.room, c.VDim)
		} else {
			f.values(w.vf[:n*c.VDim], vb, n, ch.room, c.VDim)
		}
	}
}

// group folds a chunk into rows [r0, r1) of a tile that starts with query t0.
func (w *wideState) group(a *Attention, q *queries, kh, c, t0, r0, r1 int) {
	g := a.Heads / a.Cache.Heads
	p, n := &w.args, r1-r0
	p.rows, p.merge, p.merges = n, 0, 0
	lo, hi, in, out := Chunk, 0, 0, Chunk // what any row sees, what all see
	for i := 0; i < n; {
		t, h := t0+(r0+i)/g, (r0+i)%g
		from, to, _ := a.visible(t, c)
		lo, hi, in, out = min(lo, from), max(hi, to), max(in, from), min(out, to)
		merged := uint16(0)
		if !w.apart && c != a.first(t)/Chunk {
			merged, p.merges = 0xffff, 1
		}
		for k := range min(g-h, n-i) { // the heads of a token
			p.q[i] = unsafe.Pointer(&q.row(t, h+k)[0])
			p.from[i], p.to[i], p.merged[i] = int32(from), int32(to), merged
			p.merge |= uint32(merged&1) << i
			i++
		}
	}
	for i := n; i < wideRows; i++ {
		p.q[i] = p.q[0]
	}
	p.m, p.l, p.o = unsafe.Pointer(&w.m[r0]), unsafe.Pointer(&w.l[r0]), unsafe.Pointer(&w.o[r0*w.vd])
	if in >= out {
		in, out = hi, hi // every position is masked
	}
	p.head, p.n, p.tail = in-lo, out-in, hi-out
	w.mask(0, lo, in)
	w.mask(p.head, out, hi)

	first := lo / 16
	p.panels = ceil(hi, 16) - first
	if w.direct { // whole groups of panels, inside the chunk
		p.panels = roundUp(p.panels, 4)
		first = min(first, max(0, w.room/16-p.panels))
	}
	p.k, p.scores = unsafe.Add(w.k, first*p.kStep), unsafe.Pointer(&w.scores[16*first])
	p.v, p.e, p.pairs = unsafe.Add(w.v, lo*p.vStep), unsafe.Pointer(&w.scores[lo]), w.vd/32
	if !w.direct {
		qk12(p)
		softmax12(p)
		pv12(p)
		return
	}
	p.vScale = unsafe.Pointer(&w.vf[lo*(w.vd/32)])
	w.qk[fours(n <= 4)](hide(p))
	softmax12(p)
	w.pv[fours(n <= 4 && w.vd%64 == 0)](hide(p))
}

// fours picks the kernel for up to four rows, else that for up to eight.
func fours(yes bool) int {
	if yes {
		return 0
	}
	return 1
}

// mask writes the masks of positions [from, to) from number k on.
func (w *wideState) mask(k, from, to int) {
	p := &w.args
	for j := from; j < to; j++ {
		m := w.masks[(k+j-from)*wideRows:][:wideRows]
		for i := range p.rows {
			m[i] = 0
			if int32(j) >= p.from[i] && int32(j) < p.to[i] {
				m[i] = 0xffff
			}
		}
	}
}

// wideTile is attendTile with these kernels.
func wideTile(a *Attention, q *queries, kh, t0, t1 int, scratch []byte, out *attentionOut) {
	d, g := a.Cache.VDim, a.Heads/a.Cache.Heads
	var w wideState
	w.init(a, (t1-t0)*g, scratch)
	seen := int64(0)
	for c := a.first(t0) / Chunk; c <= (a.Start+t1-1)/Chunk; c++ {
		seen += w.chunk(a, q, kh, c, t0, t1)
	}
	a.visited.Add(seen)
	for r := range (t1 - t0) * g {
		o := w.o[r*d : (r+1)*d]
		vecDivN(&o[0], w.l[r], d)
		out.put(t0+r/g, (kh*g+r%g)*d, o)
	}
}

// widePartials is attendChunk with these kernels.
func widePartials(a *Attention, q *queries, kh, c, t0, t1 int, scratch []byte) {
	d, g := a.Cache.VDim, a.Heads/a.Cache.Heads
	var w wideState
	w.init(a, (t1-t0)*g, scratch)
	w.apart = true
	a.visited.Add(w.chunk(a, q, kh, c, t0, t1))
	for r := range (t1 - t0) * g {
		if _, _, ok := a.visible(t0+r/g, c); ok {
			p := a.partial(t0+r/g, kh*g+r%g, c-a.chunk0)
			p[0], p[1] = w.m[r], w.l[r]
			copy(p[16:16+d], w.o[r*d:(r+1)*d])
		}
	}
}

// wideMerge merges the partial results of heads [h0, h1) of query t, in runs
// of up to 16 heads; run has room for their results.
func wideMerge(a *Attention, t, h0, h1 int, run []float32, out *attentionOut) {
	d := a.Cache.VDim
	first, last, ok := a.merged(t)
	if !ok {
		return
	}
	for ; h0 < h1; h0 += 16 {
		n := min(16, h1-h0)
		var x merge16Args
		for i := range n {
			p := a.partial(t, h0+i, first)
			x.m[i], x.l[i] = p[0], p[1]
			copy(run[i*d:(i+1)*d], p[16:])
		}
		for c := first + 1; c <= last; c++ {
			for i := range n {
				p := a.partial(t, h0+i, c)
				x.mc[i], x.lc[i] = p[0], p[1]
			}
			merge16(&x)
			for i := range n {
				vecMergeN(&run[i*d], &a.partial(t, h0+i, c)[16], x.a[i], x.b[i], d)
			}
		}
		for i := range n {
			if !a.turn.last {
				p := a.partial(t, h0+i, a.turn.from-1)
				p[0], p[1] = x.m[i], x.l[i]
				copy(p[16:], run[i*d:(i+1)*d])
				continue
			}
			vecDivN(&run[i*d], x.l[i], d)
			out.put(t, (h0+i)*d, run[i*d:(i+1)*d])
		}
	}
}
