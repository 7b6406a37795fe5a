// Package pack holds the packing form p16: weights stored as panels of 16
// consecutive rows, in the order in which the CPU kernels of every instruction
// set read them.
//
// A packed weight is a sequence of panels; a panel holds all K of its 16 rows
// as records for k ascending, without gaps. A record is a multiple of 64 bytes,
// so a record never splits a cache line when the weight starts on 64 bytes.
//
// Words:
//   - group vector g: 64 bytes, byte[4r+j] = value(row r, channel 4g+j);
//   - nibble vector j: group 2j in the low nibbles, group 2j+1 in the high;
//   - high-bit vector h: bit b of byte i = fifth bit of byte i of group 8h+b;
//   - high-2 vector h (q6_k): bits 2b+1..2b = upper bits of group 4h+b.
//
// A weight has members (q|k|v in one weight); each member is padded to whole
// panels. Padding rows and padding channels hold the zero point with scale
// 2^-24, so they add exact zeros.
//
// A scale of exactly zero is rewritten together with its values: d becomes
// 2^-24, q the zero point; a k-quant sub-block with d*sc == 0 gets sc = 1 and
// zero-point values. The decoded values stay zero, so no result changes, and
// kernels may add to the exponent of a scale without meeting zero. This is the
// one change Unpack cannot undo. A type whose table of values has no zero keeps zero
// scales, and its kernels are those that can read them. NaN and infinite scales are
// refused.
//
// How it is packed: four channels of a row, or the upper bits of more, are a
// dword of a 64-byte vector. A row becomes its dwords (column.go, block.go,
// block_k.go), and 16 rows of dwords are transposed (transpose.go); floats are
// transposed as they are. define_test.go packs one value at a time and defines
// the bytes.
//
// What the bits of a type mean is one row of the table (table.go); the offsets of its
// record and everything that is done with it follow from the row (format.go).
//
// In which orders a weight can lie is a table too (form.go): size, pack, unpack, slice and
// gather are methods of its rows.
//
// Start with table.go, format.go and form.go, then pack.go.
package pack
