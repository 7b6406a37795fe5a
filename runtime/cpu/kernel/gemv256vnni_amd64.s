#include "textflag.h"
#include "vnni256_amd64.h"
#include "gemv256_amd64.h"

// GEMV kernels, AVX-VNNI.

DATA ·masks256<>+0(SB)/4, $0x0f0f0f0f
DATA ·masks256<>+4(SB)/4, $0x10101010
DATA ·masks256<>+8(SB)/4, $0x30303030
GLOBL ·masks256<>(SB), RODATA|NOPTR, $12

#define BEGIN \
	VPXOR Y0, Y0, Y0    \
	VPXOR Y1, Y1, Y1    \
	VPXOR Y14, Y14, Y14 \
	VPXOR Y15, Y15, Y15

#define DOTS(g) \
	VPBROADCASTD (4*g)(DI), Y6   \
	VPBROADCASTD (4*g+4)(DI), Y7 \
	DPBUSD256(6, 2, 0)           \
	DPBUSD256(6, 3, 1)           \
	DPBUSD256(7, 4, 14)          \
	DPBUSD256(7, 5, 15)

#define MID

#define END \
	VPADDD Y14, Y0, Y0 \
	VPADDD Y15, Y1, Y1

#define ENDMID END

// groups g and g+1 of q8_0
#define BYTE2(g) \
	PREFETCHT0 (4096+64*g)(SI)    \
	VMOVDQU (64+64*g)(SI), Y2     \
	VMOVDQU (96+64*g)(SI), Y3     \
	PREFETCHT0 (4160+64*g)(SI)    \
	VMOVDQU (128+64*g)(SI), Y4    \
	VMOVDQU (160+64*g)(SI), Y5    \
	DOTS(g)

#define BYTES(g) \
	BEGIN        \
	BYTE2(g)     \
	BYTE2((g+2)) \
	BYTE2((g+4)) \
	BYTE2((g+6)) \
	END

// func gemv256VQ8_0(a *gemvArgs)
TEXT ·gemv256VQ8_0(SB), NOSPLIT, $0-8
	LOADARGS
	OFFSETKERNEL(BYTES(0), BYTES(8), 1088, 0)

// func gemv256VQ4_0(a *gemvArgs)
TEXT ·gemv256VQ4_0(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	OFFSETKERNEL(FOURBIT(64, 0), FOURBIT(64, 4), 576, 4)

// func gemv256VQ4_1(a *gemvArgs)
TEXT ·gemv256VQ4_1(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	MINKERNEL(FOURBIT(128, 0), FOURBIT(128, 4), 640)

// func gemv256VQ5_0(a *gemvArgs)
TEXT ·gemv256VQ5_0(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	VPBROADCASTD ·masks256<>+4(SB), Y10
	OFFSETKERNEL(FIVEBIT(64, 0, 576), FIVEBIT(64, 4, 640), 704, 3)

// func gemv256VQ5_1(a *gemvArgs)
TEXT ·gemv256VQ5_1(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	VPBROADCASTD ·masks256<>+4(SB), Y10
	MINKERNEL(FIVEBIT(128, 0, 640), FIVEBIT(128, 4, 704), 768)

// func gemv256VQ4_K(a *gemvArgs)
TEXT ·gemv256VQ4_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	KQKERNEL(BLOCK4K, 2368)

// func gemv256VQ5_K(a *gemvArgs)
TEXT ·gemv256VQ5_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	VPBROADCASTD ·masks256<>+4(SB), Y10
	KQKERNEL(BLOCK5K, 2880)

// func gemv256VQ6_K(a *gemvArgs)
TEXT ·gemv256VQ6_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	VPBROADCASTD ·masks256<>+8(SB), Y10
	Q6KERNEL
