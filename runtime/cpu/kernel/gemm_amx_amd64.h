// Macros of the AMX kernels of gemm_amx_amd64.s.
//
// GEMM kernels, AMX int8 (Intel SDM volume 2, "Advanced Matrix Extensions"): a
// panel of 16 rows by tiles of 16 tokens over one slab. A tile product gives
// the exact integer sums of one block (32 channels, 16 for q6_k) of 16 tokens by
// 16 rows; the float steps of docs/numerics.md follow on AVX-512.
//
// A job is one panel of one tile of tokens, the panels of a tile follow each
// other. A turn is four blocks: while the sums of one turn are made and stored
// to one half of the ring, those of the turn before are read from the other, so
// that neither waits for the other. Tiles are not renamed: four take turns, and a
// tile is stored two products after its own, or store and product would wait.
// Weights are signed bytes, activations token-major [block][16 tokens][32] (plane T).
//
// Go's assembler has no AMX: the instructions are bytes.
//
//	tiles: T0, T1 activations   T2, T3 weights   T4-T7 sums
//	SI weights of the block   DI activations   DX half of the ring of this
//	turn, AX of the turn before   R8 scales   R10 exponents   R11 base
//	R12 C [tile][panel][16][16]   BX = 64, CX = 32   R13 turns left   R15 jobs left
//	Z0-Z15 slab accumulators of the tokens   Z16 scales of the block

#define TILECFG_AX BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0x00
#define TILERELEASE BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0
#define TILEZERO(t) BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $(0xc0+8*t)

// tile t = rows at DI+disp, CX apart.
#define LOADACT(t, disp) BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $(0x84+8*t); BYTE $0x0f; LONG $(disp)

// tile t = rows at SI+disp, BX apart.
#define LOADW(t, disp) BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $(0x84+8*t); BYTE $0x1e; LONG $(disp)

// rows at DX+disp (AX+disp), BX apart, = tile t.
#define KEEP(t, disp) BYTE $0xc4; BYTE $0xe2; BYTE $0x7a; BYTE $0x4b; BYTE $(0x84+8*t); BYTE $0x1a; LONG $(disp)
#define KEEPAX(t, disp) BYTE $0xc4; BYTE $0xe2; BYTE $0x7a; BYTE $0x4b; BYTE $(0x84+8*t); BYTE $0x18; LONG $(disp)

// TDPBSSD: tile d += tile a · tile 2 (or 3), signed bytes.
#define DOT2(d, a) BYTE $0xc4; BYTE $0xe2; BYTE $0x6b; BYTE $0x5e; BYTE $(0xc0+8*d+a)
#define DOT3(d, a) BYTE $0xc4; BYTE $0xe2; BYTE $0x63; BYTE $0x5e; BYTE $(0xc0+8*d+a)

// Sums of one block: activations at DI+ao, weights at SI+wo.
#define EVEN(d, ao, wo) \
	LOADACT(0, ao) \
	LOADW(2, wo)   \
	TILEZERO(d)    \
	DOT2(d, 0)

#define ODD(d, ao, wo) \
	LOADACT(1, ao) \
	LOADW(3, wo)   \
	TILEZERO(d)    \
	DOT3(d, 1)

// acc = fma(float(sum), dw·2^-e, acc) of one token; the exponent is added as an
// integer.
#define TOKEN(e, o, x, y, acc) \
	VPADDD.BCST e(R10), Z16, x \
	VCVTDQ2PS o(AX), y         \
	VFMADD231PS x, y, acc

// Half a block: scales at s are loaded first, exponents at e, ring at o.
#define LOW(s, e, o) \
	VMOVUPS s(R8), Z16 \
	TOKEN((e+0), (o+0), Z18, Z22, Z0) \
	TOKEN((e+4), (o+64), Z19, Z23, Z1) \
	TOKEN((e+8), (o+128), Z20, Z24, Z2) \
	TOKEN((e+12), (o+192), Z21, Z25, Z3) \
	TOKEN((e+128), (o+256), Z18, Z22, Z4) \
	TOKEN((e+132), (o+320), Z19, Z23, Z5) \
	TOKEN((e+136), (o+384), Z20, Z24, Z6) \
	TOKEN((e+140), (o+448), Z21, Z25, Z7)

#define HIGH(e, o) \
	TOKEN((e+256), (o+512), Z18, Z22, Z8) \
	TOKEN((e+260), (o+576), Z19, Z23, Z9) \
	TOKEN((e+264), (o+640), Z20, Z24, Z10) \
	TOKEN((e+268), (o+704), Z21, Z25, Z11) \
	TOKEN((e+384), (o+768), Z18, Z22, Z12) \
	TOKEN((e+388), (o+832), Z19, Z23, Z13) \
	TOKEN((e+392), (o+896), Z20, Z24, Z14) \
	TOKEN((e+396), (o+960), Z21, Z25, Z15)

#define ZEROACC \
	VPXORD Z0, Z0, Z0 \
	VPXORD Z1, Z1, Z1 \
	VPXORD Z2, Z2, Z2 \
	VPXORD Z3, Z3, Z3 \
	VPXORD Z4, Z4, Z4 \
	VPXORD Z5, Z5, Z5 \
	VPXORD Z6, Z6, Z6 \
	VPXORD Z7, Z7, Z7 \
	VPXORD Z8, Z8, Z8 \
	VPXORD Z9, Z9, Z9 \
	VPXORD Z10, Z10, Z10 \
	VPXORD Z11, Z11, Z11 \
	VPXORD Z12, Z12, Z12 \
	VPXORD Z13, Z13, Z13 \
	VPXORD Z14, Z14, Z14 \
	VPXORD Z15, Z15, Z15

// C = fma(acc, base, C) for token t; K1 is empty for the first slab: C = +0.
#define FINISH(t, acc) \
	VMOVUPS.Z (64*t)(R12), K1, Z18        \
	VFMADD231PS.BCST (4*t)(R11), acc, Z18 \
	VMOVUPS Z18, (64*t)(R12)

#define FINISHALL \
	FINISH(0, Z0) \
	FINISH(1, Z1) \
	FINISH(2, Z2) \
	FINISH(3, Z3) \
	FINISH(4, Z4) \
	FINISH(5, Z5) \
	FINISH(6, Z6) \
	FINISH(7, Z7) \
	FINISH(8, Z8) \
	FINISH(9, Z9) \
	FINISH(10, Z10) \
	FINISH(11, Z11) \
	FINISH(12, Z12) \
	FINISH(13, Z13) \
	FINISH(14, Z14) \
	FINISH(15, Z15) \
	ADDQ $1024, R12

#define LOADARGS \
	MOVQ a+0(FP), AX    \
	MOVQ amxArgs_w(AX), SI      \
	MOVQ amxArgs_scale(AX), R8      \
	MOVQ amxArgs_act(AX), DI     \
	MOVQ amxArgs_exp(AX), R10    \
	MOVQ amxArgs_base(AX), R11    \
	MOVQ amxArgs_c(AX), R12    \
	MOVQ amxArgs_jobs(AX), R15    \
	MOVQ amxArgs_ring(AX), DX     \
	MOVQ amxArgs_more(AX), CX     \
	KMOVW CX, K1        \
	LEAQ 4096(DX), AX   \
	MOVQ $64, BX        \
	MOVQ $32, CX

// A turn: four blocks at activations +0, a1, a2, a3, weights +0, w1, w2, w3 and
// exponents +0, e1, e2, e3; ts and te step over them. SUMS makes the sums, TAKE the
// floats of the turn before, BOTH both.
#define SUMS(a1, w1, a2, w2, a3, w3, ts) \
	EVEN(4, 0, 0)   \
	KEEPAX(6, 2048) \
	ODD(5, a1, w1)  \
	KEEPAX(7, 3072) \
	EVEN(6, a2, w2) \
	KEEP(4, 0)      \
	ODD(7, a3, w3)  \
	KEEP(5, 1024)   \
	ADDQ $ts, SI    \
	ADDQ $ts, DI    \
	XCHGQ AX, DX

#define TAKE(e1, e2, e3, te) \
	LOW(0, 0, 0)        \
	HIGH(0, 0)          \
	LOW(64, e1, 1024)   \
	HIGH(e1, 1024)      \
	LOW(128, e2, 2048)  \
	HIGH(e2, 2048)      \
	LOW(192, e3, 3072)  \
	HIGH(e3, 3072)      \
	ADDQ $256, R8       \
	ADDQ $te, R10

#define BOTH(a1, w1, a2, w2, a3, w3, ts, e1, e2, e3, te) \
	EVEN(4, 0, 0)       \
	LOW(0, 0, 0)        \
	KEEPAX(6, 2048)     \
	HIGH(0, 0)          \
	ODD(5, a1, w1)      \
	LOW(64, e1, 1024)   \
	KEEPAX(7, 3072)     \
	HIGH(e1, 1024)      \
	EVEN(6, a2, w2)     \
	LOW(128, e2, 2048)  \
	KEEP(4, 0)          \
	HIGH(e2, 2048)      \
	ODD(7, a3, w3)      \
	LOW(192, e3, 3072)  \
	KEEP(5, 1024)       \
	HIGH(e3, 3072)      \
	ADDQ $ts, SI        \
	ADDQ $ts, DI        \
	XCHGQ AX, DX        \
	ADDQ $256, R8       \
	ADDQ $te, R10

// Blocks of 32 channels.
#define SUMS32 SUMS(512, 512, 1024, 1024, 1536, 1536, 2048)
#define TAKE32 TAKE(16, 32, 48, 64)
#define BOTH32 BOTH(512, 512, 1024, 1024, 1536, 1536, 2048, 16, 32, 48, 64)

// Blocks of 16: two share an exponent and the 32 bytes of a token.
#define SUMS16 SUMS(16, 256, 512, 512, 528, 768, 1024)
#define TAKE16 TAKE(0, 16, 16, 32)
#define BOTH16 BOTH(16, 256, 512, 512, 528, 768, 1024, 0, 16, 16, 32)

// The sums go on to the next panel of the same tile, or to the first panel of
// the next tile; then the floats do.
#define ADVANCESUMS \
	MOVQ a+0(FP), R14 \
	DECQ amxArgs_sums(R14)      \
	JNZ  same         \
	MOVQ amxArgs_panels(R14), R9 \
	MOVQ R9, amxArgs_sums(R14)  \
	SHLQ $12, R9      \
	SUBQ R9, SI       \
	JMP  sums         \
same:                     \
	SUBQ $4096, DI    \
sums:

#define ADVANCEFLOATS(scales, plane) \
	MOVQ a+0(FP), R14   \
	DECQ amxArgs_floats(R14)       \
	JNZ  again          \
	MOVQ amxArgs_panels(R14), R9   \
	MOVQ R9, amxArgs_floats(R14)   \
	IMULQ $scales, R9   \
	SUBQ R9, R8         \
	ADDQ $384, R10      \
	ADDQ $64, R11       \
	ADDQ $plane, amxArgs_plane(R14) \
	JMP  job            \
again:                      \
	SUBQ $128, R10      \
	JMP  job

// turns makes a slab; AFTER is what the min forms add behind the blocks, from
// plane bytes per tile. The last turn of the last job is without sums.
#define KERNEL(config, turns, sums, both, take, AFTER, plane) \
	LEAQ config<>(SB), AX      \
	TILECFG_AX                 \
	LOADARGS                   \
	sums                       \
job:                           \
	ZEROACC                    \
	MOVQ $turns, R13           \
turn:                          \
	CMPQ R13, $1               \
	JNE  more                  \
	ADVANCESUMS                \
	DECQ R15                   \
	JZ   last                  \
more:                          \
	both                       \
	DECQ R13                   \
	JNZ  turn                  \
	JMP  after                 \
last:                          \
	KEEPAX(6, 2048)            \
	KEEPAX(7, 3072)            \
	take                       \
after:                         \
	AFTER                      \
	FINISHALL                  \
	TESTQ R15, R15             \
	JZ   done                  \
	ADVANCEFLOATS((256*turns), plane) \
done:                          \
	TILERELEASE                \
	VZEROUPPER                 \
	RET
