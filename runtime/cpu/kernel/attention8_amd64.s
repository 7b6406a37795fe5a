#include "textflag.h"

// Attention kernels, AVX-512: eight query rows. With four rows each vector of
// K or V is loaded for 4 FMAs, more than the second cache delivers; here for 8.
//
// qk: two panels by eight rows, Z0-Z7 and Z8-Z15. pv: two vectors of 16 channels by
// eight rows. Scores are rows of 256, 1024 bytes apart.

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

#define QROW(p, z, a, b) \
	VBROADCASTSS (p)(AX*4), z \
	VFMADD231PS z, Z16, a     \
	VFMADD231PS z, Z17, b

#define QROWS \
	QROW(R8, Z18, Z0, Z8)   \
	QROW(R9, Z19, Z1, Z9)   \
	QROW(R10, Z20, Z2, Z10) \
	QROW(R11, Z21, Z3, Z11) \
	QROW(R12, Z22, Z4, Z12) \
	QROW(R13, Z23, Z5, Z13) \
	QROW(BX, Z24, Z6, Z14)  \
	QROW(DI, Z25, Z7, Z15)

#define QPOINTERS \
	MOVQ 8(DX), R8   \
	MOVQ 16(DX), R9  \
	MOVQ 24(DX), R10 \
	MOVQ 32(DX), R11 \
	MOVQ 40(DX), R12 \
	MOVQ 48(DX), R13 \
	MOVQ 56(DX), BX  \
	MOVQ 64(DX), DI

#define PUTSCORES(r, a, b) \
	VMOVUPS a, (1024*r)(DI)    \
	VMOVUPS b, (1024*r+64)(DI)

// scores pointer and group counter live in the arguments
#define QKSTORE \
	MOVQ 72(DX), DI      \
	PUTSCORES(0, Z0, Z8)  \
	PUTSCORES(1, Z1, Z9)  \
	PUTSCORES(2, Z2, Z10) \
	PUTSCORES(3, Z3, Z11) \
	PUTSCORES(4, Z4, Z12) \
	PUTSCORES(5, Z5, Z13) \
	PUTSCORES(6, Z6, Z14) \
	PUTSCORES(7, Z7, Z15) \
	ADDQ $128, DI         \
	MOVQ DI, 72(DX)       \
	ADDQ CX, SI           \
	DECQ 88(DX)

// func qk8F32(a *qk8Args)
TEXT ·qk8F32(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 96(DX), CX
group:
	ZERO16
	QPOINTERS
	XORQ AX, AX
loop:
	VMOVUPS (SI), Z16
	VMOVUPS (SI)(CX*1), Z17
	QROWS
	ADDQ $64, SI
	INCQ AX
	CMPQ AX, 80(DX)
	JLT  loop
	QKSTORE
	JNZ  group
	VZEROUPPER
	RET

// func qk8F16(a *qk8Args)
TEXT ·qk8F16(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 96(DX), CX
group:
	ZERO16
	QPOINTERS
	XORQ AX, AX
loop:
	VCVTPH2PS (SI), Z16
	VCVTPH2PS (SI)(CX*1), Z17
	QROWS
	ADDQ $32, SI
	INCQ AX
	CMPQ AX, 80(DX)
	JLT  loop
	QKSTORE
	JNZ  group
	VZEROUPPER
	RET

#define GETO(r, a, b) \
	MOVQ (16+8*r)(DX), DI   \
	VMOVUPS (DI)(CX*1), a   \
	VMOVUPS 64(DI)(CX*1), b

#define PUTO(r, a, b) \
	MOVQ (16+8*r)(DX), DI   \
	VMOVUPS a, (DI)(CX*1)   \
	VMOVUPS b, 64(DI)(CX*1)

#define GETALL \
	GETO(0, Z0, Z8)  \
	GETO(1, Z1, Z9)  \
	GETO(2, Z2, Z10) \
	GETO(3, Z3, Z11) \
	GETO(4, Z4, Z12) \
	GETO(5, Z5, Z13) \
	GETO(6, Z6, Z14) \
	GETO(7, Z7, Z15)

#define PUTALL \
	PUTO(0, Z0, Z8)  \
	PUTO(1, Z1, Z9)  \
	PUTO(2, Z2, Z10) \
	PUTO(3, Z3, Z11) \
	PUTO(4, Z4, Z12) \
	PUTO(5, Z5, Z13) \
	PUTO(6, Z6, Z14) \
	PUTO(7, Z7, Z15)

#define EROW(r, z, a, b) \
	VBROADCASTSS (1024*r)(R8)(AX*4), z \
	VFMADD231PS z, Z16, a              \
	VFMADD231PS z, Z17, b

#define EROWS \
	EROW(0, Z18, Z0, Z8)  \
	EROW(1, Z19, Z1, Z9)  \
	EROW(2, Z20, Z2, Z10) \
	EROW(3, Z21, Z3, Z11) \
	EROW(4, Z22, Z4, Z12) \
	EROW(5, Z23, Z5, Z13) \
	EROW(6, Z24, Z6, Z14) \
	EROW(7, Z25, Z7, Z15)

// func pv8F32(a *pv8Args)
TEXT ·pv8F32(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), BX
	MOVQ 8(DX), R8
	MOVQ 80(DX), R9
	MOVQ 88(DX), R12
	MOVQ 96(DX), R13
	XORQ CX, CX
pair:
	GETALL
	MOVQ BX, SI
	XORQ AX, AX
loop:
	VMOVUPS (SI), Z16
	VMOVUPS 64(SI), Z17
	EROWS
	ADDQ R12, SI
	INCQ AX
	CMPQ AX, R9
	JLT  loop
	PUTALL
	ADDQ $128, CX
	ADDQ $128, BX
	DECQ R13
	JNZ  pair
	VZEROUPPER
	RET

// func pv8F16(a *pv8Args)
TEXT ·pv8F16(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), BX
	MOVQ 8(DX), R8
	MOVQ 80(DX), R9
	MOVQ 88(DX), R12
	MOVQ 96(DX), R13
	XORQ CX, CX
pair:
	GETALL
	MOVQ BX, SI
	XORQ AX, AX
loop:
	VCVTPH2PS (SI), Z16
	VCVTPH2PS 32(SI), Z17
	EROWS
	ADDQ R12, SI
	INCQ AX
	CMPQ AX, R9
	JLT  loop
	PUTALL
	ADDQ $128, CX
	ADDQ $64, BX
	DECQ R13
	JNZ  pair
	VZEROUPPER
	RET
