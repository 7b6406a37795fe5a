package kernel

// vecAttention reports whether the vector kernels take this attention.
func vecAttention(a *Attention) bool {
	return vectorTier(a.Tier) != Generic && a.Cache.KDim%16 == 0 && a.Cache.VDim%16 == 0
}

// wide reports whether the AVX-512 kernels take it. Their maximum is taken
// before the scale, so that must not be negative.
func (a *Attention) wide() bool {
	return vectorTier(a.Tier) == AVX512 && a.Cache.KDim%32 == 0 && a.Cache.VDim%32 == 0 && a.Scale > 0
}

// vecScratch is attentionScratch for the vector kernels.
func vecScratch(a *Attention) int {
	if a.wide() {
		return 4 * wideFloats(a.Cache.KDim, a.Cache.VDim, min(max(a.Q.S, 1), a.tileSize())*a.Heads/a.Cache.Heads)
	}
	return attendScratch256(a)
}

// vecTile is attendTile with vector kernels.
func vecTile(a *Attention, q *queries, kh, t0, t1 int, scratch []byte, out *attentionOut) {
	if a.wide() {
		wideTile(a, q, kh, t0, t1, scratch, out)
	} else {
		tile256(a, q, kh, t0, t1, scratch, out)
	}
}

// vecChunkPartials is attendChunk with vector kernels.
func vecChunkPartials(a *Attention, q *queries, kh, c, t0, t1 int, scratch []byte) {
	if a.wide() {
		widePartials(a, q, kh, c, t0, t1, scratch)
	} else {
		partials256(a, q, kh, c, t0, t1, scratch)
	}
}

// vecMergeHeads merges heads [h0, h1) of query t; it
// reports whether the tier has a kernel for that.
func vecMergeHeads(a *Attention, t, h0, h1 int, scratch []byte, out *attentionOut) bool {
	if !a.wide() {
		return false
	}
	wideMerge(a, t, h0, h1, slice[float32](scratch, 0, 16*a.Cache.VDim), out)
	return true
}
