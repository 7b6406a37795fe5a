#include "textflag.h"

// Runs of float32, AVX-512. Every function takes n elements, any n; the last
// vector is masked. Register use: DI dst, SI and DX sources, CX elements left,
// K1 the mask of the current vector, Z20-Z31 constants of exp.

// MASK sets K1 to the low min(CX, 16) lanes. Clobbers AX and BX.
#define MASK \
	MOVQ $0xffff, AX   \
	CMPQ CX, $16       \
	JGE  3(PC)         \
	MOVQ $-1, AX       \
	BZHIQ CX, AX, AX   \
	KMOVW AX, K1

#define EXPCONST \
	VBROADCASTSS ·expConst+0(SB), Z20  \ // log2e
	VBROADCASTSS ·expConst+4(SB), Z21  \ // magic
	VBROADCASTSS ·expConst+8(SB), Z22  \ // -ln2hi
	VBROADCASTSS ·expConst+12(SB), Z23 \ // -ln2lo
	VBROADCASTSS ·expConst+16(SB), Z24 \ // c5
	VBROADCASTSS ·expConst+20(SB), Z25 \
	VBROADCASTSS ·expConst+24(SB), Z26 \
	VBROADCASTSS ·expConst+28(SB), Z27 \
	VBROADCASTSS ·expConst+32(SB), Z28 \
	VBROADCASTSS ·expConst+36(SB), Z29 \ // c0
	VBROADCASTSS ·expConst+40(SB), Z30 \ // 1
	VBROADCASTSS ·expConst+44(SB), Z31   // max

// EXP: Z0 = exp(Z0), the sequence of internal/f32.Exp. Clobbers Z1-Z4, K2, K3.
#define EXP \
	VMULPS Z20, Z0, Z1           \
	VADDPS Z21, Z1, Z1           \
	VSUBPS Z21, Z1, Z1           \
	VMOVAPS Z0, Z2               \
	VFMADD231PS Z22, Z1, Z2      \
	VFMADD231PS Z23, Z1, Z2      \
	VMOVAPS Z24, Z3              \
	VFMADD213PS Z25, Z2, Z3      \
	VFMADD213PS Z26, Z2, Z3      \
	VFMADD213PS Z27, Z2, Z3      \
	VFMADD213PS Z28, Z2, Z3      \
	VFMADD213PS Z29, Z2, Z3      \
	VMULPS Z2, Z2, Z4            \
	VFMADD213PS Z2, Z4, Z3       \
	VADDPS Z30, Z3, Z3           \
	VCVTPS2DQ Z1, Z1             \
	VPSLLD $23, Z1, Z1           \
	VPADDD Z1, Z3, Z3            \
	VCMPPS $0x1e, Z31, Z0, K2    \
	VBROADCASTSS ·expConst+52(SB), K2, Z3 \
	VCMPPS.BCST $0x11, ·expConst+48(SB), Z0, K3 \
	VPXORD Z3, Z3, K3, Z3        \
	VMOVAPS Z3, Z0

// func vecAddN(dst, a, b *float32, n int)
TEXT ·vecAddN(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
loop:
	MASK
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z (DX), K1, Z1
	VADDPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)
	ADDQ $64, SI
	ADDQ $64, DX
	ADDQ $64, DI
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET

// func vecMulN(dst, a, b *float32, n int)
TEXT ·vecMulN(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
loop:
	MASK
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z (DX), K1, Z1
	VMULPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)
	ADDQ $64, SI
	ADDQ $64, DX
	ADDQ $64, DI
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET

// func vecScaleMulN(dst, x, w *float32, r float32, n int): (x*r)*w
TEXT ·vecScaleMulN(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ w+16(FP), DX
	VBROADCASTSS r+24(FP), Z2
	MOVQ n+32(FP), CX
loop:
	MASK
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z (DX), K1, Z1
	VMULPS Z2, Z0, Z0
	VMULPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)
	ADDQ $64, SI
	ADDQ $64, DX
	ADDQ $64, DI
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET

// func vecSquaresN(l, x *float32, n int): l[i] = fma(x, x, l[i]), n a multiple of 16
TEXT ·vecSquaresN(SB), NOSPLIT, $0-24
	MOVQ l+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVUPS (DI), Z0
loop:
	VMOVUPS (SI), Z1
	VFMADD231PS Z1, Z1, Z0
	ADDQ $64, SI
	SUBQ $16, CX
	JG   loop
	VMOVUPS Z0, (DI)
	VZEROUPPER
	RET

// func vecSiluN(dst, x *float32, n int): x / (1 + exp(-x))
TEXT ·vecSiluN(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	EXPCONST
loop:
	MASK
	VMOVUPS.Z (SI), K1, Z5
	VPXORD.BCST ·expConst+56(SB), Z5, Z0
	EXP
	VADDPS Z30, Z0, Z0
	VDIVPS Z0, Z5, Z0
	VMOVUPS Z0, K1, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET

// func vecRotateN(dl, dh, xl, xh, cos, sin *float32, n int): n a multiple of 16
TEXT ·vecRotateN(SB), NOSPLIT, $0-56
	MOVQ dl+0(FP), DI
	MOVQ dh+8(FP), R8
	MOVQ xl+16(FP), SI
	MOVQ xh+24(FP), R9
	MOVQ cos+32(FP), R10
	MOVQ sin+40(FP), R11
	MOVQ n+48(FP), CX
	XORQ AX, AX
loop:
	VMOVUPS (SI)(AX*1), Z0
	VMOVUPS (R9)(AX*1), Z1
	VMOVUPS (R10)(AX*1), Z2
	VMOVUPS (R11)(AX*1), Z3
	VMULPS Z3, Z1, Z4           // hi*s
	VMULPS Z3, Z0, Z5           // lo*s
	VFMSUB213PS Z4, Z2, Z0      // lo*c - hi*s
	VFMADD213PS Z5, Z2, Z1      // hi*c + lo*s
	VMOVUPS Z0, (DI)(AX*1)
	VMOVUPS Z1, (R8)(AX*1)
	ADDQ $64, AX
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET

// func vecMergeN(o, p *float32, a, b float32, n int): o = fma(o, a, p*b)
TEXT ·vecMergeN(SB), NOSPLIT, $0-32
	MOVQ o+0(FP), DI
	MOVQ p+8(FP), SI
	VBROADCASTSS a+16(FP), Z2
	VBROADCASTSS b+20(FP), Z3
	MOVQ n+24(FP), CX
loop:
	MASK
	VMOVUPS.Z (DI), K1, Z0
	VMOVUPS.Z (SI), K1, Z1
	VMULPS Z3, Z1, Z1
	VFMADD213PS Z1, Z2, Z0
	VMOVUPS Z0, K1, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET

// func vecDivN(x *float32, l float32, n int)
TEXT ·vecDivN(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), DI
	VBROADCASTSS l+8(FP), Z2
	MOVQ n+16(FP), CX
loop:
	MASK
	VMOVUPS.Z (DI), K1, Z0
	VDIVPS Z2, Z0, Z0
	VMOVUPS Z0, K1, (DI)
	ADDQ $64, DI
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET

// func scatter4(dst, src *float32, n int): groups of 4 channels from src to
// every 64 bytes of dst; n groups.
TEXT ·scatter4(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
loop:
	VMOVUPS (SI), X0
	VMOVUPS X0, (DI)
	ADDQ $16, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop
	RET

// func gather4(dst, src *float32, n int): the inverse of scatter4
TEXT ·gather4(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
loop:
	VMOVUPS (SI), X0
	VMOVUPS X0, (DI)
	ADDQ $64, SI
	ADDQ $16, DI
	DECQ CX
	JNZ  loop
	RET

// func blockMax(max *[8]uint32, x *[256]float32): largest absolute bits of each
// block of 32.
TEXT ·blockMax(SB), NOSPLIT, $0-16
	MOVQ max+0(FP), DI
	MOVQ x+8(FP), SI
	VPBROADCASTD ·expConst+60(SB), Z7
	MOVQ $8, CX
loop:
	VPANDD (SI), Z7, Z0
	VPANDD 64(SI), Z7, Z1
	VPMAXUD Z1, Z0, Z0
	VEXTRACTI64X4 $1, Z0, Y1
	VPMAXUD Y1, Y0, Y0
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

// func quantBlocks(q *[256]int8, sums *[64]int32, x *[256]float32, mult *[8]float32):
// q = clamp(rne(x*mult), -127, 127); sums[4i] is the sum of the 16 integers i.
TEXT ·quantBlocks(SB), NOSPLIT, $0-32
	MOVQ q+0(FP), DI
	MOVQ sums+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ mult+24(FP), DX
	VPBROADCASTD ·expConst+64(SB), Z6 // 127
	VPBROADCASTD ·expConst+68(SB), Z7 // -127
	VPBROADCASTD ·expConst+72(SB), Z8 // bytes of 1
	MOVQ $8, CX
	MOVQ DI, AX
loop:
	VBROADCASTSS (DX), Z2
	VMULPS (SI), Z2, Z0
	VMULPS 64(SI), Z2, Z1
	VCVTPS2DQ Z0, Z0
	VCVTPS2DQ Z1, Z1
	VPMINSD Z6, Z0, Z0
	VPMINSD Z6, Z1, Z1
	VPMAXSD Z7, Z0, Z0
	VPMAXSD Z7, Z1, Z1
	VPMOVDB Z0, (DI)
	VPMOVDB Z1, 16(DI)
	ADDQ $128, SI
	ADDQ $32, DI
	ADDQ $4, DX
	DECQ CX
	JNZ  loop
	MOVQ $4, CX
sum:
	VPXORD Z0, Z0, Z0
	VMOVDQU64 (AX), Z1
	VPDPBUSD Z1, Z8, Z0
	VPSHUFD $0x4e, Z0, Z1
	VPADDD Z1, Z0, Z0
	VPSHUFD $0xb1, Z0, Z1
	VPADDD Z1, Z0, Z0
	VMOVDQU64 Z0, (R8)
	ADDQ $64, AX
	ADDQ $64, R8
	DECQ CX
	JNZ  sum
	VZEROUPPER
	RET

// func expSumN(l, x *float32, m float32, n int): l[i mod 16] += exp(x[i] - m)
TEXT ·expSumN(SB), NOSPLIT, $0-32
	MOVQ l+0(FP), DI
	MOVQ x+8(FP), SI
	VBROADCASTSS m+16(FP), Z5
	MOVQ n+24(FP), CX
	EXPCONST
	VMOVUPS (DI), Z6
loop:
	MASK
	VMOVUPS.Z (SI), K1, Z0
	VSUBPS Z5, Z0, Z0
	EXP
	VADDPS Z0, Z6, K1, Z6
	ADDQ $64, SI
	SUBQ $16, CX
	JG   loop
	VMOVUPS Z6, (DI)
	VZEROUPPER
	RET

// func maxN(x *float32, n int) (m float32): from -Inf, NaN ignored
TEXT ·maxN(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VBROADCASTSS ·expConst+76(SB), Z7
	VMOVAPS Z7, Z8
loop:
	MASK
	VMOVAPS Z7, Z0
	VMOVUPS (SI), K1, Z0
	VMAXPS Z8, Z0, Z8
	ADDQ $64, SI
	SUBQ $16, CX
	JG   loop
	VEXTRACTF64X4 $1, Z8, Y1
	VMAXPS Y1, Y8, Y8
	VEXTRACTF128 $1, Y8, X1
	VMAXPS X1, X8, X8
	VPSHUFD $0x4e, X8, X1
	VMAXPS X1, X8, X8
	VPSHUFD $0xb1, X8, X1
	VMAXPS X1, X8, X8
	VMOVSS X8, m+16(FP)
	VZEROUPPER
	RET

// func findAbove(x *float32, n int, limit float32) int: the start of the first
// run of 16 with an element above limit (or any element when limit is NaN and it is
// not), n when there is none. n is a multiple of 16.
TEXT ·findAbove(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VBROADCASTSS limit+16(FP), Z1
	XORQ AX, AX
	CMPQ CX, $0
	JLE  done
loop:
	VMOVUPS (SI)(AX*4), Z0
	VCMPPS $0x1a, Z0, Z1, K1 // not (limit >= x): above, or one is NaN
	KTESTW K1, K1
	JNZ  done
	ADDQ $16, AX
	CMPQ AX, CX
	JLT  loop
done:
	MOVQ AX, ret+24(FP)
	VZEROUPPER
	RET

// func vecSiluMulN(dst, x, u *float32, n int): (x / (1 + exp(-x))) * u
TEXT ·vecSiluMulN(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ u+16(FP), DX
	MOVQ n+24(FP), CX
	EXPCONST
loop:
	MASK
	VMOVUPS.Z (SI), K1, Z5
	VMOVUPS.Z (DX), K1, Z6
	PREFETCHT0 1024(SI)
	PREFETCHT0 1024(DX)
	VPXORD.BCST ·expConst+56(SB), Z5, Z0
	EXP
	VADDPS Z30, Z0, Z0
	VDIVPS Z0, Z5, Z0
	VMULPS Z6, Z0, Z0
	VMOVUPS Z0, K1, (DI)
	ADDQ $64, SI
	ADDQ $64, DX
	ADDQ $64, DI
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET
