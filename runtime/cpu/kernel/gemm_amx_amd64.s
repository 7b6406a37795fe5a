#include "textflag.h"

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

DATA ·tiles32<>+0(SB)/8, $0x0000000000000001
DATA ·tiles32<>+8(SB)/8, $0x0000000000000000
DATA ·tiles32<>+16(SB)/8, $0x0040004000200020
DATA ·tiles32<>+24(SB)/8, $0x0040004000400040
DATA ·tiles32<>+32(SB)/8, $0x0000000000000000
DATA ·tiles32<>+40(SB)/8, $0x0000000000000000
DATA ·tiles32<>+48(SB)/8, $0x1010101008081010
DATA ·tiles32<>+56(SB)/8, $0x0000000000000000
GLOBL ·tiles32<>(SB), RODATA|NOPTR, $64

DATA ·tiles16<>+0(SB)/8, $0x0000000000000001
DATA ·tiles16<>+8(SB)/8, $0x0000000000000000
DATA ·tiles16<>+16(SB)/8, $0x0040004000100010
DATA ·tiles16<>+24(SB)/8, $0x0040004000400040
DATA ·tiles16<>+32(SB)/8, $0x0000000000000000
DATA ·tiles16<>+40(SB)/8, $0x0000000000000000
DATA ·tiles16<>+48(SB)/8, $0x1010101004041010
DATA ·tiles16<>+56(SB)/8, $0x0000000000000000
GLOBL ·tiles16<>(SB), RODATA|NOPTR, $64

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
	MOVQ 0(AX), SI      \
	MOVQ 8(AX), R8      \
	MOVQ 16(AX), DI     \
	MOVQ 24(AX), R10    \
	MOVQ 32(AX), R11    \
	MOVQ 40(AX), R12    \
	MOVQ 48(AX), R15    \
	MOVQ 56(AX), DX     \
	MOVQ 88(AX), CX     \
	KMOVW CX, K1        \
	LEAQ 4096(DX), AX   \
	MOVQ $64, BX        \
	MOVQ $32, CX

// Four blocks of 32 channels.
#define SUMS32 \
	EVEN(4, 0, 0) \
	KEEPAX(6, 2048) \
	ODD(5, 512, 512) \
	KEEPAX(7, 3072) \
	EVEN(6, 1024, 1024) \
	KEEP(4, 0) \
	ODD(7, 1536, 1536) \
	KEEP(5, 1024) \
	ADDQ $2048, SI \
	ADDQ $2048, DI \
	XCHGQ AX, DX

#define TAKE32 \
	LOW(0, 0, 0) \
	HIGH(0, 0) \
	LOW(64, 16, 1024) \
	HIGH(16, 1024) \
	LOW(128, 32, 2048) \
	HIGH(32, 2048) \
	LOW(192, 48, 3072) \
	HIGH(48, 3072) \
	ADDQ $256, R8 \
	ADDQ $64, R10

#define BOTH32 \
	EVEN(4, 0, 0) \
	LOW(0, 0, 0) \
	KEEPAX(6, 2048) \
	HIGH(0, 0) \
	ODD(5, 512, 512) \
	LOW(64, 16, 1024) \
	KEEPAX(7, 3072) \
	HIGH(16, 1024) \
	EVEN(6, 1024, 1024) \
	LOW(128, 32, 2048) \
	KEEP(4, 0) \
	HIGH(32, 2048) \
	ODD(7, 1536, 1536) \
	LOW(192, 48, 3072) \
	KEEP(5, 1024) \
	HIGH(48, 3072) \
	ADDQ $2048, SI \
	ADDQ $2048, DI \
	XCHGQ AX, DX \
	ADDQ $256, R8 \
	ADDQ $64, R10

// Four blocks of 16.
#define SUMS16 \
	EVEN(4, 0, 0) \
	KEEPAX(6, 2048) \
	ODD(5, 16, 256) \
	KEEPAX(7, 3072) \
	EVEN(6, 512, 512) \
	KEEP(4, 0) \
	ODD(7, 528, 768) \
	KEEP(5, 1024) \
	ADDQ $1024, SI \
	ADDQ $1024, DI \
	XCHGQ AX, DX

#define TAKE16 \
	LOW(0, 0, 0) \
	HIGH(0, 0) \
	LOW(64, 0, 1024) \
	HIGH(0, 1024) \
	LOW(128, 16, 2048) \
	HIGH(16, 2048) \
	LOW(192, 16, 3072) \
	HIGH(16, 3072) \
	ADDQ $256, R8 \
	ADDQ $32, R10

#define BOTH16 \
	EVEN(4, 0, 0) \
	LOW(0, 0, 0) \
	KEEPAX(6, 2048) \
	HIGH(0, 0) \
	ODD(5, 16, 256) \
	LOW(64, 0, 1024) \
	KEEPAX(7, 3072) \
	HIGH(0, 1024) \
	EVEN(6, 512, 512) \
	LOW(128, 16, 2048) \
	KEEP(4, 0) \
	HIGH(16, 2048) \
	ODD(7, 528, 768) \
	LOW(192, 16, 3072) \
	KEEP(5, 1024) \
	HIGH(16, 3072) \
	ADDQ $1024, SI \
	ADDQ $1024, DI \
	XCHGQ AX, DX \
	ADDQ $256, R8 \
	ADDQ $32, R10

// The sums go on to the next panel of the same tile, or to the first panel of
// the next tile; then the floats do.
#define ADVANCESUMS \
	MOVQ a+0(FP), R14 \
	DECQ 96(R14)      \
	JNZ  same         \
	MOVQ 112(R14), R9 \
	MOVQ R9, 96(R14)  \
	SHLQ $12, R9      \
	SUBQ R9, SI       \
	JMP  sums         \
same:                     \
	SUBQ $4096, DI    \
sums:

#define ADVANCEFLOATS(scales, plane) \
	MOVQ a+0(FP), R14   \
	DECQ 104(R14)       \
	JNZ  again          \
	MOVQ 112(R14), R9   \
	MOVQ R9, 104(R14)   \
	IMULQ $scales, R9   \
	SUBQ R9, R8         \
	ADDQ $384, R10      \
	ADDQ $64, R11       \
	ADDQ $plane, 64(R14) \
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

#define NOTHING

// func amxOffset(a *amxArgs): weights around zero, scales [8][16].
TEXT ·amxOffset(SB), NOSPLIT, $0-8
	KERNEL(·tiles32, 2, SUMS32, BOTH32, TAKE32, NOTHING, 0)

// func amxOffset16(a *amxArgs): blocks of 16 channels (q6_k), scales [16][16]
TEXT ·amxOffset16(SB), NOSPLIT, $0-8
	KERNEL(·tiles16, 4, SUMS16, BOTH16, TAKE16, NOTHING, 0)

#define MINPAIR(p, h) \
	VMOVDQU64 (64*p)(R13), Z24                 \
	VPDPWSSD.BCST (64*h+16*p)(CX), Z24, Z18    \
	VPDPWSSD.BCST (64*h+16*p+4)(CX), Z24, Z19  \
	VPDPWSSD.BCST (64*h+16*p+8)(CX), Z24, Z20  \
	VPDPWSSD.BCST (64*h+16*p+12)(CX), Z24, Z21

// acc = fma(-float(sum), dmin/8, acc)
#define MINSUB(sum, acc) \
	VCVTDQ2PS sum, sum         \
	VFNMADD231PS Z27, sum, acc

#define MINQUARTER(h, a, b, c, d) \
	VPXORD Z18, Z18, Z18 \
	VPXORD Z19, Z19, Z19 \
	VPXORD Z20, Z20, Z20 \
	VPXORD Z21, Z21, Z21 \
	MINPAIR(0, h)        \
	MINPAIR(1, h)        \
	MINPAIR(2, h)        \
	MINPAIR(3, h)        \
	MINSUB(Z18, a)       \
	MINSUB(Z19, b)       \
	MINSUB(Z20, c)       \
	MINSUB(Z21, d)

// R14 = number of the panel, R13 the arguments.
#define PANEL \
	MOVQ a+0(FP), R13   \
	MOVQ 112(R13), R14  \
	SUBQ 104(R13), R14

#define MINS \
	PANEL               \
	MOVQ 64(R13), CX    \
	SHLQ $6, R14        \
	MOVQ R14, BX        \
	ADDQ 80(R13), R14   \
	VMOVUPS (R14), Z27  \
	SHLQ $2, BX         \
	ADDQ 72(R13), BX    \
	MOVQ BX, R13        \
	MINQUARTER(0, Z0, Z1, Z2, Z3)     \
	MINQUARTER(1, Z4, Z5, Z6, Z7)     \
	MINQUARTER(2, Z8, Z9, Z10, Z11)   \
	MINQUARTER(3, Z12, Z13, Z14, Z15) \
	MOVQ $64, BX \
	MOVQ $32, CX

// func amxMin(a *amxArgs): q4_k and q5_k. Weights 0..31, mins int16 pairs
// [4][16][2], dmin f32 [16] over 8, plane minpair.
TEXT ·amxMin(SB), NOSPLIT, $0-8
	KERNEL(·tiles32, 2, SUMS32, BOTH32, TAKE32, MINS, 256)

#define FMINS \
	PANEL                    \
	MOVQ 64(R13), CX         \
	SHLQ $9, R14             \
	ADDQ 72(R13), R14        \
	LEAQ 512(R14), R13       \
min:                         \
	VMOVUPS (R14), Z16       \
	VFMADD231PS.BCST 0(CX), Z16, Z0 \
	VFMADD231PS.BCST 4(CX), Z16, Z1 \
	VFMADD231PS.BCST 8(CX), Z16, Z2 \
	VFMADD231PS.BCST 12(CX), Z16, Z3 \
	VFMADD231PS.BCST 128(CX), Z16, Z4 \
	VFMADD231PS.BCST 132(CX), Z16, Z5 \
	VFMADD231PS.BCST 136(CX), Z16, Z6 \
	VFMADD231PS.BCST 140(CX), Z16, Z7 \
	VFMADD231PS.BCST 256(CX), Z16, Z8 \
	VFMADD231PS.BCST 260(CX), Z16, Z9 \
	VFMADD231PS.BCST 264(CX), Z16, Z10 \
	VFMADD231PS.BCST 268(CX), Z16, Z11 \
	VFMADD231PS.BCST 384(CX), Z16, Z12 \
	VFMADD231PS.BCST 388(CX), Z16, Z13 \
	VFMADD231PS.BCST 392(CX), Z16, Z14 \
	VFMADD231PS.BCST 396(CX), Z16, Z15 \
	ADDQ $64, R14            \
	ADDQ $16, CX             \
	CMPQ R13, R14            \
	JNE  min                 \
	MOVQ $32, CX

// func amxMinF(a *amxArgs): q4_1 and q5_1. Weights 0..31, mins f32 [8][16],
// plane bsum.
TEXT ·amxMinF(SB), NOSPLIT, $0-8
	KERNEL(·tiles32, 2, SUMS32, BOTH32, TAKE32, FMINS, 512)

#define STORETILES(move) \
	SHLQ $10, R10          \
tile:                          \
	MOVQ $16, R11          \
	MOVQ SI, AX            \
token:                         \
	MOVQ AX, BX            \
	MOVQ DI, DX            \
	MOVQ R9, R12           \
panel:                         \
	VMOVUPS (BX), Z0       \
	move Z0, (DX)          \
	ADDQ $1024, BX         \
	ADDQ $64, DX           \
	DECQ R12               \
	JNZ  panel             \
	ADDQ $64, AX           \
	ADDQ R8, DI            \
	DECQ CX                \
	JZ   done              \
	DECQ R11               \
	JNZ  token             \
	ADDQ R10, SI           \
	JMP  tile              \
done:                          \
	SFENCE                 \
	VZEROUPPER             \
	RET

// func storeTiles(dst *float32, stride int, src *float32, panels, pitch, n int): n
// tokens of the first panels of src [tile][pitch][16][16] to rows that are stride
// bytes apart.
TEXT ·storeTiles(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ src+16(FP), SI
	MOVQ panels+24(FP), R9
	MOVQ pitch+32(FP), R10
	MOVQ n+40(FP), CX
	STORETILES(VMOVUPS)

// func streamTiles(dst *float32, stride int, src *float32, panels, pitch, n int):
// storeTiles past the caches; dst and stride are multiples of 64.
TEXT ·streamTiles(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ src+16(FP), SI
	MOVQ panels+24(FP), R9
	MOVQ pitch+32(FP), R10
	MOVQ n+40(FP), CX
	STORETILES(VMOVNTPS)

// func signBytes(w *byte, n int): w ^= 0x80 for 64n bytes
TEXT ·signBytes(SB), NOSPLIT, $0-16
	MOVQ w+0(FP), DI
	MOVQ n+8(FP), CX
	MOVL $0x80808080, AX
	VPBROADCASTD AX, Z1
loop:
	VPXORD (DI), Z1, Z0
	VMOVDQU64 Z0, (DI)
	ADDQ $64, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// Two vectors of [4 groups][4 tokens][4] to [2 tokens][8 groups][4].
DATA ·byToken<>+0(SB)/8, $0x0000000400000000
DATA ·byToken<>+8(SB)/8, $0x0000000c00000008
DATA ·byToken<>+16(SB)/8, $0x0000001400000010
DATA ·byToken<>+24(SB)/8, $0x0000001c00000018
DATA ·byToken<>+32(SB)/8, $0x0000000500000001
DATA ·byToken<>+40(SB)/8, $0x0000000d00000009
DATA ·byToken<>+48(SB)/8, $0x0000001500000011
DATA ·byToken<>+56(SB)/8, $0x0000001d00000019
GLOBL ·byToken<>(SB), RODATA|NOPTR, $64

// func tokenMajor(dst, src *int8): a slab of a c4 tile (1024 bytes) to plane T:
// for each block 4 tokens of 32 channels, blocks 512 bytes apart.
TEXT ·tokenMajor(SB), NOSPLIT, $0-16
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ $8, CX
	VMOVDQU32 ·byToken<>(SB), Z2
	MOVL $2, AX
	VPBROADCASTD AX, Z3
	VPADDD Z2, Z3, Z3
loop:
	VMOVDQU32 (SI), Z0
	VMOVDQU32 64(SI), Z1
	VMOVDQA32 Z2, Z4
	VMOVDQA32 Z3, Z5
	VPERMI2D Z1, Z0, Z4
	VPERMI2D Z1, Z0, Z5
	VMOVDQU32 Z4, (DI)
	VMOVDQU32 Z5, 64(DI)
	ADDQ $128, SI
	ADDQ $512, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
