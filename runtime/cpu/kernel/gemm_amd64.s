#include "textflag.h"
#include "gemm_amd64.h"

// GEMM kernels, AVX-512 VNNI, for cores whose integer adds and conversions do
// not compete with dot products (AMD Zen 4 and 5): the scale of a block gets
// the exponent of the token by an integer add. R9 init plane, R10 exponents.

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

// func storeRows3(dst *float32, stride int, src *float32, n int): n rows of 48
// floats, stride bytes apart in dst, contiguous in src
TEXT ·storeRows3(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
loop:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VMOVUPS 128(SI), Z2
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	ADDQ $192, SI
	ADDQ R8, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
