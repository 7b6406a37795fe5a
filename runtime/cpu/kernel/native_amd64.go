package kernel

import "github.com/tessera-llm/tessera/pkg/pack"

// native is what the tiers of amd64 have in assembly for one weight type.
type native struct {
	// Of a quantised type: one token, and tiles of four and eight, on packed records.
	gemv, gemv4, gemv8 func(*gemvArgs) // AVX-512 VNNI
	gemv256, gemv256V  func(*gemvArgs) // AVX2, AVX-VNNI
	tile256, tile256V  func(*gemvArgs) // a tile of four tokens on packed records
	gemm256, gemm256V  func(*gemm256Args)
	expand             expandFunc // n records to panel i of the scratch; AVX-512 and AMX

	// Of floats: whole slabs and one slab of a panel, and a panel widened to f32, n pairs
	// of channels (nil where records are f32).
	slabs, one      func(*gemvFloatArgs) // AVX-512
	two256, one256  func(*gemvFloatArgs) // AVX2; two slabs
	widen, widen256 func(dst *float32, src *byte, n int)
}

type expandFunc func(v *vnniScratch, i int, rec *byte, n int)

// halfPairs256 widens n pairs of channels of 16 rows.
func halfPairs256(dst *float32, src *byte, n int) { half256(dst, src, 32*n) }

// The kernels of an expanded slab differ by what corrects their sums.
var planeKernels = [pack.NumPlanes]struct {
	gemm, gemmFMA func(*gemmArgs)
	amx           func(*amxArgs)
}{
	pack.PlaneInit:    {gemmOffset, gemmOffsetFMA, amxOffset},
	pack.PlaneInit16:  {gemmOffset16, gemmOffset16FMA, amxOffset16},
	pack.PlaneMinPair: {gemmMin, gemmMinFMA, amxMin},
	pack.PlaneBSum:    {gemmMinF, gemmMinFFMA, amxMinF},
}

func offset(f func(w *byte, scale *float32, rec *byte, n int)) expandFunc {
	return func(v *vnniScratch, i int, rec *byte, n int) { f(&v.w[i][0], &v.scale[i*128], rec, n) }
}

func offset16(f func(w *byte, scale *float32, rec *byte)) expandFunc {
	return func(v *vnniScratch, i int, rec *byte, _ int) { f(&v.w[i][0], &v.scale[i*256], rec) }
}

func minF(f func(w *byte, scale, min *float32, rec *byte, n int)) expandFunc {
	return func(v *vnniScratch, i int, rec *byte, n int) { f(&v.w[i][0], &v.scale[i*128], &v.minF[i][0], rec, n) }
}

func minK(f func(w *byte, scale *float32, min *int16, dmin *float32, rec *byte)) expandFunc {
	return func(v *vnniScratch, i int, rec *byte, _ int) {
		f(&v.w[i][0], &v.scale[i*128], &v.min[i][0], &v.dmin[i][0], rec)
	}
}

// lookupBytes writes, for each of n records of 64 channels, the bytes of its nibbles.
func lookupBytes(dst, src *byte, n, dstStep, srcStep int, codes *[16]byte) {
	lookup256(dst, src, n, dstStep, srcStep, codes)
}
