#include "textflag.h"
#include "gemm_amd64.h"

// GEMM kernels, AVX-512 VNNI, for cores that have two 512-bit ports for
// everything (Intel). Conversion, exponent add and FMA would take three slots
// per sum; here it is two FMAs. The sums start at the bits of M = 1.5·2^23, so
// that read as a float they are M + sum, exactly; then sum·2^-e = fma(M + sum, 2^-e, -M·2^-e),
// exactly, and acc = fma(sum·2^-e, dw, acc) is the one rounding of the definition.
//
// For each tile a prologue writes to the buffer at 96(DX): sums to start from
// [16][4], 2^-e [8][4] at 256, -M·2^-e [8][4] at 384. R9 walks the first, R10
// the others. The plane pointers of the arguments advance from tile to tile.

DATA ·gemmConst<>+0(SB)/4, $0x4b400000 // M
DATA ·gemmConst<>+4(SB)/4, $0x3f800000 // 1
DATA ·gemmConst<>+8(SB)/4, $0xcb400000 // -M
GLOBL ·gemmConst<>(SB), RODATA|NOPTR, $12

#define POWERS \
	MOVQ 32(DX), BX                      \
	VPBROADCASTD ·gemmConst<>+4(SB), Z28 \
	VPBROADCASTD ·gemmConst<>+8(SB), Z29 \
	VMOVDQU64 (BX), Z0                   \
	VMOVDQU64 64(BX), Z1                 \
	VPADDD Z0, Z28, Z2                   \
	VPADDD Z1, Z28, Z3                   \
	VPADDD Z0, Z29, Z4                   \
	VPADDD Z1, Z29, Z5                   \
	VMOVDQU64 Z2, 256(R9)                \
	VMOVDQU64 Z3, 320(R9)                \
	VMOVDQU64 Z4, 384(R9)                \
	VMOVDQU64 Z5, 448(R9)                \
	ADDQ $128, BX                        \
	MOVQ BX, 32(DX)                      \
	LEAQ 256(R9), R10

#define STARTS(o) \
	VPADDD o(AX), Z27, Z0   \
	VMOVDQU64 Z0, o(R9)

#define MAGICSUMS \
	VPBROADCASTD ·gemmConst<>+0(SB), Z0 \
	VMOVDQA64 Z0, Z1                    \
	VMOVDQA64 Z0, Z2                    \
	VMOVDQA64 Z0, Z3                    \
	VMOVDQA64 Z0, Z4                    \
	VMOVDQA64 Z0, Z5                    \
	VMOVDQA64 Z0, Z6                    \
	VMOVDQA64 Z0, Z7                    \
	VMOVDQA64 Z0, Z8                    \
	VMOVDQA64 Z0, Z9                    \
	VMOVDQA64 Z0, Z10                   \
	VMOVDQA64 Z0, Z11

#define SCALE1(sum, dw, acc) \
	VFMADD213PS Z31, Z30, sum \
	VFMADD231PS dw, sum, acc

#define SCALE(t, a, b, c, x, y, z) \
	VBROADCASTSS (4*t)(R10), Z30     \
	VBROADCASTSS (128+4*t)(R10), Z31 \
	SCALE1(a, Z27, x)                \
	SCALE1(b, Z28, y)                \
	SCALE1(c, Z29, z)

#define SCALES(pitch) \
	VMOVUPS (BX), Z27         \
	VMOVUPS pitch(BX), Z28    \
	VMOVUPS (2*pitch)(BX), Z29 \
	SCALE(0, Z0, Z4, Z8, Z12, Z16, Z20)  \
	SCALE(1, Z1, Z5, Z9, Z13, Z17, Z21)  \
	SCALE(2, Z2, Z6, Z10, Z14, Z18, Z22) \
	SCALE(3, Z3, Z7, Z11, Z15, Z19, Z23)

// func gemmOffsetFMA(a *gemmArgs)
TEXT ·gemmOffsetFMA(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI   // weights
	MOVQ 8(DX), R8   // scales
	MOVQ 16(DX), DI  // activations
	MOVQ 40(DX), R11 // base
	MOVQ 48(DX), R12 // C
	MOVQ 56(DX), CX  // tiles
tile:
	MOVQ 24(DX), AX
	MOVQ 96(DX), R9
	VPBROADCASTD ·gemmConst<>+0(SB), Z27
	STARTS(0)
	STARTS(64)
	ADDQ $128, AX
	MOVQ AX, 24(DX)
	POWERS
	ZEROACC
	MOVQ SI, AX
	MOVQ R8, BX
	MOVQ 64(DX), R13 // blocks
block:
	INIT
	GROUP(0)
	GROUP(1)
	GROUP(2)
	GROUP(3)
	GROUP(4)
	GROUP(5)
	GROUP(6)
	GROUP(7)
	SCALES(512)
	ADDQ $512, AX
	ADDQ $64, BX
	ADDQ $128, DI
	ADDQ $16, R9
	ADDQ $16, R10
	DECQ R13
	JNZ  block
	FINISHALL
	ADDQ $16, R11
	ADDQ $768, R12
	DECQ CX
	JNZ  tile
	VZEROUPPER
	RET

// func gemmOffset16FMA(a *gemmArgs): blocks of 16 channels (q6_k); the init plane
// has 16 entries per tile, two of them share an exponent.
TEXT ·gemmOffset16FMA(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 8(DX), R8
	MOVQ 16(DX), DI
	MOVQ 40(DX), R11
	MOVQ 48(DX), R12
	MOVQ 56(DX), CX
tile:
	MOVQ 24(DX), AX
	MOVQ 96(DX), R9
	VPBROADCASTD ·gemmConst<>+0(SB), Z27
	STARTS(0)
	STARTS(64)
	STARTS(128)
	STARTS(192)
	ADDQ $256, AX
	MOVQ AX, 24(DX)
	POWERS
	ZEROACC
	MOVQ SI, AX
	MOVQ R8, BX
	MOVQ 64(DX), R13
block:
	INIT
	GROUP(0)
	GROUP(1)
	GROUP(2)
	GROUP(3)
	SCALES(1024)
	ADDQ $16, R9
	ADDQ $64, BX
	INIT
	GROUP(4)
	GROUP(5)
	GROUP(6)
	GROUP(7)
	SCALES(1024)
	ADDQ $16, R9
	ADDQ $64, BX
	ADDQ $512, AX
	ADDQ $128, DI
	ADDQ $16, R10
	DECQ R13
	JNZ  block
	FINISHALL
	ADDQ $16, R11
	ADDQ $768, R12
	DECQ CX
	JNZ  tile
	VZEROUPPER
	RET

// func gemmMinFMA(a *gemmArgs): q4_k and q5_k. init is the minpair plane; mins
// are int16 pairs [3][4][16][2] and dmin f32 [3][16], scaled by 1/8.
TEXT ·gemmMinFMA(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 8(DX), R8
	MOVQ 16(DX), DI
	MOVQ 40(DX), R11
	MOVQ 48(DX), R12
	MOVQ 56(DX), CX
tile:
	MOVQ 96(DX), R9
	POWERS
	ZEROACC
	MOVQ SI, AX
	MOVQ R8, BX
	MOVQ $8, R13
block:
	MAGICSUMS
	GROUP(0)
	GROUP(1)
	GROUP(2)
	GROUP(3)
	GROUP(4)
	GROUP(5)
	GROUP(6)
	GROUP(7)
	SCALES(512)
	ADDQ $512, AX
	ADDQ $64, BX
	ADDQ $128, DI
	ADDQ $16, R10
	DECQ R13
	JNZ  block
	ZEROSUMS
	MOVQ 24(DX), R9 // minpair plane
	MOVQ 80(DX), BX // mins
	MINPAIR(0)
	MINPAIR(1)
	MINPAIR(2)
	MINPAIR(3)
	MOVQ R9, 24(DX)
	MOVQ 88(DX), BX // dmin
	VMOVUPS (BX), Z27
	VMOVUPS 64(BX), Z28
	VMOVUPS 128(BX), Z29
	MINSUB(Z0, Z27, Z12)
	MINSUB(Z1, Z27, Z13)
	MINSUB(Z2, Z27, Z14)
	MINSUB(Z3, Z27, Z15)
	MINSUB(Z4, Z28, Z16)
	MINSUB(Z5, Z28, Z17)
	MINSUB(Z6, Z28, Z18)
	MINSUB(Z7, Z28, Z19)
	MINSUB(Z8, Z29, Z20)
	MINSUB(Z9, Z29, Z21)
	MINSUB(Z10, Z29, Z22)
	MINSUB(Z11, Z29, Z23)
	FINISHALL
	ADDQ $16, R11
	ADDQ $768, R12
	DECQ CX
	JNZ  tile
	VZEROUPPER
	RET

// func gemmMinFFMA(a *gemmArgs): q4_1 and q5_1. init is the bsum plane; mins are
// f32 [3][8][16].
TEXT ·gemmMinFFMA(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 8(DX), R8
	MOVQ 16(DX), DI
	MOVQ 40(DX), R11
	MOVQ 48(DX), R12
	MOVQ 56(DX), CX
tile:
	MOVQ 96(DX), R9
	POWERS
	ZEROACC
	MOVQ SI, AX
	MOVQ R8, BX
	MOVQ 64(DX), R13
block:
	MAGICSUMS
	GROUP(0)
	GROUP(1)
	GROUP(2)
	GROUP(3)
	GROUP(4)
	GROUP(5)
	GROUP(6)
	GROUP(7)
	SCALES(512)
	ADDQ $512, AX
	ADDQ $64, BX
	ADDQ $128, DI
	ADDQ $16, R10
	DECQ R13
	JNZ  block
	MOVQ 24(DX), R9 // bsum plane
	MOVQ 80(DX), BX
	MOVQ 64(DX), R13
min:
	VMOVUPS (BX), Z27
	VMOVUPS 512(BX), Z28
	VMOVUPS 1024(BX), Z29
	FMIN(0, Z30, Z12, Z16, Z20)
	FMIN(1, Z31, Z13, Z17, Z21)
	FMIN(2, Z30, Z14, Z18, Z22)
	FMIN(3, Z31, Z15, Z19, Z23)
	ADDQ $64, BX
	ADDQ $16, R9
	DECQ R13
	JNZ  min
	ADDQ 72(DX), R9 // blocks a short slab lacks
	MOVQ R9, 24(DX)
	FINISHALL
	ADDQ $16, R11
	ADDQ $768, R12
	DECQ CX
	JNZ  tile
	VZEROUPPER
	RET
