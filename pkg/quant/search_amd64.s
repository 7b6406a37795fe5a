#include "textflag.h"

// The searches of search_min.go and search_sym.go for eight sub-blocks at once,
// one per lane: every lane performs the operations of the Go version in its
// order, so the results are the same bits. Needs AVX2; FMA is not used.

DATA quantOne<>+0(SB)/4, $0x3f800000
GLOBL quantOne<>(SB), RODATA|NOPTR, $4
DATA quantMagic<>+0(SB)/4, $0x4b400000 // 12582912, rounds what is added to it
GLOBL quantMagic<>(SB), RODATA|NOPTR, $4
DATA quantAbs<>+0(SB)/4, $0x7fffffff
GLOBL quantAbs<>(SB), RODATA|NOPTR, $4
DATA quantSign<>+0(SB)/4, $0x80000000
GLOBL quantSign<>(SB), RODATA|NOPTR, $4
DATA quant32nd<>+0(SB)/4, $0x3d000000 // 2^-5
GLOBL quant32nd<>(SB), RODATA|NOPTR, $4
DATA quant1024th<>+0(SB)/4, $0x3a800000 // 2^-10
GLOBL quant1024th<>(SB), RODATA|NOPTR, $4
DATA quantSmall<>+0(SB)/4, $0x0da24260 // 1e-30
GLOBL quantSmall<>(SB), RODATA|NOPTR, $4
DATA quantBig<>+0(SB)/4, $0x7149f2ca // 1e30
GLOBL quantBig<>(SB), RODATA|NOPTR, $4
DATA quantTiny<>+0(SB)/4, $0x26901d7d // 1e-15
GLOBL quantTiny<>(SB), RODATA|NOPTR, $4
DATA quantMinusOne<>+0(SB)/4, $0xbf800000
GLOBL quantMinusOne<>(SB), RODATA|NOPTR, $4
DATA quantMantissa<>+0(SB)/4, $0x007fffff
GLOBL quantMantissa<>(SB), RODATA|NOPTR, $4
DATA quantZeroPoint<>+0(SB)/4, $0x00400000
GLOBL quantZeroPoint<>(SB), RODATA|NOPTR, $4
DATA quantUnpack<>+0(SB)/8, $0x0000000400000000
DATA quantUnpack<>+8(SB)/8, $0x0000000500000001
DATA quantUnpack<>+16(SB)/8, $0x0000000600000002
DATA quantUnpack<>+24(SB)/8, $0x0000000700000003
GLOBL quantUnpack<>(SB), RODATA|NOPTR, $32

// TRANSPOSE stores the 8x8 floats in rows of stride S at src(AX) as eight
// vectors at dst(SI), column by column.
#define TRANSPOSE(src, S, dst) \
	VMOVUPS (src+0*S)(AX), Y0 \
	VMOVUPS (src+1*S)(AX), Y1 \
	VMOVUPS (src+2*S)(AX), Y2 \
	VMOVUPS (src+3*S)(AX), Y3 \
	VMOVUPS (src+4*S)(AX), Y4 \
	VMOVUPS (src+5*S)(AX), Y5 \
	VMOVUPS (src+6*S)(AX), Y6 \
	VMOVUPS (src+7*S)(AX), Y7 \
	VUNPCKLPS Y1, Y0, Y8 \
	VUNPCKHPS Y1, Y0, Y9 \
	VUNPCKLPS Y3, Y2, Y10 \
	VUNPCKHPS Y3, Y2, Y11 \
	VUNPCKLPS Y5, Y4, Y12 \
	VUNPCKHPS Y5, Y4, Y13 \
	VUNPCKLPS Y7, Y6, Y14 \
	VUNPCKHPS Y7, Y6, Y15 \
	VSHUFPS $0x44, Y10, Y8, Y0 \
	VSHUFPS $0xee, Y10, Y8, Y1 \
	VSHUFPS $0x44, Y11, Y9, Y2 \
	VSHUFPS $0xee, Y11, Y9, Y3 \
	VSHUFPS $0x44, Y14, Y12, Y4 \
	VSHUFPS $0xee, Y14, Y12, Y5 \
	VSHUFPS $0x44, Y15, Y13, Y6 \
	VSHUFPS $0xee, Y15, Y13, Y7 \
	VPERM2F128 $0x20, Y4, Y0, Y8 \
	VPERM2F128 $0x20, Y5, Y1, Y9 \
	VPERM2F128 $0x20, Y6, Y2, Y10 \
	VPERM2F128 $0x20, Y7, Y3, Y11 \
	VPERM2F128 $0x31, Y4, Y0, Y12 \
	VPERM2F128 $0x31, Y5, Y1, Y13 \
	VPERM2F128 $0x31, Y6, Y2, Y14 \
	VPERM2F128 $0x31, Y7, Y3, Y15 \
	VMOVAPS Y8, (dst+0*32)(SI) \
	VMOVAPS Y9, (dst+1*32)(SI) \
	VMOVAPS Y10, (dst+2*32)(SI) \
	VMOVAPS Y11, (dst+3*32)(SI) \
	VMOVAPS Y12, (dst+4*32)(SI) \
	VMOVAPS Y13, (dst+5*32)(SI) \
	VMOVAPS Y14, (dst+6*32)(SI) \
	VMOVAPS Y15, (dst+7*32)(SI)

// Scratch of minSearchAVX2 at SI: x, weights and quants of 32 vectors, then
// single vectors.
#define MINW 1024
#define MINL 2048
#define MINSUMW 3072
#define MINSUMX 3104
#define MINRANGE 3136

// MINSUMS adds element R9+off: sums of wl, wll and wlx in Y0, Y1, Y2; 1/scale
// in Y3, minimum Y4, rounding constant Y5, with the highest quant Y6.
#define MINSUMS(off) \
	VMOVAPS off(SI)(R9*1), Y7 \
	VSUBPS Y4, Y7, Y8 \
	VMULPS Y3, Y8, Y8 \
	VADDPS Y5, Y8, Y8 \
	VPMAXSD Y5, Y8, Y8 \
	VPMINSD Y6, Y8, Y8 \
	VSUBPS Y5, Y8, Y8 \
	VMOVAPS Y8, (MINL+off)(SI)(R9*1) \
	VMULPS (MINW+off)(SI)(R9*1), Y8, Y9 \
	VADDPS Y9, Y0, Y0 \
	VMULPS Y8, Y9, Y10 \
	VADDPS Y10, Y1, Y1 \
	VMULPS Y7, Y9, Y9 \
	VADDPS Y9, Y2, Y2

// MINERROR adds the weighted squared error of element R9+off to Y0; quants in
// Y10 on entry, scale s, minimum m.
#define MINERROR(off, s, m) \
	VMULPS s, Y10, Y10 \
	VADDPS m, Y10, Y10 \
	VSUBPS off(SI)(R9*1), Y10, Y10 \
	VMULPS Y10, Y10, Y10 \
	VMULPS (MINW+off)(SI)(R9*1), Y10, Y10 \
	VADDPS Y10, Y0, Y0

// func minSearchAVX2(x *[256]float32, scratch *[800]float32, spans *float32, tries int, levels float32,
//     scale, least *[8]float32) (ok bool)
TEXT ·minSearchAVX2(SB), NOSPLIT, $0-57
	MOVQ x+0(FP), AX
	MOVQ scratch+8(FP), SI
	ADDQ $31, SI
	ANDQ $-32, SI
	MOVQ spans+16(FP), BX
	MOVQ tries+24(FP), CX

	TRANSPOSE(0, 128, 0)
	TRANSPOSE(32, 128, 256)
	TRANSPOSE(64, 128, 512)
	TRANSPOSE(96, 128, 768)

	// Y4 lowest, Y11 highest, Y2 sum of squares
	VMOVAPS (SI), Y4
	VMOVAPS Y4, Y11
	VXORPS Y2, Y2, Y2
	XORQ R9, R9
extremes:
	VMOVAPS (SI)(R9*1), Y7
	VMINPS Y4, Y7, Y4
	VMAXPS Y11, Y7, Y11
	VMULPS Y7, Y7, Y8
	VADDPS Y8, Y2, Y2
	ADDQ $32, R9
	CMPQ R9, $1024
	JNE extremes

	// weights: root mean square + |x|; Y0 their sum, Y1 the sum of weighted x
	VBROADCASTSS quant32nd<>(SB), Y8
	VMULPS Y8, Y2, Y2
	VSQRTPS Y2, Y2
	VBROADCASTSS quantAbs<>(SB), Y3
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	XORQ R9, R9
weights:
	VMOVAPS (SI)(R9*1), Y7
	VANDPS Y3, Y7, Y8
	VADDPS Y8, Y2, Y8
	VMOVAPS Y8, MINW(SI)(R9*1)
	VADDPS Y8, Y0, Y0
	VMULPS Y7, Y8, Y8
	VADDPS Y8, Y1, Y1
	ADDQ $32, R9
	CMPQ R9, $1024
	JNE weights
	VMOVAPS Y0, MINSUMW(SI)
	VMOVAPS Y1, MINSUMX(SI)

	// no positive minimum; Y15 lanes of equal values; Y14 lanes whose range is
	// such that no quotient leaves the range of the rounding trick
	VXORPS Y9, Y9, Y9
	VMINPS Y4, Y9, Y4
	VCMPPS $0x00, Y4, Y11, Y15
	VSUBPS Y4, Y11, Y7
	VBROADCASTSS quantSmall<>(SB), Y8
	VCMPPS $0x1d, Y8, Y7, Y14
	VBROADCASTSS quantBig<>(SB), Y8
	VCMPPS $0x12, Y8, Y7, Y8
	VANDPS Y8, Y14, Y14
	VORPS Y15, Y14, Y14
	VBROADCASTSS quant1024th<>(SB), Y8
	VMULPS Y8, Y7, Y8
	VMOVAPS Y8, MINRANGE(SI)

	// first guess: Y13 scale, Y12 error
	VBROADCASTSS quantMagic<>(SB), Y5
	VBROADCASTSS levels+32(FP), Y6
	VDIVPS Y7, Y6, Y3
	VADDPS Y5, Y6, Y6
	VBROADCASTSS quantOne<>(SB), Y8
	VDIVPS Y3, Y8, Y13
	VXORPS Y0, Y0, Y0
	XORQ R9, R9
guess:
	VMOVAPS (SI)(R9*1), Y7
	VSUBPS Y4, Y7, Y10
	VMULPS Y3, Y10, Y10
	VADDPS Y5, Y10, Y10
	VPMAXSD Y5, Y10, Y10
	VPMINSD Y6, Y10, Y10
	VSUBPS Y5, Y10, Y10
	MINERROR(0, Y13, Y4)
	ADDQ $32, R9
	CMPQ R9, $1024
	JNE guess
	VMOVAPS Y0, Y12

try:
	VSUBPS Y4, Y11, Y7
	VMOVAPS MINRANGE(SI), Y8
	VCMPPS $0x1d, Y8, Y7, Y8
	VANDPS Y8, Y14, Y14
	VBROADCASTSS (BX), Y3
	VDIVPS Y7, Y3, Y3
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	XORQ R9, R9
sums:
	MINSUMS(0)
	MINSUMS(32)
	MINSUMS(64)
	MINSUMS(96)
	ADDQ $128, R9
	CMPQ R9, $1024
	JNE sums

	// Y9 determinant, Y7 scale, Y8 minimum of the least squares fit
	VMULPS MINSUMW(SI), Y1, Y9
	VMULPS Y0, Y0, Y10
	VSUBPS Y10, Y9, Y9
	VMULPS MINSUMW(SI), Y2, Y7
	VMULPS MINSUMX(SI), Y0, Y10
	VSUBPS Y10, Y7, Y7
	VDIVPS Y9, Y7, Y7
	VMULPS MINSUMX(SI), Y1, Y8
	VMULPS Y2, Y0, Y10
	VSUBPS Y10, Y8, Y8
	VDIVPS Y9, Y8, Y8
	// positive minimum: 0, and the scale that fits without one
	VXORPS Y10, Y10, Y10
	VCMPPS $0x1e, Y10, Y8, Y3
	VDIVPS Y1, Y2, Y1
	VBLENDVPS Y3, Y1, Y7, Y7
	VANDNPS Y8, Y3, Y8
	VCMPPS $0x1e, Y10, Y9, Y9

	VXORPS Y0, Y0, Y0
	XORQ R9, R9
errors:
	VMOVAPS (MINL+0)(SI)(R9*1), Y10
	MINERROR(0, Y7, Y8)
	VMOVAPS (MINL+32)(SI)(R9*1), Y10
	MINERROR(32, Y7, Y8)
	VMOVAPS (MINL+64)(SI)(R9*1), Y10
	MINERROR(64, Y7, Y8)
	VMOVAPS (MINL+96)(SI)(R9*1), Y10
	MINERROR(96, Y7, Y8)
	ADDQ $128, R9
	CMPQ R9, $1024
	JNE errors

	// keep what has a positive determinant and a smaller error
	VCMPPS $0x11, Y12, Y0, Y1
	VANDPS Y9, Y1, Y1
	VBLENDVPS Y1, Y0, Y12, Y12
	VBLENDVPS Y1, Y7, Y13, Y13
	VBLENDVPS Y1, Y8, Y4, Y4
	ADDQ $4, BX
	DECQ CX
	JNZ try

	VANDNPS Y13, Y15, Y13
	MOVQ scale+40(FP), DI
	VMOVUPS Y13, (DI)
	VBROADCASTSS quantSign<>(SB), Y8
	VXORPS Y8, Y4, Y4
	MOVQ least+48(FP), DI
	VMOVUPS Y4, (DI)
	VMOVMSKPS Y14, AX
	CMPL AX, $255
	SETEQ ok+56(FP)
	VZEROUPPER
	RET

// Scratch of symSearchAVX2 at SI: x, x² and x³ of 16 vectors.
#define SYMW 512
#define SYMWX 1024

// SYMSUMS adds element off: sums of wxl and wll in Y0 and Y1; 1/scale in Y3,
// rounding constant Y5, with the lowest quant Y4, with the highest Y6.
#define SYMSUMS(off) \
	VMULPS off(SI), Y3, Y8 \
	VADDPS Y5, Y8, Y8 \
	VPMAXSD Y4, Y8, Y8 \
	VPMINSD Y6, Y8, Y8 \
	VSUBPS Y5, Y8, Y8 \
	VMULPS (SYMWX+off)(SI), Y8, Y9 \
	VADDPS Y9, Y0, Y0 \
	VMULPS (SYMW+off)(SI), Y8, Y9 \
	VMULPS Y8, Y9, Y9 \
	VADDPS Y9, Y1, Y1

// func symSearchAVX2(x *[128]float32, scratch *[800]float32, spans *float32, tries int, levels float32,
//     scale *[8]float32)
TEXT ·symSearchAVX2(SB), NOSPLIT, $0-48
	MOVQ x+0(FP), AX
	MOVQ scratch+8(FP), SI
	ADDQ $31, SI
	ANDQ $-32, SI
	MOVQ spans+16(FP), BX
	MOVQ tries+24(FP), CX

	TRANSPOSE(0, 64, 0)
	TRANSPOSE(32, 64, 256)

	// Y11 value of largest magnitude, Y10 that magnitude
	VBROADCASTSS quantAbs<>(SB), Y3
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11
	XORQ R9, R9
powers:
	VMOVAPS (SI)(R9*1), Y7
	VANDPS Y3, Y7, Y8
	VCMPPS $0x1e, Y10, Y8, Y9
	VBLENDVPS Y9, Y8, Y10, Y10
	VBLENDVPS Y9, Y7, Y11, Y11
	VMULPS Y7, Y7, Y8
	VMOVAPS Y8, SYMW(SI)(R9*1)
	VMULPS Y7, Y8, Y8
	VMOVAPS Y8, SYMWX(SI)(R9*1)
	ADDQ $32, R9
	CMPQ R9, $512
	JNE powers
	VBROADCASTSS quantTiny<>(SB), Y8
	VCMPPS $0x11, Y8, Y10, Y15

	// Y13 scale, Y12 its merit: any first guess beats -1
	VBROADCASTSS quantMagic<>(SB), Y5
	VBROADCASTSS levels+32(FP), Y6
	VSUBPS Y6, Y5, Y4
	VBROADCASTSS quantOne<>(SB), Y8
	VSUBPS Y8, Y6, Y6
	VADDPS Y5, Y6, Y6
	VBROADCASTSS quantMinusOne<>(SB), Y12
	VXORPS Y13, Y13, Y13
	VXORPS Y14, Y14, Y14
try:
	VBROADCASTSS (BX), Y3
	VDIVPS Y11, Y3, Y3
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	SYMSUMS(0)
	SYMSUMS(32)
	SYMSUMS(64)
	SYMSUMS(96)
	SYMSUMS(128)
	SYMSUMS(160)
	SYMSUMS(192)
	SYMSUMS(224)
	SYMSUMS(256)
	SYMSUMS(288)
	SYMSUMS(320)
	SYMSUMS(352)
	SYMSUMS(384)
	SYMSUMS(416)
	SYMSUMS(448)
	SYMSUMS(480)

	// sum of wll > 0 and (sum of wxl)² > merit * sum of wll
	VCMPPS $0x1e, Y14, Y1, Y7
	VMULPS Y0, Y0, Y8
	VMULPS Y1, Y12, Y9
	VCMPPS $0x1e, Y9, Y8, Y8
	VANDPS Y8, Y7, Y7
	VDIVPS Y1, Y0, Y8
	VMULPS Y0, Y8, Y9
	VBLENDVPS Y7, Y8, Y13, Y13
	VBLENDVPS Y7, Y9, Y12, Y12
	ADDQ $4, BX
	DECQ CX
	JNZ try

	VANDNPS Y13, Y15, Y13
	MOVQ scale+40(FP), DI
	VMOVUPS Y13, (DI)
	VZEROUPPER
	RET

// QUANTISE rounds the eight values at off(AX) to quants: (x+Y1)/Y0, in the
// meaning of nearest, then clamped to Y4..Y5 and counted from Y4.
#define QUANTISE(off, y) \
	VADDPS off(AX), Y1, y \
	VDIVPS Y0, y, y \
	VADDPS Y2, y, y \
	VANDPS Y3, y, y \
	VPMAXSD Y4, y, y \
	VPMINSD Y5, y, y \
	VPSUBD Y4, y, y

// func quantiseAVX2(q *[256]byte, x *[256]float32, d, m *[16]float32, lowest, highest int32)
TEXT ·quantiseAVX2(SB), NOSPLIT, $0-40
	MOVQ q+0(FP), DI
	MOVQ x+8(FP), AX
	MOVQ d+16(FP), BX
	MOVQ m+24(FP), DX
	VBROADCASTSS quantMagic<>(SB), Y2
	VBROADCASTSS quantMantissa<>(SB), Y3
	VBROADCASTSS quantZeroPoint<>(SB), Y6
	VBROADCASTSS lowest+32(FP), Y4
	VPADDD Y6, Y4, Y4
	VBROADCASTSS highest+36(FP), Y5
	VPADDD Y6, Y5, Y5
	VMOVDQU quantUnpack<>(SB), Y7
	MOVQ $8, CX
pair:
	VBROADCASTSS (BX), Y0
	VBROADCASTSS (DX), Y1
	QUANTISE(0, Y8)
	QUANTISE(32, Y9)
	VBROADCASTSS 4(BX), Y0
	VBROADCASTSS 4(DX), Y1
	QUANTISE(64, Y10)
	QUANTISE(96, Y11)
	VPACKUSDW Y9, Y8, Y8
	VPACKUSDW Y11, Y10, Y10
	VPACKUSWB Y10, Y8, Y8
	VPERMD Y8, Y7, Y8
	VMOVDQU Y8, (DI)
	ADDQ $128, AX
	ADDQ $32, DI
	ADDQ $8, BX
	ADDQ $8, DX
	DECQ CX
	JNZ pair
	VZEROUPPER
	RET
