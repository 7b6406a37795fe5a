#include "textflag.h"
#include "neon_arm64.h"

// Runs of float32, NEON; lengths are multiples of 4 unless said.

// The constants of exp: V20-V22 as in ·expNEON, V23 magic number, V24 one,
// V25 upper and V26 lower bound, V27 infinity, V28 zero.
#define CONSTANTS \
	MOVD $·expNEON(SB), R9 \
	VLD1 (R9), [V20.S4, V21.S4, V22.S4] \
	DUPS(23, 20, 1) \
	DUPS(24, 22, 2) \
	ADD  $48, R9    \
	VLD1R.P 4(R9), [V25.S4] \
	VLD1R.P 4(R9), [V26.S4] \
	VLD1R.P 4(R9), [V27.S4] \
	VEOR V28.B16, V28.B16, V28.B16

// V2 = exp(V0) by the steps of internal/f32; V0-V4
#define EXP \
	FMULI(1, 0, 20, 0) \
	FADD(1, 1, 23)     \
	FSUB(1, 1, 23)     \
	VMOV V0.B16, V2.B16 \
	FMLAI(2, 1, 20, 2) \
	FMLAI(2, 1, 20, 3) \
	DUPS(3, 21, 0)     \
	DUPS(4, 21, 1)     \
	FMLA(4, 3, 2)      \
	DUPS(3, 21, 2)     \
	FMLA(3, 4, 2)      \
	DUPS(4, 21, 3)     \
	FMLA(4, 3, 2)      \
	DUPS(3, 22, 0)     \
	FMLA(3, 4, 2)      \
	DUPS(4, 22, 1)     \
	FMLA(4, 3, 2)      \
	FMUL(3, 2, 2)      \
	FMLA(2, 4, 3)      \
	FADD(2, 2, 24)     \
	FCVTZS(1, 1)       \
	VSHL $23, V1.S4, V1.S4 \
	VADD V1.S4, V2.S4, V2.S4 \
	FCMGT(3, 0, 25)    \
	BIT(2, 27, 3)      \
	FCMGT(3, 26, 0)    \
	BIT(2, 28, 3)

#define BINARY(op) \
	MOVD dst+0(FP), R0 \
	MOVD a+8(FP), R1   \
	MOVD b+16(FP), R2  \
	MOVD n+24(FP), R3  \
loop:                      \
	FMOVQ.P 16(R1), F0 \
	FMOVQ.P 16(R2), F1 \
	op(0, 0, 1)        \
	FMOVQ.P F0, 16(R0) \
	SUBS $4, R3        \
	BGT  loop          \
	RET

// func neonAdd(dst, a, b *float32, n int)
TEXT ·neonAdd(SB), NOSPLIT, $0-32
	BINARY(FADD)

// func neonMul(dst, a, b *float32, n int)
TEXT ·neonMul(SB), NOSPLIT, $0-32
	BINARY(FMUL)

// func neonScaleMul(dst, x, w *float32, r float32, n int): (x*r)*w
TEXT ·neonScaleMul(SB), NOSPLIT, $0-40
	MOVD  dst+0(FP), R0
	MOVD  x+8(FP), R1
	MOVD  w+16(FP), R2
	FMOVS r+24(FP), F2
	MOVD  n+32(FP), R3
loop:
	FMOVQ.P 16(R1), F0
	FMOVQ.P 16(R2), F1
	FMULI(0, 0, 2, 0)
	FMUL(0, 0, 1)
	FMOVQ.P F0, 16(R0)
	SUBS $4, R3
	BGT  loop
	RET

// func neonScale(x *float32, r float32, n int): x*r in place
TEXT ·neonScale(SB), NOSPLIT, $0-24
	MOVD  x+0(FP), R0
	FMOVS r+8(FP), F2
	MOVD  n+16(FP), R3
loop:
	FMOVQ (R0), F0
	FMULI(0, 0, 2, 0)
	FMOVQ.P F0, 16(R0)
	SUBS $4, R3
	BGT  loop
	RET

// func neonDiv(x *float32, l float32, n int)
TEXT ·neonDiv(SB), NOSPLIT, $0-24
	MOVD  x+0(FP), R0
	FMOVS l+8(FP), F2
	MOVD  n+16(FP), R3
	DUPS(2, 2, 0)
loop:
	FMOVQ (R0), F0
	FDIV(0, 0, 2)
	FMOVQ.P F0, 16(R0)
	SUBS $4, R3
	BGT  loop
	RET

// func neonMerge(o, p *float32, a, b float32, n int): o = fma(o, a, p*b)
TEXT ·neonMerge(SB), NOSPLIT, $0-32
	MOVD  o+0(FP), R0
	MOVD  p+8(FP), R1
	FMOVS a+16(FP), F2
	FMOVS b+20(FP), F3
	MOVD  n+24(FP), R3
loop:
	FMOVQ (R0), F0
	FMOVQ.P 16(R1), F1
	FMULI(1, 1, 3, 0)
	FMLAI(1, 0, 2, 0)
	FMOVQ.P F1, 16(R0)
	SUBS $4, R3
	BGT  loop
	RET

// func neonRotate(dl, dh, xl, xh, cos, sin *float32, n int)
TEXT ·neonRotate(SB), NOSPLIT, $0-56
	MOVD dl+0(FP), R0
	MOVD dh+8(FP), R1
	MOVD xl+16(FP), R2
	MOVD xh+24(FP), R3
	MOVD cos+32(FP), R4
	MOVD sin+40(FP), R5
	MOVD n+48(FP), R6
loop:
	FMOVQ.P 16(R2), F0
	FMOVQ.P 16(R3), F1
	FMOVQ.P 16(R4), F2
	FMOVQ.P 16(R5), F3
	FMUL(4, 1, 3)
	FNEG(4, 4)
	FMLA(4, 0, 2)
	FMUL(5, 0, 3)
	FMLA(5, 1, 2)
	FMOVQ.P F4, 16(R0)
	FMOVQ.P F5, 16(R1)
	SUBS $4, R6
	BGT  loop
	RET

// func neonSquares(l, x *float32, n int): 16 lanes, n a multiple of 16
TEXT ·neonSquares(SB), NOSPLIT, $0-24
	MOVD l+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R3
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
loop:
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	FMLA(0, 4, 4)
	FMLA(1, 5, 5)
	FMLA(2, 6, 6)
	FMLA(3, 7, 7)
	SUBS $16, R3
	BGT  loop
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R0)
	RET

// func neonSilu(dst, x *float32, n int)
TEXT ·neonSilu(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R3
	CONSTANTS
loop:
	FMOVQ.P 16(R1), F5
	FNEG(0, 5)
	EXP
	FADD(2, 2, 24)
	FDIV(2, 5, 2)
	FMOVQ.P F2, 16(R0)
	SUBS $4, R3
	BGT  loop
	RET

// func neonExpSub(x *float32, m float32, n int): exp(x - m) in place
TEXT ·neonExpSub(SB), NOSPLIT, $0-24
	MOVD  x+0(FP), R0
	FMOVS m+8(FP), F6
	MOVD  n+16(FP), R3
	DUPS(6, 6, 0)
	CONSTANTS
loop:
	FMOVQ (R0), F0
	FSUB(0, 0, 6)
	EXP
	FMOVQ.P F2, 16(R0)
	SUBS $4, R3
	BGT  loop
	RET

#define EXPLANE(l) \
	FMOVQ.P 16(R1), F0 \
	FSUB(0, 0, 6)      \
	EXP                \
	FADD(l, l, 2)

// func neonExpSum(l, x *float32, m float32, n int): 16 lanes, n a multiple of 16
TEXT ·neonExpSum(SB), NOSPLIT, $0-32
	MOVD  l+0(FP), R0
	MOVD  x+8(FP), R1
	FMOVS m+16(FP), F6
	MOVD  n+24(FP), R3
	DUPS(6, 6, 0)
	CONSTANTS
	VLD1 (R0), [V16.S4, V17.S4, V18.S4, V19.S4]
loop:
	EXPLANE(16)
	EXPLANE(17)
	EXPLANE(18)
	EXPLANE(19)
	SUBS $16, R3
	BGT  loop
	VST1 [V16.S4, V17.S4, V18.S4, V19.S4], (R0)
	RET

// func neonScatter(dst, src *float32, n int): n groups of 4 channels to every
// fourth group of a c4 tile
TEXT ·neonScatter(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R3
loop:
	FMOVQ.P 16(R1), F0
	FMOVQ.P F0, 64(R0)
	SUBS $1, R3
	BGT  loop
	RET

// func neonGather(dst, src *float32, n int): the inverse
TEXT ·neonGather(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R3
loop:
	FMOVQ.P 64(R1), F0
	FMOVQ.P F0, 16(R0)
	SUBS $1, R3
	BGT  loop
	RET

// func neonBlockMax(max *[8]uint32, x *[256]float32)
TEXT ·neonBlockMax(SB), NOSPLIT, $0-16
	MOVD max+0(FP), R0
	MOVD x+8(FP), R1
	MOVD $8, R3
	MOVD $0x7FFFFFFF, R4
	VDUP R4, V31.S4
loop:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	VAND  V31.B16, V0.B16, V0.B16
	VAND  V31.B16, V1.B16, V1.B16
	VAND  V31.B16, V2.B16, V2.B16
	VAND  V31.B16, V3.B16, V3.B16
	VAND  V31.B16, V4.B16, V4.B16
	VAND  V31.B16, V5.B16, V5.B16
	VAND  V31.B16, V6.B16, V6.B16
	VAND  V31.B16, V7.B16, V7.B16
	VUMAX V1.S4, V0.S4, V0.S4
	VUMAX V3.S4, V2.S4, V2.S4
	VUMAX V5.S4, V4.S4, V4.S4
	VUMAX V7.S4, V6.S4, V6.S4
	VUMAX V2.S4, V0.S4, V0.S4
	VUMAX V6.S4, V4.S4, V4.S4
	VUMAX V4.S4, V0.S4, V0.S4
	UMAXV(0, 0)
	FMOVS.P F0, 4(R0)
	SUBS  $1, R3
	BGT   loop
	RET

#define QUANT(v) \
	FMULI(v, v, 16, 0) \
	FCVTNS(v, v)       \
	SMIN(v, v, 17)     \
	SMAX(v, v, 18)

// 16 channels: integers to R0, their sum to R2
#define QUANT16 \
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4] \
	QUANT(0) \
	QUANT(1) \
	QUANT(2) \
	QUANT(3) \
	VUZP1 V1.H8, V0.H8, V0.H8 \
	VUZP1 V3.H8, V2.H8, V2.H8 \
	VUZP1 V2.B16, V0.B16, V0.B16 \
	FMOVQ.P F0, 16(R0) \
	SADDLV(1, 0) \
	SXTLH(1, 1)  \
	FMOVS.P F1, 4(R2)

// func neonQuantBlocks(q *[256]int8, sums *[16]int32, x *[256]float32, mult *[8]float32):
// q = clamp(rne(x*mult), -127, 127), sums of 16
TEXT ·neonQuantBlocks(SB), NOSPLIT, $0-32
	MOVD q+0(FP), R0
	MOVD sums+8(FP), R2
	MOVD x+16(FP), R1
	MOVD mult+24(FP), R4
	MOVD $8, R3
	MOVD $127, R5
	VDUP R5, V17.S4
	NEG  R5, R5
	VDUP R5, V18.S4
loop:
	FMOVS.P 4(R4), F16
	QUANT16
	QUANT16
	SUBS $1, R3
	BGT  loop
	RET
