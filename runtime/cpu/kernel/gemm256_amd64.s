#include "textflag.h"

// GEMM kernels, AVX2: one panel (16 rows, two halves of 8) by two tokens over
// one slab. Weights are unsigned bytes without shift: 0..15, 0..31, 0..63, or
// q8_0 as stored (q+128), made signed here.
//
// VPMADDUBSW adds two products in int16 and must not saturate: 31·127·2·4 =
// 31496 for four groups of 5-bit values, 63·127·2·2 = 32004 for two groups of
// 6-bit values; q8_0 uses |w| and sign(w)·q: 128·127·2 = 32512.
//
//	SI weights   BX scales   DI activations (token pair of a c4 tile)
//	R9 correction plane   R10 exponents   CX blocks left   DX arguments
//	Y0-Y3 int16 sums [token][half]   Y4-Y7 int32 sums   Y8-Y11 slab accumulators

DATA ·ones16<>+0(SB)/8, $0x0001000100010001
DATA ·ones16<>+8(SB)/8, $0x0001000100010001
DATA ·ones16<>+16(SB)/8, $0x0001000100010001
DATA ·ones16<>+24(SB)/8, $0x0001000100010001
GLOBL ·ones16<>(SB), RODATA|NOPTR, $32

DATA ·flip8<>+0(SB)/8, $0x8080808080808080
DATA ·flip8<>+8(SB)/8, $0x8080808080808080
DATA ·flip8<>+16(SB)/8, $0x8080808080808080
DATA ·flip8<>+24(SB)/8, $0x8080808080808080
GLOBL ·flip8<>(SB), RODATA|NOPTR, $32

#define START \
	MOVQ a+0(FP), DX      \
	MOVQ 0(DX), SI        \
	MOVQ 8(DX), BX        \
	MOVQ 16(DX), DI       \
	MOVQ 24(DX), R9       \
	MOVQ 32(DX), R10      \
	MOVQ 56(DX), CX       \
	VXORPS Y8, Y8, Y8     \
	VXORPS Y9, Y9, Y9     \
	VXORPS Y10, Y10, Y10  \
	VXORPS Y11, Y11, Y11

// first group of a run: the products start the int16 sums
#define FIRST(i) \
	VMOVDQU (64*i)(SI), Y12      \
	VMOVDQU (64*i+32)(SI), Y13   \
	VPBROADCASTD (16*i)(DI), Y14 \
	VPBROADCASTD (16*i+4)(DI), Y15 \
	VPMADDUBSW Y14, Y12, Y0      \
	VPMADDUBSW Y14, Y13, Y1      \
	VPMADDUBSW Y15, Y12, Y2      \
	VPMADDUBSW Y15, Y13, Y3

#define NEXT(i) \
	VMOVDQU (64*i)(SI), Y12      \
	VMOVDQU (64*i+32)(SI), Y13   \
	VPBROADCASTD (16*i)(DI), Y14 \
	VPMADDUBSW Y14, Y12, Y15     \
	VPADDW Y15, Y0, Y0           \
	VPMADDUBSW Y14, Y13, Y15     \
	VPADDW Y15, Y1, Y1           \
	VPBROADCASTD (16*i+4)(DI), Y14 \
	VPMADDUBSW Y14, Y12, Y15     \
	VPADDW Y15, Y2, Y2           \
	VPMADDUBSW Y14, Y13, Y15     \
	VPADDW Y15, Y3, Y3

#define WIDEN \
	VPMADDWD ·ones16<>(SB), Y0, Y4 \
	VPMADDWD ·ones16<>(SB), Y1, Y5 \
	VPMADDWD ·ones16<>(SB), Y2, Y6 \
	VPMADDWD ·ones16<>(SB), Y3, Y7

#define WIDENADD \
	VPMADDWD ·ones16<>(SB), Y0, Y0 \
	VPMADDWD ·ones16<>(SB), Y1, Y1 \
	VPMADDWD ·ones16<>(SB), Y2, Y2 \
	VPMADDWD ·ones16<>(SB), Y3, Y3 \
	VPADDD Y0, Y4, Y4 \
	VPADDD Y1, Y5, Y5 \
	VPADDD Y2, Y6, Y6 \
	VPADDD Y3, Y7, Y7

// the sums of token t get corr >> shift, masked (no correction: mask 0)
#define CORRECT(t, lo, hi) \
	VPBROADCASTD (4*t)(R9), Y12 \
	VPSRAD X14, Y12, Y12        \
	VPAND Y13, Y12, Y12         \
	VPADDD Y12, lo, lo          \
	VPADDD Y12, hi, hi

#define CORRECTIONS \
	VMOVD 64(DX), X14         \
	VPBROADCASTD 72(DX), Y13  \
	CORRECT(0, Y4, Y5)        \
	CORRECT(1, Y6, Y7)

// acc = fma(float(sum), dw·2^-e, acc)
#define SCALE(t, lo, hi, alo, ahi) \
	VPBROADCASTD (4*t)(R10), Y12 \
	VCVTDQ2PS lo, lo             \
	VCVTDQ2PS hi, hi             \
	VPADDD (BX), Y12, Y13        \
	VPADDD 32(BX), Y12, Y14      \
	VFMADD231PS Y13, lo, alo     \
	VFMADD231PS Y14, hi, ahi

#define SCALES \
	SCALE(0, Y4, Y5, Y8, Y9)   \
	SCALE(1, Y6, Y7, Y10, Y11)

// C = fma(acc, base, C)
#define FINISH(t, lo, hi) \
	VBROADCASTSS (4*t)(R11), Y12  \
	VMOVUPS (64*t)(DI), Y13       \
	VMOVUPS (64*t+32)(DI), Y14    \
	VFMADD231PS Y12, lo, Y13      \
	VFMADD231PS Y12, hi, Y14      \
	VMOVUPS Y13, (64*t)(DI)       \
	VMOVUPS Y14, (64*t+32)(DI)

#define FINISHALL \
	MOVQ 40(DX), R11      \
	MOVQ 48(DX), DI       \
	FINISH(0, Y8, Y9)     \
	FINISH(1, Y10, Y11)   \
	VZEROUPPER            \
	RET

// func gemm256(a *gemm256Args): 4- and 5-bit weights, blocks of 32
TEXT ·gemm256(SB), NOSPLIT, $0-8
	START
block:
	FIRST(0)
	NEXT(1)
	NEXT(2)
	NEXT(3)
	WIDEN
	FIRST(4)
	NEXT(5)
	NEXT(6)
	NEXT(7)
	WIDENADD
	CORRECTIONS
	SCALES
	ADDQ $512, SI
	ADDQ $64, BX
	ADDQ $128, DI
	ADDQ $16, R9
	ADDQ $16, R10
	DECQ CX
	JNZ  block

	// mins: 80(DX) int16 pairs [4][16][2] or 96(DX) f32 [blocks][16], or none
	MOVQ 80(DX), SI
	TESTQ SI, SI
	JZ   minf
	MOVQ 88(DX), R9
	MOVQ $4, CX
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5
	VPXOR Y6, Y6, Y6
	VPXOR Y7, Y7, Y7
pair:
	VPBROADCASTD (R9), Y12
	VPBROADCASTD 4(R9), Y13
	VPMADDWD (SI), Y12, Y0
	VPMADDWD 32(SI), Y12, Y1
	VPMADDWD (SI), Y13, Y2
	VPMADDWD 32(SI), Y13, Y3
	VPADDD Y0, Y4, Y4
	VPADDD Y1, Y5, Y5
	VPADDD Y2, Y6, Y6
	VPADDD Y3, Y7, Y7
	ADDQ $64, SI
	ADDQ $16, R9
	DECQ CX
	JNZ  pair
	MOVQ 104(DX), SI // dmin
	VMOVUPS (SI), Y12
	VMOVUPS 32(SI), Y13
	VCVTDQ2PS Y4, Y4
	VCVTDQ2PS Y5, Y5
	VCVTDQ2PS Y6, Y6
	VCVTDQ2PS Y7, Y7
	VFNMADD231PS Y12, Y4, Y8
	VFNMADD231PS Y13, Y5, Y9
	VFNMADD231PS Y12, Y6, Y10
	VFNMADD231PS Y13, Y7, Y11
	JMP  done
minf:
	MOVQ 96(DX), SI
	TESTQ SI, SI
	JZ   done
	MOVQ 88(DX), R9
	MOVQ 56(DX), CX
minloop:
	VMOVUPS (SI), Y12
	VMOVUPS 32(SI), Y13
	VBROADCASTSS (R9), Y14
	VBROADCASTSS 4(R9), Y15
	VFMADD231PS Y12, Y14, Y8
	VFMADD231PS Y13, Y14, Y9
	VFMADD231PS Y12, Y15, Y10
	VFMADD231PS Y13, Y15, Y11
	ADDQ $64, SI
	ADDQ $16, R9
	DECQ CX
	JNZ  minloop
done:
	FINISHALL

#define SIXTEEN(i, j, k, l) \
	FIRST(i)      \
	NEXT(j)       \
	WIDEN         \
	FIRST(k)      \
	NEXT(l)       \
	WIDENADD      \
	CORRECTIONS   \
	SCALES        \
	ADDQ $64, BX  \
	ADDQ $16, R9

// func gemm256x16(a *gemm256Args): 6-bit weights, blocks of 16 (q6_k)
TEXT ·gemm256x16(SB), NOSPLIT, $0-8
	START
block:
	SIXTEEN(0, 1, 2, 3)
	SIXTEEN(4, 5, 6, 7)
	ADDQ $512, SI
	ADDQ $128, DI
	ADDQ $16, R10
	DECQ CX
	JNZ  block
	FINISHALL

#define SIGNED(t, w, abs, sum) \
	VPSIGNB w, t, Y2               \
	VPMADDUBSW Y2, abs, Y2         \
	VPMADDWD ·ones16<>(SB), Y2, Y2 \
	VPADDD Y2, sum, sum

#define EIGHTBIT(i) \
	VMOVDQU (64*i)(SI), Y12            \
	VMOVDQU (64*i+32)(SI), Y13         \
	VPXOR ·flip8<>(SB), Y12, Y12       \
	VPXOR ·flip8<>(SB), Y13, Y13       \
	VPABSB Y12, Y14                    \
	VPABSB Y13, Y15                    \
	VPBROADCASTD (16*i)(DI), Y0        \
	VPBROADCASTD (16*i+4)(DI), Y1      \
	SIGNED(Y0, Y12, Y14, Y4)           \
	SIGNED(Y0, Y13, Y15, Y5)           \
	SIGNED(Y1, Y12, Y14, Y6)           \
	SIGNED(Y1, Y13, Y15, Y7)

// func gemm256x8(a *gemm256Args): 8-bit weights (q8_0)
TEXT ·gemm256x8(SB), NOSPLIT, $0-8
	START
block:
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5
	VPXOR Y6, Y6, Y6
	VPXOR Y7, Y7, Y7
	EIGHTBIT(0)
	EIGHTBIT(1)
	EIGHTBIT(2)
	EIGHTBIT(3)
	EIGHTBIT(4)
	EIGHTBIT(5)
	EIGHTBIT(6)
	EIGHTBIT(7)
	SCALES
	ADDQ $512, SI
	ADDQ $64, BX
	ADDQ $128, DI
	ADDQ $16, R10
	DECQ CX
	JNZ  block
	FINISHALL

// Expansion: DI bytes out, SI nibble vectors, CX vectors left.

DATA ·low4<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA ·low4<>+8(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA ·low4<>+16(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA ·low4<>+24(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL ·low4<>(SB), RODATA|NOPTR, $32

DATA ·bit4<>+0(SB)/8, $0x1010101010101010
DATA ·bit4<>+8(SB)/8, $0x1010101010101010
DATA ·bit4<>+16(SB)/8, $0x1010101010101010
DATA ·bit4<>+24(SB)/8, $0x1010101010101010
GLOBL ·bit4<>(SB), RODATA|NOPTR, $32

DATA ·bits45<>+0(SB)/8, $0x3030303030303030
DATA ·bits45<>+8(SB)/8, $0x3030303030303030
DATA ·bits45<>+16(SB)/8, $0x3030303030303030
DATA ·bits45<>+24(SB)/8, $0x3030303030303030
GLOBL ·bits45<>(SB), RODATA|NOPTR, $32

// func nibbles256(w, nib *byte, n int): n nibble vectors to 2n groups
TEXT ·nibbles256(SB), NOSPLIT, $0-24
	MOVQ w+0(FP), DI
	MOVQ nib+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVDQU ·low4<>(SB), Y15
loop:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPSRLW $4, Y0, Y2
	VPSRLW $4, Y1, Y3
	VPAND Y15, Y0, Y0
	VPAND Y15, Y1, Y1
	VPAND Y15, Y2, Y2
	VPAND Y15, Y3, Y3
	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, 64(DI)
	VMOVDQU Y3, 96(DI)
	ADDQ $64, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func highBits256(w, high *byte, n int): adds bit b of n high-bit vectors, at
// bit 4, to group 8h+b
TEXT ·highBits256(SB), NOSPLIT, $0-24
	MOVQ w+0(FP), DI
	MOVQ high+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVDQU ·bit4<>(SB), Y15
vector:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPSLLW $4, Y0, Y0 // bit b of byte i is now bit b+4 of a 12-bit field: done in two halves
	VPSLLW $4, Y1, Y1
	VMOVDQU (SI), Y2
	VMOVDQU 32(SI), Y3
	MOVQ $4, AX
low: // bits 0..3
	VPAND Y15, Y0, Y4
	VPAND Y15, Y1, Y5
	VPOR (DI), Y4, Y4
	VPOR 32(DI), Y5, Y5
	VMOVDQU Y4, (DI)
	VMOVDQU Y5, 32(DI)
	VPSRLW $1, Y0, Y0
	VPSRLW $1, Y1, Y1
	ADDQ $64, DI
	DECQ AX
	JNZ  low
	MOVQ $4, AX
upper: // bits 4..7
	VPAND Y15, Y2, Y4
	VPAND Y15, Y3, Y5
	VPOR (DI), Y4, Y4
	VPOR 32(DI), Y5, Y5
	VMOVDQU Y4, (DI)
	VMOVDQU Y5, 32(DI)
	VPSRLW $1, Y2, Y2
	VPSRLW $1, Y3, Y3
	ADDQ $64, DI
	DECQ AX
	JNZ  upper
	ADDQ $64, SI
	DECQ CX
	JNZ  vector
	VZEROUPPER
	RET

#define TWOBITS(l, a, b) \
	VPAND Y15, a, Y4     \
	VPAND Y15, b, Y5     \
	VPOR l(DI), Y4, Y4   \
	VPOR (l+32)(DI), Y5, Y5 \
	VMOVDQU Y4, l(DI)    \
	VMOVDQU Y5, (l+32)(DI)

// func high2Bits256(w, high *byte, n int): adds bits 2b+1..2b of n high-2
// vectors, at bits 5..4, to group 4h+b
TEXT ·high2Bits256(SB), NOSPLIT, $0-24
	MOVQ w+0(FP), DI
	MOVQ high+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVDQU ·bits45<>(SB), Y15
loop:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPSLLW $4, Y0, Y2
	VPSLLW $4, Y1, Y3
	TWOBITS(0, Y2, Y3)
	VPSLLW $2, Y0, Y2
	VPSLLW $2, Y1, Y3
	TWOBITS(64, Y2, Y3)
	TWOBITS(128, Y0, Y1)
	VPSRLW $2, Y0, Y2
	VPSRLW $2, Y1, Y3
	TWOBITS(192, Y2, Y3)
	ADDQ $64, SI
	ADDQ $256, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func half256(dst *float32, src *byte, n int): n halves to float32, n a multiple of 8
TEXT ·half256(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
loop:
	VCVTPH2PS (SI), Y0
	VMOVUPS Y0, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop
	VZEROUPPER
	RET

// func gemmFloat256(w, x, c *float32, groups int): one panel of f32 weights
// [channel][16] by one tile of four tokens: C += chain
TEXT ·gemmFloat256(SB), NOSPLIT, $0-32
	MOVQ w+0(FP), SI
	MOVQ x+8(FP), DI
	MOVQ c+16(FP), DX
	MOVQ groups+24(FP), CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
#define TOKEN(j, t, y, lo, hi) \
	VBROADCASTSS (4*j+16*t)(DI), y \
	VFMADD231PS y, Y8, lo          \
	VFMADD231PS y, Y9, hi
#define CHANNEL(j) \
	VMOVUPS (64*j)(SI), Y8       \
	VMOVUPS (64*j+32)(SI), Y9    \
	TOKEN(j, 0, Y10, Y0, Y1)     \
	TOKEN(j, 1, Y11, Y2, Y3)     \
	TOKEN(j, 2, Y12, Y4, Y5)     \
	TOKEN(j, 3, Y13, Y6, Y7)
loop:
	CHANNEL(0)
	CHANNEL(1)
	CHANNEL(2)
	CHANNEL(3)
	ADDQ $256, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop
#define ADDC(t, lo, hi) \
	VADDPS (64*t)(DX), lo, lo    \
	VADDPS (64*t+32)(DX), hi, hi \
	VMOVUPS lo, (64*t)(DX)       \
	VMOVUPS hi, (64*t+32)(DX)
	ADDC(0, Y0, Y1)
	ADDC(1, Y2, Y3)
	ADDC(2, Y4, Y5)
	ADDC(3, Y6, Y7)
	VZEROUPPER
	RET

// func kScales256(scale, d *float32, sc *byte, n int): n rows of 16 products d·sc,
// sc unsigned
TEXT ·kScales256(SB), NOSPLIT, $0-32
	MOVQ scale+0(FP), DI
	MOVQ d+8(FP), DX
	MOVQ sc+16(FP), SI
	MOVQ n+24(FP), CX
	VMOVUPS (DX), Y2
	VMOVUPS 32(DX), Y3
loop:
	VPMOVZXBD (SI), Y0
	VPMOVZXBD 8(SI), Y1
	VCVTDQ2PS Y0, Y0
	VCVTDQ2PS Y1, Y1
	VMULPS Y2, Y0, Y0
	VMULPS Y3, Y1, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ $16, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func q6Scales256(scale, d *float32, sc *byte, n int): the same, sc signed
TEXT ·q6Scales256(SB), NOSPLIT, $0-32
	MOVQ scale+0(FP), DI
	MOVQ d+8(FP), DX
	MOVQ sc+16(FP), SI
	MOVQ n+24(FP), CX
	VMOVUPS (DX), Y2
	VMOVUPS 32(DX), Y3
loop:
	VPMOVSXBD (SI), Y0
	VPMOVSXBD 8(SI), Y1
	VCVTDQ2PS Y0, Y0
	VCVTDQ2PS Y1, Y1
	VMULPS Y2, Y0, Y0
	VMULPS Y3, Y1, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ $16, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func kMins256(min *int16, mn *byte): 128 bytes to int16
TEXT ·kMins256(SB), NOSPLIT, $0-16
	MOVQ min+0(FP), DI
	MOVQ mn+8(FP), SI
	MOVQ $8, CX
loop:
	VPMOVZXBW (SI), Y0
	VMOVDQU Y0, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

DATA ·upper16<>+0(SB)/8, $0xffff0000ffff0000
DATA ·upper16<>+8(SB)/8, $0xffff0000ffff0000
DATA ·upper16<>+16(SB)/8, $0xffff0000ffff0000
DATA ·upper16<>+24(SB)/8, $0xffff0000ffff0000
GLOBL ·upper16<>(SB), RODATA|NOPTR, $32

// func bf16Pairs256(dst *float32, src *byte, n int): n pairs of channels of 16 rows
TEXT ·bf16Pairs256(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVDQU ·upper16<>(SB), Y15
loop:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPSLLD $16, Y0, Y2
	VPSLLD $16, Y1, Y3
	VPAND Y15, Y0, Y0
	VPAND Y15, Y1, Y1
	VMOVDQU Y2, (DI)
	VMOVDQU Y3, 32(DI)
	VMOVDQU Y0, 64(DI)
	VMOVDQU Y1, 96(DI)
	ADDQ $64, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
