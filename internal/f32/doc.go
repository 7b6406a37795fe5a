// Package f32 is the float32 arithmetic that all kernels share: operations
// whose bits are the same on every machine and for every compiler setting.
//
// Go may fuse x*y+z into one instruction on some targets (arm64,
// GOAMD64=v3) and not on others, and its math package promises no bits for
// exp or sin. So numeric code in this repository
//   - writes every product that feeds an addition as float32(a*b), which the
//     language forbids to fuse;
//   - asks for a fused operation by name: FMA here is exact, one rounding,
//     subnormals included;
//   - takes exp, tanh, log, sin and cos from here. They are sequences of IEEE
//     operations in a fixed order, documented beside their coefficients;
//     vector tiers repeat the sequence lane by lane and get the same bits.
//
// No function flushes subnormals, none depends on a rounding mode other than
// to-nearest-even. NaN results carry no promise about their payload.
//
// Invariants (tested): FMA equals math/big rounded once; a golden digest of a
// fixed input sweep is the same on every platform; the object code of numeric
// packages holds no fused instruction outside the functions named in the test.
//
// Start with fma.go, then exp.go.
package f32
