#include "textflag.h"
#include "gemm256_amd64.h"

// GEMM kernels, AVX2. Weights of 4, 5 and 6 bits are unsigned bytes without
// shift (0..15, 0..31, 0..63); q8_0 weights and its activations are int16.
//
// VPMADDUBSW adds two products in int16 and must not saturate: 63·127·2 = 16002.
// The sums of several groups must end in range: 15·127·2·8 = 30480 for the eight
// groups of a block of 4-bit values, 31·127·2·4 = 31496 for four groups of 5-bit
// values. Those of 6-bit values start at -32 times the sum of the same activations
// (VPADDW wraps on the way) and end at 32·127·2·4 = 32512 at most. 8-bit values take VPMADDWD.

DATA ·ones16<>+0(SB)/8, $0x0001000100010001
DATA ·ones16<>+8(SB)/8, $0x0001000100010001
DATA ·ones16<>+16(SB)/8, $0x0001000100010001
DATA ·ones16<>+24(SB)/8, $0x0001000100010001
GLOBL ·ones16<>(SB), RODATA|NOPTR, $32

#define WEIGHTS(g) \
	VMOVDQU (64*g)(SI), Y8    \
	VMOVDQU (64*g+32)(SI), Y9

// first group of a run: the products start the int16 sums
#define FIRST1(o, lo, hi) \
	VPBROADCASTD o(DI), Y10 \
	VPMADDUBSW Y10, Y8, lo  \
	VPMADDUBSW Y10, Y9, hi

#define FIRST(g) \
	WEIGHTS(g)                   \
	FIRST1((16*g), Y0, Y1)       \
	FIRST1((16*g+4), Y2, Y3)     \
	FIRST1((16*g+8), Y4, Y5)     \
	FIRST1((16*g+12), Y6, Y7)

#define NEXT1(o, b, u, v, lo, hi) \
	VPBROADCASTD o(DI), b   \
	VPMADDUBSW b, Y8, u     \
	VPMADDUBSW b, Y9, v     \
	VPADDW u, lo, lo        \
	VPADDW v, hi, hi

#define NEXT(g) \
	WEIGHTS(g)                             \
	NEXT1((16*g), Y10, Y11, Y12, Y0, Y1)   \
	NEXT1((16*g+4), Y13, Y11, Y12, Y2, Y3) \
	NEXT1((16*g+8), Y10, Y11, Y12, Y4, Y5) \
	NEXT1((16*g+12), Y13, Y11, Y12, Y6, Y7)

#define WIDEN \
	VPMADDWD Y15, Y0, Y0 \
	VPMADDWD Y15, Y1, Y1 \
	VPMADDWD Y15, Y2, Y2 \
	VPMADDWD Y15, Y3, Y3 \
	VPMADDWD Y15, Y4, Y4 \
	VPMADDWD Y15, Y5, Y5 \
	VPMADDWD Y15, Y6, Y6 \
	VPMADDWD Y15, Y7, Y7

// half of a block waits in memory
#define PARK \
	VMOVDQU Y0, 256(R8) \
	VMOVDQU Y1, 288(R8) \
	VMOVDQU Y2, 320(R8) \
	VMOVDQU Y3, 352(R8) \
	VMOVDQU Y4, 384(R8) \
	VMOVDQU Y5, 416(R8) \
	VMOVDQU Y6, 448(R8) \
	VMOVDQU Y7, 480(R8)

#define UNPARK \
	VPADDD 256(R8), Y0, Y0 \
	VPADDD 288(R8), Y1, Y1 \
	VPADDD 320(R8), Y2, Y2 \
	VPADDD 352(R8), Y3, Y3 \
	VPADDD 384(R8), Y4, Y4 \
	VPADDD 416(R8), Y5, Y5 \
	VPADDD 448(R8), Y6, Y6 \
	VPADDD 480(R8), Y7, Y7

// sums of unsigned weights: minus the zero point times the sum of the block,
// which is init = -128 · sum, shifted
#define CORRECT1(t, s, lo, hi) \
	VPBROADCASTD (4*t)(R9), Y10 \
	VPSRAD $s, Y10, Y10         \
	VPADDD Y10, lo, lo          \
	VPADDD Y10, hi, hi

#define CORRECT(s) \
	CORRECT1(0, s, Y0, Y1) \
	CORRECT1(1, s, Y2, Y3) \
	CORRECT1(2, s, Y4, Y5) \
	CORRECT1(3, s, Y6, Y7)

#define FOURBIT \
	FIRST(0) \
	NEXT(1)  \
	NEXT(2)  \
	NEXT(3)  \
	NEXT(4)  \
	NEXT(5)  \
	NEXT(6)  \
	NEXT(7)  \
	WIDEN

#define FIVEBIT \
	FIRST(0) \
	NEXT(1)  \
	NEXT(2)  \
	NEXT(3)  \
	WIDEN    \
	PARK     \
	FIRST(4) \
	NEXT(5)  \
	NEXT(6)  \
	NEXT(7)  \
	WIDEN    \
	UNPARK

#define NEXTBLOCK \
	ADDQ $512, SI \
	ADDQ $64, BX  \
	ADDQ $128, DI \
	ADDQ $16, R10

#define OFFSETKERNEL(BITS, shift) \
	START                       \
	VMOVDQU ·ones16<>(SB), Y15  \
tile:                           \
	NEWTILE                     \
block:                          \
	BITS                        \
	CORRECT(shift)              \
	SCALES                      \
	NEXTBLOCK                   \
	ADDQ $16, R9                \
	DECQ CX                     \
	JNZ  block                  \
	ADDQ 72(DX), R9             \
	ADDQ 72(DX), R10            \
	LOADACC                     \
	FINISHALL                   \
	DECQ R13                    \
	JNZ  tile                   \
	VZEROUPPER                  \
	RET

#define MINKERNEL(BITS, MINS) \
	START                       \
	VMOVDQU ·ones16<>(SB), Y15  \
tile:                           \
	NEWTILE                     \
block:                          \
	BITS                        \
	SCALES                      \
	NEXTBLOCK                   \
	DECQ CX                     \
	JNZ  block                  \
	ADDQ 72(DX), R10            \
	MINS                        \
	FINISHALL                   \
	DECQ R13                    \
	JNZ  tile                   \
	VZEROUPPER                  \
	RET

// func gemm256Q4_0(a *gemm256Args)
TEXT ·gemm256Q4_0(SB), NOSPLIT, $0-8
	OFFSETKERNEL(FOURBIT, 4)

// func gemm256Q4_1(a *gemm256Args)
TEXT ·gemm256Q4_1(SB), NOSPLIT, $0-8
	MINKERNEL(FOURBIT, MINM)

// func gemm256Q4_K(a *gemm256Args)
TEXT ·gemm256Q4_K(SB), NOSPLIT, $0-8
	MINKERNEL(FOURBIT, MINK)

// func gemm256Q5_0(a *gemm256Args)
TEXT ·gemm256Q5_0(SB), NOSPLIT, $0-8
	OFFSETKERNEL(FIVEBIT, 3)

// func gemm256Q5_1(a *gemm256Args)
TEXT ·gemm256Q5_1(SB), NOSPLIT, $0-8
	MINKERNEL(FIVEBIT, MINM)

// func gemm256Q5_K(a *gemm256Args)
TEXT ·gemm256Q5_K(SB), NOSPLIT, $0-8
	MINKERNEL(FIVEBIT, MINK)

#define START6(o, c, lo, hi) \
	VPBROADCASTD o(DI), Y10 \
	VPBROADCASTD c(R9), Y11 \
	VPMADDUBSW Y10, Y8, lo  \
	VPMADDUBSW Y10, Y9, hi  \
	VPADDW Y11, lo, lo      \
	VPADDW Y11, hi, hi

// sixteen channels: four groups from g on
#define SIXTEEN(g) \
	WEIGHTS(g)                       \
	START6((16*g), 0, Y0, Y1)        \
	START6((16*g+4), 4, Y2, Y3)      \
	START6((16*g+8), 8, Y4, Y5)      \
	START6((16*g+12), 12, Y6, Y7)    \
	NEXT((g+1))                      \
	NEXT((g+2))                      \
	NEXT((g+3))                      \
	WIDEN                            \
	SCALES                           \
	ADDQ $64, BX                     \
	ADDQ $16, R9

// func gemm256Q6_K(a *gemm256Args): blocks of 16
TEXT ·gemm256Q6_K(SB), NOSPLIT, $0-8
	START
	VMOVDQU ·ones16<>(SB), Y15
tile:
	NEWTILE
block:
	SIXTEEN(0)
	SIXTEEN(4)
	ADDQ $512, SI
	ADDQ $128, DI
	ADDQ $16, R10
	DECQ CX
	JNZ  block
	LOADACC
	FINISHALL
	DECQ R13
	JNZ  tile
	VZEROUPPER
	RET

// Pairs of int16: of the four channels of a group first and third, then second
// and fourth. Weights w at 64h, activations a of four tokens.
#define WIDE1(a, lo, hi) \
	VPBROADCASTD a(DI), Y10 \
	VPMADDWD Y10, Y8, lo    \
	VPMADDWD Y10, Y9, hi

#define WIDE(a, b, u, v, lo, hi) \
	VPBROADCASTD a(DI), b \
	VPMADDWD b, Y8, u     \
	VPMADDWD b, Y9, v     \
	VPADDD u, lo, lo      \
	VPADDD v, hi, hi

#define WIDESTEP(h, a) \
	WEIGHTS(h)                          \
	WIDE(a, Y10, Y11, Y12, Y0, Y1)      \
	WIDE((a+4), Y13, Y14, Y15, Y2, Y3)  \
	WIDE((a+8), Y10, Y11, Y12, Y4, Y5)  \
	WIDE((a+12), Y13, Y14, Y15, Y6, Y7)

// func gemm256Q8_0(a *gemm256Args)
TEXT ·gemm256Q8_0(SB), NOSPLIT, $0-8
	START
tile:
	NEWTILE
block:
	WEIGHTS(0)
	WIDE1(0, Y0, Y1)
	WIDE1(4, Y2, Y3)
	WIDE1(8, Y4, Y5)
	WIDE1(12, Y6, Y7)
	WIDESTEP(1, 32)
	WIDESTEP(2, 16)
	WIDESTEP(3, 48)
	WIDESTEP(4, 64)
	WIDESTEP(5, 96)
	WIDESTEP(6, 80)
	WIDESTEP(7, 112)
	WIDESTEP(8, 128)
	WIDESTEP(9, 160)
	WIDESTEP(10, 144)
	WIDESTEP(11, 176)
	WIDESTEP(12, 192)
	WIDESTEP(13, 224)
	WIDESTEP(14, 208)
	WIDESTEP(15, 240)
	SCALES
	ADDQ $1024, SI
	ADDQ $64, BX
	ADDQ $256, DI
	ADDQ $16, R10
	DECQ CX
	JNZ  block
	ADDQ 72(DX), R10
	LOADACC
	FINISHALL
	DECQ R13
	JNZ  tile
	VZEROUPPER
	RET

// func storeRows256(dst *float32, stride int, src *float32, n int): n rows of 16
TEXT ·storeRows256(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), AX
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
loop:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ $64, SI
	ADDQ AX, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
