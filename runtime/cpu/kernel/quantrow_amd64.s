#include "textflag.h"
#include "go_asm.h"

// quantRow quantises one slab of one token by scheme s256e32, AVX-512 VNNI, into
// the planes of a tile one token wide: [8] and [16] of everything, in order.
// Arguments as for quantTile; it writes 256 integers.
//
//	Z0-Z15 the channels, then q   Z16-Z23 block maxima, then packed q and sums
//	Z26 maxima [8], twice   Z2 base   Z3 1/base   Z4 limit   Z5 e
//	Z30 the order that undoes packs and unpacks   K2 live scale   K3 Inf or NaN
//
// The product x·(inv·2^e) needs no clamp: |x| ≤ A and base, inv, limit and the
// product are each rounded once, so it stays below 127·(1 + 5·2^-24) < 127.5.

DATA ·rowOrder<>+0(SB)/8, $0x0000000400000000
DATA ·rowOrder<>+8(SB)/8, $0x0000000c00000008
DATA ·rowOrder<>+16(SB)/8, $0x0000000500000001
DATA ·rowOrder<>+24(SB)/8, $0x0000000d00000009
DATA ·rowOrder<>+32(SB)/8, $0x0000000600000002
DATA ·rowOrder<>+40(SB)/8, $0x0000000e0000000a
DATA ·rowOrder<>+48(SB)/8, $0x0000000700000003
DATA ·rowOrder<>+56(SB)/8, $0x0000000f0000000b
GLOBL ·rowOrder<>(SB), RODATA|NOPTR, $64

DATA ·rowConst<>+0(SB)/4, $0x7fffffff
DATA ·rowConst<>+4(SB)/4, $0x0f800000  // 2^-96
DATA ·rowConst<>+8(SB)/4, $0x7f800000  // Inf
DATA ·rowConst<>+12(SB)/4, $0x42fe0000 // 127.0
DATA ·rowConst<>+16(SB)/4, $0x3f800000 // 1.0
DATA ·rowConst<>+20(SB)/4, $0x7f7fffff // largest finite
DATA ·rowConst<>+24(SB)/4, $0x7fc00000 // NaN
DATA ·rowConst<>+28(SB)/4, $127
DATA ·rowConst<>+32(SB)/4, $20
DATA ·rowConst<>+36(SB)/4, $0x41000000 // 8.0
DATA ·rowConst<>+40(SB)/4, $0x01010101
GLOBL ·rowConst<>(SB), RODATA|NOPTR, $44

#define LOADMAX(b, x, y, m) \
	VMOVUPS (128*b)(SI), x    \
	VMOVUPS (128*b+64)(SI), y \
	VPANDD x, Z31, m          \
	VPANDD y, Z31, Z24        \
	VPMAXUD Z24, m, m

// HALVES: m = the two halves of a, folded, then those of b.
#define HALVES(a, b) \
	VSHUFI64X2 $0x44, b, a, Z24 \
	VSHUFI64X2 $0xee, b, a, Z25 \
	VPMAXUD Z25, Z24, a

// QUARTERS: one 128-bit lane for each of the two in a and the two in b.
#define QUARTERS(a, b) \
	VSHUFI32X4 $0x88, b, a, Z24 \
	VSHUFI32X4 $0xdd, b, a, Z25 \
	VPMAXUD Z25, Z24, a

#define ROUND(b, x, y) \
	VMULPS.BCST (4*b)(SP), x, x \
	VMULPS.BCST (4*b)(SP), y, y \
	VCVTPS2DQ.Z x, K2, x        \
	VCVTPS2DQ.Z y, K2, y

// PACK: 64 integers to bytes at o(DI), sums of four each in s.
#define PACK(o, a, b, c, d, s) \
	VPACKSSDW b, a, a      \
	VPACKSSDW d, c, c      \
	VPACKSSWB c, a, a      \
	VPERMD a, Z30, a       \
	VMOVDQU32 a, o(DI)     \
	VPXORD s, s, s         \
	VPDPBUSD a, Z29, s

// func quantRow(a *quantTileArgs)
TEXT ·quantRow(SB), NOSPLIT, $32-8
	MOVQ a+0(FP), DX
	MOVQ quantTileArgs_x(DX), SI
	MOVQ quantTileArgs_q(DX), DI
	MOVQ quantTileArgs_base(DX), R8
	MOVQ quantTileArgs_exp(DX), R9
	MOVQ quantTileArgs_init(DX), R10
	MOVQ quantTileArgs_init16(DX), R11
	MOVQ quantTileArgs_minPair(DX), R12
	MOVQ quantTileArgs_bsum(DX), R13
	VPBROADCASTD ·rowConst<>+0(SB), Z31
	VMOVDQU32 ·rowOrder<>(SB), Z30
	VPBROADCASTD ·rowConst<>+40(SB), Z29
	LOADMAX(0, Z0, Z1, Z16)
	LOADMAX(1, Z2, Z3, Z17)
	LOADMAX(2, Z4, Z5, Z18)
	LOADMAX(3, Z6, Z7, Z19)
	LOADMAX(4, Z8, Z9, Z20)
	LOADMAX(5, Z10, Z11, Z21)
	LOADMAX(6, Z12, Z13, Z22)
	LOADMAX(7, Z14, Z15, Z23)
	HALVES(Z16, Z17)
	HALVES(Z18, Z19)
	HALVES(Z20, Z21)
	HALVES(Z22, Z23)
	QUARTERS(Z16, Z18)
	QUARTERS(Z20, Z22)
	VPUNPCKLDQ Z20, Z16, Z24
	VPUNPCKHDQ Z20, Z16, Z25
	VPMAXUD Z25, Z24, Z24
	VPSHUFD $0x4e, Z24, Z25
	VPMAXUD Z25, Z24, Z24
	VPERMD Z24, Z30, Z26
	VPSHUFD $0x4e, Z26, Z24
	VPMAXUD Z24, Z26, Z24
	VPSHUFD $0xb1, Z24, Z25
	VPMAXUD Z25, Z24, Z24
	VSHUFI32X4 $0xb1, Z24, Z24, Z25
	VPMAXUD Z25, Z24, Z24                           // A in all lanes
	VPCMPUD.BCST $5, ·rowConst<>+4(SB), Z24, K1     // A >= 2^-96
	VPCMPUD.BCST $1, ·rowConst<>+8(SB), Z24, K1, K2 // and A < Inf
	VPCMPUD.BCST $5, ·rowConst<>+8(SB), Z24, K3
	VBROADCASTSS ·rowConst<>+12(SB), X25
	VDIVPS.Z X25, X24, K2, X16                      // base
	VBROADCASTSS ·rowConst<>+16(SB), X27
	VDIVPS.Z X16, X27, K2, X17                      // 1/base
	VMULPS X25, X16, X18
	VPMINUD.BCST ·rowConst<>+20(SB), X18, X18       // limit
	VBROADCASTSS ·rowConst<>+24(SB), K3, X16
	VMOVD X16, (R8)
	VPBROADCASTD X18, Y18
	VPBROADCASTD X17, Y17
	VPXORD Y28, Y28, Y28
	VPSUBD Y26, Y18, Y18
	VPSRAD $23, Y18, Y18
	VPMAXSD Y28, Y18, Y18
	VPBROADCASTD ·rowConst<>+32(SB), Y19
	VPMINSD.Z Y19, Y18, K2, Y18                     // e
	VPBROADCASTD ·rowConst<>+28(SB), Y19
	VPADDD Y19, Y18, Y20
	VPSLLD $23, Y20, Y20
	VMULPS Y17, Y20, Y20
	VMOVDQU32 Y20, (SP)                             // inv·2^e
	VPSUBD Y18, Y19, Y27
	VPSLLD $23, Y27, Y27                            // 2^-e
	VPSLLD $23, Y18, Y18
	VPSUBD Y18, Y28, Y18
	VMOVDQU32 Y18, (R9)
	ROUND(0, Z0, Z1)
	ROUND(1, Z2, Z3)
	ROUND(2, Z4, Z5)
	ROUND(3, Z6, Z7)
	ROUND(4, Z8, Z9)
	ROUND(5, Z10, Z11)
	ROUND(6, Z12, Z13)
	ROUND(7, Z14, Z15)
	PACK(0, Z0, Z1, Z2, Z3, Z16)
	PACK(64, Z4, Z5, Z6, Z7, Z17)
	PACK(128, Z8, Z9, Z10, Z11, Z18)
	PACK(192, Z12, Z13, Z14, Z15, Z19)
	VPUNPCKLDQ Z17, Z16, Z20
	VPUNPCKHDQ Z17, Z16, Z21
	VPADDD Z21, Z20, Z20
	VPUNPCKLDQ Z19, Z18, Z22
	VPUNPCKHDQ Z19, Z18, Z23
	VPADDD Z23, Z22, Z22
	VPUNPCKLQDQ Z22, Z20, Z16
	VPUNPCKHQDQ Z22, Z20, Z17
	VPADDD Z17, Z16, Z16
	VPERMD Z16, Z30, Z16                            // sums of 16
	VPXORD Z28, Z28, Z28
	VPSLLD $7, Z16, Z17
	VPSUBD Z17, Z28, Z17
	VMOVDQU32 Z17, (R11)
	VPSHUFD $0xb1, Z16, Z17
	VPADDD Z17, Z16, Z16
	VPMOVQD Z16, Y16                                // sums of blocks
	VPSLLD $7, Y16, Y17
	VPSUBD Y17, Y28, Y17
	VMOVDQU32 Y17, (R10)
	VCVTDQ2PS Y16, Y16
	VMULPS Y27, Y16, Y16
	VMOVUPS Y16, (R13)
	VMULPS.BCST ·rowConst<>+36(SB), Y16, Y16
	VCVTPS2DQ Y16, Y16
	VPMOVDW Y16, (R12)
	VZEROUPPER
	RET
