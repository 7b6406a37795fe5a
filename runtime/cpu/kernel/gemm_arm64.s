#include "textflag.h"
#include "neon_arm64.h"

// GEMM kernels, NEON with dot products: half a panel (8 rows, two quarters) by
// tiles of 4 tokens over one slab. Weights are signed bytes with the zero
// point removed, [group][16 rows][4], so a sum starts from zero. A c4
// activation register holds four tokens of a group of 4 channels: lane t of
// SDOT by element is token t.
//
//	R0 arguments        R1 weights     R2 scales   R3 activations
//	R4 exponents        R5 slab bases  R6 C        R7 tiles left
//	R8 blocks left      R10 mins       R11 plane of the mins
//	V0-V3 int32 sums of quarter 0, tokens 0-3; V4-V7 of quarter 1
//	V16-V19, V20-V23 the same of the slab, float32
//	V24-V27 weights (two groups), scales; V28, V29 activations
//	V8-V15 scale * 2^-e   V30 2^-e of four tokens   V31 bits of 1.0
//
// A block of 32 channels is 64 SDOT for 8*4*32 MACs (16 per SDOT), 12 loads
// of pairs, and 8 clears, 8 FMUL, 8 SCVTF, 8 FMLA: 114 instructions with the
// loop, 9.0 MACs per instruction. Accumulators give 8 independent chains.

#define CLEAR(v) VEOR v.B16, v.B16, v.B16

#define CLEARSUMS \
	CLEAR(V0) \
	CLEAR(V1) \
	CLEAR(V2) \
	CLEAR(V3) \
	CLEAR(V4) \
	CLEAR(V5) \
	CLEAR(V6) \
	CLEAR(V7)

// one group of 4 channels: weights in wa, wb, activations in x
#define DOTS(wa, wb, x) \
	SDOTI(0, wa, x, 0) \
	SDOTI(1, wa, x, 1) \
	SDOTI(2, wa, x, 2) \
	SDOTI(3, wa, x, 3) \
	SDOTI(4, wb, x, 0) \
	SDOTI(5, wb, x, 1) \
	SDOTI(6, wb, x, 2) \
	SDOTI(7, wb, x, 3)

// groups 2i and 2i+1
#define GROUPS(i) \
	FLDPQ (128*i)(R1), (F24, F25)    \
	FLDPQ (32*i)(R3), (F28, F29)     \
	FLDPQ (128*i+64)(R1), (F26, F27) \
	DOTS(24, 25, 28)                 \
	DOTS(26, 27, 29)

// acc = fma(float(sum), scale*2^-e, acc) of token t
#define SCALE(t) \
	FMULI(8+t, 24, 30, t)     \
	FMULI(12+t, 25, 30, t)    \
	SCVTF(t, t)               \
	SCVTF(4+t, 4+t)           \
	FMLA(16+t, t, 8+t)        \
	FMLA(20+t, 4+t, 12+t)

#define SCALES(off) \
	FLDPQ off(R2), (F24, F25) \
	SCALE(0) \
	SCALE(1) \
	SCALE(2) \
	SCALE(3)

#define POWERS \
	FMOVQ.P 16(R4), F30 \
	VADD V31.S4, V30.S4, V30.S4

#define START \
	MOVD a+0(FP), R0   \
	MOVD 16(R0), R3    \
	MOVD 24(R0), R4    \
	MOVD 32(R0), R5    \
	MOVD 40(R0), R6    \
	MOVD 48(R0), R7    \
	MOVD 80(R0), R11   \
	MOVD $127<<23, R9  \
	VDUP R9, V31.S4

#define TILE \
	MOVD 0(R0), R1   \
	MOVD 8(R0), R2   \
	MOVD 56(R0), R8  \
	MOVD 72(R0), R10 \
	CLEAR(V16) \
	CLEAR(V17) \
	CLEAR(V18) \
	CLEAR(V19) \
	CLEAR(V20) \
	CLEAR(V21) \
	CLEAR(V22) \
	CLEAR(V23)

#define BLOCK \
	CLEARSUMS \
	GROUPS(0) \
	GROUPS(1) \
	GROUPS(2) \
	GROUPS(3) \
	POWERS    \
	SCALES(0) \
	ADD $512, R1 \
	ADD $64, R2  \
	ADD $128, R3

// C = fma(acc, base, C) of token t
#define FINISH(t) \
	FLDPQ (64*t)(R6), (F24, F25) \
	FMLAI(24, 16+t, 30, t)       \
	FMLAI(25, 20+t, 30, t)       \
	FSTPQ (F24, F25), (64*t)(R6)

#define NEXTTILE \
	FMOVQ.P 16(R5), F30 \
	FINISH(0)      \
	FINISH(1)      \
	FINISH(2)      \
	FINISH(3)      \
	ADD $256, R6   \
	MOVD 64(R0), R9 \
	ADD R9, R4     \
	SUB $1, R7

// func neonGemm(a *neonArgs): blocks of 32
TEXT ·neonGemm(SB), NOSPLIT, $0-8
	START
tile:
	TILE
block:
	BLOCK
	SUB  $1, R8
	CBNZ R8, block
	NEXTTILE
	CBNZ R7, tile
	RET

// func neonGemm16(a *neonArgs): scales of 16 channels, q6_k
TEXT ·neonGemm16(SB), NOSPLIT, $0-8
	START
tile:
	TILE
block:
	POWERS
	CLEARSUMS
	GROUPS(0)
	GROUPS(1)
	SCALES(0)
	CLEARSUMS
	GROUPS(2)
	GROUPS(3)
	SCALES(64)
	ADD  $512, R1
	ADD  $128, R2
	ADD  $128, R3
	SUB  $1, R8
	CBNZ R8, block
	NEXTTILE
	CBNZ R7, tile
	RET

// mins of block b, quarters 0 and 1, by the minq of four tokens
#define MINS(j) \
	SMLALI(0, 24, 8, j)      \
	SMLALI(1, 24, 8, 2+j)    \
	SMLALI(2, 24, 8, 4+j)    \
	SMLALI(3, 24, 8, 6+j)    \
	SMLAL2I(4, 24, 8, j)     \
	SMLAL2I(5, 24, 8, 2+j)   \
	SMLAL2I(6, 24, 8, 4+j)   \
	SMLAL2I(7, 24, 8, 6+j)

#define MINPAIR \
	FMOVQ.P 16(R11), F8 \
	FMOVQ.P 32(R10), F24 \
	MINS(0)              \
	FMOVQ.P 32(R10), F24 \
	MINS(1)

#define SUBMIN(t) \
	SCVTF(t, t)         \
	SCVTF(4+t, 4+t)     \
	FMLS(16+t, t, 24)   \
	FMLS(20+t, 4+t, 25)

// func neonGemmMin(a *neonArgs): integer mins, q4_k and q5_k
TEXT ·neonGemmMin(SB), NOSPLIT, $0-8
	START
tile:
	TILE
block:
	BLOCK
	SUB  $1, R8
	CBNZ R8, block
	CLEARSUMS
	MINPAIR
	MINPAIR
	MINPAIR
	MINPAIR
	MOVD 88(R0), R9
	FLDPQ (R9), (F24, F25)
	SUBMIN(0)
	SUBMIN(1)
	SUBMIN(2)
	SUBMIN(3)
	NEXTTILE
	CBNZ R7, tile
	RET

// func neonGemmMinF(a *neonArgs): float32 mins, q4_1 and q5_1
TEXT ·neonGemmMinF(SB), NOSPLIT, $0-8
	START
tile:
	TILE
block:
	BLOCK
	SUB  $1, R8
	CBNZ R8, block
	MOVD 56(R0), R8
mins:
	FLDPQ (R10), (F24, F25)
	FMOVQ.P 16(R11), F8
	FMLAI(16, 24, 8, 0)
	FMLAI(17, 24, 8, 1)
	FMLAI(18, 24, 8, 2)
	FMLAI(19, 24, 8, 3)
	FMLAI(20, 25, 8, 0)
	FMLAI(21, 25, 8, 1)
	FMLAI(22, 25, 8, 2)
	FMLAI(23, 25, 8, 3)
	ADD  $64, R10
	SUB  $1, R8
	CBNZ R8, mins
	MOVD 64(R0), R9
	ADD  R9, R11
	NEXTTILE
	CBNZ R7, tile
	RET
