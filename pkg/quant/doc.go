// Package quant holds the block formats of weights: how each stored type is
// decoded to float32 and encoded from it, which of its bit patterns are legal,
// and which type a named mixture (q4_k_m) gives to each tensor.
//
// Decode and Encode are the checked entry points. Lookup returns a Codec whose
// functions check nothing and allocate nothing, for loops over rows; Supported
// lists what there is. CheckBlocks refuses NaN and Inf before they reach a
// kernel. ParseRecipe, Recipe.TypeFor and NewPlan choose types.
//
// Invariants:
//   - Decoding is exact in the sense of GGUF: the same float32 operations in
//     the same order as the Python package gguf, so the same bits.
//   - Encoding gives the bytes that llama.cpp's quantisers give on x86-64
//     without an importance matrix (but for MXFP4 blocks of magnitudes below
//     2^-125, where those are undefined). Every product that meets an addition
//     is rounded first (an explicit float32 conversion), so that the bytes do
//     not depend on the platform's fused instructions.
//   - The vector versions (search_amd64.s) give the bits of the Go versions.
//   - A block is encoded from its own elements only: rows may be cut at block
//     boundaries and encoded by any number of goroutines.
//   - Encoding to a block type fails for NaN, Inf and scales beyond f16; it
//     never succeeds with a block that CheckBlocks refuses.
//
// One file per family: float.go, q4.go, q5.go, q8.go (blocks of 32), q2k.go to
// q6k.go (super-blocks of 256), iq4.go, mxfp4.go. The searches for scales are in
// search_min.go and search_sym.go. Start with codec.go.
package quant
