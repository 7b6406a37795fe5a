package kernel

import (
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// A partial result is [max, sum, 14 unused, o[D]].

// attentionScratch: K and V of one chunk as f32, scores, one running result
// per (query of a tile, head of the group) and one fresh one.
func attentionScratch(a *Attention) int {
	kd, vd, g := a.Cache.KDim, a.Cache.VDim, a.Heads/a.Cache.Heads
	tile := min(max(a.Q.S, 1), a.tileSize())
	return 4 * (Chunk*(kd+vd) + Chunk + (tile*g+1)*partialStride(vd))
}

// attendTile computes queries [t0, t1) of the group of kv head kh.
func attendTile(a *Attention, q *queries, kh, t0, t1 int, scratch []byte, out *attentionOut) {
	kd, d, g := a.Cache.KDim, a.Cache.VDim, a.Heads/a.Cache.Heads
	n := partialStride(d)
	kv := slice[float32](scratch, 0, Chunk*(kd+d))
	scores := slice[float32](scratch, 4*len(kv), Chunk)
	runs := slice[float32](scratch, 4*(len(kv)+Chunk), ((t1-t0)*g+1)*n)
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
				run := runs[((t-t0)*g+i)*n:][:n]
				if c == a.first(t)/Chunk {
					attendOne(run, q.row(t, i), kv, scores, from, to, d, a.Scale)
				} else {
					attendOne(fresh, q.row(t, i), kv, scores, from, to, d, a.Scale)
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
func attendChunk(a *Attention, q *queries, kh, c, t0, t1 int, scratch []byte) {
	kd, d, g := a.Cache.KDim, a.Cache.VDim, a.Heads/a.Cache.Heads
	kv := slice[float32](scratch, 0, Chunk*(kd+d))
	scores := slice[float32](scratch, 4*len(kv), Chunk)
	a.Cache.decodeChunk(kv, c, kh, a.Start+t1)
	seen := int64(0)
	for t := t0; t < t1; t++ {
		from, to, ok := a.visible(t, c)
		if !ok {
			continue
		}
		seen += int64(to - from)
		for i := range g {
			attendOne(a.partial(t, kh*g+i, c-a.chunk0), q.row(t, i), kv, scores, from, to, d, a.Scale)
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

// decodeChunk reads K and V of one head back as f32: K as [panel][KDim][16] at
// the start of dst, V as [position][VDim] behind Chunk positions of K. Only panels
// below position end are read.
func (c *KVCache) decodeChunk(dst []float32, chunk, head, end int) {
	ch := c.list.at(chunk)
	n := min(ch.room, roundUp(end-chunk*Chunk, 16))
	c.k.decode(dst[:n*c.KDim], c.kMem(ch, head), n, ch.room, c.KDim)
	v := dst[Chunk*c.KDim:][:n*c.VDim]
	if c.VOfK {
		valuesOfKeys(v, dst, n, c.KDim, c.VDim)
		return
	}
	c.v.decode(v, c.vMem(ch, head), n, ch.room, c.VDim)
}

// attendOne is one query head over positions [from, to) of one decoded chunk;
// d is the channels of V.
func attendOne(out, q, kv, scores []float32, from, to, d int, scale float32) {
	for p := from / 16; p < ceil(to, 16); p++ {
		var s [16]float32
		panel := kv[p*len(q)*16:][:len(q)*16]
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
		v := kv[Chunk*len(q)+j*d:][:d]
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
