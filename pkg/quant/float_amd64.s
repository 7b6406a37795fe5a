#include "textflag.h"

// func cpuidFeatures() uint32
// Register CX of CPUID leaf 1.
TEXT ·cpuidFeatures(SB), NOSPLIT, $0-4
	MOVL $1, AX
	XORL CX, CX
	CPUID
	MOVL CX, ret+0(FP)
	RET

// func widenF16C(dst *float32, src *byte, n int)
// n halves, a positive multiple of 8. Needs AVX and F16C.
TEXT ·widenF16C(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
widen:
	VCVTPH2PS (SI), Y0
	VMOVUPS Y0, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ widen
	VZEROUPPER
	RET

// func narrowF16C(dst *byte, src *float32, n int)
// n halves, a positive multiple of 8, ties to even. Needs AVX and F16C.
TEXT ·narrowF16C(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
narrow:
	VMOVUPS (SI), Y0
	VCVTPS2PH $0, Y0, (DI)
	ADDQ $32, SI
	ADDQ $16, DI
	SUBQ $8, CX
	JNZ narrow
	VZEROUPPER
	RET

// func magnitudeAVX2(x *float32, n int) uint32
// Largest |x| as bits, of n floats, a positive multiple of 16. Needs AVX2.
TEXT ·magnitudeAVX2(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VPCMPEQD Y2, Y2, Y2
	VPSRLD $1, Y2, Y2
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
magnitude:
	VPAND (SI), Y2, Y3
	VPAND 32(SI), Y2, Y4
	VPMAXUD Y3, Y0, Y0
	VPMAXUD Y4, Y1, Y1
	ADDQ $64, SI
	SUBQ $16, CX
	JNZ magnitude
	VPMAXUD Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMAXUD X1, X0, X0
	VMOVD X0, AX
	MOVL AX, ret+16(FP)
	VZEROUPPER
	RET
