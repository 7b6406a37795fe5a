package kernel

// queries are the query rows of the heads of one kv head.
type queries struct {
	f         []float32 // of query t0 and head 0 on
	t0        int
	stride, d int // from query to query, from head to head
}

// row is head i of the group, query t.
func (q *queries) row(t, i int) []float32 { return q.f[(t-q.t0)*q.stride+i*q.d:][:q.d] }

// queries gives queries [t0, t1) for kv head kh: as they are, or in scratch as
// the codec of K wants them.
func (a *Attention) queries(kh, t0, t1 int, scratch []byte) queries {
	d, g := a.Cache.KDim, a.Heads/a.Cache.Heads
	in := queries{f: a.Q.F[kh*g*d:], stride: a.Q.C, d: d}
	turn := a.Cache.k.form.Query
	if turn == nil {
		return in
	}
	out := queries{f: slice[float32](scratch, a.tileScratch()+a.stageBytes(), (t1-t0)*g*d), t0: t0, stride: g * d, d: d}
	for t := t0; t < t1; t++ {
		for i := range g {
			copy(out.row(t, i), in.row(t, i))
			turn(out.row(t, i))
		}
	}
	return out
}

// queryBytes is the room that takes.
func (a *Attention) queryBytes() int {
	if a.Cache.k.form.Query == nil {
		return 0
	}
	return roundUp(4*min(max(a.Q.S, 1), a.tileSize())*a.Heads/a.Cache.Heads*a.Cache.KDim, 64)
}
