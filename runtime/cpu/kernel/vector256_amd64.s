#include "textflag.h"
#include "go_asm.h"

// Runs of float32, AVX2 and FMA; lengths are multiples of 8 unless said. The
// constants of exp are rows of 8 equal floats in ·expWide.

#define EXP256 \
	VMULPS ·expWide+0(SB), Y0, Y1         \
	VADDPS ·expWide+32(SB), Y1, Y1        \
	VSUBPS ·expWide+32(SB), Y1, Y1        \
	VMOVAPS Y0, Y2                        \
	VFMADD231PS ·expWide+64(SB), Y1, Y2   \
	VFMADD231PS ·expWide+96(SB), Y1, Y2   \
	VMOVUPS ·expWide+128(SB), Y3          \
	VFMADD213PS ·expWide+160(SB), Y2, Y3  \
	VFMADD213PS ·expWide+192(SB), Y2, Y3  \
	VFMADD213PS ·expWide+224(SB), Y2, Y3  \
	VFMADD213PS ·expWide+256(SB), Y2, Y3  \
	VFMADD213PS ·expWide+288(SB), Y2, Y3  \
	VMULPS Y2, Y2, Y4                     \
	VFMADD213PS Y2, Y4, Y3                \
	VADDPS ·expWide+320(SB), Y3, Y3       \
	VCVTPS2DQ Y1, Y1                      \
	VPSLLD $23, Y1, Y1                    \
	VPADDD Y1, Y3, Y3                     \
	VCMPPS $0x1e, ·expWide+352(SB), Y0, Y5 \
	VBLENDVPS Y5, ·expWide+416(SB), Y3, Y3 \
	VCMPPS $0x11, ·expWide+384(SB), Y0, Y5 \
	VANDNPS Y3, Y5, Y0

#define BINARY(op) \
	MOVQ dst+0(FP), DI     \
	MOVQ a+8(FP), SI       \
	MOVQ b+16(FP), DX      \
	MOVQ n+24(FP), CX      \
loop:                      \
	VMOVUPS (SI), Y0       \
	op (DX), Y0, Y0        \
	VMOVUPS Y0, (DI)       \
	ADDQ $32, SI           \
	ADDQ $32, DX           \
	ADDQ $32, DI           \
	SUBQ $8, CX            \
	JG   loop              \
	VZEROUPPER             \
	RET

// func add256(dst, a, b *float32, n int)
TEXT ·add256(SB), NOSPLIT, $0-32
	BINARY(VADDPS)

// func mul256(dst, a, b *float32, n int)
TEXT ·mul256(SB), NOSPLIT, $0-32
	BINARY(VMULPS)

// func scaleMul256(dst, x, w *float32, r float32, n int): (x*r)*w
TEXT ·scaleMul256(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ w+16(FP), DX
	VBROADCASTSS r+24(FP), Y2
	MOVQ n+32(FP), CX
loop:
	VMULPS (SI), Y2, Y0
	VMULPS (DX), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop
	VZEROUPPER
	RET

// func scale256(x *float32, r float32, n int): x*r in place
TEXT ·scale256(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), DI
	VBROADCASTSS r+8(FP), Y2
	MOVQ n+16(FP), CX
loop:
	VMULPS (DI), Y2, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop
	VZEROUPPER
	RET

// func squares256(l, x *float32, n int): 16 lanes, n a multiple of 16
TEXT ·squares256(SB), NOSPLIT, $0-24
	MOVQ l+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
loop:
	VMOVUPS (SI), Y2
	VMOVUPS 32(SI), Y3
	VFMADD231PS Y2, Y2, Y0
	VFMADD231PS Y3, Y3, Y1
	ADDQ $64, SI
	SUBQ $16, CX
	JG   loop
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VZEROUPPER
	RET

// func silu256(dst, x *float32, n int)
TEXT ·silu256(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
loop:
	VMOVUPS (SI), Y6
	VXORPS ·expWide+448(SB), Y6, Y0
	EXP256
	VADDPS ·expWide+320(SB), Y0, Y0
	VDIVPS Y0, Y6, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop
	VZEROUPPER
	RET

// func expSub256(x *float32, m float32, n int): exp(x - m) in place
TEXT ·expSub256(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), DI
	VBROADCASTSS m+8(FP), Y6
	MOVQ n+16(FP), CX
loop:
	VMOVUPS (DI), Y0
	VSUBPS Y6, Y0, Y0
	EXP256
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop
	VZEROUPPER
	RET

// func expSum256(l, x *float32, m float32, n int): 16 lanes, n a multiple of 16
TEXT ·expSum256(SB), NOSPLIT, $0-32
	MOVQ l+0(FP), DI
	MOVQ x+8(FP), SI
	VBROADCASTSS m+16(FP), Y6
	MOVQ n+24(FP), CX
	VMOVUPS (DI), Y7
	VMOVUPS 32(DI), Y8
loop:
	VMOVUPS (SI), Y0
	VSUBPS Y6, Y0, Y0
	EXP256
	VADDPS Y0, Y7, Y7
	VMOVUPS 32(SI), Y0
	VSUBPS Y6, Y0, Y0
	EXP256
	VADDPS Y0, Y8, Y8
	ADDQ $64, SI
	SUBQ $16, CX
	JG   loop
	VMOVUPS Y7, (DI)
	VMOVUPS Y8, 32(DI)
	VZEROUPPER
	RET

// func rotate256(dl, dh, xl, xh, cos, sin *float32, n int)
TEXT ·rotate256(SB), NOSPLIT, $0-56
	MOVQ dl+0(FP), DI
	MOVQ dh+8(FP), R8
	MOVQ xl+16(FP), SI
	MOVQ xh+24(FP), R9
	MOVQ cos+32(FP), R10
	MOVQ sin+40(FP), R11
	MOVQ n+48(FP), CX
	XORQ AX, AX
loop:
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS (R9)(AX*1), Y1
	VMOVUPS (R10)(AX*1), Y2
	VMOVUPS (R11)(AX*1), Y3
	VMULPS Y3, Y1, Y4
	VMULPS Y3, Y0, Y5
	VFMSUB213PS Y4, Y2, Y0
	VFMADD213PS Y5, Y2, Y1
	VMOVUPS Y0, (DI)(AX*1)
	VMOVUPS Y1, (R8)(AX*1)
	ADDQ $32, AX
	SUBQ $8, CX
	JG   loop
	VZEROUPPER
	RET

// func merge256(o, p *float32, a, b float32, n int): o = fma(o, a, p*b)
TEXT ·merge256(SB), NOSPLIT, $0-32
	MOVQ o+0(FP), DI
	MOVQ p+8(FP), SI
	VBROADCASTSS a+16(FP), Y2
	VBROADCASTSS b+20(FP), Y3
	MOVQ n+24(FP), CX
loop:
	VMOVUPS (DI), Y0
	VMULPS (SI), Y3, Y1
	VFMADD213PS Y1, Y2, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop
	VZEROUPPER
	RET

// func div256(x *float32, l float32, n int)
TEXT ·div256(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), DI
	VBROADCASTSS l+8(FP), Y2
	MOVQ n+16(FP), CX
loop:
	VMOVUPS (DI), Y0
	VDIVPS Y2, Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop
	VZEROUPPER
	RET

// func blockMax256(max *[8]uint32, x *[256]float32)
TEXT ·blockMax256(SB), NOSPLIT, $0-16
	MOVQ max+0(FP), DI
	MOVQ x+8(FP), SI
	VMOVUPS ·expWide+480(SB), Y7
	MOVQ $8, CX
loop:
	VPAND (SI), Y7, Y0
	VPAND 32(SI), Y7, Y1
	VPAND 64(SI), Y7, Y2
	VPAND 96(SI), Y7, Y3
	VPMAXUD Y1, Y0, Y0
	VPMAXUD Y3, Y2, Y2
	VPMAXUD Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMAXUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMAXUD X1, X0, X0
	VMOVD X0, (DI)
	ADDQ $128, SI
	ADDQ $4, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

DATA ·packOrder<>+0(SB)/8, $0x0000000400000000
DATA ·packOrder<>+8(SB)/8, $0x0000000500000001
DATA ·packOrder<>+16(SB)/8, $0x0000000600000002
DATA ·packOrder<>+24(SB)/8, $0x0000000700000003
GLOBL ·packOrder<>(SB), RODATA|NOPTR, $32

DATA ·signBytes<>+0(SB)/8, $0x8080808080808080
DATA ·signBytes<>+8(SB)/8, $0x8080808080808080
DATA ·signBytes<>+16(SB)/8, $0x8080808080808080
DATA ·signBytes<>+24(SB)/8, $0x8080808080808080
GLOBL ·signBytes<>(SB), RODATA|NOPTR, $32

#define QUANT(o, y) \
	VMULPS o(SI), Y8, y     \
	VCVTPS2DQ y, y          \
	VPMINSD Y9, y, y        \
	VPMAXSD Y10, y, y

// func quantBlocks256(q *[256]int8, sums *[32]int64, x *[256]float32, mult *[8]float32):
// q = clamp(rne(x*mult), -127, 127); sums are those of 8 integers plus 128 each
TEXT ·quantBlocks256(SB), NOSPLIT, $0-32
	MOVQ q+0(FP), DI
	MOVQ sums+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ mult+24(FP), DX
	VMOVUPS ·expWide+512(SB), Y9
	VMOVUPS ·expWide+544(SB), Y10
	VMOVDQU ·packOrder<>(SB), Y11
	VPXOR Y12, Y12, Y12
	MOVQ $8, CX
loop:
	VBROADCASTSS (DX), Y8
	QUANT(0, Y0)
	QUANT(32, Y1)
	QUANT(64, Y2)
	QUANT(96, Y3)
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKSSWB Y2, Y0, Y0
	VPERMD Y0, Y11, Y0
	VMOVDQU Y0, (DI)
	VPXOR ·signBytes<>(SB), Y0, Y0
	VPSADBW Y12, Y0, Y0
	VMOVDQU Y0, (R8)
	ADDQ $128, SI
	ADDQ $32, DI
	ADDQ $32, R8
	ADDQ $4, DX
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func maxScores256(s *float32, panels int, first, last *int32, scale float32) (m float32):
// scales panels of 16 in place and returns the maximum of those under the
// masks of the first and the last panel; NaN is ignored
TEXT ·maxScores256(SB), NOSPLIT, $0-44
	MOVQ s+0(FP), DI
	MOVQ panels+8(FP), CX
	MOVQ first+16(FP), SI
	MOVQ last+24(FP), DX
	VBROADCASTSS scale+32(FP), Y7
	VMOVUPS ·expWide+416(SB), Y6 // Inf
	VXORPS ·expWide+448(SB), Y6, Y6
	VMOVAPS Y6, Y4
	VMOVAPS Y6, Y5
	VMOVUPS (SI), Y2
	VMOVUPS 32(SI), Y3
	CMPQ CX, $1
	JEQ  end
loop:
	VMULPS (DI), Y7, Y0
	VMULPS 32(DI), Y7, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VBLENDVPS Y2, Y0, Y6, Y0
	VBLENDVPS Y3, Y1, Y6, Y1
	VMAXPS Y4, Y0, Y4
	VMAXPS Y5, Y1, Y5
	VPCMPEQD Y2, Y2, Y2
	VPCMPEQD Y3, Y3, Y3
	ADDQ $64, DI
	DECQ CX
	CMPQ CX, $1
	JGT  loop
end:
	VPAND (DX), Y2, Y2
	VPAND 32(DX), Y3, Y3
	VMULPS (DI), Y7, Y0
	VMULPS 32(DI), Y7, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VBLENDVPS Y2, Y0, Y6, Y0
	VBLENDVPS Y3, Y1, Y6, Y1
	VMAXPS Y4, Y0, Y4
	VMAXPS Y5, Y1, Y5
	VMAXPS Y5, Y4, Y4
	VEXTRACTF128 $1, Y4, X5
	VMAXPS X5, X4, X4
	VMOVHLPS X4, X4, X5
	VMAXPS X5, X4, X4
	VMOVSHDUP X4, X5
	VMAXSS X5, X4, X4
	VMOVSS X4, m+40(FP)
	VZEROUPPER
	RET

// func sumScores256(lanes *[16]float32, s *float32, panels int, first, last *int32):
// sums panels of 16 by lane, ascending, +0 where the masks are zero
TEXT ·sumScores256(SB), NOSPLIT, $0-40
	MOVQ lanes+0(FP), R8
	MOVQ s+8(FP), DI
	MOVQ panels+16(FP), CX
	MOVQ first+24(FP), SI
	MOVQ last+32(FP), DX
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VMOVUPS (SI), Y2
	VMOVUPS 32(SI), Y3
	CMPQ CX, $1
	JEQ  end
loop:
	VANDPS (DI), Y2, Y0
	VANDPS 32(DI), Y3, Y1
	VADDPS Y0, Y4, Y4
	VADDPS Y1, Y5, Y5
	VPCMPEQD Y2, Y2, Y2
	VPCMPEQD Y3, Y3, Y3
	ADDQ $64, DI
	DECQ CX
	CMPQ CX, $1
	JGT  loop
end:
	VPAND (DX), Y2, Y2
	VPAND 32(DX), Y3, Y3
	VANDPS (DI), Y2, Y0
	VANDPS 32(DI), Y3, Y1
	VADDPS Y0, Y4, Y4
	VADDPS Y1, Y5, Y5
	VMOVUPS Y4, (R8)
	VMOVUPS Y5, 32(R8)
	VZEROUPPER
	RET

#define ROW(p, lo, hi) \
	VBROADCASTSS (p)(AX*4), Y10 \
	VFMADD231PS Y10, Y8, lo     \
	VFMADD231PS Y10, Y9, hi

#define ROWS256 \
	ROW(R8, Y0, Y1)  \
	ROW(R9, Y2, Y3)  \
	ROW(R10, Y4, Y5) \
	ROW(R11, Y6, Y7)

#define PUT(ptr, lo, hi) \
	MOVQ ptr(DX), DI         \
	VMOVUPS lo, (DI)(CX*1)   \
	VMOVUPS hi, 32(DI)(CX*1)

#define GET(ptr, lo, hi) \
	MOVQ ptr(DX), DI         \
	VMOVUPS (DI)(CX*1), lo   \
	VMOVUPS 32(DI)(CX*1), hi

#define LOADF32 \
	VMOVUPS (SI), Y8   \
	VMOVUPS 32(SI), Y9

#define LOADF16 \
	VCVTPH2PS (SI), Y8   \
	VCVTPH2PS 16(SI), Y9

// one panel of 16 positions by four rows at a time
#define QK(LOAD, size) \
	MOVQ qkArgs_k(DX), SI \
	MOVQ qkArgs_q(DX), R8 \
	MOVQ qkArgs_q+8(DX), R9 \
	MOVQ qkArgs_q+16(DX), R10 \
	MOVQ qkArgs_q+24(DX), R11 \
	MOVQ qkArgs_groups(DX), BX \
	SHLQ $2, BX \
	XORQ CX, CX \
panel: \
	VXORPS Y0, Y0, Y0 \
	VXORPS Y1, Y1, Y1 \
	VXORPS Y2, Y2, Y2 \
	VXORPS Y3, Y3, Y3 \
	VXORPS Y4, Y4, Y4 \
	VXORPS Y5, Y5, Y5 \
	VXORPS Y6, Y6, Y6 \
	VXORPS Y7, Y7, Y7 \
	XORQ AX, AX \
loop: \
	LOAD \
	ROWS256 \
	ADDQ $size, SI \
	INCQ AX \
	CMPQ AX, qkArgs_d(DX) \
	JLT  loop \
	PUT(qkArgs_scores, Y0, Y1) \
	PUT(qkArgs_scores+8, Y2, Y3) \
	PUT(qkArgs_scores+16, Y4, Y5) \
	PUT(qkArgs_scores+24, Y6, Y7) \
	ADDQ $64, CX \
	DECQ BX \
	JNZ  panel \
	VZEROUPPER \
	RET

// func qk256(a *qkArgs)
TEXT ·qk256(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	QK(LOADF32, 64)

// func qkHalf256(a *qkArgs): fp16 keys
TEXT ·qkHalf256(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	QK(LOADF16, 32)

// 16 channels by four rows at a time
#define PV(LOAD, size) \
	MOVQ pvArgs_e(DX), R8 \
	MOVQ pvArgs_e+8(DX), R9 \
	MOVQ pvArgs_e+16(DX), R10 \
	MOVQ pvArgs_e+24(DX), R11 \
	MOVQ pvArgs_stride(DX), R12 \
	MOVQ pvArgs_v(DX), BX \
	MOVQ pvArgs_vecs(DX), R13 \
	XORQ CX, CX \
vector: \
	GET(pvArgs_o, Y0, Y1) \
	GET(pvArgs_o+8, Y2, Y3) \
	GET(pvArgs_o+16, Y4, Y5) \
	GET(pvArgs_o+24, Y6, Y7) \
	MOVQ BX, SI \
	XORQ AX, AX \
loop: \
	LOAD \
	ROWS256 \
	ADDQ R12, SI \
	INCQ AX \
	CMPQ AX, pvArgs_n(DX) \
	JLT  loop \
	PUT(pvArgs_o, Y0, Y1) \
	PUT(pvArgs_o+8, Y2, Y3) \
	PUT(pvArgs_o+16, Y4, Y5) \
	PUT(pvArgs_o+24, Y6, Y7) \
	ADDQ $64, CX \
	ADDQ $size, BX \
	DECQ R13 \
	JNZ  vector \
	VZEROUPPER \
	RET

// func pv256(a *pvArgs)
TEXT ·pv256(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	PV(LOADF32, 64)

// func pvHalf256(a *pvArgs): fp16 values
TEXT ·pvHalf256(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	PV(LOADF16, 32)
