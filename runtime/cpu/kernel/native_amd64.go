package kernel

import (
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// native is what the tiers of amd64 have in assembly for one weight type.
type native struct {
	// Of a quantised type: one token, and tiles of four and eight, on packed records.
	gemv, gemv4, gemv8 func(*gemvArgs) // AVX-512 VNNI
	gemv256, gemv256V  func(*gemvArgs) // AVX2, AVX-VNNI
	gemm256, gemm256V  func(*gemm256Args)
	expand             expandFunc // n records to panel i of the scratch; AVX-512 and AMX

	// Of floats: whole slabs and one slab of a panel, and a panel widened to f32, n pairs
	// of channels (nil where records are f32).
	slabs, one      func(*gemvFloatArgs) // AVX-512
	two256, one256  func(*gemvFloatArgs) // AVX2; two slabs
	widen, widen256 func(dst *float32, src *byte, n int)
}

type expandFunc func(v *vnniScratch, i int, rec *byte, n int)

var natives = map[tensor.Type]*native{
	tensor.F32: {slabs: gemvSlabsF32, one: gemv1F32, two256: gemv256F32x2, one256: gemv256F32},
	tensor.F16: {slabs: gemvSlabsF16, one: gemv1F16, two256: gemv256F16x2, one256: gemv256F16, widen: expandF16,
		widen256: func(dst *float32, src *byte, n int) { half256(dst, src, 32*n) }},
	tensor.BF16: {slabs: gemvSlabsBF16, one: gemv1BF16, two256: gemv256BF16x2, one256: gemv256BF16, widen: expandBF16,
		widen256: bf16Pairs256},
	tensor.Q8_0: {gemv: gemvQ8_0, gemv4: gemv4xQ8_0, gemv8: gemv8xQ8_0, gemv256: gemv256Q8_0, gemv256V: gemv256VQ8_0,
		gemm256: gemm256Q8_0, gemm256V: gemm256VOffset8, expand: offset(expandQ8_0)},
	tensor.Q4_0: {gemv: gemvQ4_0, gemv4: gemv4xQ4_0, gemv8: gemv8xQ4_0, gemv256: gemv256Q4_0, gemv256V: gemv256VQ4_0,
		gemm256: gemm256Q4_0, gemm256V: gemm256VOffset4, expand: offset(expandQ4_0)},
	tensor.Q4_1: {gemv: gemvQ4_1, gemv4: gemv4xQ4_1, gemv8: gemv8xQ4_1, gemv256: gemv256Q4_1, gemv256V: gemv256VQ4_1,
		gemm256: gemm256Q4_1, gemm256V: gemm256VMin, expand: minF(expandQ4_1)},
	tensor.Q5_0: {gemv: gemvQ5_0, gemv4: gemv4xQ5_0, gemv8: gemv8xQ5_0, gemv256: gemv256Q5_0, gemv256V: gemv256VQ5_0,
		gemm256: gemm256Q5_0, gemm256V: gemm256VOffset5, expand: offset(expandQ5_0)},
	tensor.Q5_1: {gemv: gemvQ5_1, gemv4: gemv4xQ5_1, gemv8: gemv8xQ5_1, gemv256: gemv256Q5_1, gemv256V: gemv256VQ5_1,
		gemm256: gemm256Q5_1, gemm256V: gemm256VMin, expand: minF(expandQ5_1)},
	tensor.Q4_K: {gemv: gemvQ4_K, gemv4: gemv4xQ4_K, gemv8: gemv8xQ4_K, gemv256: gemv256Q4_K, gemv256V: gemv256VQ4_K,
		gemm256: gemm256Q4_K, gemm256V: gemm256VMinK, expand: minK(expandQ4_K)},
	tensor.Q5_K: {gemv: gemvQ5_K, gemv4: gemv4xQ5_K, gemv8: gemv8xQ5_K, gemv256: gemv256Q5_K, gemv256V: gemv256VQ5_K,
		gemm256: gemm256Q5_K, gemm256V: gemm256VMinK, expand: minK(expandQ5_K)},
	tensor.Q6_K: {gemv: gemvQ6_K, gemv4: gemv4xQ6_K, gemv8: gemv8xQ6_K, gemv256: gemv256Q6_K, gemv256V: gemv256VQ6_K,
		gemm256: gemm256Q6_K, gemm256V: gemm256VOffset16, expand: offset16(expandQ6_K)},
}

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

//go:noescape
func lookup256(dst, src *byte, n, dstStep, srcStep int, codes *[16]byte)

// lookupBytes writes, for each of n records of 64 channels, the bytes of its nibbles.
func lookupBytes(dst, src *byte, n, dstStep, srcStep int, codes *[16]byte) {
	lookup256(dst, src, n, dstStep, srcStep, codes)
}
