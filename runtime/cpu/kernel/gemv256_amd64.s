#include "textflag.h"
#include "gemv256_amd64.h"

// GEMV kernels, AVX2. The int16 sums of VPMADDUBSW are widened as in
// gemm256_amd64.s: after eight groups of 4-bit values, four of 5-bit values, two of
// 6-bit values, each pair of q8_0 (|w| and sign(w)·q: 128·127·2 = 32512).

DATA ·ones16<>+0(SB)/8, $0x0001000100010001
DATA ·ones16<>+8(SB)/8, $0x0001000100010001
DATA ·ones16<>+16(SB)/8, $0x0001000100010001
DATA ·ones16<>+24(SB)/8, $0x0001000100010001
GLOBL ·ones16<>(SB), RODATA|NOPTR, $32

DATA ·masks256<>+0(SB)/4, $0x0f0f0f0f
DATA ·masks256<>+4(SB)/4, $0x10101010
DATA ·masks256<>+8(SB)/4, $0x30303030
DATA ·masks256<>+12(SB)/4, $0x80808080
GLOBL ·masks256<>(SB), RODATA|NOPTR, $16

#define BEGIN \
	VPXOR Y0, Y0, Y0 \
	VPXOR Y1, Y1, Y1

#define DOTS(g) \
	VPBROADCASTD (4*g)(DI), Y6   \
	VPBROADCASTD (4*g+4)(DI), Y7 \
	VPMADDUBSW Y6, Y2, Y2        \
	VPMADDUBSW Y6, Y3, Y3        \
	VPMADDUBSW Y7, Y4, Y4        \
	VPMADDUBSW Y7, Y5, Y5        \
	VPADDW Y2, Y0, Y0            \
	VPADDW Y3, Y1, Y1            \
	VPADDW Y4, Y0, Y0            \
	VPADDW Y5, Y1, Y1

#define MID \
	VPMADDWD ·ones16<>(SB), Y0, Y14 \
	VPMADDWD ·ones16<>(SB), Y1, Y15 \
	BEGIN

#define END \
	VPMADDWD ·ones16<>(SB), Y0, Y0 \
	VPMADDWD ·ones16<>(SB), Y1, Y1

#define ENDMID \
	END                 \
	VPADDD Y14, Y0, Y0  \
	VPADDD Y15, Y1, Y1

// group g of q8_0: Y10 = 128, Y11 = ones
#define BYTE1(g) \
	PREFETCHT0 (4096+64*g)(SI)   \
	VPXOR (64+64*g)(SI), Y10, Y2 \
	VPXOR (96+64*g)(SI), Y10, Y3 \
	VPBROADCASTD (4*g)(DI), Y6   \
	VPABSB Y2, Y4                \
	VPABSB Y3, Y5                \
	VPSIGNB Y2, Y6, Y2           \
	VPSIGNB Y3, Y6, Y3           \
	VPMADDUBSW Y2, Y4, Y2        \
	VPMADDUBSW Y3, Y5, Y3        \
	VPMADDWD Y11, Y2, Y2         \
	VPMADDWD Y11, Y3, Y3         \
	VPADDD Y2, Y0, Y0            \
	VPADDD Y3, Y1, Y1

#define BYTES(g) \
	BEGIN        \
	BYTE1(g)     \
	BYTE1((g+1)) \
	BYTE1((g+2)) \
	BYTE1((g+3)) \
	BYTE1((g+4)) \
	BYTE1((g+5)) \
	BYTE1((g+6)) \
	BYTE1((g+7))

// func gemv256Q8_0(a *gemvArgs)
TEXT ·gemv256Q8_0(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+12(SB), Y10
	VMOVDQU ·ones16<>(SB), Y11
slab:
	NEWSLAB
rec:
	BYTES(0)
	SCALE(0)
	BYTES(8)
	SCALE(1)
	STEP64(1088)
	DECQ R13
	JNZ  rec
	ENDSLAB
	TESTQ CX, CX
	JNZ  slab
	VZEROUPPER
	RET

// func gemv256Q4_0(a *gemvArgs)
TEXT ·gemv256Q4_0(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	OFFSETKERNEL(FOURBIT(64, 0), FOURBIT(64, 4), 576, 4)

// func gemv256Q4_1(a *gemvArgs)
TEXT ·gemv256Q4_1(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	MINKERNEL(FOURBIT(128, 0), FOURBIT(128, 4), 640)

// func gemv256Q5_0(a *gemvArgs)
TEXT ·gemv256Q5_0(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	VPBROADCASTD ·masks256<>+4(SB), Y10
	OFFSETKERNEL(FIVEBIT(64, 0, 576), FIVEBIT(64, 4, 640), 704, 3)

// func gemv256Q5_1(a *gemvArgs)
TEXT ·gemv256Q5_1(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	VPBROADCASTD ·masks256<>+4(SB), Y10
	MINKERNEL(FIVEBIT(128, 0, 640), FIVEBIT(128, 4, 704), 768)

// func gemv256Q4_K(a *gemvArgs)
TEXT ·gemv256Q4_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	KQKERNEL(BLOCK4K, 2368)

// func gemv256Q5_K(a *gemvArgs)
TEXT ·gemv256Q5_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	VPBROADCASTD ·masks256<>+4(SB), Y10
	KQKERNEL(BLOCK5K, 2880)

// func gemv256Q6_K(a *gemvArgs)
TEXT ·gemv256Q6_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·masks256<>+0(SB), Y11
	VPBROADCASTD ·masks256<>+8(SB), Y10
	Q6KERNEL
