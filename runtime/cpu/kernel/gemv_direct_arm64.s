#include "textflag.h"
#include "neon_arm64.h"

// One packed panel by one token whose channels are contiguous, all slabs: the
// records are read once, in place, and expanded in registers. q4_0 keeps its
// nibbles unsigned; the zero point is in the initial sum (init plane >> 4).
//
//	R0 arguments     R1 record       R2 values of the block   R3 activations
//	R4 exponents     R5 slab bases   R6 C                     R7 blocks left of the slab
//	R8 records left  R10 scales      R11 init or minpair plane
//	V0-V3, V4-V7 int32 sums of even and odd groups   V16-V19 slab sums
//	V12-V15 C (32-block types) or d (q4_k, q5_k)   V20-V27 weights, scales   V28, V29 activations
//	V9 fifth bits   V10 mask   V30 2^-e   V31 bits of 1.0
//
// Per 64 bytes of nibbles: 2 loads of pairs, 4 VAND, 4 VUSHR, 8 SDOT (128
// MACs); per block of q4_0 four times that and 33 others: 105 instructions.

#define CLEAR(v) VEOR v.B16, v.B16, v.B16

#define CLEARLOW \
	CLEAR(V0) \
	CLEAR(V1) \
	CLEAR(V2) \
	CLEAR(V3)

#define CLEARODD \
	CLEAR(V4) \
	CLEAR(V5) \
	CLEAR(V6) \
	CLEAR(V7)

#define CLEARSLAB \
	CLEAR(V16) \
	CLEAR(V17) \
	CLEAR(V18) \
	CLEAR(V19)

#define START \
	MOVD a+0(FP), R0  \
	MOVD 0(R0), R1    \
	MOVD 8(R0), R3    \
	MOVD 16(R0), R4   \
	MOVD 24(R0), R5   \
	MOVD 32(R0), R11  \
	MOVD 40(R0), R6   \
	MOVD 48(R0), R8   \
	MOVD $127<<23, R9 \
	VDUP R9, V31.S4

#define LOADC \
	FLDPQ (R6), (F12, F13)   \
	FLDPQ 32(R6), (F14, F15)

#define STOREC \
	FSTPQ (F12, F13), (R6)   \
	FSTPQ (F14, F15), 32(R6)

// C = fma(acc, base, C)
#define ADDSLAB \
	VLD1R.P 4(R5), [V30.S4] \
	FMLA(12, 16, 30) \
	FMLA(13, 17, 30) \
	FMLA(14, 18, 30) \
	FMLA(15, 19, 30)

#define DOTS(a, w, x, i) \
	SDOTI(a, w, x, i)     \
	SDOTI(a+1, w+1, x, i) \
	SDOTI(a+2, w+2, x, i) \
	SDOTI(a+3, w+3, x, i)

// nibble vector j: groups 2j and 2j+1
#define NIBBLES(j, x, i) \
	FLDPQ (64*j)(R2), (F24, F25)    \
	FLDPQ (64*j+32)(R2), (F26, F27) \
	VAND V10.B16, V24.B16, V20.B16 \
	VAND V10.B16, V25.B16, V21.B16 \
	VAND V10.B16, V26.B16, V22.B16 \
	VAND V10.B16, V27.B16, V23.B16 \
	VUSHR $4, V24.B16, V24.B16 \
	VUSHR $4, V25.B16, V25.B16 \
	VUSHR $4, V26.B16, V26.B16 \
	VUSHR $4, V27.B16, V27.B16 \
	DOTS(0, 20, x, i)   \
	DOTS(4, 24, x, i+1)

#define NIBBLES4 \
	FLDPQ.P 32(R3), (F28, F29) \
	NIBBLES(0, 28, 0) \
	NIBBLES(1, 28, 2) \
	NIBBLES(2, 29, 0) \
	NIBBLES(3, 29, 2) \
	ADD $256, R2

// acc = fma(float(sum), V20-V23 * 2^-e, acc)
#define SCALES \
	VLD1R.P 4(R4), [V30.S4]  \
	VADD V31.S4, V30.S4, V30.S4 \
	VADD V4.S4, V0.S4, V0.S4 \
	VADD V5.S4, V1.S4, V1.S4 \
	VADD V6.S4, V2.S4, V2.S4 \
	VADD V7.S4, V3.S4, V3.S4 \
	FMUL(20, 20, 30) \
	FMUL(21, 21, 30) \
	FMUL(22, 22, 30) \
	FMUL(23, 23, 30) \
	SCVTF(0, 0) \
	SCVTF(1, 1) \
	SCVTF(2, 2) \
	SCVTF(3, 3) \
	FMLA(16, 0, 20) \
	FMLA(17, 1, 21) \
	FMLA(18, 2, 22) \
	FMLA(19, 3, 23)

#define HALFSCALES(off) \
	FLDPQ off(R1), (F24, F25) \
	FCVTL(20, 24)  \
	FCVTL2(21, 24) \
	FCVTL(22, 25)  \
	FCVTL2(23, 25) \
	SCALES

#define ZEROPOINT \
	VLD1R.P 4(R11), [V0.S4] \
	SSHRS(0, 0, 4)          \
	VMOV V0.B16, V1.B16     \
	VMOV V0.B16, V2.B16     \
	VMOV V0.B16, V3.B16     \
	CLEARODD

// func neonGemvQ4_0(a *neonGemvArgs)
TEXT ·neonGemvQ4_0(SB), NOSPLIT, $0-8
	START
	VMOVI $15, V10.B16
	LOADC
slab:
	CLEARSLAB
	MOVD $4, R7
record:
	ADD  $64, R1, R2
	ZEROPOINT
	NIBBLES4
	HALFSCALES(0)
	ZEROPOINT
	NIBBLES4
	HALFSCALES(32)
	ADD  $576, R1
	SUB  $1, R8
	CBZ  R8, last
	SUB  $1, R7
	CBNZ R7, record
last:
	ADDSLAB
	CBNZ R8, slab
	STOREC
	RET

// one group of q8_0, made signed
#define GROUP8(g, a, x, i) \
	FLDPQ (64*g)(R2), (F24, F25)    \
	FLDPQ (64*g+32)(R2), (F26, F27) \
	VEOR V10.B16, V24.B16, V24.B16 \
	VEOR V10.B16, V25.B16, V25.B16 \
	VEOR V10.B16, V26.B16, V26.B16 \
	VEOR V10.B16, V27.B16, V27.B16 \
	DOTS(a, 24, x, i)

#define BLOCK8 \
	FLDPQ.P 32(R3), (F28, F29) \
	CLEARLOW \
	CLEARODD \
	GROUP8(0, 0, 28, 0) \
	GROUP8(1, 4, 28, 1) \
	GROUP8(2, 0, 28, 2) \
	GROUP8(3, 4, 28, 3) \
	GROUP8(4, 0, 29, 0) \
	GROUP8(5, 4, 29, 1) \
	GROUP8(6, 0, 29, 2) \
	GROUP8(7, 4, 29, 3) \
	ADD $512, R2

// func neonGemvQ8_0(a *neonGemvArgs)
TEXT ·neonGemvQ8_0(SB), NOSPLIT, $0-8
	START
	VMOVI $128, V10.B16
	LOADC
slab:
	CLEARSLAB
	MOVD $4, R7
record:
	ADD  $64, R1, R2
	BLOCK8
	HALFSCALES(0)
	BLOCK8
	HALFSCALES(32)
	ADD  $1088, R1
	SUB  $1, R8
	CBZ  R8, last
	SUB  $1, R7
	CBNZ R7, record
last:
	ADDSLAB
	CBNZ R8, slab
	STOREC
	RET

// V20-V23 = d * sc of the next block
#define SCALESK \
	FMOVQ.P 16(R10), F24   \
	VUXTL V24.B8, V25.H8   \
	VUXTL2 V24.B16, V26.H8 \
	SXTLH(20, 25)  \
	SXTLH2(21, 25) \
	SXTLH(22, 26)  \
	SXTLH2(23, 26) \
	SCVTF(20, 20)  \
	SCVTF(21, 21)  \
	SCVTF(22, 22)  \
	SCVTF(23, 23)  \
	FMUL(20, 20, 12) \
	FMUL(21, 21, 13) \
	FMUL(22, 22, 14) \
	FMUL(23, 23, 15) \
	SCALES

#define LOADD \
	FLDPQ (R1), (F24, F25) \
	FCVTL(12, 24)  \
	FCVTL2(13, 24) \
	FCVTL(14, 25)  \
	FCVTL2(15, 25)

// mins of blocks 2p and 2p+1
#define MINPAIR(p) \
	FLDPQ.P 32(R10), (F24, F25)    \
	VUZP1 V25.B16, V24.B16, V26.B16 \
	VUZP2 V25.B16, V24.B16, V27.B16 \
	VUXTL  V26.B8, V20.H8  \
	VUXTL2 V26.B16, V21.H8 \
	VUXTL  V27.B8, V22.H8  \
	VUXTL2 V27.B16, V23.H8 \
	SMLALI(0, 20, 8, 2*p)    \
	SMLAL2I(1, 20, 8, 2*p)   \
	SMLALI(2, 21, 8, 2*p)    \
	SMLAL2I(3, 21, 8, 2*p)   \
	SMLALI(0, 22, 8, 2*p+1)  \
	SMLAL2I(1, 22, 8, 2*p+1) \
	SMLALI(2, 23, 8, 2*p+1)  \
	SMLAL2I(3, 23, 8, 2*p+1)

// acc = fma(-float(sum of mn*minq), dmin/8, acc)
#define MINS \
	CLEARLOW \
	FMOVQ.P 16(R11), F8 \
	MINPAIR(0) \
	MINPAIR(1) \
	MINPAIR(2) \
	MINPAIR(3) \
	FMOVS $0.125, F30 \
	FLDPQ 32(R1), (F24, F25) \
	FCVTL(20, 24)  \
	FCVTL2(21, 24) \
	FCVTL(22, 25)  \
	FCVTL2(23, 25) \
	FMULI(20, 20, 30, 0) \
	FMULI(21, 21, 30, 0) \
	FMULI(22, 22, 30, 0) \
	FMULI(23, 23, 30, 0) \
	SCVTF(0, 0) \
	SCVTF(1, 1) \
	SCVTF(2, 2) \
	SCVTF(3, 3) \
	FMLS(16, 0, 20) \
	FMLS(17, 1, 21) \
	FMLS(18, 2, 22) \
	FMLS(19, 3, 23)

// func neonGemvQ4_K(a *neonGemvArgs)
TEXT ·neonGemvQ4_K(SB), NOSPLIT, $0-8
	START
	VMOVI $15, V10.B16
slab:
	CLEARSLAB
	LOADD
	ADD  $320, R1, R2
	ADD  $64, R1, R10
	MOVD $8, R7
block:
	CLEARLOW
	CLEARODD
	NIBBLES4
	SCALESK
	SUB  $1, R7
	CBNZ R7, block
	MINS
	LOADC
	ADDSLAB
	STOREC
	ADD  $2368, R1
	SUB  $1, R8
	CBNZ R8, slab
	RET

// bits 4 and 5 of groups 2j and 2j+1, from shifts s and s+2 of the high-2
// vector in V9, V11, V12, V13 are or-ed in; the zero point of 32 is in the initial sum
#define HIGH(s, v, w, lo) \
	VUSHR $s, v.B16, w.B16     \
	VAND V14.B16, w.B16, w.B16 \
	VSHL $4, w.B16, w.B16      \
	VORR w.B16, lo.B16, lo.B16

#define HIGH0(v, w, lo) \
	VAND V14.B16, v.B16, w.B16 \
	VSHL $4, w.B16, w.B16      \
	VORR w.B16, lo.B16, lo.B16

#define LOWS(j) \
	FLDPQ (64*j)(R2), (F24, F25)    \
	FLDPQ (64*j+32)(R2), (F26, F27) \
	VAND V10.B16, V24.B16, V20.B16 \
	VAND V10.B16, V25.B16, V21.B16 \
	VAND V10.B16, V26.B16, V22.B16 \
	VAND V10.B16, V27.B16, V23.B16 \
	VUSHR $4, V24.B16, V24.B16 \
	VUSHR $4, V25.B16, V25.B16 \
	VUSHR $4, V26.B16, V26.B16 \
	VUSHR $4, V27.B16, V27.B16

#define ZEROPOINT6 \
	VLD1R.P 4(R11), [V0.S4] \
	SSHRS(0, 0, 2)          \
	VMOV V0.B16, V1.B16     \
	VMOV V0.B16, V2.B16     \
	VMOV V0.B16, V3.B16     \
	CLEARODD

// sub-block of 16 channels: nibble vectors 0 and 1, one high-2 vector, lane 0-3 of x
#define SUB16(x) \
	ZEROPOINT6 \
	FLDPQ.P 32(R12), (F9, F11)  \
	FLDPQ.P 32(R12), (F12, F13) \
	LOWS(0) \
	HIGH0(V9, V15, V20)   \
	HIGH0(V11, V15, V21)  \
	HIGH0(V12, V15, V22)  \
	HIGH0(V13, V15, V23)  \
	HIGH(2, V9, V15, V24)  \
	HIGH(2, V11, V15, V25) \
	HIGH(2, V12, V15, V26) \
	HIGH(2, V13, V15, V27) \
	DOTS(0, 20, x, 0) \
	DOTS(4, 24, x, 1) \
	LOWS(1) \
	HIGH(4, V9, V15, V20)  \
	HIGH(4, V11, V15, V21) \
	HIGH(4, V12, V15, V22) \
	HIGH(4, V13, V15, V23) \
	HIGH(6, V9, V15, V24)  \
	HIGH(6, V11, V15, V25) \
	HIGH(6, V12, V15, V26) \
	HIGH(6, V13, V15, V27) \
	DOTS(0, 20, x, 2) \
	DOTS(4, 24, x, 3) \
	ADD $128, R2

// d * sc signed; d is reloaded, its registers hold high bits. The exponents
// move on with every second sub-block: R4 is set back after the first.
#define SCALES6 \
	FMOVQ.P 16(R10), F24 \
	SXTLB(25, 24)  \
	SXTLB2(26, 24) \
	SXTLH(20, 25)  \
	SXTLH2(21, 25) \
	SXTLH(22, 26)  \
	SXTLH2(23, 26) \
	SCVTF(20, 20)  \
	SCVTF(21, 21)  \
	SCVTF(22, 22)  \
	SCVTF(23, 23)  \
	LOADD          \
	FMUL(20, 20, 12) \
	FMUL(21, 21, 13) \
	FMUL(22, 22, 14) \
	FMUL(23, 23, 15) \
	SCALES

// func neonGemvQ6_K(a *neonGemvArgs)
TEXT ·neonGemvQ6_K(SB), NOSPLIT, $0-8
	START
	VMOVI $15, V10.B16
	VMOVI $3, V14.B16
slab:
	CLEARSLAB
	ADD  $320, R1, R2
	ADD  $64, R1, R10
	ADD  $2368, R1, R12
	MOVD $8, R7
block:
	FLDPQ.P 32(R3), (F28, F29)
	SUB16(28)
	SCALES6
	SUB  $4, R4
	VMOVI $3, V14.B16
	SUB16(29)
	SCALES6
	VMOVI $3, V14.B16
	SUB  $1, R7
	CBNZ R7, block
	LOADC
	ADDSLAB
	STOREC
	VMOVI $3, V14.B16
	ADD  $3392, R1
	SUB  $1, R8
	CBNZ R8, slab
	RET
