// Package tensor holds what every container, quantiser and graph agrees on:
// element and block types with their geometry, shapes with checked
// arithmetic, and the Source that hands out raw tensor bytes.
//
// It is the lowest leaf of the house and knows no file format and no model.
//
// Conventions:
//   - A Shape is row-major, outermost dimension first: a linear weight with N
//     output features over K inputs is [N, K]. GGUF lists the same bytes as
//     ne = {K, N}.
//   - A Type names the stored form of an element or of a block of elements
//     along the last (fastest) dimension. Names are lower case and follow
//     GGUF: f32, bf16, q8_0, q4_k.
//   - Data is little-endian and usually a view of a mapped file: read-only,
//     valid until the Source is closed.
//
// Start with Type, then Source.
package tensor
