#include "textflag.h"

// Calibration loops: what the machine can do at most.

#define EIGHT(op, a) \
	op Z24, Z25, Z0  \
	op Z24, Z25, Z1  \
	op Z24, Z25, Z2  \
	op Z24, Z25, Z3  \
	op Z24, Z25, Z4  \
	op Z24, Z25, Z5  \
	op Z24, Z25, Z6  \
	op Z24, Z25, Z7

#define SIXTEEN(op, a) \
	EIGHT(op, a)        \
	op Z24, Z25, Z8     \
	op Z24, Z25, Z9     \
	op Z24, Z25, Z10    \
	op Z24, Z25, Z11    \
	op Z24, Z25, Z12    \
	op Z24, Z25, Z13    \
	op Z24, Z25, Z14    \
	op Z24, Z25, Z15

#define CLEAR \
	VPXORD Z0, Z0, Z0     \
	VMOVDQA64 Z0, Z1      \
	VMOVDQA64 Z0, Z2      \
	VMOVDQA64 Z0, Z3      \
	VMOVDQA64 Z0, Z4      \
	VMOVDQA64 Z0, Z5      \
	VMOVDQA64 Z0, Z6      \
	VMOVDQA64 Z0, Z7      \
	VMOVDQA64 Z0, Z8      \
	VMOVDQA64 Z0, Z9      \
	VMOVDQA64 Z0, Z10     \
	VMOVDQA64 Z0, Z11     \
	VMOVDQA64 Z0, Z12     \
	VMOVDQA64 Z0, Z13     \
	VMOVDQA64 Z0, Z14     \
	VMOVDQA64 Z0, Z15     \
	VMOVDQA64 Z0, Z24     \
	VMOVDQA64 Z0, Z25

// func dotLoop(n int): 16·n VPDPBUSD
TEXT ·dotLoop(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
	CLEAR
loop:
	SIXTEEN(VPDPBUSD, 0)
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func fmaLoop(n int): 16·n VFMADD231PS
TEXT ·fmaLoop(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
	CLEAR
loop:
	SIXTEEN(VFMADD231PS, 0)
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func readLoop(p *byte, n int) (sum uint64): n multiple of 256. The prefetch is
// worth 4 %; other distances, into the second cache or past the caches, are not.
TEXT ·readLoop(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
loop:
	PREFETCHT0 1024(SI)
	PREFETCHT0 1088(SI)
	PREFETCHT0 1152(SI)
	PREFETCHT0 1216(SI)
	VPADDQ (SI), Z0, Z0
	VPADDQ 64(SI), Z1, Z1
	VPADDQ 128(SI), Z2, Z2
	VPADDQ 192(SI), Z3, Z3
	ADDQ $256, SI
	SUBQ $256, CX
	JG   loop
	VPADDQ Z1, Z0, Z0
	VPADDQ Z3, Z2, Z2
	VPADDQ Z2, Z0, Z0
	VMOVQ X0, AX
	MOVQ AX, sum+16(FP)
	VZEROUPPER
	RET
