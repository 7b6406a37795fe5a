// Package npy reads and writes NumPy's .npy files, as far as tensors that enter
// and leave segments need them: little-endian float32, int32 and int64, C
// order, format versions 1.0 and 2.0
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
//
// Reading gives float32 or int32; int64, which NumPy makes of a plain list of
// numbers, becomes int32 when every value fits. A file whose data is not
// exactly as long as its shape says is refused before anything is allocated.
//
// Writing streams rows: Create writes beside its path and renames on Close, so
// that a file under that name is complete.
//
// Start with Array and ReadFile, then Create.
package npy
