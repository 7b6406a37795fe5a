#include "textflag.h"

// Float kernels, AVX2. The chains of one slab start at +0 and are added to C.

// GEMM: one panel of f32 weights [channel][16] by six or four tokens. A tile of
// c4 holds 16 bytes per token and group of 4 channels; tokens come in pairs, each
// pair with its own pointer, so that six may straddle two tiles.
//
//	SI weights   DI, R8, R9 token pairs   DX C [tokens][16]   CX groups left
//	Y0-Y11 sums [token][half]   Y12, Y13 weights   Y14, Y15 activations

#define TOKEN(p, o, y, lo, hi) \
	VBROADCASTSS o(p), y   \
	VFMADD231PS y, Y12, lo \
	VFMADD231PS y, Y13, hi

#define WEIGHTS(j) \
	VMOVUPS (64*j)(SI), Y12    \
	VMOVUPS (64*j+32)(SI), Y13

#define SIX(j) \
	WEIGHTS(j)                         \
	TOKEN(DI, (4*j), Y14, Y0, Y1)      \
	TOKEN(DI, (4*j+16), Y15, Y2, Y3)   \
	TOKEN(R8, (4*j), Y14, Y4, Y5)      \
	TOKEN(R8, (4*j+16), Y15, Y6, Y7)   \
	TOKEN(R9, (4*j), Y14, Y8, Y9)      \
	TOKEN(R9, (4*j+16), Y15, Y10, Y11)

#define FOUR(j) \
	WEIGHTS(j)                         \
	TOKEN(DI, (4*j), Y14, Y0, Y1)      \
	TOKEN(DI, (4*j+16), Y15, Y2, Y3)   \
	TOKEN(R8, (4*j), Y14, Y4, Y5)      \
	TOKEN(R8, (4*j+16), Y15, Y6, Y7)

#define ADDC(t, lo, hi) \
	VADDPS (64*t)(DX), lo, lo    \
	VADDPS (64*t+32)(DX), hi, hi \
	VMOVUPS lo, (64*t)(DX)       \
	VMOVUPS hi, (64*t+32)(DX)

#define ZERO8 \
	VXORPS Y0, Y0, Y0 \
	VXORPS Y1, Y1, Y1 \
	VXORPS Y2, Y2, Y2 \
	VXORPS Y3, Y3, Y3 \
	VXORPS Y4, Y4, Y4 \
	VXORPS Y5, Y5, Y5 \
	VXORPS Y6, Y6, Y6 \
	VXORPS Y7, Y7, Y7

// func gemmFloat256x6(w, x0, x1, x2, c *float32, groups int)
TEXT ·gemmFloat256x6(SB), NOSPLIT, $0-48
	MOVQ w+0(FP), SI
	MOVQ x0+8(FP), DI
	MOVQ x1+16(FP), R8
	MOVQ x2+24(FP), R9
	MOVQ c+32(FP), DX
	MOVQ groups+40(FP), CX
	ZERO8
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11
loop:
	SIX(0)
	SIX(1)
	SIX(2)
	SIX(3)
	ADDQ $256, SI
	ADDQ $64, DI
	ADDQ $64, R8
	ADDQ $64, R9
	DECQ CX
	JNZ  loop
	ADDC(0, Y0, Y1)
	ADDC(1, Y2, Y3)
	ADDC(2, Y4, Y5)
	ADDC(3, Y6, Y7)
	ADDC(4, Y8, Y9)
	ADDC(5, Y10, Y11)
	VZEROUPPER
	RET

// func gemmFloat256x4(w, x, c *float32, groups int): one tile
TEXT ·gemmFloat256x4(SB), NOSPLIT, $0-32
	MOVQ w+0(FP), SI
	MOVQ x+8(FP), DI
	MOVQ c+16(FP), DX
	MOVQ groups+24(FP), CX
	LEAQ 32(DI), R8
	ZERO8
loop:
	FOUR(0)
	FOUR(1)
	FOUR(2)
	FOUR(3)
	ADDQ $256, SI
	ADDQ $64, DI
	ADDQ $64, R8
	DECQ CX
	JNZ  loop
	ADDC(0, Y0, Y1)
	ADDC(1, Y2, Y3)
	ADDC(2, Y4, Y5)
	ADDC(3, Y6, Y7)
	VZEROUPPER
	RET

// GEMV: one panel by one token, records read in place, two slabs in flight to
// hide the latency of their chains, or one.
//
//	SI, AX weights of the slabs   DI, R8 activations   DX C [16]   CX channel pairs left
//	Y0, Y1 and Y2, Y3 sums of the slabs   Y15 mask of bf16

DATA ·upper256<>+0(SB)/4, $0xffff0000
GLOBL ·upper256<>(SB), RODATA|NOPTR, $4

#define MULADD(x, o, a, b, lo, hi) \
	VBROADCASTSS o(x), Y12 \
	VFMADD231PS Y12, a, lo \
	VFMADD231PS Y12, b, hi

#define PAIRF16(w, x, lo, hi) \
	PREFETCHT0 2048(w)               \
	VCVTPH2PS (w), Y4                \
	VCVTPH2PS 16(w), Y5              \
	VCVTPH2PS 32(w), Y6              \
	VCVTPH2PS 48(w), Y7              \
	MULADD(x, 0, Y4, Y5, lo, hi)     \
	MULADD(x, 4, Y6, Y7, lo, hi)

#define PAIRBF16(w, x, lo, hi) \
	PREFETCHT0 2048(w)               \
	VMOVDQU (w), Y6                  \
	VMOVDQU 32(w), Y7                \
	VPSLLD $16, Y6, Y4               \
	VPSLLD $16, Y7, Y5               \
	VPAND Y15, Y6, Y6                \
	VPAND Y15, Y7, Y7                \
	MULADD(x, 0, Y4, Y5, lo, hi)     \
	MULADD(x, 4, Y6, Y7, lo, hi)

#define PAIRF32(w, x, lo, hi) \
	PREFETCHT0 2048(w)               \
	PREFETCHT0 2112(w)               \
	VMOVUPS (w), Y4                  \
	VMOVUPS 32(w), Y5                \
	VMOVUPS 64(w), Y6                \
	VMOVUPS 96(w), Y7                \
	MULADD(x, 0, Y4, Y5, lo, hi)     \
	MULADD(x, 4, Y6, Y7, lo, hi)

#define GEMV1(PAIR, size) \
	MOVQ a+0(FP), BX                \
	MOVQ 0(BX), SI                  \
	MOVQ 16(BX), DI                 \
	MOVQ 24(BX), DX                 \
	MOVQ 32(BX), CX                 \
	VPBROADCASTD ·upper256<>(SB), Y15 \
	VXORPS Y0, Y0, Y0               \
	VXORPS Y1, Y1, Y1               \
loop:                                   \
	PAIR(SI, DI, Y0, Y1)            \
	ADDQ $size, SI                  \
	ADDQ $8, DI                     \
	DECQ CX                         \
	JNZ  loop                       \
	ADDC(0, Y0, Y1)                 \
	VZEROUPPER                      \
	RET

#define GEMV2(PAIR, size) \
	MOVQ a+0(FP), BX                \
	MOVQ 0(BX), SI                  \
	MOVQ SI, AX                     \
	ADDQ 8(BX), AX                  \
	MOVQ 16(BX), DI                 \
	LEAQ 1024(DI), R8               \
	MOVQ 24(BX), DX                 \
	MOVQ $64, CX                    \
	VPBROADCASTD ·upper256<>(SB), Y15 \
	VXORPS Y0, Y0, Y0               \
	VXORPS Y1, Y1, Y1               \
	VXORPS Y2, Y2, Y2               \
	VXORPS Y3, Y3, Y3               \
loop:                                   \
	PAIR(SI, DI, Y0, Y1)            \
	PAIR(AX, R8, Y2, Y3)            \
	ADDQ $size, SI                  \
	ADDQ $8, DI                     \
	ADDQ $size, AX                  \
	ADDQ $8, R8                     \
	PAIR(SI, DI, Y0, Y1)            \
	PAIR(AX, R8, Y2, Y3)            \
	ADDQ $size, SI                  \
	ADDQ $8, DI                     \
	ADDQ $size, AX                  \
	ADDQ $8, R8                     \
	DECQ CX                         \
	JNZ  loop                       \
	VADDPS (DX), Y0, Y0             \
	VADDPS 32(DX), Y1, Y1           \
	VADDPS Y2, Y0, Y0               \
	VADDPS Y3, Y1, Y1               \
	VMOVUPS Y0, (DX)                \
	VMOVUPS Y1, 32(DX)              \
	VZEROUPPER                      \
	RET

// func gemv256F16(a *gemvFloatArgs)
TEXT ·gemv256F16(SB), NOSPLIT, $0-8
	GEMV1(PAIRF16, 64)

// func gemv256BF16(a *gemvFloatArgs)
TEXT ·gemv256BF16(SB), NOSPLIT, $0-8
	GEMV1(PAIRBF16, 64)

// func gemv256F32(a *gemvFloatArgs)
TEXT ·gemv256F32(SB), NOSPLIT, $0-8
	GEMV1(PAIRF32, 128)

// func gemv256F16x2(a *gemvFloatArgs)
TEXT ·gemv256F16x2(SB), NOSPLIT, $0-8
	GEMV2(PAIRF16, 64)

// func gemv256BF16x2(a *gemvFloatArgs)
TEXT ·gemv256BF16x2(SB), NOSPLIT, $0-8
	GEMV2(PAIRBF16, 64)

// func gemv256F32x2(a *gemvFloatArgs)
TEXT ·gemv256F32x2(SB), NOSPLIT, $0-8
	GEMV2(PAIRF32, 128)
