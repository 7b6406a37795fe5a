#include "textflag.h"

// Expansion of packed records of one panel to f32 [channel][16 rows].
//
//	DI weights   SI record   CX what is left

DATA ·expandConst<>+0(SB)/4, $0xffff0000
DATA ·expandConst<>+4(SB)/4, $0x000000ff
GLOBL ·expandConst<>(SB), RODATA|NOPTR, $8

// The same place of the next slab, for few tokens the next to be read.
#define AHEAD \
	PREFETCHT1 8192(SI) \
	PREFETCHT1 8256(SI) \
	PREFETCHT1 8320(SI) \
	PREFETCHT1 8384(SI)

#define ARGS \
	MOVQ dst+0(FP), DI \
	MOVQ src+8(FP), SI \
	MOVQ n+16(FP), CX

#define PUT4(a, b, c, d) \
	VMOVUPS a, (DI)    \
	VMOVUPS b, 64(DI)  \
	VMOVUPS c, 128(DI) \
	VMOVUPS d, 192(DI) \
	ADDQ $256, DI

#define PUT2(a, b) \
	VMOVUPS a, (DI)   \
	VMOVUPS b, 64(DI) \
	ADDQ $128, DI

// func expandF16(dst *float32, src *byte, n int): n pairs of channels
TEXT ·expandF16(SB), NOSPLIT, $0-24
	ARGS
	SUBQ $4, CX
	JLT  rest
loop:
	AHEAD
	VCVTPH2PS (SI), Z0
	VCVTPH2PS 32(SI), Z1
	VCVTPH2PS 64(SI), Z2
	VCVTPH2PS 96(SI), Z3
	VCVTPH2PS 128(SI), Z4
	VCVTPH2PS 160(SI), Z5
	VCVTPH2PS 192(SI), Z6
	VCVTPH2PS 224(SI), Z7
	PUT4(Z0, Z1, Z2, Z3)
	PUT4(Z4, Z5, Z6, Z7)
	ADDQ $256, SI
	SUBQ $4, CX
	JGE  loop
rest:
	ADDQ $4, CX
	JZ   done
pair:
	VCVTPH2PS (SI), Z0
	VCVTPH2PS 32(SI), Z1
	PUT2(Z0, Z1)
	ADDQ $64, SI
	DECQ CX
	JNZ  pair
done:
	VZEROUPPER
	RET

#define BF16PAIR(o, a, b) \
	VMOVDQU32 (64*o)(SI), a \
	VPANDD Z20, a, b        \
	VPSLLD $16, a, a

// func expandBF16(dst *float32, src *byte, n int): n pairs of channels
TEXT ·expandBF16(SB), NOSPLIT, $0-24
	ARGS
	VPBROADCASTD ·expandConst<>+0(SB), Z20
	SUBQ $4, CX
	JLT  rest
loop:
	AHEAD
	BF16PAIR(0, Z0, Z1)
	BF16PAIR(1, Z2, Z3)
	BF16PAIR(2, Z4, Z5)
	BF16PAIR(3, Z6, Z7)
	PUT4(Z0, Z1, Z2, Z3)
	PUT4(Z4, Z5, Z6, Z7)
	ADDQ $256, SI
	SUBQ $4, CX
	JGE  loop
rest:
	ADDQ $4, CX
	JZ   done
pair:
	BF16PAIR(0, Z0, Z1)
	PUT2(Z0, Z1)
	ADDQ $64, SI
	DECQ CX
	JNZ  pair
done:
	VZEROUPPER
	RET

// value = ((byte - zero)*scale + 0) - min; adding +0 turns -0 into +0
#define VALUE(v) \
	VPSUBD Z22, v, v   \
	VCVTDQ2PS v, v     \
	VMULPS Z23, v, v   \
	VADDPS Z25, v, v   \
	VSUBPS Z24, v, v

// func expandBytes(dst *float32, src *byte, n int, scale, min *float32, groups, zero int):
// n blocks of 4·groups channels, as the integer kernels expand them: bytes
// [group][16][4], zero the byte of a zero, scale and min [block][16]
TEXT ·expandBytes(SB), NOSPLIT, $0-56
	ARGS
	MOVQ scale+24(FP), R10
	MOVQ min+32(FP), R11
	VPBROADCASTD ·expandConst<>+4(SB), Z20
	VPBROADCASTD zero+48(FP), Z22
	VPXORD Z25, Z25, Z25
block:
	VMOVUPS (R10), Z23
	VMOVUPS (R11), Z24
	MOVQ groups+40(FP), AX
group:
	VMOVDQU32 (SI), Z3
	VPANDD Z20, Z3, Z0
	VPSRLD $8, Z3, Z1
	VPANDD Z20, Z1, Z1
	VPSRLD $16, Z3, Z2
	VPANDD Z20, Z2, Z2
	VPSRLD $24, Z3, Z3
	VALUE(Z0)
	VALUE(Z1)
	VALUE(Z2)
	VALUE(Z3)
	PUT4(Z0, Z1, Z2, Z3)
	ADDQ $64, SI
	DECQ AX
	JNZ  group
	ADDQ $64, R10
	ADDQ $64, R11
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET
