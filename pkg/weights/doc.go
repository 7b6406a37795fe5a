// Package weights turns the lazy expressions of a graph into bytes.
//
// An expression is cut into blocks of rows; each block is read from the
// checkpoint, moved, cast, quantised or packed, and handed on. No tensor is
// ever held as float32: a worker needs one block and one scratch of 256 KiB,
// whatever the size of the model.
//
// Write streams a weight to a file, block after block in order; Fill writes
// into memory; Memory evaluates the weights of a runtime.Program on demand,
// without a copy where a weight is a plain tensor.
//
// Invariants:
//   - the bytes depend on the expression and the checkpoint only, not on the
//     number of workers: blocks are cut at fixed places;
//   - a NaN or Inf in a weight, or in the scale of a block, is an error that
//     names tensor and file;
//   - a file truncated while mapped is an error (internal/mmap).
//
// Start with Size and Write, then block.go.
package weights
