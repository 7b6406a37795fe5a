#include "textflag.h"
#include "vnni256_amd64.h"
#include "gemm256_amd64.h"

// GEMM kernels, AVX-VNNI. Weights are unsigned bytes without shift: 0..15,
// 0..31, 0..63, or q8_0 as stored (q+128). Sums of types with a zero point start at
// minus that times the sum of the block, which is init = -128 · sum, shifted.

#define INIT1(t, s, lo, hi) \
	VPBROADCASTD (4*t)(R9), lo \
	VPSRAD $s, lo, lo          \
	VMOVDQA lo, hi

#define INIT(s) \
	INIT1(0, s, Y0, Y1) \
	INIT1(1, s, Y2, Y3) \
	INIT1(2, s, Y4, Y5) \
	INIT1(3, s, Y6, Y7)

#define INIT8 \
	VPBROADCASTD (R9), Y0   \
	VPBROADCASTD 4(R9), Y2  \
	VPBROADCASTD 8(R9), Y4  \
	VPBROADCASTD 12(R9), Y6 \
	VMOVDQA Y0, Y1          \
	VMOVDQA Y2, Y3          \
	VMOVDQA Y4, Y5          \
	VMOVDQA Y6, Y7

#define ZERO \
	VPXOR Y0, Y0, Y0 \
	VPXOR Y1, Y1, Y1 \
	VPXOR Y2, Y2, Y2 \
	VPXOR Y3, Y3, Y3 \
	VPXOR Y4, Y4, Y4 \
	VPXOR Y5, Y5, Y5 \
	VPXOR Y6, Y6, Y6 \
	VPXOR Y7, Y7, Y7

#define GROUP(g) \
	VMOVDQU (64*g)(SI), Y8         \
	VMOVDQU (64*g+32)(SI), Y9      \
	VPBROADCASTD (16*g)(DI), Y10   \
	VPBROADCASTD (16*g+4)(DI), Y11 \
	VPBROADCASTD (16*g+8)(DI), Y12 \
	VPBROADCASTD (16*g+12)(DI), Y13 \
	DPBUSD256(10, 8, 0)            \
	DPBUSD256(10, 9, 1)            \
	DPBUSD256(11, 8, 2)            \
	DPBUSD256(11, 9, 3)            \
	DPBUSD256(12, 8, 4)            \
	DPBUSD256(12, 9, 5)            \
	DPBUSD256(13, 8, 6)            \
	DPBUSD256(13, 9, 7)

#define GROUPS8 \
	GROUP(0) \
	GROUP(1) \
	GROUP(2) \
	GROUP(3) \
	GROUP(4) \
	GROUP(5) \
	GROUP(6) \
	GROUP(7)

#define NEXTBLOCK \
	ADDQ $512, SI \
	ADDQ $64, BX  \
	ADDQ $128, DI \
	ADDQ $16, R10

#define OFFSETKERNEL(SUMS) \
	START                       \
tile:                           \
	NEWTILE                     \
block:                          \
	SUMS                        \
	GROUPS8                     \
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

#define MINKERNEL(MINS) \
	START                       \
tile:                           \
	NEWTILE                     \
block:                          \
	ZERO                        \
	GROUPS8                     \
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

// func gemm256VOffset8(a *gemm256Args): q8_0
TEXT ·gemm256VOffset8(SB), NOSPLIT, $0-8
	OFFSETKERNEL(INIT8)

// func gemm256VOffset5(a *gemm256Args): q5_0
TEXT ·gemm256VOffset5(SB), NOSPLIT, $0-8
	OFFSETKERNEL(INIT(3))

// func gemm256VOffset4(a *gemm256Args): q4_0
TEXT ·gemm256VOffset4(SB), NOSPLIT, $0-8
	OFFSETKERNEL(INIT(4))

// func gemm256VMin(a *gemm256Args): q4_1 and q5_1
TEXT ·gemm256VMin(SB), NOSPLIT, $0-8
	MINKERNEL(MINM)

// func gemm256VMinK(a *gemm256Args): q4_k and q5_k
TEXT ·gemm256VMinK(SB), NOSPLIT, $0-8
	MINKERNEL(MINK)

#define SIXTEEN(g) \
	INIT(2)       \
	GROUP(g)      \
	GROUP((g+1))  \
	GROUP((g+2))  \
	GROUP((g+3))  \
	SCALES        \
	ADDQ $64, BX  \
	ADDQ $16, R9

// func gemm256VOffset16(a *gemm256Args): q6_k, blocks of 16
TEXT ·gemm256VOffset16(SB), NOSPLIT, $0-8
	START
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
