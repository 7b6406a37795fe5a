#include "textflag.h"

// Expansion of packed records to f32 [channel][16 rows], the weights of the float GEMM.

DATA ·upperHalf<>+0(SB)/4, $0xffff0000
GLOBL ·upperHalf<>(SB), RODATA|NOPTR, $4

// func expandF16(dst *float32, src *byte, n int): n pairs of channels
TEXT ·expandF16(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	SUBQ $4, CX
	JLT  rest
loop:
	VCVTPH2PS (SI), Z0
	VCVTPH2PS 32(SI), Z1
	VCVTPH2PS 64(SI), Z2
	VCVTPH2PS 96(SI), Z3
	VCVTPH2PS 128(SI), Z4
	VCVTPH2PS 160(SI), Z5
	VCVTPH2PS 192(SI), Z6
	VCVTPH2PS 224(SI), Z7
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	VMOVUPS Z3, 192(DI)
	VMOVUPS Z4, 256(DI)
	VMOVUPS Z5, 320(DI)
	VMOVUPS Z6, 384(DI)
	VMOVUPS Z7, 448(DI)
	ADDQ $256, SI
	ADDQ $512, DI
	SUBQ $4, CX
	JGE  loop
rest:
	ADDQ $4, CX
	JZ   done
pair:
	VCVTPH2PS (SI), Z0
	VCVTPH2PS 32(SI), Z1
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	ADDQ $64, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  pair
done:
	VZEROUPPER
	RET

#define BF16PAIR(o, a, b) \
	VMOVDQU32 (64*o)(SI), a    \
	VPANDD Z20, a, b           \
	VPSLLD $16, a, a           \
	VMOVUPS a, (128*o)(DI)     \
	VMOVUPS b, (128*o+64)(DI)

// func expandBF16(dst *float32, src *byte, n int): n pairs of channels
TEXT ·expandBF16(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTD ·upperHalf<>(SB), Z20
	SUBQ $4, CX
	JLT  rest
loop:
	BF16PAIR(0, Z0, Z1)
	BF16PAIR(1, Z2, Z3)
	BF16PAIR(2, Z4, Z5)
	BF16PAIR(3, Z6, Z7)
	ADDQ $256, SI
	ADDQ $512, DI
	SUBQ $4, CX
	JGE  loop
rest:
	ADDQ $4, CX
	JZ   done
pair:
	BF16PAIR(0, Z0, Z1)
	ADDQ $64, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  pair
done:
	VZEROUPPER
	RET
