// Package kernel holds the arithmetic of runtime/cpu: one Task per op, and the
// buffers, packed weights and caches they work on.
//
// A Task is a struct whose fields the runtime fills. Prepare checks every size
// and resolves the implementation for the tier; Items says into how many
// independent pieces the work falls; Run executes a range of pieces. All memory
// belongs to the caller; Run neither allocates nor starts goroutines, and any
// worker may run any item in any order: no result depends on it.
//
// The generic tier is plain Go and defines the bits (docs/numerics.md). Every
// other tier returns the same bits; the tests compare with ==. How the files are
// named: x.go is the task, x_generic.go the definition, x_amd64.s the AVX-512
// VNNI tier, x_amx_amd64.s AMX, x256_amd64.s AVX2, x256vnni_amd64.s AVX-VNNI, x_arm64.s NEON,
// x_i8mm_arm64.s its products of matrices; gen_* is written by internal/generate/kernels
// from the rows of pkg/pack (make generate). A matmul is expand* (packed records to
// bytes or f32 in scratch) and gemm* for many tokens, gemv* (records read in place) for
// one to sixteen, stream* on arm64; all follow one order of operations. What a type has
// in assembly is one row of gen_amd64.go and gen_arm64.go; a type without a row borrows
// the kernels of bytes or is left to the generic tier (runas.go). Structs of arguments
// are read by the names of their fields (go_asm.h).
//
// Main types: Task, Act (an activation: f32, or i8 with its planes; plain or
// c4), Weight, KVCache, Tier, Row (of the kernel table).
//
// Invariants:
//   - pads of a c4 buffer (channels to 64, tokens to 4) are zero: every producer
//     writes them;
//   - the cache beyond the visible positions is never read into a result;
//   - every product that feeds an addition is written float32(a*b), every fused
//     step is f32.FMA.
//
// Start with task.go and buffer.go, then matmul.go and attention.go.
package kernel
