#include "textflag.h"

// Transpositions of 16 rows, four dwords of each at a time. Both functions:
// DI destination, CX vectors left (a positive multiple of 4), BX stride, DX
// three strides, SI R8 R9 R10 rows 0, 4, 8 and 12. Unaligned; needs AVX2.

#define ARGS \
	MOVQ dst+0(FP), DI      \
	MOVQ src+8(FP), SI      \
	MOVQ stride+16(FP), BX  \
	MOVQ n+24(FP), CX       \
	LEAQ (BX)(BX*2), DX     \
	LEAQ (SI)(BX*4), R8     \
	LEAQ (R8)(BX*4), R9     \
	LEAQ (R9)(BX*4), R10

#define NEXT \
	ADDQ $16, SI  \
	ADDQ $16, R8  \
	ADDQ $16, R9  \
	ADDQ $16, R10 \
	ADDQ $256, DI \
	SUBQ $4, CX

// Rows a..a+3 in the low halves of Y0-Y3 and rows b..b+3 in the high ones
// become columns 0..3 of those rows in Y8-Y11.
#define EIGHT(a, b) \
	VMOVDQU (a), X0                         \
	VMOVDQU (a)(BX*1), X1                   \
	VMOVDQU (a)(BX*2), X2                   \
	VMOVDQU (a)(DX*1), X3                   \
	VINSERTI128 $1, (b), Y0, Y0             \
	VINSERTI128 $1, (b)(BX*1), Y1, Y1       \
	VINSERTI128 $1, (b)(BX*2), Y2, Y2       \
	VINSERTI128 $1, (b)(DX*1), Y3, Y3       \
	VPUNPCKLDQ Y1, Y0, Y4                   \
	VPUNPCKHDQ Y1, Y0, Y5                   \
	VPUNPCKLDQ Y3, Y2, Y6                   \
	VPUNPCKHDQ Y3, Y2, Y7                   \
	VPUNPCKLQDQ Y6, Y4, Y8                  \
	VPUNPCKHQDQ Y6, Y4, Y9                  \
	VPUNPCKLQDQ Y7, Y5, Y10                 \
	VPUNPCKHQDQ Y7, Y5, Y11

// func transposeDwordsAVX2(dst, src unsafe.Pointer, stride, n int)
// Dword r of vector v is dword v of row r.
TEXT ·transposeDwordsAVX2(SB), NOSPLIT, $0-32
	ARGS
dwords:
	EIGHT(SI, R8)
	VMOVDQU Y8, 0(DI)
	VMOVDQU Y9, 64(DI)
	VMOVDQU Y10, 128(DI)
	VMOVDQU Y11, 192(DI)
	EIGHT(R9, R10)
	VMOVDQU Y8, 32(DI)
	VMOVDQU Y9, 96(DI)
	VMOVDQU Y10, 160(DI)
	VMOVDQU Y11, 224(DI)
	NEXT
	JNZ dwords
	VZEROUPPER
	RET

// Eight halves of row i in the low half of a register, of row i+8 in the high.
#define LOAD(reg, x, a, b) \
	VMOVDQU a, x                  \
	VINSERTI128 $1, b, reg, reg

// func transposeHalvesAVX2(dst, src unsafe.Pointer, stride, n int)
// Half r of half-vector k is half k of row r; two half-vectors make a vector.
TEXT ·transposeHalvesAVX2(SB), NOSPLIT, $0-32
	ARGS
halves:
	LOAD(Y0, X0, (SI), (R9))
	LOAD(Y1, X1, (SI)(BX*1), (R9)(BX*1))
	LOAD(Y2, X2, (SI)(BX*2), (R9)(BX*2))
	LOAD(Y3, X3, (SI)(DX*1), (R9)(DX*1))
	LOAD(Y4, X4, (R8), (R10))
	LOAD(Y5, X5, (R8)(BX*1), (R10)(BX*1))
	LOAD(Y6, X6, (R8)(BX*2), (R10)(BX*2))
	LOAD(Y7, X7, (R8)(DX*1), (R10)(DX*1))
	VPUNPCKLWD Y1, Y0, Y8  // rows 01, columns 0-3
	VPUNPCKHWD Y1, Y0, Y9  // columns 4-7
	VPUNPCKLWD Y3, Y2, Y10 // rows 23
	VPUNPCKHWD Y3, Y2, Y11
	VPUNPCKLWD Y5, Y4, Y12 // rows 45
	VPUNPCKHWD Y5, Y4, Y13
	VPUNPCKLWD Y7, Y6, Y14 // rows 67
	VPUNPCKHWD Y7, Y6, Y15
	VPUNPCKLDQ Y10, Y8, Y0  // rows 0-3, columns 0 1
	VPUNPCKHDQ Y10, Y8, Y1  // columns 2 3
	VPUNPCKLDQ Y11, Y9, Y2  // columns 4 5
	VPUNPCKHDQ Y11, Y9, Y3  // columns 6 7
	VPUNPCKLDQ Y14, Y12, Y4 // rows 4-7
	VPUNPCKHDQ Y14, Y12, Y5
	VPUNPCKLDQ Y15, Y13, Y6
	VPUNPCKHDQ Y15, Y13, Y7
	VPUNPCKLQDQ Y4, Y0, Y8
	VPUNPCKHQDQ Y4, Y0, Y9
	VPUNPCKLQDQ Y5, Y1, Y10
	VPUNPCKHQDQ Y5, Y1, Y11
	VPUNPCKLQDQ Y6, Y2, Y12
	VPUNPCKHQDQ Y6, Y2, Y13
	VPUNPCKLQDQ Y7, Y3, Y14
	VPUNPCKHQDQ Y7, Y3, Y15
	VMOVDQU Y8, 0(DI)
	VMOVDQU Y9, 32(DI)
	VMOVDQU Y10, 64(DI)
	VMOVDQU Y11, 96(DI)
	VMOVDQU Y12, 128(DI)
	VMOVDQU Y13, 160(DI)
	VMOVDQU Y14, 192(DI)
	VMOVDQU Y15, 224(DI)
	NEXT
	JNZ halves
	VZEROUPPER
	RET
