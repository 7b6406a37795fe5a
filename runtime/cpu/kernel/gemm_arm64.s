#include "textflag.h"
#include "neon_arm64.h"
#include "gemm_arm64.h"

// GEMM kernels, NEON with dot products: half a panel (8 rows, two quarters) by
// tiles of 4 tokens over one slab. Weights are signed bytes with the zero
// point removed, [group][16 rows][4], so a sum starts from zero. A c4
// activation register holds four tokens of a group of 4 channels: lane t of
// SDOT by element is token t.
//
//	V0-V3 int32 sums of quarter 0, tokens 0-3; V4-V7 of quarter 1
//	V16-V19, V20-V23 the same of the slab, float32
//	V24-V27 weights (two groups), scales; V28, V29 activations
//	V8-V15 scale * 2^-e   V30 2^-e of four tokens   V31 bits of 1.0
//
// A block of 32 channels is 64 SDOT for 8*4*32 MACs (16 per SDOT), 12 loads
// of pairs, and 8 clears, 8 FMUL, 8 SCVTF, 8 FMLA: 114 instructions with the
// loop, 9.0 MACs per instruction. Accumulators give 8 independent chains.

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

// func neonGemmMin(a *neonArgs): integer mins, q4_k and q5_k
TEXT ·neonGemmMin(SB), NOSPLIT, $0-8
	START
tile:
	TILE
block:
	BLOCK
	SUB  $1, R8
	CBNZ R8, block
	SUBMINS
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
	ADDMIN
	SUB  $1, R8
	CBNZ R8, mins
	MOVD 64(R0), R9
	ADD  R9, R11
	NEXTTILE
	CBNZ R7, tile
	RET
