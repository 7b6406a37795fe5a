package kernel

import (
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// A partial result is [max, sum, 14 unused, o[D]].

// attentionScratch: K and V of one chunk as f32, scores, one running result
// per (query of a tile, head of the group) and one fresh one.
func attentionScratch(a *Attention) int {
	d, g := a.Cache.HeadDim, a.Heads/a.Cache.Heads
	tile := min(max(a.Q.S, 1), a.tileSize())
	return 4 * (2*Chunk*d + Chunk + (tile*g+1)*partialStride(d))
}

// attendTile computes queries [t0, t1) of the group of kv head kh.
func attendTile(a *Attention, kh, t0, t1 int, scratch []byte, out *attentionOut) {
	d, g := a.Cache.HeadDim, a.Heads/a.Cache.Heads
	n := partialStride(d)
	kv := slice[float32](scratch, 0, 2*Chunk*d)
	scores := slice[float32](scratch, 8*Chunk*d, Chunk)
	runs := slice[float32](scratch, 8*Chunk*d+4*Chunk, ((t1-t0)*g+1)*n)
	fresh := runs[len(runs)-n:]
	vec := vectorTier(a.Tier)
	seen := int64(0)
	for c := a.first(t0) / Chunk; c <= (a.Start+t1-1)/Chunk; c++ {
		a.Cache.decodeChunk(kv, c, kh, a.Start+t1)
		for t := t0; t < t1; t++ {
			from, to, ok := a.visible(t, c)
			if !ok {
				continue
			}
			seen += int64(to - from)
			for i := range g {
				q := a.Q.F[t*a.Q.C+(kh*g+i)*d:][:d]
				run := runs[((t-t0)*g+i)*n:][:n]
				if c == a.first(t)/Chunk {
					attendOne(run, q, kv, scores, from, to, d, a.Scale)
				} else {
					attendOne(fresh, q, kv, scores, from, to, d, a.Scale)
					mergePartial(run, fresh, d, vec)
				}
			}
		}
	}
	a.visited.Add(seen)
	for t := t0; t < t1; t++ {
		for i := range g {
			run := runs[((t-t0)*g+i)*n:][:n]
			divide(run[16:16+d], run[1], vec)
			out.put(t, (kh*g+i)*d, run[16:16+d])
		}
	}
}

// attendChunk computes the partial results of all queries over one chunk.
func attendChunk(a *Attention, kh, c, t0, t1 int, scratch []byte) {
	d, g := a.Cache.HeadDim, a.Heads/a.Cache.Heads
	kv := slice[float32](scratch, 0, 2*Chunk*d)
	scores := slice[float32](scratch, 8*Chunk*d, Chunk)
	a.Cache.decodeChunk(kv, c, kh, a.Start+t1)
	seen := int64(0)
	for t := t0; t < t1; t++ {
		from, to, ok := a.visible(t, c)
		if !ok {
			continue
		}
		seen += int64(to - from)
		for i := range g {
			q := a.Q.F[t*a.Q.C+(kh*g+i)*d:][:d]
			attendOne(a.partial(t, kh*g+i, c-a.chunk0), q, kv, scores, from, to, d, a.Scale)
		}
	}
	a.visited.Add(seen)
}

// visible is the range of positions of chunk c, counted from its start, that
// query t sees.
func (a *Attention) visible(t, c int) (from, to int, ok bool) {
	from = max(0, a.first(t)-c*Chunk)
	to = min(Chunk, a.Start+t+1-c*Chunk)
	return from, to, from < to
}

// decodeChunk reads K and V of one head back as f32: K as [panel][D][16] in
// the first half of dst, V as [position][D] in the second. Only panels below
// position end are read.
func (c *KVCache) decodeChunk(dst []float32, chunk, head, end int) {
	d := c.HeadDim
	n := min(Chunk, roundUp(end-chunk*Chunk, 16))
	kb, vb := c.k(chunk, head), c.v(chunk, head)
	kd, vd := dst[:n*d], dst[Chunk*d:Chunk*d+n*d]
	switch c.Type {
	case tensor.F32:
		copy(kd, slice[float32](kb, 0, n*d))
		copy(vd, slice[float32](vb, 0, n*d))
	case tensor.F16:
		for i, h := range slice[uint16](kb, 0, n*d) {
			kd[i] = f32.FromHalf(h)
		}
		for i, h := range slice[uint16](vb, 0, n*d) {
			vd[i] = f32.FromHalf(h)
		}
	default:
		nb := d / 32
		for p := range n / 16 {
			src := kb[p*(nb*32+d*16):]
			for i := range d {
				for l := range 16 {
					kd[(p*d+i)*16+l] = float32(int8(src[nb*32+i*16+l])) * half(src[i/32*32+2*l:])
				}
			}
		}
		for j := range n {
			for i := range d {
				vd[j*d+i] = float32(int8(vb[j*d+i])) * half(vb[Chunk*d+(j*nb+i/32)*2:])
			}
		}
	}
}

// attendOne is one query head over positions [from, to) of one decoded chunk.
func attendOne(out, q, kv, scores []float32, from, to, d int, scale float32) {
	for p := from / 16; p < ceil(to, 16); p++ {
		var s [16]float32
		panel := kv[p*d*16:][:d*16]
		for i, x := range q {
			k := (*[16]float32)(panel[16*i:])
			for l := range s {
				s[l] = f32.FMA(x, k[l], s[l])
			}
		}
		for l := range s {
			scores[16*p+l] = s[l] * scale
		}
	}
	m := float32(math.Inf(-1))
	for _, s := range scores[from:to] {
		if s > m {
			m = s
		}
	}
	var lanes [16]float32
	o := out[16 : 16+d]
	clear(o)
	for j := from; j < to; j++ {
		e := f32.Exp(scores[j] - m)
		lanes[j&15] += e
		v := kv[(Chunk+j)*d:][:d]
		for i := range o {
			o[i] = f32.FMA(e, v[i], o[i])
		}
	}
	out[0], out[1] = m, f32.Tree16(&lanes)
}

// mergePartial folds the partial result p of the next chunk into run.
func mergePartial(run, p []float32, d int, vec Tier) {
	m := run[0]
	if p[0] > m {
		m = p[0]
	}
	a, b := f32.Exp(run[0]-m), f32.Exp(p[0]-m)
	run[0], run[1] = m, f32.FMA(run[1], a, float32(p[1]*b))
	o, po := run[16:16+d], p[16:16+d]
	if vec != Generic {
		vecMerge(vec, o, po, a, b)
		return
	}
	mergeRun(o, po, a, b)
}

// mergeRun is o = fma(o, a, p*b).
func mergeRun(o, p []float32, a, b float32) {
	p = p[:len(o)]
	for i := range o {
		o[i] = f32.FMA(o[i], a, float32(p[i]*b))
	}
}

// divide is x / l for every element.
func divide(x []float32, l float32, vec Tier) {
	if vec != Generic {
		vecDiv(vec, x, l)
		return
	}
	divRun(x, l)
}

func divRun(x []float32, l float32) {
	for i := range x {
		x[i] /= l
	}
}
