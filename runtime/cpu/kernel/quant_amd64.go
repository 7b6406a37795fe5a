package kernel

import "unsafe"

// quantTileArgs is read by quantTile at fixed offsets: a slab of one tile and
// its planes.
type quantTileArgs struct {
	x, q, base, exp, init, init16, minPair, bsum unsafe.Pointer
}

//go:noescape
func quantTile(a *quantTileArgs)

// vecQuantTile quantises (slab s, tile) of a c4 activation to a c4 one; it
// reports whether the tier has a kernel for that.
func vecQuantTile(vec Tier, x, out *Act, s, tl int) bool {
	if vec != AVX512 || x.Layout != C4 || out.Layout != C4 || out.S == 1 {
		return false
	}
	_, tiles := tile(C4, out.S)
	g := s*tiles + tl
	src, dst := x.F[x.off(4*tl, s*Slab):], out.Q[out.off(4*tl, s*Slab):]
	a := quantTileArgs{unsafe.Pointer(&src[0]), unsafe.Pointer(&dst[0]), unsafe.Pointer(&out.Base[4*g]), unsafe.Pointer(&out.Exp[32*g]),
		unsafe.Pointer(&out.Init[32*g]), unsafe.Pointer(&out.Init16[64*g]), unsafe.Pointer(&out.MinPair[32*g]), unsafe.Pointer(&out.BSum[32*g])}
	width := min(Slab, roundUp(out.C, 64)-s*Slab)
	if width == Slab {
		quantTile(&a)
		return true
	}
	var wide [4 * Slab]float32
	var q [4 * Slab]int8
	copy(wide[:4*width], src)
	a.x, a.q = unsafe.Pointer(&wide), unsafe.Pointer(&q)
	quantTile(&a)
	copy(dst[:4*width], q[:])
	return true
}
