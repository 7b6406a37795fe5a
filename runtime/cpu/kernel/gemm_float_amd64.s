#include "textflag.h"

// Float GEMM, AVX-512 FMA: two panels by 12 tokens (three tiles of a c4
// activation), at the end by 8 or 4, over one slab of f32 weights [panel][channel][16].
// Z0-Z11 are the chains of the first panel, Z12-Z23 those of the second; then
// C = C + chain, read from one place and written to another.
//
// A channel by 12 tokens is 24 FMA, 2 weight loads and 12 broadcasts: 12 cycles of
// the two FMA ports, 14 of 24 load slots, 38 of 72 slots of a six-wide core. Three
// panels by 8 tokens would load less (11), but their weights outgrow the first cache
// and chains must be stored in mid-slab: no faster.
//
//	SI weights   R8 bytes of a panel   DI activations   R9 bytes of a tile
//	R10, R12 C to read and its bytes per token   R11, R13 C to write
//	CX groups of 4 channels left   BX tiles left   R15 activations of the tiles

#define TOKEN(x, b, a, c) \
	VBROADCASTSS x, b     \
	VFMADD231PS b, Z24, a \
	VFMADD231PS b, Z25, c

#define WEIGHTS(i) \
	VMOVUPS (64*i)(SI), Z24         \
	VMOVUPS (64*i)(SI)(R8*1), Z25

#define CHANNEL12(i) \
	WEIGHTS(i) \
	TOKEN((4*i)(DI), Z26, Z0, Z12)            \
	TOKEN((4*i+16)(DI), Z27, Z1, Z13)         \
	TOKEN((4*i+32)(DI), Z28, Z2, Z14)         \
	TOKEN((4*i+48)(DI), Z29, Z3, Z15)         \
	TOKEN((4*i)(DI)(R9*1), Z30, Z4, Z16)      \
	TOKEN((4*i+16)(DI)(R9*1), Z31, Z5, Z17)   \
	TOKEN((4*i+32)(DI)(R9*1), Z26, Z6, Z18)   \
	TOKEN((4*i+48)(DI)(R9*1), Z27, Z7, Z19)   \
	TOKEN((4*i)(DI)(R9*2), Z28, Z8, Z20)      \
	TOKEN((4*i+16)(DI)(R9*2), Z29, Z9, Z21)   \
	TOKEN((4*i+32)(DI)(R9*2), Z30, Z10, Z22)  \
	TOKEN((4*i+48)(DI)(R9*2), Z31, Z11, Z23)

#define CHANNEL8(i) \
	WEIGHTS(i) \
	TOKEN((4*i)(DI), Z26, Z0, Z12)            \
	TOKEN((4*i+16)(DI), Z27, Z1, Z13)         \
	TOKEN((4*i+32)(DI), Z28, Z2, Z14)         \
	TOKEN((4*i+48)(DI), Z29, Z3, Z15)         \
	TOKEN((4*i)(DI)(R9*1), Z30, Z4, Z16)      \
	TOKEN((4*i+16)(DI)(R9*1), Z31, Z5, Z17)   \
	TOKEN((4*i+32)(DI)(R9*1), Z26, Z6, Z18)   \
	TOKEN((4*i+48)(DI)(R9*1), Z27, Z7, Z19)

#define CHANNEL4(i) \
	WEIGHTS(i) \
	TOKEN((4*i)(DI), Z26, Z0, Z12)            \
	TOKEN((4*i+16)(DI), Z27, Z1, Z13)         \
	TOKEN((4*i+32)(DI), Z28, Z2, Z14)         \
	TOKEN((4*i+48)(DI), Z29, Z3, Z15)

#define CLEAR4(a, b, c, d) \
	VPXORD a, a, a \
	VPXORD b, b, b \
	VPXORD c, c, c \
	VPXORD d, d, d

#define START \
	MOVQ 0(DX), SI  \
	MOVQ R15, DI    \
	MOVQ 32(DX), CX \
	CLEAR4(Z0, Z1, Z2, Z3) \
	CLEAR4(Z12, Z13, Z14, Z15)

#define NEXT \
	ADDQ $256, SI \
	ADDQ $64, DI  \
	DECQ CX

#define FINISH(a, b) \
	VADDPS (R10), a, a   \
	VADDPS 64(R10), b, b \
	VMOVUPS a, (R11)     \
	VMOVUPS b, 64(R11)   \
	ADDQ R12, R10        \
	ADDQ R13, R11

#define FINISH4(a, b, c, d, e, f, g, h) \
	FINISH(a, b) \
	FINISH(c, d) \
	FINISH(e, f) \
	FINISH(g, h)

// func gemmFloat(a *floatArgs)
TEXT ·gemmFloat(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 8(DX), R8
	MOVQ 16(DX), R15
	MOVQ 24(DX), R9
	MOVQ 40(DX), BX
	MOVQ 48(DX), R10
	MOVQ 56(DX), R12
	MOVQ 64(DX), R11
	MOVQ 72(DX), R13
	SUBQ $3, BX
	JLT  rest
three:
	MOVQ 80(DX), AX // the records that will be expanded next, to the second cache
	MOVQ 88(DX), DI
	MOVQ 96(DX), CX
	TESTQ CX, CX
	JZ   ready
fetch:
	PREFETCHT1 (AX)
	PREFETCHT1 (DI)
	ADDQ $64, AX
	ADDQ $64, DI
	DECQ CX
	JNZ  fetch
	MOVQ AX, 80(DX)
	MOVQ DI, 88(DX)
ready:
	START
	CLEAR4(Z4, Z5, Z6, Z7)
	CLEAR4(Z8, Z9, Z10, Z11)
	CLEAR4(Z16, Z17, Z18, Z19)
	CLEAR4(Z20, Z21, Z22, Z23)
loop12:
	CHANNEL12(0)
	CHANNEL12(1)
	CHANNEL12(2)
	CHANNEL12(3)
	NEXT
	JNZ  loop12
	FINISH4(Z0, Z12, Z1, Z13, Z2, Z14, Z3, Z15)
	FINISH4(Z4, Z16, Z5, Z17, Z6, Z18, Z7, Z19)
	FINISH4(Z8, Z20, Z9, Z21, Z10, Z22, Z11, Z23)
	LEAQ (R9)(R9*2), AX
	ADDQ AX, R15
	SUBQ $3, BX
	JGE  three
rest:
	ADDQ $2, BX // tiles left - 1
	JLT  done
	JEQ  four
	START
	CLEAR4(Z4, Z5, Z6, Z7)
	CLEAR4(Z16, Z17, Z18, Z19)
loop8:
	CHANNEL8(0)
	CHANNEL8(1)
	CHANNEL8(2)
	CHANNEL8(3)
	NEXT
	JNZ  loop8
	FINISH4(Z0, Z12, Z1, Z13, Z2, Z14, Z3, Z15)
	FINISH4(Z4, Z16, Z5, Z17, Z6, Z18, Z7, Z19)
	JMP  done
four:
	START
loop4:
	CHANNEL4(0)
	CHANNEL4(1)
	CHANNEL4(2)
	CHANNEL4(3)
	NEXT
	JNZ  loop4
	FINISH4(Z0, Z12, Z1, Z13, Z2, Z14, Z3, Z15)
done:
	VZEROUPPER
	RET
