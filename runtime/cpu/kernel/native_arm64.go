package kernel

import "github.com/tessera-llm/tessera/pkg/pack"

// native is what the tiers of arm64 have in assembly for one weight type. A quantised
// type needs no more than its recipe: records are expanded to signed bytes.
type native struct {
	stream func(*neonGemvArgs)                  // one token on packed records, nil: through expansion
	gemv4  func(*neonFloatGemvArgs)             // floats: four slabs of a panel
	widen  func(dst *float32, src *byte, n int) // floats: n pairs of channels to f32, nil: they are f32
}

// neonHalfPairs widens n pairs of channels of 16 rows.
func neonHalfPairs(dst *float32, src *byte, n int) { neonHalf(dst, src, 32*n) }

// The kernels of an expanded slab differ by what corrects their sums. The pairs
// take weights that neonPairs has put in pairs of rows.
var planeKernels = [pack.NumPlanes]struct{ gemv, gemm, pairs func(*neonArgs) }{
	pack.PlaneInit:    {neonGemv, neonGemm, i8mmGemm},
	pack.PlaneInit16:  {neonGemv16, neonGemm16, i8mmGemm16},
	pack.PlaneMinPair: {neonGemvMin, neonGemmMin, i8mmGemmMin},
	pack.PlaneBSum:    {neonGemvMinF, neonGemmMinF, i8mmGemmMinF},
}

// lookupBytes writes, for each of n records of 64 channels, the bytes of its nibbles.
func lookupBytes(dst, src *byte, n, dstStep, srcStep int, codes *[16]byte) {
	neonLookup(dst, src, n, dstStep, srcStep, codes)
}
