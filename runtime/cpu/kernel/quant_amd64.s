#include "textflag.h"
#include "go_asm.h"

// quantTile quantises one slab of a tile of four tokens, f32 c4 to i8 c4, by
// scheme s256e32, AVX-512. A vector holds 4 channels of each token, [token][4]:
// the order of both layouts, so nothing is transposed; per-token numbers are
// repeated in the four lanes of the token.
//
//	SI x (4096 bytes)   DI q (1024)   R8 base   R9 exp   R10 init   R11 init16
//	R12 minpair   R13 bsum   Z16-Z23 block maxima   Z2 base   Z3 1/base   Z4 limit
//	K2 tokens with a live scale   K3 tokens with Inf or NaN

DATA ·quantConst<>+0(SB)/4, $0x7fffffff
DATA ·quantConst<>+4(SB)/4, $0x0f800000  // 2^-96
DATA ·quantConst<>+8(SB)/4, $0x7f800000  // Inf
DATA ·quantConst<>+12(SB)/4, $0x42fe0000 // 127.0
DATA ·quantConst<>+16(SB)/4, $0x3f800000 // 1.0
DATA ·quantConst<>+20(SB)/4, $0x7f7fffff // largest finite
DATA ·quantConst<>+24(SB)/4, $0x7fc00000 // NaN
DATA ·quantConst<>+28(SB)/4, $127
DATA ·quantConst<>+32(SB)/4, $-127
DATA ·quantConst<>+36(SB)/4, $20
DATA ·quantConst<>+40(SB)/4, $0x41000000 // 8.0
DATA ·quantConst<>+44(SB)/4, $0xffff
GLOBL ·quantConst<>(SB), RODATA|NOPTR, $48

DATA ·tokenLanes<>+0(SB)/8, $0x0000000400000000
DATA ·tokenLanes<>+8(SB)/8, $0x0000000c00000008
GLOBL ·tokenLanes<>(SB), RODATA|NOPTR, $16

#define MAX1(o, m) \
	VPANDD o(SI), Z31, Z0 \
	VPMAXUD Z0, m, m

#define MAXBLOCK(b, m) \
	VPANDD (512*b)(SI), Z31, m \
	MAX1((512*b+64), m)        \
	MAX1((512*b+128), m)       \
	MAX1((512*b+192), m)       \
	MAX1((512*b+256), m)       \
	MAX1((512*b+320), m)       \
	MAX1((512*b+384), m)       \
	MAX1((512*b+448), m)       \
	VPSHUFD $0x4e, m, Z0       \
	VPMAXUD Z0, m, m           \
	VPSHUFD $0xb1, m, Z0       \
	VPMAXUD Z0, m, m           \
	VPMAXUD m, Z1, Z1

#define GROUPQ(o, p, sum) \
	VMULPS o(SI), Z6, Z0     \
	VCVTPS2DQ.Z Z0, K2, Z0   \
	VPMINSD Z28, Z0, Z0      \
	VPMAXSD Z26, Z0, Z0      \
	VPMOVDB Z0, p(DI)        \
	VPADDD Z0, sum, sum

#define REDUCE(s) \
	VPSHUFD $0x4e, s, Z0 \
	VPADDD Z0, s, s      \
	VPSHUFD $0xb1, s, Z0 \
	VPADDD Z0, s, s

// PUT stores one number per token.
#define PUT(z, o, p) \
	VPERMD z, Z24, Z0 \
	VMOVDQU32 X0, o(p)

#define NEGATED(n, s, o, p) \
	VPSLLD $n, s, Z10     \
	VPSUBD Z10, Z30, Z10  \
	PUT(Z10, o, p)

// Z10 becomes minq of the block.
#define BLOCKQ(b, m) \
	VPSUBD m, Z4, Z5                          \
	VPSRAD $23, Z5, Z5                        \
	VPMAXSD Z30, Z5, Z5                       \
	VPMINSD.Z Z27, Z5, K2, Z5                 \
	VPADDD Z28, Z5, Z6                        \
	VPSLLD $23, Z6, Z6                        \
	VMULPS Z3, Z6, Z6                         \
	VPXORD Z7, Z7, Z7                         \
	VPXORD Z8, Z8, Z8                         \
	GROUPQ((512*b), (128*b), Z7)              \
	GROUPQ((512*b+64), (128*b+16), Z7)        \
	GROUPQ((512*b+128), (128*b+32), Z7)       \
	GROUPQ((512*b+192), (128*b+48), Z7)       \
	GROUPQ((512*b+256), (128*b+64), Z8)       \
	GROUPQ((512*b+320), (128*b+80), Z8)       \
	GROUPQ((512*b+384), (128*b+96), Z8)       \
	GROUPQ((512*b+448), (128*b+112), Z8)      \
	REDUCE(Z7)                                \
	REDUCE(Z8)                                \
	VPADDD Z8, Z7, Z9                         \
	NEGATED(23, Z5, (16*b), R9)               \
	NEGATED(7, Z9, (16*b), R10)               \
	NEGATED(7, Z7, (32*b), R11)               \
	NEGATED(7, Z8, (32*b+16), R11)            \
	VCVTDQ2PS Z9, Z10                         \
	VPSUBD Z5, Z28, Z11                       \
	VPSLLD $23, Z11, Z11                      \
	VMULPS Z11, Z10, Z10                      \
	PUT(Z10, (16*b), R13)                     \
	VMULPS Z29, Z10, Z10                      \
	VCVTPS2DQ Z10, Z10

#define PAIRQ(p, m, n) \
	BLOCKQ((2*p), m)                         \
	VPANDD Z25, Z10, Z12                     \
	BLOCKQ((2*p+1), n)                       \
	VPSLLD $16, Z10, Z10                     \
	VPORD Z12, Z10, Z10                      \
	PUT(Z10, (16*p), R12)

// func quantTile(a *quantTileArgs)
TEXT ·quantTile(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ quantTileArgs_x(DX), SI
	MOVQ quantTileArgs_q(DX), DI
	MOVQ quantTileArgs_base(DX), R8
	MOVQ quantTileArgs_exp(DX), R9
	MOVQ quantTileArgs_init(DX), R10
	MOVQ quantTileArgs_init16(DX), R11
	MOVQ quantTileArgs_minPair(DX), R12
	MOVQ quantTileArgs_bsum(DX), R13
	VPBROADCASTD ·quantConst<>+0(SB), Z31
	VPXORD Z30, Z30, Z30
	VBROADCASTSS ·quantConst<>+40(SB), Z29
	VPBROADCASTD ·quantConst<>+28(SB), Z28
	VPBROADCASTD ·quantConst<>+36(SB), Z27
	VPBROADCASTD ·quantConst<>+32(SB), Z26
	VPBROADCASTD ·quantConst<>+44(SB), Z25
	VMOVDQU32 ·tokenLanes<>(SB), X24
	VPXORD Z1, Z1, Z1
	MAXBLOCK(0, Z16)
	MAXBLOCK(1, Z17)
	MAXBLOCK(2, Z18)
	MAXBLOCK(3, Z19)
	MAXBLOCK(4, Z20)
	MAXBLOCK(5, Z21)
	MAXBLOCK(6, Z22)
	MAXBLOCK(7, Z23)
	VPCMPUD.BCST $5, ·quantConst<>+4(SB), Z1, K1     // A >= 2^-96
	VPCMPUD.BCST $1, ·quantConst<>+8(SB), Z1, K1, K2 // and A < Inf
	VPCMPUD.BCST $5, ·quantConst<>+8(SB), Z1, K3
	VBROADCASTSS ·quantConst<>+12(SB), Z5
	VDIVPS.Z Z5, Z1, K2, Z2
	VBROADCASTSS ·quantConst<>+16(SB), Z6
	VDIVPS.Z Z2, Z6, K2, Z3
	VMULPS Z5, Z2, Z4
	VPMINUD.BCST ·quantConst<>+20(SB), Z4, Z4
	VBROADCASTSS ·quantConst<>+24(SB), K3, Z2
	PUT(Z2, 0, R8)
	PAIRQ(0, Z16, Z17)
	PAIRQ(1, Z18, Z19)
	PAIRQ(2, Z20, Z21)
	PAIRQ(3, Z22, Z23)
	VZEROUPPER
	RET

// func tileRows(dst *float32, rows *[4]*float32, n int): 16n channels of four
// plain rows to c4 order, dst[group][token][4]
TEXT ·tileRows(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ rows+8(FP), DX
	MOVQ n+16(FP), CX
	MOVQ 0(DX), R8
	MOVQ 8(DX), R9
	MOVQ 16(DX), R10
	MOVQ 24(DX), R11
	XORQ AX, AX
loop:
	VMOVUPS (R8)(AX*1), Z0
	VMOVUPS (R9)(AX*1), Z1
	VMOVUPS (R10)(AX*1), Z2
	VMOVUPS (R11)(AX*1), Z3
	VSHUFF32X4 $0x44, Z1, Z0, Z4
	VSHUFF32X4 $0xee, Z1, Z0, Z5
	VSHUFF32X4 $0x44, Z3, Z2, Z6
	VSHUFF32X4 $0xee, Z3, Z2, Z7
	VSHUFF32X4 $0x88, Z6, Z4, Z0
	VSHUFF32X4 $0xdd, Z6, Z4, Z1
	VSHUFF32X4 $0x88, Z7, Z5, Z2
	VSHUFF32X4 $0xdd, Z7, Z5, Z3
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	VMOVUPS Z3, 192(DI)
	ADDQ $64, AX
	ADDQ $256, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
