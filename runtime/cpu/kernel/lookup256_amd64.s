#include "textflag.h"

// The bytes of 64 channels of 16 rows: vector j of nibbles becomes the byte vectors of
// groups 2j, from the low halves, and 2j+1.

DATA lowNibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL lowNibbles<>(SB), RODATA|NOPTR, $8

#define LOOKUP(at) \
	VMOVDQU at(CX), Y2 \
	VPSRLW  $4, Y2, Y3 \
	VPAND   Y1, Y2, Y2 \
	VPAND   Y1, Y3, Y3 \
	VPSHUFB Y2, Y0, Y2 \
	VPSHUFB Y3, Y0, Y3

// func lookup256(dst, src *byte, n, dstStep, srcStep int, codes *[16]byte)
TEXT ·lookup256(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), DX
	MOVQ dstStep+24(FP), R8
	MOVQ srcStep+32(FP), R9
	MOVQ codes+40(FP), AX
	VBROADCASTI128 (AX), Y0
	VPBROADCASTQ lowNibbles<>(SB), Y1

record:
	MOVQ DI, BX
	MOVQ SI, CX
	MOVQ $8, AX

vector:
	LOOKUP(0)
	VMOVDQU Y2, (BX)
	VMOVDQU Y3, 64(BX)
	LOOKUP(32)
	VMOVDQU Y2, 32(BX)
	VMOVDQU Y3, 96(BX)
	ADDQ $64, CX
	ADDQ $128, BX
	DECQ AX
	JNZ  vector
	ADDQ R8, DI
	ADDQ R9, SI
	DECQ DX
	JNZ  record
	VZEROUPPER
	RET
