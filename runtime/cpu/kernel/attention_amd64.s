#include "textflag.h"

// Types of the cache to f32 and back, AVX-512.

// func halfToFloat(dst *float32, src *uint16, n int): n a multiple of 16
TEXT ·halfToFloat(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
loop:
	VCVTPH2PS (SI), Z0
	VMOVUPS Z0, (DI)
	ADDQ $32, SI
	ADDQ $64, DI
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET

// func floatToHalf(dst *uint16, src *float32, n int): n a multiple of 16, to
// nearest even
TEXT ·floatToHalf(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
loop:
	VMOVUPS (SI), Z0
	VCVTPS2PH $0, Z0, (DI)
	ADDQ $64, SI
	ADDQ $32, DI
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET

// func q8Keys(dst *float32, panel *byte, blocks int): one panel of 16
// positions, d fp16 [blocks][16] then int8 [32*blocks][16], to [32*blocks][16]
TEXT ·q8Keys(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ panel+8(FP), SI
	MOVQ blocks+16(FP), CX
	MOVQ CX, BX
	SHLQ $5, BX
	ADDQ SI, BX
block:
	VCVTPH2PS (SI), Z1
	MOVQ $32, AX
loop:
	VPMOVSXBD (BX), Z0
	VCVTDQ2PS Z0, Z0
	VMULPS Z1, Z0, Z0
	VMOVUPS Z0, (DI)
	ADDQ $16, BX
	ADDQ $64, DI
	DECQ AX
	JNZ  loop
	ADDQ $32, SI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

// func q8Values(dst *float32, q *int8, d *float32, blocks int): blocks of 32
// int8 times their scales
TEXT ·q8Values(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ q+8(FP), SI
	MOVQ d+16(FP), DX
	MOVQ blocks+24(FP), CX
loop:
	VBROADCASTSS (DX), Z2
	VPMOVSXBD (SI), Z0
	VPMOVSXBD 16(SI), Z1
	VCVTDQ2PS Z0, Z0
	VCVTDQ2PS Z1, Z1
	VMULPS Z2, Z0, Z0
	VMULPS Z2, Z1, Z1
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	ADDQ $4, DX
	ADDQ $32, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
