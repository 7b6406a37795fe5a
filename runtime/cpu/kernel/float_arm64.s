#include "textflag.h"
#include "neon_arm64.h"

#define CLEAR(v) VEOR v.B16, v.B16, v.B16

#define CLEARALL \
	CLEAR(V0) \
	CLEAR(V1) \
	CLEAR(V2) \
	CLEAR(V3) \
	CLEAR(V4) \
	CLEAR(V5) \
	CLEAR(V6) \
	CLEAR(V7) \
	CLEAR(V8) \
	CLEAR(V9) \
	CLEAR(V10) \
	CLEAR(V11) \
	CLEAR(V12) \
	CLEAR(V13) \
	CLEAR(V14) \
	CLEAR(V15)

// w of one channel (w, w+1, w+2, w+3 four rows each) times lane i of x
#define ROWS(a, w, x, i) \
	FMLAI(a, w, x, i)     \
	FMLAI(a+1, w+1, x, i) \
	FMLAI(a+2, w+2, x, i) \
	FMLAI(a+3, w+3, x, i)

#define CHANNEL(w, i) \
	ROWS(0, w, 24, i)  \
	ROWS(4, w, 25, i)  \
	ROWS(8, w, 26, i)  \
	ROWS(12, w, 27, i)

// C += s of token t
#define ADDC(t, a) \
	FLDPQ (64*t)(R3), (F16, F17)    \
	FLDPQ (64*t+32)(R3), (F18, F19) \
	FADD(16, 16, a)                 \
	FADD(17, 17, a+1)               \
	FADD(18, 18, a+2)               \
	FADD(19, 19, a+3)               \
	FSTPQ (F16, F17), (64*t)(R3)    \
	FSTPQ (F18, F19), (64*t+32)(R3)

// func neonGemmFloat(a *neonFloatArgs): one panel by tiles of 4 tokens over
// one slab. V0-V15 sums [token][quarter], V16-V23 weights of two channels,
// V24-V27 four channels of the four tokens. Four channels are 64 FMLA (256
// MACs), 10 loads of pairs and 5 others: 3.2 MACs per instruction of 4.
TEXT ·neonGemmFloat(SB), NOSPLIT, $0-8
	MOVD a+0(FP), R0
	MOVD 8(R0), R2
	MOVD 16(R0), R3
	MOVD 24(R0), R4
	MOVD 40(R0), R6
tile:
	MOVD 0(R0), R1
	MOVD 32(R0), R5
	MOVD R2, R7
	CLEARALL
group:
	FLDPQ (R7), (F24, F25)
	FLDPQ 32(R7), (F26, F27)
	FLDPQ (R1), (F16, F17)
	FLDPQ 32(R1), (F18, F19)
	CHANNEL(16, 0)
	FLDPQ 64(R1), (F20, F21)
	FLDPQ 96(R1), (F22, F23)
	CHANNEL(20, 1)
	FLDPQ 128(R1), (F16, F17)
	FLDPQ 160(R1), (F18, F19)
	CHANNEL(16, 2)
	FLDPQ 192(R1), (F20, F21)
	FLDPQ 224(R1), (F22, F23)
	CHANNEL(20, 3)
	ADD  $256, R1
	ADD  $64, R7
	SUB  $1, R5
	CBNZ R5, group
	ADDC(0, 0)
	ADDC(1, 4)
	ADDC(2, 8)
	ADDC(3, 12)
	ADD  R6, R2
	ADD  $256, R3
	SUB  $1, R4
	CBNZ R4, tile
	RET

// GEMV: one panel by one token. The sums of a slab are one chain per row, so
// the kernels run four whole slabs beside each other: V0-V15 sums
// [slab][quarter], V16-V19 (V20-V23) the weights of a channel, V24-V27 four
// channels of each slab, R7-R10 weights, R11-R14 activations of the slabs.

#define START4 \
	MOVD a+0(FP), R0 \
	MOVD 0(R0), R7   \
	MOVD 8(R0), R11  \
	MOVD 16(R0), R3  \
	MOVD 40(R0), R6  \
	ADD R6, R7, R8   \
	ADD R6, R8, R9   \
	ADD R6, R9, R10  \
	ADD $1024, R11, R12 \
	ADD $1024, R12, R13 \
	ADD $1024, R13, R14 \
	MOVD $64, R5     \
	CLEARALL

#define LOADX4 \
	FMOVQ.P 16(R11), F24 \
	FMOVQ.P 16(R12), F25 \
	FMOVQ.P 16(R13), F26 \
	FMOVQ.P 16(R14), F27

#define F32ROWS(p, a, x, i) \
	VLD1.P 64(p), [V16.S4, V17.S4, V18.S4, V19.S4] \
	ROWS(a, 16, x, i)

#define F16ROWS(p, a, x, i) \
	VLD1.P 32(p), [V20.H8, V21.H8] \
	FCVTL(16, 20)  \
	FCVTL2(17, 20) \
	FCVTL(18, 21)  \
	FCVTL2(19, 21) \
	ROWS(a, 16, x, i)

// two channels: the low and the high halves of 16 words
#define BF16ROWS(p, a, x, i) \
	VLD1.P 64(p), [V20.S4, V21.S4, V22.S4, V23.S4] \
	VSHL $16, V20.S4, V16.S4 \
	VSHL $16, V21.S4, V17.S4 \
	VSHL $16, V22.S4, V18.S4 \
	VSHL $16, V23.S4, V19.S4 \
	ROWS(a, 16, x, i)        \
	VAND V28.B16, V20.B16, V20.B16 \
	VAND V28.B16, V21.B16, V21.B16 \
	VAND V28.B16, V22.B16, V22.B16 \
	VAND V28.B16, V23.B16, V23.B16 \
	ROWS(a, 20, x, i+1)

#define ADDSLAB(a) \
	FADD(16, 16, a)   \
	FADD(17, 17, a+1) \
	FADD(18, 18, a+2) \
	FADD(19, 19, a+3)

#define FINISH4 \
	FLDPQ (R3), (F16, F17)   \
	FLDPQ 32(R3), (F18, F19) \
	ADDSLAB(0)  \
	ADDSLAB(4)  \
	ADDSLAB(8)  \
	ADDSLAB(12) \
	FSTPQ (F16, F17), (R3)   \
	FSTPQ (F18, F19), 32(R3) \
	RET

// func neonGemv4F32(a *neonFloatArgs)
TEXT ·neonGemv4F32(SB), NOSPLIT, $0-8
	START4
group:
	LOADX4
	F32ROWS(R7, 0, 24, 0)
	F32ROWS(R8, 4, 25, 0)
	F32ROWS(R9, 8, 26, 0)
	F32ROWS(R10, 12, 27, 0)
	F32ROWS(R7, 0, 24, 1)
	F32ROWS(R8, 4, 25, 1)
	F32ROWS(R9, 8, 26, 1)
	F32ROWS(R10, 12, 27, 1)
	F32ROWS(R7, 0, 24, 2)
	F32ROWS(R8, 4, 25, 2)
	F32ROWS(R9, 8, 26, 2)
	F32ROWS(R10, 12, 27, 2)
	F32ROWS(R7, 0, 24, 3)
	F32ROWS(R8, 4, 25, 3)
	F32ROWS(R9, 8, 26, 3)
	F32ROWS(R10, 12, 27, 3)
	SUB  $1, R5
	CBNZ R5, group
	FINISH4

// func neonGemv4F16(a *neonFloatArgs)
TEXT ·neonGemv4F16(SB), NOSPLIT, $0-8
	START4
group:
	LOADX4
	F16ROWS(R7, 0, 24, 0)
	F16ROWS(R8, 4, 25, 0)
	F16ROWS(R9, 8, 26, 0)
	F16ROWS(R10, 12, 27, 0)
	F16ROWS(R7, 0, 24, 1)
	F16ROWS(R8, 4, 25, 1)
	F16ROWS(R9, 8, 26, 1)
	F16ROWS(R10, 12, 27, 1)
	F16ROWS(R7, 0, 24, 2)
	F16ROWS(R8, 4, 25, 2)
	F16ROWS(R9, 8, 26, 2)
	F16ROWS(R10, 12, 27, 2)
	F16ROWS(R7, 0, 24, 3)
	F16ROWS(R8, 4, 25, 3)
	F16ROWS(R9, 8, 26, 3)
	F16ROWS(R10, 12, 27, 3)
	SUB  $1, R5
	CBNZ R5, group
	FINISH4

// func neonGemv4BF16(a *neonFloatArgs)
TEXT ·neonGemv4BF16(SB), NOSPLIT, $0-8
	START4
	MOVD $0xFFFF0000, R1
	VDUP R1, V28.S4
group:
	LOADX4
	BF16ROWS(R7, 0, 24, 0)
	BF16ROWS(R8, 4, 25, 0)
	BF16ROWS(R9, 8, 26, 0)
	BF16ROWS(R10, 12, 27, 0)
	BF16ROWS(R7, 0, 24, 2)
	BF16ROWS(R8, 4, 25, 2)
	BF16ROWS(R9, 8, 26, 2)
	BF16ROWS(R10, 12, 27, 2)
	SUB  $1, R5
	CBNZ R5, group
	FINISH4

// func neonGemv1F32(a *neonFloatArgs): one slab of groups of 4 channels
TEXT ·neonGemv1F32(SB), NOSPLIT, $0-8
	MOVD a+0(FP), R0
	MOVD 0(R0), R7
	MOVD 8(R0), R11
	MOVD 16(R0), R3
	MOVD 32(R0), R5
	CLEAR(V0)
	CLEAR(V1)
	CLEAR(V2)
	CLEAR(V3)
group:
	FMOVQ.P 16(R11), F24
	F32ROWS(R7, 0, 24, 0)
	F32ROWS(R7, 0, 24, 1)
	F32ROWS(R7, 0, 24, 2)
	F32ROWS(R7, 0, 24, 3)
	SUB  $1, R5
	CBNZ R5, group
	FLDPQ (R3), (F16, F17)
	FLDPQ 32(R3), (F18, F19)
	ADDSLAB(0)
	FSTPQ (F16, F17), (R3)
	FSTPQ (F18, F19), 32(R3)
	RET
