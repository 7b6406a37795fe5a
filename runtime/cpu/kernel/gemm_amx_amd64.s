#include "textflag.h"
#include "go_asm.h"
#include "gemm_amx_amd64.h"

// Tile configurations (palette 1): rows and bytes per row of T0-T7, for blocks of
// 32 and of 16 channels.
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
	MOVQ amxArgs_panels(R13), R14  \
	SUBQ amxArgs_floats(R13), R14

#define MINS \
	PANEL               \
	MOVQ amxArgs_plane(R13), CX    \
	SHLQ $6, R14        \
	MOVQ R14, BX        \
	ADDQ amxArgs_dmin(R13), R14   \
	VMOVUPS (R14), Z27  \
	SHLQ $2, BX         \
	ADDQ amxArgs_min(R13), BX    \
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
	MOVQ amxArgs_plane(R13), CX         \
	SHLQ $9, R14             \
	ADDQ amxArgs_min(R13), R14        \
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
