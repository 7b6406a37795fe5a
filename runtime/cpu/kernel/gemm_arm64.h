// Shared by the GEMM kernels: half a panel (8 rows, two quarters) by tiles of 4
// tokens over one slab.
//
//	R0 arguments        R1 weights     R2 scales   R3 activations
//	R4 exponents        R5 slab bases  R6 C        R7 tiles left
//	R8 blocks left      R10 mins       R11 plane of the mins
//	V0-V7 int32 sums    V16-V19 float32 sums of the slab, quarter 0, tokens 0-3
//	V20-V23 of quarter 1   V30 2^-e of four tokens   V31 bits of 1.0

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

// acc = fma(-float(sum of mn*minq), dmin, acc) of four pairs of blocks
#define SUBMINS \
	CLEARSUMS \
	MINPAIR \
	MINPAIR \
	MINPAIR \
	MINPAIR \
	MOVD 88(R0), R9 \
	FLDPQ (R9), (F24, F25) \
	SUBMIN(0) \
	SUBMIN(1) \
	SUBMIN(2) \
	SUBMIN(3)

// acc = fma(bsum, m, acc) of one block
#define ADDMIN \
	FLDPQ (R10), (F24, F25) \
	FMOVQ.P 16(R11), F8 \
	FMLAI(16, 24, 8, 0) \
	FMLAI(17, 24, 8, 1) \
	FMLAI(18, 24, 8, 2) \
	FMLAI(19, 24, 8, 3) \
	FMLAI(20, 25, 8, 0) \
	FMLAI(21, 25, 8, 1) \
	FMLAI(22, 25, 8, 2) \
	FMLAI(23, 25, 8, 3) \
	ADD  $64, R10
