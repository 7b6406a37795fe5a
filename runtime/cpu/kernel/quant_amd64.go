package kernel

import "unsafe"

// quantTileArgs is read by quantTile by the names of its fields: a slab of one tile and
// its planes.
type quantTileArgs struct {
	x, q, base, exp, init, init16, minPair, bsum unsafe.Pointer
}

//go:noescape
func quantTile(a *quantTileArgs)

//go:noescape
func quantRow(a *quantTileArgs)

//go:noescape
func tokenMajor(dst, src *int8)

//go:noescape
func tileRows(dst *float32, rows *[4]*float32, n int)

// vecQuantTile is quantiseTile; it reports whether the tier has a kernel for
// that.
func vecQuantTile(vec Tier, out *Act, x *slabTile, s, tl int) bool {
	if vec != AVX512 {
		return false
	}
	w, tiles := tile(out.Layout, out.S)
	if w == 1 {
		vecQuantRow(out, &x[0], tl, s)
		return true
	}
	g := s*tiles + tl
	dst := out.Q[out.off(4*tl, s*Slab):]
	a := quantTileArgs{nil, unsafe.Pointer(&dst[0]), unsafe.Pointer(&out.Base[4*g]), unsafe.Pointer(&out.Exp[32*g]),
		unsafe.Pointer(&out.Init[32*g]), unsafe.Pointer(&out.Init16[64*g]), unsafe.Pointer(&out.MinPair[32*g]), unsafe.Pointer(&out.BSum[32*g])}
	var wide [4 * Slab]float32
	a.x = unsafe.Pointer(&wide)
	tileRows(&wide[0], &[4]*float32{&x[0][0], &x[1][0], &x[2][0], &x[3][0]}, Slab/16)
	width := min(Slab, roundUp(out.C, 64)-s*Slab)
	if width == Slab {
		quantTile(&a)
		out.putTokens(&dst[0], s, tl)
		return true
	}
	var q [4 * Slab]int8
	a.q = unsafe.Pointer(&q)
	quantTile(&a)
	copy(dst[:4*width], q[:])
	out.putTokens(&q[0], s, tl)
	return true
}

// vecQuantRow is quantiseTile for (token t, slab s) of tiles one token wide.
func vecQuantRow(out *Act, x *[Slab]float32, t, s int) {
	g, _, _ := out.group(t, s)
	a := quantTileArgs{unsafe.Pointer(x), nil, unsafe.Pointer(&out.Base[g]), unsafe.Pointer(&out.Exp[8*g]),
		unsafe.Pointer(&out.Init[8*g]), unsafe.Pointer(&out.Init16[16*g]), unsafe.Pointer(&out.MinPair[8*g]), unsafe.Pointer(&out.BSum[8*g])}
	dst := out.Q[out.off(t, s*Slab):]
	if width := min(Slab, roundUp(out.C, 64)-s*Slab); width < Slab {
		var q [Slab]int8
		a.q = unsafe.Pointer(&q)
		quantRow(&a)
		copy(dst[:width], q[:])
		return
	}
	a.q = unsafe.Pointer(&dst[0])
	quantRow(&a)
}

// putTokens fills plane T, where there is one, from the 1024 integers of (slab
// s, tile).
func (a *Act) putTokens(q *int8, s, tl int) {
	if a.T != nil {
		tokenMajor(&a.T[a.tokenTile(4*tl, s)+tl%4*128:][:amxTileBytes-384][0], q)
	}
}
