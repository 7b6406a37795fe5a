package kernel

import "unsafe"

// quantTileArgs is read by quantTile at fixed offsets: a slab of one tile and
// its planes.
type quantTileArgs struct {
	x, q, base, exp, init, init16, minPair, bsum unsafe.Pointer
}

//go:noescape
func quantTile(a *quantTileArgs)

//go:noescape
func tileRows(dst *float32, rows *[4]*float32, n int)

var zeroRow [Slab]float32

// vecQuantTile quantises (slab s, tile) of a plain or c4 activation to a c4
// one; it reports whether the tier has a kernel for that.
func vecQuantTile(vec Tier, x, out *Act, s, tl int) bool {
	if vec != AVX512 || out.Layout != C4 || out.S == 1 || x.Layout == Plain && x.C%16 != 0 {
		return false
	}
	_, tiles := tile(C4, out.S)
	g := s*tiles + tl
	dst := out.Q[out.off(4*tl, s*Slab):]
	a := quantTileArgs{nil, unsafe.Pointer(&dst[0]), unsafe.Pointer(&out.Base[4*g]), unsafe.Pointer(&out.Exp[32*g]),
		unsafe.Pointer(&out.Init[32*g]), unsafe.Pointer(&out.Init16[64*g]), unsafe.Pointer(&out.MinPair[32*g]), unsafe.Pointer(&out.BSum[32*g])}
	width := min(Slab, roundUp(out.C, 64)-s*Slab)
	if x.Layout == C4 && width == Slab {
		a.x = unsafe.Pointer(&x.F[x.off(4*tl, s*Slab)])
		quantTile(&a)
		return true
	}
	var wide [4 * Slab]float32
	a.x = unsafe.Pointer(&wide)
	if x.Layout == C4 {
		copy(wide[:4*width], x.F[x.off(4*tl, s*Slab):])
	} else {
		n := min(Slab, x.C-s*Slab)
		var rows [4]*float32
		for i := range rows {
			rows[i] = &zeroRow[0]
			if t := 4*tl + i; t < x.S {
				rows[i] = &x.F[t*x.C+s*Slab : (t+1)*x.C][:n][0]
			}
		}
		tileRows(&wide[0], &rows, n/16)
	}
	if width == Slab {
		quantTile(&a)
		return true
	}
	var q [4 * Slab]int8
	a.q = unsafe.Pointer(&q)
	quantTile(&a)
	copy(dst[:4*width], q[:])
	return true
}
