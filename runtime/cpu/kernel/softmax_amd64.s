#include "textflag.h"
#include "go_asm.h"

// Softmax of up to twelve query rows over one chunk, AVX-512. Fields of
// rows12Args are named by their offsets.

// EXPNEG: y = exp(x) for x <= 0 or NaN, the sequence of internal/f32.Exp,
// which on these inputs has no upper bound to check. Clobbers x, n, s and k.
#define EXPNEG(x, n, y, s, k) \
	VMULPS Z20, x, n         \
	VCMPPS $0x15, Z31, x, k  \ // not below the smallest
	VADDPS Z21, n, n         \
	VSUBPS Z21, n, n         \
	VFMADD231PS Z22, n, x    \
	VFMADD231PS Z23, n, x    \
	VMOVAPS Z24, y           \
	VFMADD213PS Z25, x, y    \
	VFMADD213PS Z26, x, y    \
	VFMADD213PS Z27, x, y    \
	VFMADD213PS Z28, x, y    \
	VFMADD213PS Z29, x, y    \
	VMULPS x, x, s           \
	VFMADD213PS x, s, y      \
	VADDPS Z30, y, y         \
	VCVTPS2DQ n, n           \
	VPSLLD $23, n, n         \
	VPADDD.Z n, y, k, y

// ROWRANGE: AX the first panel of row R9 in bytes, CX the number of panels, R10
// and R11 its first and last position. Clobbers CX.
#define ROWRANGE \
	MOVL rows12Args_from(DX)(R9*4), R10 \
	MOVL rows12Args_to(DX)(R9*4), R11 \
	DECL R11                \
	MOVL R10, AX            \
	SHRL $4, AX             \
	MOVL R11, CX            \
	SHRL $4, CX             \
	SUBL AX, CX             \
	INCL CX                 \
	SHLL $6, AX

#define MAX1(o, acc) \
	VMOVUPS o(DI), Z0   \
	VMAXPS acc, Z0, acc

#define EXP1(o, x, n, y, s, k) \
	VMULPS o(DI), Z6, x \
	VSUBPS Z8, x, x     \
	EXPNEG(x, n, y, s, k) \
	VMOVUPS y, o(DI)    \
	VADDPS y, Z9, Z9

// FOLD reduces Z9 by op in the order of Tree16; the result is X9. Clobbers Z1.
#define FOLD(op) \
	VEXTRACTF64X4 $1, Z9, Y1 \
	op Y1, Y9, Y9            \
	VEXTRACTF128 $1, Y9, X1  \
	op X1, X9, X9            \
	VPSHUFD $0x4e, X9, X1    \
	op X1, X9, X9            \
	VPSHUFD $0xb1, X9, X1    \
	op X1, X9, X9

#define EXPCONST \
	VBROADCASTSS ·expConst+0(SB), Z20  \ // log2e
	VBROADCASTSS ·expConst+4(SB), Z21  \ // magic
	VBROADCASTSS ·expConst+8(SB), Z22  \ // -ln2hi
	VBROADCASTSS ·expConst+12(SB), Z23 \ // -ln2lo
	VBROADCASTSS ·expConst+16(SB), Z24 \ // c5
	VBROADCASTSS ·expConst+20(SB), Z25 \
	VBROADCASTSS ·expConst+24(SB), Z26 \
	VBROADCASTSS ·expConst+28(SB), Z27 \
	VBROADCASTSS ·expConst+32(SB), Z28 \
	VBROADCASTSS ·expConst+36(SB), Z29 \ // c0
	VBROADCASTSS ·expConst+40(SB), Z30 \ // 1
	VBROADCASTSS ·expConst+48(SB), Z31   // min

// MERGE: maximum and sum of a chunk in Z14 and Z15, running ones in Z16 and Z17,
// one row per lane. Z18 becomes the common maximum, Z2 and Z12 the factors of the
// running and the new result. Clobbers Z0-Z13, K2.
#define MERGE \
	VMAXPS Z16, Z14, Z18 \ // the new one if it is larger
	VSUBPS Z18, Z16, Z0  \
	EXPNEG(Z0, Z1, Z2, Z3, K2)      \
	VSUBPS Z18, Z14, Z10            \
	EXPNEG(Z10, Z11, Z12, Z13, K2)

// func merge16(a *merge16Args): folds a chunk into 16 running maxima and sums
TEXT ·merge16(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	EXPCONST
	VMOVUPS merge16Args_m(DX), Z16
	VMOVUPS merge16Args_l(DX), Z17
	VMOVUPS merge16Args_mc(DX), Z14
	VMOVUPS merge16Args_lc(DX), Z15
	MERGE
	VMOVUPS Z2, merge16Args_a(DX)
	VMOVUPS Z12, merge16Args_b(DX)
	VMULPS Z12, Z15, Z15
	VFMADD231PS Z2, Z17, Z15
	VMOVUPS Z18, merge16Args_m(DX)
	VMOVUPS Z15, merge16Args_l(DX)
	VZEROUPPER
	RET

// func softmax12(a *rows12Args): scores of every row, before the scale, become
// exp(s*scale - m) over its positions [from, to); positions beside them in the same
// panel become garbage. Maximum and sum go to mc and lc, and are merged into the
// running ones of the rows in merge; a and b are the factors of the merge.
// The scale is positive, so the maximum commutes with it.
TEXT ·softmax12(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	VBROADCASTSS rows12Args_scale(DX), Z6
	EXPCONST
	VBROADCASTSS ·expConst+76(SB), Z7  // -Inf
	MOVQ rows12Args_rows(DX), BX
	MOVQ rows12Args_s(DX), R8
	XORL R9, R9
maxrow:
	ROWRANGE
	LEAQ (R8)(AX*1), DI
	MOVL R10, AX
	INCL R11
	ORL  R11, AX
	TESTL $15, AX
	JZ   aligned
	// positions of the outer panels that the row does not see are -Inf
	ANDL $15, R10
	MOVL $-1, AX
	SHLXL R10, AX, R10
	NOTL R10
	KMOVW R10, K1
	VMOVUPS Z7, K1, (DI)
	ANDL $15, R11
	JZ   aligned
	SHLXL R11, AX, R11
	KMOVW R11, K1
	MOVL CX, AX
	SHLL $6, AX
	VMOVUPS Z7, K1, -64(DI)(AX*1)
aligned:
	VMOVAPS Z7, Z9
	CMPL CX, $16
	JNE  max
	VMOVAPS Z7, Z2
	VMOVAPS Z7, Z3
	VMOVAPS Z7, Z4
	MAX1(0, Z9)
	MAX1(64, Z2)
	MAX1(128, Z3)
	MAX1(192, Z4)
	MAX1(256, Z9)
	MAX1(320, Z2)
	MAX1(384, Z3)
	MAX1(448, Z4)
	MAX1(512, Z9)
	MAX1(576, Z2)
	MAX1(640, Z3)
	MAX1(704, Z4)
	MAX1(768, Z9)
	MAX1(832, Z2)
	MAX1(896, Z3)
	MAX1(960, Z4)
	VMAXPS Z2, Z9, Z9
	VMAXPS Z3, Z4, Z3
	VMAXPS Z3, Z9, Z9
	JMP  folded
max:
	MAX1(0, Z9)
	ADDQ $64, DI
	DECL CX
	JNZ  max
folded:
	FOLD(VMAXPS)
	VMULSS X6, X9, X9
	VMOVSS X9, rows12Args_mc(DX)(R9*4)
	ADDQ $1024, R8
	INCL R9
	CMPL R9, BX
	JLT  maxrow

	MOVQ rows12Args_s(DX), R8
	XORL R9, R9
exprow:
	ROWRANGE
	LEAQ (R8)(AX*1), DI
	VBROADCASTSS rows12Args_mc(DX)(R9*4), Z8
	VPXORD Z9, Z9, Z9
	SUBL $2, CX
	JLT  exprest
exp:
	EXP1(0, Z0, Z1, Z2, Z3, K1)
	EXP1(64, Z10, Z11, Z12, Z13, K2)
	ADDQ $128, DI
	SUBL $2, CX
	JGE  exp
exprest:
	ADDL $2, CX
	JZ   sum
	EXP1(0, Z0, Z1, Z2, Z3, K1)
sum:
	FOLD(VADDPS)
	VMOVSS X9, rows12Args_lc(DX)(R9*4)
	ADDQ $1024, R8
	INCL R9
	CMPL R9, BX
	JLT  exprow

	// merge, one row per lane
	MOVQ rows12Args_m(DX), SI
	MOVQ rows12Args_l(DX), DI
	MOVL $-1, AX
	BZHIL BX, AX, AX
	KMOVW AX, K1
	VMOVUPS rows12Args_mc(DX), Z14 // maximum and sum of the chunk
	VMOVUPS rows12Args_lc(DX), Z15
	MOVL rows12Args_merge(DX), CX
	TESTL CX, CX
	JZ   store
	KMOVW CX, K3
	VMOVUPS.Z (SI), K1, Z16
	VMOVUPS.Z (DI), K1, Z17
	MERGE
	VMOVUPS Z2, rows12Args_a(DX)
	VMOVUPS Z12, rows12Args_b(DX)
	VMULPS Z12, Z15, K3, Z15
	VFMADD231PS Z2, Z17, K3, Z15
	VMOVAPS Z18, K3, Z14
store:
	VMOVUPS Z14, K1, (SI)
	VMOVUPS Z15, K1, (DI)
	VZEROUPPER
	RET
