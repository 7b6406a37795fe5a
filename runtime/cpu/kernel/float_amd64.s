#include "textflag.h"

// Float GEMV, AVX-512 FMA: one panel, one token, whole slabs; a chain of fused
// steps per slab, added to C. The panel is one stream, fetched 2 KiB ahead: that
// is faster than several slabs in flight, and one chain is still above the speed
// of memory.
//
// SI weights, DI activations, CX steps left in the slab, BX slabs left, Z16 C

DATA ·highHalf<>+0(SB)/4, $0xffff0000
GLOBL ·highHalf<>(SB), RODATA|NOPTR, $4

#define BEGIN \
	MOVQ a+0(FP), DX   \
	MOVQ 0(DX), SI     \
	MOVQ 16(DX), DI    \
	MOVQ 24(DX), AX    \
	MOVQ 32(DX), BX    \
	VMOVUPS (AX), Z16  \
	VPBROADCASTD ·highHalf<>(SB), Z20

#define AHEAD \
	PREFETCHT0 2048(SI) \
	PREFETCHT0 2112(SI)

#define STEP(size, channels) \
	ADDQ $size, SI       \
	ADDQ $(4*channels), DI \
	DECQ CX

#define END \
	VMOVUPS Z16, (AX) \
	VZEROUPPER        \
	RET

// func gemvSlabsF16(a *gemvFloatArgs)
TEXT ·gemvSlabsF16(SB), NOSPLIT, $0-8
	BEGIN
slab:
	VPXORD Z0, Z0, Z0
	MOVQ $64, CX
loop:
	AHEAD
	VCVTPH2PS (SI), Z4
	VCVTPH2PS 32(SI), Z5
	VCVTPH2PS 64(SI), Z6
	VCVTPH2PS 96(SI), Z7
	VFMADD231PS.BCST (DI), Z4, Z0
	VFMADD231PS.BCST 4(DI), Z5, Z0
	VFMADD231PS.BCST 8(DI), Z6, Z0
	VFMADD231PS.BCST 12(DI), Z7, Z0
	STEP(128, 4)
	JNZ  loop
	VADDPS Z0, Z16, Z16
	DECQ BX
	JNZ  slab
	END

// func gemvSlabsBF16(a *gemvFloatArgs)
TEXT ·gemvSlabsBF16(SB), NOSPLIT, $0-8
	BEGIN
slab:
	VPXORD Z0, Z0, Z0
	MOVQ $64, CX
loop:
	AHEAD
	VMOVDQU32 (SI), Z4
	VMOVDQU32 64(SI), Z6
	VPANDD Z20, Z4, Z5
	VPSLLD $16, Z4, Z4
	VPANDD Z20, Z6, Z7
	VPSLLD $16, Z6, Z6
	VFMADD231PS.BCST (DI), Z4, Z0
	VFMADD231PS.BCST 4(DI), Z5, Z0
	VFMADD231PS.BCST 8(DI), Z6, Z0
	VFMADD231PS.BCST 12(DI), Z7, Z0
	STEP(128, 4)
	JNZ  loop
	VADDPS Z0, Z16, Z16
	DECQ BX
	JNZ  slab
	END

// func gemvSlabsF32(a *gemvFloatArgs)
TEXT ·gemvSlabsF32(SB), NOSPLIT, $0-8
	BEGIN
slab:
	VPXORD Z0, Z0, Z0
	MOVQ $128, CX
loop:
	AHEAD
	VMOVUPS (SI), Z4
	VMOVUPS 64(SI), Z5
	VFMADD231PS.BCST (DI), Z4, Z0
	VFMADD231PS.BCST 4(DI), Z5, Z0
	STEP(128, 2)
	JNZ  loop
	VADDPS Z0, Z16, Z16
	DECQ BX
	JNZ  slab
	END

// func gemv1F16(a *gemvFloatArgs): one slab of 2·pairs channels
TEXT ·gemv1F16(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 16(DX), DI
	MOVQ 32(DX), CX
	VPBROADCASTD ·highHalf<>(SB), Z20
	VPXORD Z0, Z0, Z0
loop:
	VCVTPH2PS (SI), Z4
	VCVTPH2PS 32(SI), Z5
	VFMADD231PS.BCST (DI), Z4, Z0
	VFMADD231PS.BCST 4(DI), Z5, Z0
	ADDQ $64, SI
	ADDQ $8, DI
	DECQ CX
	JNZ  loop
	MOVQ 24(DX), AX
	VADDPS (AX), Z0, Z0
	VMOVUPS Z0, (AX)
	VZEROUPPER
	RET

// func gemv1BF16(a *gemvFloatArgs): one slab of 2·pairs channels
TEXT ·gemv1BF16(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 16(DX), DI
	MOVQ 32(DX), CX
	VPBROADCASTD ·highHalf<>(SB), Z20
	VPXORD Z0, Z0, Z0
loop:
	VMOVDQU32 (SI), Z4
	VPANDD Z20, Z4, Z5
	VPSLLD $16, Z4, Z4
	VFMADD231PS.BCST (DI), Z4, Z0
	VFMADD231PS.BCST 4(DI), Z5, Z0
	ADDQ $64, SI
	ADDQ $8, DI
	DECQ CX
	JNZ  loop
	MOVQ 24(DX), AX
	VADDPS (AX), Z0, Z0
	VMOVUPS Z0, (AX)
	VZEROUPPER
	RET

// func gemv1F32(a *gemvFloatArgs): one slab of 2·pairs channels
TEXT ·gemv1F32(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 16(DX), DI
	MOVQ 32(DX), CX
	VPBROADCASTD ·highHalf<>(SB), Z20
	VPXORD Z0, Z0, Z0
loop:
	VMOVUPS (SI), Z4
	VMOVUPS 64(SI), Z5
	VFMADD231PS.BCST (DI), Z4, Z0
	VFMADD231PS.BCST 4(DI), Z5, Z0
	ADDQ $128, SI
	ADDQ $8, DI
	DECQ CX
	JNZ  loop
	MOVQ 24(DX), AX
	VADDPS (AX), Z0, Z0
	VMOVUPS Z0, (AX)
	VZEROUPPER
	RET
