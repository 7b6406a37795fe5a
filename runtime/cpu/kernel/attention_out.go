package kernel

// attentionOut takes the results of attention for queries [t0, t1) and channels
// [k0, k1): it stores them, or for an i8 output keeps them until all are there,
// whole slabs of whole tiles, and quantises them.
type attentionOut struct {
	act    *Act
	vec    Tier
	t0, t1 int
	k0, k1 int
	stage  []float32         // [t1-t0][k1-k0] of an i8 output
	finish func(x []float32) // what the codec of V does to a head; nil: nothing
}

// sink is the output of a work item; scratch is for an i8 output.
func (a *Attention) sink(scratch []byte, t0, t1, k0, k1 int) attentionOut {
	o := attentionOut{act: &a.Out, vec: vectorTier(a.Tier), t0: t0, t1: t1, k0: k0, k1: k1, finish: a.Cache.v.form.Output}
	if a.Out.Elem == I8 {
		o.stage = slice[float32](scratch, 0, (t1-t0)*(k1-k0))
	}
	return o
}

// put takes one head of query t, whose channels begin at k; src is used up.
func (o *attentionOut) put(t, k int, src []float32) {
	if o.finish != nil {
		o.finish(src)
	}
	switch {
	case o.act.Elem == I8:
		copy(o.stage[(t-o.t0)*(o.k1-o.k0)+k-o.k0:], src)
	case o.vec == Generic || o.act.Layout == Plain || o.act.S == 1:
		o.act.putRun(t, k, src)
	default:
		putVec(o.act, t, k, src)
	}
}

// flush quantises what was kept.
func (o *attentionOut) flush() {
	if o.act.Elem != I8 {
		return
	}
	var x slabTile
	w, _ := tile(o.act.Layout, o.act.S)
	for t := o.t0; t < o.t1; t += w {
		for k := o.k0; k < o.k1; k += Slab {
			for l := range w {
				n := 0
				if t+l < o.t1 {
					n = copy(x[l][:], o.stage[(t+l-o.t0)*(o.k1-o.k0)+k-o.k0:][:min(Slab, o.k1-k)])
				}
				clear(x[l][n:])
			}
			o.act.quantiseTile(&x, k/Slab, t/w, o.vec)
		}
	}
}
