#include "textflag.h"
#include "neon_arm64.h"
#include "gemm_arm64.h"

// GEMM kernels with products of 8-bit matrices: as in gemm_arm64.s, but one SMMLA
// is two rows by two tokens by 8 channels. The weights are pairs of rows,
// [8 channels][8 pairs][2][8], as neonPairs leaves them; two registers of a c4
// activation, zipped, are two pairs of tokens.
//
//	V0-V7 int32 sums, V16-V23 float32 sums: [pair of rows][pair of tokens], each
//	  row 0 token 0, row 0 token 1, row 1 token 0, row 1 token 1
//	V24-V27 weights; V26-V29 scales, every row twice
//	V28, V29 activations   V12, V13 zipped   V14, V15 2^-e of a pair of tokens, twice
//
// A block of 32 channels is 32 SMMLA for 8*4*32 MACs (32 per SMMLA), 13 loads of
// pairs and one of 2^-e, 12 zips, 8 clears, 8 FMUL, 8 SCVTF, 8 FMLA: 98
// instructions with the loop, 10.4 MACs per instruction (SDOT: 9.0), 13.0 per
// instruction of the vector pipes (SDOT: 10.6).

// channels 8i to 8i+7
#define EIGHT(i) \
	FLDPQ (128*i)(R1), (F24, F25)    \
	FLDPQ (32*i)(R3), (F28, F29)     \
	FLDPQ (128*i+32)(R1), (F26, F27) \
	VZIP1 V29.S4, V28.S4, V12.S4     \
	VZIP2 V29.S4, V28.S4, V13.S4     \
	SMMLA(0, 24, 12) \
	SMMLA(1, 24, 13) \
	SMMLA(2, 25, 12) \
	SMMLA(3, 25, 13) \
	SMMLA(4, 26, 12) \
	SMMLA(5, 26, 13) \
	SMMLA(6, 27, 12) \
	SMMLA(7, 27, 13)

#define PAIRPOWERS \
	POWERS                \
	VDUP V30.D[0], V14.D2 \
	VDUP V30.D[1], V15.D2

// acc = fma(float(sum), scale*2^-e, acc) of one pair of rows
#define SCALE(x, y, s) \
	FMUL(8, s, 14)   \
	FMUL(9, s, 15)   \
	SCVTF(x, x)      \
	SCVTF(y, y)      \
	FMLA(16+x, x, 8) \
	FMLA(16+y, y, 9)

#define SCALES(off) \
	FLDPQ off(R2), (F24, F25)    \
	VZIP1 V24.S4, V24.S4, V26.S4 \
	VZIP2 V24.S4, V24.S4, V27.S4 \
	VZIP1 V25.S4, V25.S4, V28.S4 \
	VZIP2 V25.S4, V25.S4, V29.S4 \
	SCALE(0, 1, 26) \
	SCALE(2, 3, 27) \
	SCALE(4, 5, 28) \
	SCALE(6, 7, 29)

#define BLOCK \
	CLEARSUMS \
	EIGHT(0)  \
	EIGHT(1)  \
	EIGHT(2)  \
	EIGHT(3)  \
	PAIRPOWERS \
	SCALES(0) \
	ADD $512, R1 \
	ADD $64, R2  \
	ADD $128, R3

// a quarter: pairs to rows of tokens 0-3
#define UNPAIR(a, b, c, d) \
	VUZP1 c.S4, a.S4, V8.S4  \
	VUZP2 c.S4, a.S4, V9.S4  \
	VUZP1 d.S4, b.S4, V10.S4 \
	VUZP2 d.S4, b.S4, d.S4   \
	VMOV V8.B16, a.B16       \
	VMOV V9.B16, b.B16       \
	VMOV V10.B16, c.B16

#define ROWS \
	UNPAIR(V16, V17, V18, V19) \
	UNPAIR(V20, V21, V22, V23)

// func i8mmGemm(a *neonArgs): blocks of 32
TEXT ·i8mmGemm(SB), NOSPLIT, $0-8
	START
tile:
	TILE
block:
	BLOCK
	SUB  $1, R8
	CBNZ R8, block
	ROWS
	NEXTTILE
	CBNZ R7, tile
	RET

// func i8mmGemm16(a *neonArgs): scales of 16 channels, q6_k
TEXT ·i8mmGemm16(SB), NOSPLIT, $0-8
	START
tile:
	TILE
block:
	PAIRPOWERS
	CLEARSUMS
	EIGHT(0)
	EIGHT(1)
	SCALES(0)
	CLEARSUMS
	EIGHT(2)
	EIGHT(3)
	SCALES(64)
	ADD  $512, R1
	ADD  $128, R2
	ADD  $128, R3
	SUB  $1, R8
	CBNZ R8, block
	ROWS
	NEXTTILE
	CBNZ R7, tile
	RET

// func i8mmGemmMin(a *neonArgs): integer mins, q4_k and q5_k
TEXT ·i8mmGemmMin(SB), NOSPLIT, $0-8
	START
tile:
	TILE
block:
	BLOCK
	SUB  $1, R8
	CBNZ R8, block
	ROWS
	SUBMINS
	NEXTTILE
	CBNZ R7, tile
	RET

// func i8mmGemmMinF(a *neonArgs): float32 mins, q4_1 and q5_1
TEXT ·i8mmGemmMinF(SB), NOSPLIT, $0-8
	START
tile:
	TILE
block:
	BLOCK
	SUB  $1, R8
	CBNZ R8, block
	ROWS
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

// func neonPairs(w *byte, n int): n times two groups of 4 channels, [2][16 rows][4],
// to [8 pairs of rows][2][8 channels], in place
TEXT ·neonPairs(SB), NOSPLIT, $0-16
	MOVD w+0(FP), R0
	MOVD n+8(FP), R1
loop:
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1 (R0), [V4.S4, V5.S4, V6.S4, V7.S4]
	SUB $64, R0
	VZIP1 V4.S4, V0.S4, V16.S4
	VZIP2 V4.S4, V0.S4, V17.S4
	VZIP1 V5.S4, V1.S4, V18.S4
	VZIP2 V5.S4, V1.S4, V19.S4
	VZIP1 V6.S4, V2.S4, V20.S4
	VZIP2 V6.S4, V2.S4, V21.S4
	VZIP1 V7.S4, V3.S4, V22.S4
	VZIP2 V7.S4, V3.S4, V23.S4
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R0)
	VST1.P [V20.S4, V21.S4, V22.S4, V23.S4], 64(R0)
	SUB  $1, R1
	CBNZ R1, loop
	RET
