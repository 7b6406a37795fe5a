package kernel

import (
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// native is what the tiers of arm64 have in assembly for one weight type. A quantised
// type needs no more than its recipe: records are expanded to signed bytes.
type native struct {
	stream func(*neonGemvArgs)                  // one token on packed records, nil: through expansion
	gemv4  func(*neonFloatGemvArgs)             // floats: four slabs of a panel
	widen  func(dst *float32, src *byte, n int) // floats: n pairs of channels to f32, nil: they are f32
}

var natives = map[tensor.Type]*native{
	tensor.F32:  {gemv4: neonGemv4F32},
	tensor.F16:  {gemv4: neonGemv4F16, widen: func(dst *float32, src *byte, n int) { neonHalf(dst, src, 32*n) }},
	tensor.BF16: {gemv4: neonGemv4BF16, widen: neonBF16},
	tensor.Q8_0: {stream: neonGemvQ8_0},
	tensor.Q4_0: {stream: neonGemvQ4_0},
	tensor.Q4_1: {},
	tensor.Q5_0: {},
	tensor.Q5_1: {},
	tensor.Q4_K: {stream: neonGemvQ4_K},
	tensor.Q5_K: {},
	tensor.Q6_K: {stream: neonGemvQ6_K},
}

// The kernels of an expanded slab differ by what corrects their sums. The pairs
// take weights that neonPairs has put in pairs of rows.
var planeKernels = [pack.NumPlanes]struct{ gemv, gemm, pairs func(*neonArgs) }{
	pack.PlaneInit:    {neonGemv, neonGemm, i8mmGemm},
	pack.PlaneInit16:  {neonGemv16, neonGemm16, i8mmGemm16},
	pack.PlaneMinPair: {neonGemvMin, neonGemmMin, i8mmGemmMin},
	pack.PlaneBSum:    {neonGemvMinF, neonGemmMinF, i8mmGemmMinF},
}

//go:noescape
func neonLookup(dst, src *byte, n, dstStep, srcStep int, codes *[16]byte)

// lookupBytes writes, for each of n records of 64 channels, the bytes of its nibbles.
func lookupBytes(dst, src *byte, n, dstStep, srcStep int, codes *[16]byte) {
	neonLookup(dst, src, n, dstStep, srcStep, codes)
}
