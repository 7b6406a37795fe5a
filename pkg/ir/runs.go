package ir

// Run is rows [Lo, Hi) of Leaf, an expression that neither joins, cuts nor
// packs others.
type Run struct {
	Leaf   *Expr
	Lo, Hi int64
}

// Runs says which rows of which leaves the rows of e are, in order: what is
// left of e without its concatenations, slices and packing.
func (e *Expr) Runs() []Run {
	switch e.Kind {
	case ExprPack:
		return e.Args[0].Runs()
	case ExprConcatRows:
		var all []Run
		for _, a := range e.Args {
			for _, r := range a.Runs() {
				if n := len(all) - 1; n >= 0 && all[n].Hi == r.Lo && all[n].Leaf.Equal(r.Leaf) {
					all[n].Hi = r.Hi
					continue
				}
				all = append(all, r)
			}
		}
		return all
	case ExprSliceRows:
		var all []Run
		at := int64(0)
		for _, r := range e.Args[0].Runs() {
			lo, hi := max(e.Lo-at, 0), min(e.Hi-at, r.Hi-r.Lo)
			at += r.Hi - r.Lo
			if lo < hi {
				all = append(all, Run{r.Leaf, r.Lo + lo, r.Lo + hi})
			}
		}
		return all
	}
	return []Run{{e, 0, rowsOf(e.Shape)}}
}
