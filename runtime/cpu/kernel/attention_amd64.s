#include "textflag.h"

// Attention kernels, AVX-512: four query rows over one chunk of the cache.
//
// qk: scores of panels of 16 positions; Z0-Z15 are chains over head_dim,
// [panel][row], four panels at a time. K is [panel][D][16].
// pv: o += e·V; Z0-Z15 are chains over positions, [vector of 16 channels][row],
// four vectors at a time. V is row-major [position][D].

#define FMA4(k, a, b, c, d) \
	VFMADD231PS Z20, k, a \
	VFMADD231PS Z21, k, b \
	VFMADD231PS Z22, k, c \
	VFMADD231PS Z23, k, d

#define ZERO16 \
	VPXORD Z0, Z0, Z0    \
	VPXORD Z1, Z1, Z1    \
	VPXORD Z2, Z2, Z2    \
	VPXORD Z3, Z3, Z3    \
	VPXORD Z4, Z4, Z4    \
	VPXORD Z5, Z5, Z5    \
	VPXORD Z6, Z6, Z6    \
	VPXORD Z7, Z7, Z7    \
	VPXORD Z8, Z8, Z8    \
	VPXORD Z9, Z9, Z9    \
	VPXORD Z10, Z10, Z10 \
	VPXORD Z11, Z11, Z11 \
	VPXORD Z12, Z12, Z12 \
	VPXORD Z13, Z13, Z13 \
	VPXORD Z14, Z14, Z14 \
	VPXORD Z15, Z15, Z15

#define ROWS4 \
	VBROADCASTSS (R8)(AX*4), Z20  \
	VBROADCASTSS (R9)(AX*4), Z21  \
	VBROADCASTSS (R10)(AX*4), Z22 \
	VBROADCASTSS (R11)(AX*4), Z23

// stores [panel][row] to four score rows, off bytes from the current position
#define PUTSCORES(r, ptr, a, b, c, d) \
	MOVQ ptr(DX), DI         \
	VMOVUPS a, (DI)(CX*1)    \
	VMOVUPS b, 64(DI)(CX*1)  \
	VMOVUPS c, 128(DI)(CX*1) \
	VMOVUPS d, 192(DI)(CX*1)

#define QKARGS \
	MOVQ a+0(FP), DX  \
	MOVQ 0(DX), SI    \
	MOVQ 8(DX), R8    \
	MOVQ 16(DX), R9   \
	MOVQ 24(DX), R10  \
	MOVQ 32(DX), R11  \
	MOVQ 88(DX), R12  \
	LEAQ (R12)(R12*2), R13 \
	MOVQ 80(DX), BX   \
	XORQ CX, CX

#define QKSTORE \
	PUTSCORES(0, 40, Z0, Z4, Z8, Z12)  \
	PUTSCORES(1, 48, Z1, Z5, Z9, Z13)  \
	PUTSCORES(2, 56, Z2, Z6, Z10, Z14) \
	PUTSCORES(3, 64, Z3, Z7, Z11, Z15) \
	ADDQ R13, SI \
	ADDQ $256, CX

// func qkF32(a *qkArgs)
TEXT ·qkF32(SB), NOSPLIT, $0-8
	QKARGS
group:
	ZERO16
	XORQ AX, AX
loop:
	VMOVUPS (SI), Z16
	VMOVUPS (SI)(R12*1), Z17
	VMOVUPS (SI)(R12*2), Z18
	VMOVUPS (SI)(R13*1), Z19
	ROWS4
	FMA4(Z16, Z0, Z1, Z2, Z3)
	FMA4(Z17, Z4, Z5, Z6, Z7)
	FMA4(Z18, Z8, Z9, Z10, Z11)
	FMA4(Z19, Z12, Z13, Z14, Z15)
	ADDQ $64, SI
	INCQ AX
	CMPQ AX, 72(DX)
	JLT  loop
	QKSTORE
	DECQ BX
	JNZ  group
	VZEROUPPER
	RET

// func qkF16(a *qkArgs)
TEXT ·qkF16(SB), NOSPLIT, $0-8
	QKARGS
group:
	ZERO16
	XORQ AX, AX
loop:
	VCVTPH2PS (SI), Z16
	VCVTPH2PS (SI)(R12*1), Z17
	VCVTPH2PS (SI)(R12*2), Z18
	VCVTPH2PS (SI)(R13*1), Z19
	ROWS4
	FMA4(Z16, Z0, Z1, Z2, Z3)
	FMA4(Z17, Z4, Z5, Z6, Z7)
	FMA4(Z18, Z8, Z9, Z10, Z11)
	FMA4(Z19, Z12, Z13, Z14, Z15)
	ADDQ $32, SI
	INCQ AX
	CMPQ AX, 72(DX)
	JLT  loop
	QKSTORE
	DECQ BX
	JNZ  group
	VZEROUPPER
	RET

// o of four rows at byte CX, [vector][row]
#define GETROW(ptr, a, b, c, d) \
	MOVQ ptr(DX), DI         \
	VMOVUPS (DI)(CX*1), a    \
	VMOVUPS 64(DI)(CX*1), b  \
	VMOVUPS 128(DI)(CX*1), c \
	VMOVUPS 192(DI)(CX*1), d

#define PVARGS \
	MOVQ a+0(FP), DX \
	MOVQ 8(DX), R8   \
	MOVQ 16(DX), R9  \
	MOVQ 24(DX), R10 \
	MOVQ 32(DX), R11 \
	MOVQ 88(DX), R12 \
	MOVQ 0(DX), BX   \
	XORQ CX, CX      \
	MOVQ 96(DX), R13

// func pvF32(a *pvArgs)
TEXT ·pvF32(SB), NOSPLIT, $0-8
	PVARGS
wide:
	SUBQ $4, R13
	JLT  narrow
	GETROW(40, Z0, Z4, Z8, Z12)
	GETROW(48, Z1, Z5, Z9, Z13)
	GETROW(56, Z2, Z6, Z10, Z14)
	GETROW(64, Z3, Z7, Z11, Z15)
	MOVQ BX, SI
	XORQ AX, AX
loop:
	VMOVUPS (SI), Z16
	VMOVUPS 64(SI), Z17
	VMOVUPS 128(SI), Z18
	VMOVUPS 192(SI), Z19
	ROWS4
	FMA4(Z16, Z0, Z1, Z2, Z3)
	FMA4(Z17, Z4, Z5, Z6, Z7)
	FMA4(Z18, Z8, Z9, Z10, Z11)
	FMA4(Z19, Z12, Z13, Z14, Z15)
	ADDQ R12, SI
	INCQ AX
	CMPQ AX, 80(DX)
	JLT  loop
	PUTSCORES(0, 40, Z0, Z4, Z8, Z12)
	PUTSCORES(1, 48, Z1, Z5, Z9, Z13)
	PUTSCORES(2, 56, Z2, Z6, Z10, Z14)
	PUTSCORES(3, 64, Z3, Z7, Z11, Z15)
	ADDQ $256, CX
	ADDQ $256, BX
	JMP  wide
narrow:
	ADDQ $4, R13
	JZ   done
one:
	MOVQ 40(DX), DI
	VMOVUPS (DI)(CX*1), Z0
	MOVQ 48(DX), DI
	VMOVUPS (DI)(CX*1), Z1
	MOVQ 56(DX), DI
	VMOVUPS (DI)(CX*1), Z2
	MOVQ 64(DX), DI
	VMOVUPS (DI)(CX*1), Z3
	MOVQ BX, SI
	XORQ AX, AX
oneloop:
	VMOVUPS (SI), Z16
	ROWS4
	FMA4(Z16, Z0, Z1, Z2, Z3)
	ADDQ R12, SI
	INCQ AX
	CMPQ AX, 80(DX)
	JLT  oneloop
	MOVQ 40(DX), DI
	VMOVUPS Z0, (DI)(CX*1)
	MOVQ 48(DX), DI
	VMOVUPS Z1, (DI)(CX*1)
	MOVQ 56(DX), DI
	VMOVUPS Z2, (DI)(CX*1)
	MOVQ 64(DX), DI
	VMOVUPS Z3, (DI)(CX*1)
	ADDQ $64, CX
	ADDQ $64, BX
	DECQ R13
	JNZ  one
done:
	VZEROUPPER
	RET

// func pvF16(a *pvArgs)
TEXT ·pvF16(SB), NOSPLIT, $0-8
	PVARGS
wide:
	SUBQ $4, R13
	JLT  narrow
	GETROW(40, Z0, Z4, Z8, Z12)
	GETROW(48, Z1, Z5, Z9, Z13)
	GETROW(56, Z2, Z6, Z10, Z14)
	GETROW(64, Z3, Z7, Z11, Z15)
	MOVQ BX, SI
	XORQ AX, AX
loop:
	VCVTPH2PS (SI), Z16
	VCVTPH2PS 32(SI), Z17
	VCVTPH2PS 64(SI), Z18
	VCVTPH2PS 96(SI), Z19
	ROWS4
	FMA4(Z16, Z0, Z1, Z2, Z3)
	FMA4(Z17, Z4, Z5, Z6, Z7)
	FMA4(Z18, Z8, Z9, Z10, Z11)
	FMA4(Z19, Z12, Z13, Z14, Z15)
	ADDQ R12, SI
	INCQ AX
	CMPQ AX, 80(DX)
	JLT  loop
	PUTSCORES(0, 40, Z0, Z4, Z8, Z12)
	PUTSCORES(1, 48, Z1, Z5, Z9, Z13)
	PUTSCORES(2, 56, Z2, Z6, Z10, Z14)
	PUTSCORES(3, 64, Z3, Z7, Z11, Z15)
	ADDQ $256, CX
	ADDQ $128, BX
	JMP  wide
narrow:
	ADDQ $4, R13
	JZ   done
one:
	MOVQ 40(DX), DI
	VMOVUPS (DI)(CX*1), Z0
	MOVQ 48(DX), DI
	VMOVUPS (DI)(CX*1), Z1
	MOVQ 56(DX), DI
	VMOVUPS (DI)(CX*1), Z2
	MOVQ 64(DX), DI
	VMOVUPS (DI)(CX*1), Z3
	MOVQ BX, SI
	XORQ AX, AX
oneloop:
	VCVTPH2PS (SI), Z16
	ROWS4
	FMA4(Z16, Z0, Z1, Z2, Z3)
	ADDQ R12, SI
	INCQ AX
	CMPQ AX, 80(DX)
	JLT  oneloop
	MOVQ 40(DX), DI
	VMOVUPS Z0, (DI)(CX*1)
	MOVQ 48(DX), DI
	VMOVUPS Z1, (DI)(CX*1)
	MOVQ 56(DX), DI
	VMOVUPS Z2, (DI)(CX*1)
	MOVQ 64(DX), DI
	VMOVUPS Z3, (DI)(CX*1)
	ADDQ $64, CX
	ADDQ $32, BX
	DECQ R13
	JNZ  one
done:
	VZEROUPPER
	RET

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
