#include "textflag.h"

// GEMM kernels, AVX-512 VNNI: 3 panels (48 rows) by 4 tokens over one slab.
//
// Registers: Z0-Z11 int32 sums [panel][token], Z12-Z23 f32 slab accumulators,
// Z24-Z26 weights of one K4 group, Z27-Z29 scales of one block, Z30 and Z31
// broadcasts. Weights are unsigned bytes w·2^s + 128 (offset form; the sums
// start at -128·Σq, the 2^-s is in the scale) or plain 0..31 (min form; sums
// start at 0). |sum| < 2^20 before and 2^23 after the 128s: exact in int32 and f32.
//
//	AX weights of the block (panels 4096 bytes apart)   BX scales of the block
//	DI activations   R9 init plane   R10 exponent plane   R11 base plane
//	R12 C tile [4][48]   CX tiles left   R13 blocks left

#define DOT4(o, t, z, a, b, c) \
	VPBROADCASTD (o+4*t)(DI), z \
	VPDPBUSD z, Z24, a          \
	VPDPBUSD z, Z25, b          \
	VPDPBUSD z, Z26, c

#define GROUP(i) \
	VMOVDQU64 (64*i)(AX), Z24      \
	VMOVDQU64 (4096+64*i)(AX), Z25 \
	VMOVDQU64 (8192+64*i)(AX), Z26 \
	DOT4(16*i, 0, Z30, Z0, Z4, Z8) \
	DOT4(16*i, 1, Z31, Z1, Z5, Z9) \
	DOT4(16*i, 2, Z30, Z2, Z6, Z10) \
	DOT4(16*i, 3, Z31, Z3, Z7, Z11)

#define INIT \
	VPBROADCASTD 0(R9), Z0  \
	VPBROADCASTD 4(R9), Z1  \
	VPBROADCASTD 8(R9), Z2  \
	VPBROADCASTD 12(R9), Z3 \
	VMOVDQA64 Z0, Z4        \
	VMOVDQA64 Z1, Z5        \
	VMOVDQA64 Z2, Z6        \
	VMOVDQA64 Z3, Z7        \
	VMOVDQA64 Z0, Z8        \
	VMOVDQA64 Z1, Z9        \
	VMOVDQA64 Z2, Z10       \
	VMOVDQA64 Z3, Z11

#define ZEROSUMS \
	VPXORD Z0, Z0, Z0    \
	VPXORD Z1, Z1, Z1    \
	VPXORD Z2, Z2, Z2    \
	VPXORD Z3, Z3, Z3    \
	VPXORD Z4, Z4, Z4    \
	VPXORD Z5, Z5, Z5    \
	VPXORD Z6, Z6, Z6    \
	VPXORD Z7, Z7, Z7    \
	VPXORD Z8, Z8, Z8    \
	VPXORD Z9, Z9, Z9    \
	VPXORD Z10, Z10, Z10 \
	VPXORD Z11, Z11, Z11

#define ZEROACC \
	VPXORD Z12, Z12, Z12 \
	VPXORD Z13, Z13, Z13 \
	VPXORD Z14, Z14, Z14 \
	VPXORD Z15, Z15, Z15 \
	VPXORD Z16, Z16, Z16 \
	VPXORD Z17, Z17, Z17 \
	VPXORD Z18, Z18, Z18 \
	VPXORD Z19, Z19, Z19 \
	VPXORD Z20, Z20, Z20 \
	VPXORD Z21, Z21, Z21 \
	VPXORD Z22, Z22, Z22 \
	VPXORD Z23, Z23, Z23

// acc = fma(float(sum), dw·2^-e, acc); the exponent is added as an integer.
#define SCALE1(sum, dw, acc) \
	VCVTDQ2PS sum, sum        \
	VPADDD Z30, dw, Z31       \
	VFMADD231PS Z31, sum, acc

#define SCALE(t, a, b, c, x, y, z) \
	VPBROADCASTD (4*t)(R10), Z30 \
	SCALE1(a, Z27, x)            \
	SCALE1(b, Z28, y)            \
	SCALE1(c, Z29, z)

#define SCALES(pitch) \
	VMOVUPS (BX), Z27         \
	VMOVUPS pitch(BX), Z28    \
	VMOVUPS (2*pitch)(BX), Z29 \
	SCALE(0, Z0, Z4, Z8, Z12, Z16, Z20)  \
	SCALE(1, Z1, Z5, Z9, Z13, Z17, Z21)  \
	SCALE(2, Z2, Z6, Z10, Z14, Z18, Z22) \
	SCALE(3, Z3, Z7, Z11, Z15, Z19, Z23)

// C = fma(acc, base, C) for token t.
#define FINISH(t, a, b, c) \
	VBROADCASTSS (4*t)(R11), Z30     \
	VMOVUPS (192*t)(R12), Z24        \
	VMOVUPS (192*t+64)(R12), Z25     \
	VMOVUPS (192*t+128)(R12), Z26    \
	VFMADD231PS Z30, a, Z24          \
	VFMADD231PS Z30, b, Z25          \
	VFMADD231PS Z30, c, Z26          \
	VMOVUPS Z24, (192*t)(R12)        \
	VMOVUPS Z25, (192*t+64)(R12)     \
	VMOVUPS Z26, (192*t+128)(R12)

#define FINISHALL \
	FINISH(0, Z12, Z16, Z20) \
	FINISH(1, Z13, Z17, Z21) \
	FINISH(2, Z14, Z18, Z22) \
	FINISH(3, Z15, Z19, Z23)

// func gemmOffset(a *gemmArgs)
TEXT ·gemmOffset(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI   // weights
	MOVQ 8(DX), R8   // scales
	MOVQ 16(DX), DI  // activations
	MOVQ 24(DX), R9  // init
	MOVQ 32(DX), R10 // exp
	MOVQ 40(DX), R11 // base
	MOVQ 48(DX), R12 // C
	MOVQ 56(DX), CX  // tiles
tile:
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
	MOVQ 72(DX), R13 // plane bytes of the missing blocks
	ADDQ R13, R9
	ADDQ R13, R10
	ADDQ $16, R11
	ADDQ $768, R12
	DECQ CX
	JNZ  tile
	VZEROUPPER
	RET

// func gemmOffset16(a *gemmArgs): blocks of 16 channels (q6_k); the init plane
// has 16 entries per tile, two of them share an exponent.
TEXT ·gemmOffset16(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 8(DX), R8
	MOVQ 16(DX), DI
	MOVQ 24(DX), R9
	MOVQ 32(DX), R10
	MOVQ 40(DX), R11
	MOVQ 48(DX), R12
	MOVQ 56(DX), CX
tile:
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

#define MINDOT(t, z, a, b, c) \
	VPBROADCASTD (4*t)(R9), z \
	VPDPWSSD z, Z24, a        \
	VPDPWSSD z, Z25, b        \
	VPDPWSSD z, Z26, c

#define MINPAIR(p) \
	VMOVDQU64 (64*p)(BX), Z24     \
	VMOVDQU64 (256+64*p)(BX), Z25 \
	VMOVDQU64 (512+64*p)(BX), Z26 \
	MINDOT(0, Z30, Z0, Z4, Z8)    \
	MINDOT(1, Z31, Z1, Z5, Z9)    \
	MINDOT(2, Z30, Z2, Z6, Z10)   \
	MINDOT(3, Z31, Z3, Z7, Z11)   \
	ADDQ $16, R9

// acc = fma(-float(sum), dmin/8, acc)
#define MINSUB(sum, dmin, acc) \
	VCVTDQ2PS sum, sum          \
	VFNMADD231PS dmin, sum, acc

// func gemmMin(a *gemmArgs): q4_k and q5_k. init is the minpair plane; mins
// are int16 pairs [3][4][16][2] and dmin f32 [3][16], scaled by 1/8.
TEXT ·gemmMin(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 8(DX), R8
	MOVQ 16(DX), DI
	MOVQ 24(DX), R9
	MOVQ 32(DX), R10
	MOVQ 40(DX), R11
	MOVQ 48(DX), R12
	MOVQ 56(DX), CX
tile:
	ZEROACC
	MOVQ SI, AX
	MOVQ R8, BX
	MOVQ $8, R13
block:
	ZEROSUMS
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
	MOVQ 80(DX), BX // mins
	MINPAIR(0)
	MINPAIR(1)
	MINPAIR(2)
	MINPAIR(3)
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

#define FMIN(t, z, a, b, c) \
	VBROADCASTSS (4*t)(R9), z \
	VFMADD231PS z, Z27, a     \
	VFMADD231PS z, Z28, b     \
	VFMADD231PS z, Z29, c

// func gemmMinF(a *gemmArgs): q4_1 and q5_1. init is the bsum plane; mins are
// f32 [3][8][16].
TEXT ·gemmMinF(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 8(DX), R8
	MOVQ 16(DX), DI
	MOVQ 24(DX), R9
	MOVQ 32(DX), R10
	MOVQ 40(DX), R11
	MOVQ 48(DX), R12
	MOVQ 56(DX), CX
tile:
	ZEROACC
	MOVQ SI, AX
	MOVQ R8, BX
	MOVQ 64(DX), R13
block:
	ZEROSUMS
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
	FINISHALL
	MOVQ 72(DX), R13
	ADDQ R13, R9
	ADDQ R13, R10
	ADDQ $16, R11
	ADDQ $768, R12
	DECQ CX
	JNZ  tile
	VZEROUPPER
	RET
