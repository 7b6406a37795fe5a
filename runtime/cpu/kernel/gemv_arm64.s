#include "textflag.h"
#include "neon_arm64.h"

// One panel (16 rows, four quarters) by one token whose channels are
// contiguous, over one expanded slab: lane i of SDOT by element is group i of
// the register.
//
//	R0 arguments   R1 weights   R2 scales   R3 activations   R4 exponents
//	R8 blocks left   R10 mins   R11 plane of the mins
//	V0-V3, V4-V7 int32 sums of even and odd groups   V16-V19 slab sums
//	V24-V27 weights, scales   V28, V29 activations   V30 2^-e   V31 bits of 1.0
//
// A block is 32 SDOT (512 MACs), 17 loads of pairs, 28 others: 6.6 MACs per
// instruction.

#define CLEAR(v) VEOR v.B16, v.B16, v.B16

#define GROUP(g, a, x, i) \
	FLDPQ (64*(g))(R1), (F24, F25)    \
	FLDPQ (64*(g)+32)(R1), (F26, F27) \
	SDOTI(a, 24, x, i)   \
	SDOTI(a+1, 25, x, i) \
	SDOTI(a+2, 26, x, i) \
	SDOTI(a+3, 27, x, i)

#define HALF(g, x) \
	CLEAR(V0) \
	CLEAR(V1) \
	CLEAR(V2) \
	CLEAR(V3) \
	CLEAR(V4) \
	CLEAR(V5) \
	CLEAR(V6) \
	CLEAR(V7) \
	GROUP(g, 0, x, 0)     \
	GROUP(g+1, 4, x, 1)   \
	GROUP(g+2, 0, x, 2)   \
	GROUP(g+3, 4, x, 3)

#define SCALES(off) \
	VADD V4.S4, V0.S4, V0.S4 \
	VADD V5.S4, V1.S4, V1.S4 \
	VADD V6.S4, V2.S4, V2.S4 \
	VADD V7.S4, V3.S4, V3.S4 \
	FLDPQ off(R2), (F24, F25) \
	FLDPQ (off+32)(R2), (F26, F27) \
	FMUL(24, 24, 30) \
	FMUL(25, 25, 30) \
	FMUL(26, 26, 30) \
	FMUL(27, 27, 30) \
	SCVTF(0, 0) \
	SCVTF(1, 1) \
	SCVTF(2, 2) \
	SCVTF(3, 3) \
	FMLA(16, 0, 24) \
	FMLA(17, 1, 25) \
	FMLA(18, 2, 26) \
	FMLA(19, 3, 27)

#define START \
	MOVD a+0(FP), R0  \
	MOVD 0(R0), R1    \
	MOVD 8(R0), R2    \
	MOVD 16(R0), R3   \
	MOVD 24(R0), R4   \
	MOVD 40(R0), R6   \
	MOVD 56(R0), R8   \
	MOVD 72(R0), R10  \
	MOVD 80(R0), R11  \
	MOVD $127<<23, R9 \
	VDUP R9, V31.S4   \
	CLEAR(V16) \
	CLEAR(V17) \
	CLEAR(V18) \
	CLEAR(V19)

#define POWER \
	VLD1R.P 4(R4), [V30.S4] \
	VADD V31.S4, V30.S4, V30.S4

#define BLOCK \
	FLDPQ (R3), (F28, F29) \
	HALF(0, 28)         \
	GROUP(4, 0, 29, 0)  \
	GROUP(5, 4, 29, 1)  \
	GROUP(6, 0, 29, 2)  \
	GROUP(7, 4, 29, 3)  \
	POWER        \
	SCALES(0)    \
	ADD $512, R1 \
	ADD $64, R2  \
	ADD $32, R3

// C = fma(acc, base, C)
#define FINISH \
	MOVD 32(R0), R5 \
	VLD1R (R5), [V30.S4] \
	FLDPQ (R6), (F24, F25) \
	FLDPQ 32(R6), (F26, F27) \
	FMLA(24, 16, 30) \
	FMLA(25, 17, 30) \
	FMLA(26, 18, 30) \
	FMLA(27, 19, 30) \
	FSTPQ (F24, F25), (R6) \
	FSTPQ (F26, F27), 32(R6) \
	RET

// func neonGemv(a *neonArgs)
TEXT ·neonGemv(SB), NOSPLIT, $0-8
	START
block:
	BLOCK
	SUB  $1, R8
	CBNZ R8, block
	FINISH

// func neonGemv16(a *neonArgs): scales of 16 channels, q6_k
TEXT ·neonGemv16(SB), NOSPLIT, $0-8
	START
block:
	FLDPQ (R3), (F28, F29)
	POWER
	HALF(0, 28)
	SCALES(0)
	HALF(4, 29)
	SCALES(64)
	ADD  $512, R1
	ADD  $128, R2
	ADD  $32, R3
	SUB  $1, R8
	CBNZ R8, block
	FINISH

#define MINS(b) \
	FLDPQ (32*b)(R10), (F24, F25) \
	SMLALI(0, 24, 8, b)  \
	SMLAL2I(1, 24, 8, b) \
	SMLALI(2, 25, 8, b)  \
	SMLAL2I(3, 25, 8, b)

// func neonGemvMin(a *neonArgs): integer mins, q4_k and q5_k
TEXT ·neonGemvMin(SB), NOSPLIT, $0-8
	START
block:
	BLOCK
	SUB  $1, R8
	CBNZ R8, block
	CLEAR(V0)
	CLEAR(V1)
	CLEAR(V2)
	CLEAR(V3)
	FMOVQ (R11), F8
	MINS(0)
	MINS(1)
	MINS(2)
	MINS(3)
	MINS(4)
	MINS(5)
	MINS(6)
	MINS(7)
	MOVD 88(R0), R9
	FLDPQ (R9), (F24, F25)
	FLDPQ 32(R9), (F26, F27)
	SCVTF(0, 0)
	SCVTF(1, 1)
	SCVTF(2, 2)
	SCVTF(3, 3)
	FMLS(16, 0, 24)
	FMLS(17, 1, 25)
	FMLS(18, 2, 26)
	FMLS(19, 3, 27)
	FINISH

// func neonGemvMinF(a *neonArgs): float32 mins, q4_1 and q5_1
TEXT ·neonGemvMinF(SB), NOSPLIT, $0-8
	START
block:
	BLOCK
	SUB  $1, R8
	CBNZ R8, block
	MOVD 56(R0), R8
mins:
	VLD1R.P 4(R11), [V8.S4]
	FLDPQ (R10), (F24, F25)
	FLDPQ 32(R10), (F26, F27)
	FMLA(16, 24, 8)
	FMLA(17, 25, 8)
	FMLA(18, 26, 8)
	FMLA(19, 27, 8)
	ADD  $64, R10
	SUB  $1, R8
	CBNZ R8, mins
	FINISH
