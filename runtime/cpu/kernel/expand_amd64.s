#include "textflag.h"

// Expansion of packed records into the scratch of the GEMM kernels: weights as
// bytes, 64 per group of 4 channels by 16 rows, and f32 scales [block][16].
// DI weights, SI record, R8 scales, CX records left; Z20... constants. The same
// place of the next slab is prefetched; beyond the last one that is harmless.

DATA ·byteMasks<>+0(SB)/4, $0xf0f0f0f0
DATA ·byteMasks<>+4(SB)/4, $0x78787878
DATA ·byteMasks<>+8(SB)/4, $0x80808080
DATA ·byteMasks<>+12(SB)/4, $0x0f0f0f0f
DATA ·byteMasks<>+16(SB)/4, $0x10101010
DATA ·byteMasks<>+20(SB)/4, $0x3c3c3c3c
DATA ·byteMasks<>+24(SB)/4, $0xc0c0c0c0
DATA ·byteMasks<>+28(SB)/4, $0x3d800000 // 2^-4
DATA ·byteMasks<>+32(SB)/4, $0x3e000000 // 2^-3
DATA ·byteMasks<>+36(SB)/4, $0x3e800000 // 2^-2
GLOBL ·byteMasks<>(SB), RODATA|NOPTR, $40

#define ARGS \
	MOVQ w+0(FP), DI      \
	MOVQ scale+8(FP), R8  \
	MOVQ rec+16(FP), SI   \
	MOVQ n+24(FP), CX

// func expandQ8_0(w *byte, scale *float32, rec *byte, n int)
TEXT ·expandQ8_0(SB), NOSPLIT, $0-32
	ARGS
loop:
	VCVTPH2PS 0(SI), Z0
	VCVTPH2PS 32(SI), Z1
	VMOVUPS Z0, (R8)
	VMOVUPS Z1, 64(R8)
#define COPY(i) \
	PREFETCHT0 (64+64*i+4352)(SI) \
	VMOVDQU64 (64+64*i)(SI), Z0 \
	VMOVDQU64 Z0, (64*i)(DI)
	COPY(0)
	COPY(1)
	COPY(2)
	COPY(3)
	COPY(4)
	COPY(5)
	COPY(6)
	COPY(7)
	COPY(8)
	COPY(9)
	COPY(10)
	COPY(11)
	COPY(12)
	COPY(13)
	COPY(14)
	COPY(15)
	ADDQ $1088, SI
	ADDQ $1024, DI
	ADDQ $128, R8
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// nibble vector j at byte o: bytes q<<4 (offset form).
#define NIB_HIGH(o, j) \
	PREFETCHT0 (o+64*j+2304)(SI) \
	VMOVDQU64 (o+64*j)(SI), Z0   \
	VPSLLW $4, Z0, Z1            \
	VPANDD Z20, Z1, Z1           \
	VPANDD Z20, Z0, Z0           \
	VMOVDQU64 Z1, (128*j)(DI)    \
	VMOVDQU64 Z0, (128*j+64)(DI)

// nibble vector j at byte o: bytes q (min form).
#define NIB_LOW(o, j) \
	PREFETCHT0 (o+64*j+2368)(SI) \
	VMOVDQU64 (o+64*j)(SI), Z0   \
	VPSRLW $4, Z0, Z1            \
	VPANDD Z20, Z0, Z0           \
	VPANDD Z20, Z1, Z1           \
	VMOVDQU64 Z0, (128*j)(DI)    \
	VMOVDQU64 Z1, (128*j+64)(DI)

// func expandQ4_0(w *byte, scale *float32, rec *byte, n int): q<<4, scale d/16
TEXT ·expandQ4_0(SB), NOSPLIT, $0-32
	ARGS
	VPBROADCASTD ·byteMasks<>+0(SB), Z20
	VBROADCASTSS ·byteMasks<>+28(SB), Z21
loop:
	VCVTPH2PS 0(SI), Z0
	VCVTPH2PS 32(SI), Z1
	VMULPS Z21, Z0, Z0
	VMULPS Z21, Z1, Z1
	VMOVUPS Z0, (R8)
	VMOVUPS Z1, 64(R8)
	NIB_HIGH(64, 0)
	NIB_HIGH(64, 1)
	NIB_HIGH(64, 2)
	NIB_HIGH(64, 3)
	NIB_HIGH(64, 4)
	NIB_HIGH(64, 5)
	NIB_HIGH(64, 6)
	NIB_HIGH(64, 7)
	ADDQ $576, SI
	ADDQ $1024, DI
	ADDQ $128, R8
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandQ4_1(w *byte, scale, min *float32, rec *byte, n int)
TEXT ·expandQ4_1(SB), NOSPLIT, $0-40
	MOVQ w+0(FP), DI
	MOVQ scale+8(FP), R8
	MOVQ min+16(FP), R9
	MOVQ rec+24(FP), SI
	MOVQ n+32(FP), CX
	VPBROADCASTD ·byteMasks<>+12(SB), Z20
loop:
	VCVTPH2PS 0(SI), Z0
	VCVTPH2PS 32(SI), Z1
	VCVTPH2PS 64(SI), Z2
	VCVTPH2PS 96(SI), Z3
	VMOVUPS Z0, (R8)
	VMOVUPS Z1, 64(R8)
	VMOVUPS Z2, (R9)
	VMOVUPS Z3, 64(R9)
	NIB_LOW(128, 0)
	NIB_LOW(128, 1)
	NIB_LOW(128, 2)
	NIB_LOW(128, 3)
	NIB_LOW(128, 4)
	NIB_LOW(128, 5)
	NIB_LOW(128, 6)
	NIB_LOW(128, 7)
	ADDQ $640, SI
	ADDQ $1024, DI
	ADDQ $128, R8
	ADDQ $128, R9
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// nibble vector j with high-bit vector Z2 (bits 2j, 2j+1 of the vector's 8):
// bytes q<<3. Z20 = 0x78.., Z22 = 0x80..; l = 7 - 2j, so bit 2j goes to bit 7.
// Z0 = (x & Z20) | (y & Z22) by VPTERNLOGD 0xF8 on (x&Z20) first.
#define BIT5_HIGH(o, j, l, m) \
	PREFETCHT0 (o+64*j+2816)(SI) \
	VMOVDQU64 (o+64*j)(SI), Z0      \
	VPSLLW $3, Z0, Z1               \
	VPSRLW $1, Z0, Z0               \
	VPANDD Z20, Z1, Z1              \
	VPANDD Z20, Z0, Z0              \
	VPSLLW $l, Z2, Z3               \
	VPSLLW $m, Z2, Z4               \
	VPTERNLOGD $0xF8, Z22, Z3, Z1   \
	VPTERNLOGD $0xF8, Z22, Z4, Z0   \
	VMOVDQU64 Z1, (128*j)(DI)       \
	VMOVDQU64 Z0, (128*j+64)(DI)

// func expandQ5_0(w *byte, scale *float32, rec *byte, n int): q<<3, scale d/8
TEXT ·expandQ5_0(SB), NOSPLIT, $0-32
	ARGS
	VPBROADCASTD ·byteMasks<>+4(SB), Z20
	VPBROADCASTD ·byteMasks<>+8(SB), Z22
	VBROADCASTSS ·byteMasks<>+32(SB), Z21
loop:
	VCVTPH2PS 0(SI), Z0
	VCVTPH2PS 32(SI), Z1
	VMULPS Z21, Z0, Z0
	VMULPS Z21, Z1, Z1
	VMOVUPS Z0, (R8)
	VMOVUPS Z1, 64(R8)
	VMOVDQU64 576(SI), Z2
	BIT5_HIGH(64, 0, 7, 6)
	BIT5_HIGH(64, 1, 5, 4)
	BIT5_HIGH(64, 2, 3, 2)
	BIT5_HIGH(64, 3, 1, 0)
	VMOVDQU64 640(SI), Z2
	BIT5_HIGH(64, 4, 7, 6)
	BIT5_HIGH(64, 5, 5, 4)
	BIT5_HIGH(64, 6, 3, 2)
	BIT5_HIGH(64, 7, 1, 0)
	ADDQ $704, SI
	ADDQ $1024, DI
	ADDQ $128, R8
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// nibble vector j with high-bit vector Z2: bytes q. Z20 = 0x0f.., Z22 = 0x10..;
// Z3 and Z4 hold the bits of the two groups at bit 4.
#define BIT5_LOW(o, j) \
	PREFETCHT0 (o+64*j+2880)(SI) \
	VMOVDQU64 (o+64*j)(SI), Z0      \
	VPSRLW $4, Z0, Z1               \
	VPANDD Z20, Z0, Z0              \
	VPANDD Z20, Z1, Z1              \
	VPTERNLOGD $0xF8, Z22, Z3, Z0   \
	VPTERNLOGD $0xF8, Z22, Z4, Z1   \
	VMOVDQU64 Z0, (128*j)(DI)       \
	VMOVDQU64 Z1, (128*j+64)(DI)

#define BITS01(o, j) VPSLLW $4, Z2, Z3; VPSLLW $3, Z2, Z4; BIT5_LOW(o, j)
#define BITS23(o, j) VPSLLW $2, Z2, Z3; VPSLLW $1, Z2, Z4; BIT5_LOW(o, j)
#define BITS45(o, j) VMOVDQA64 Z2, Z3; VPSRLW $1, Z2, Z4; BIT5_LOW(o, j)
#define BITS67(o, j) VPSRLW $2, Z2, Z3; VPSRLW $3, Z2, Z4; BIT5_LOW(o, j)

// func expandQ5_1(w *byte, scale, min *float32, rec *byte, n int)
TEXT ·expandQ5_1(SB), NOSPLIT, $0-40
	MOVQ w+0(FP), DI
	MOVQ scale+8(FP), R8
	MOVQ min+16(FP), R9
	MOVQ rec+24(FP), SI
	MOVQ n+32(FP), CX
	VPBROADCASTD ·byteMasks<>+12(SB), Z20
	VPBROADCASTD ·byteMasks<>+16(SB), Z22
loop:
	VCVTPH2PS 0(SI), Z0
	VCVTPH2PS 32(SI), Z1
	VCVTPH2PS 64(SI), Z2
	VCVTPH2PS 96(SI), Z3
	VMOVUPS Z0, (R8)
	VMOVUPS Z1, 64(R8)
	VMOVUPS Z2, (R9)
	VMOVUPS Z3, 64(R9)
	VMOVDQU64 640(SI), Z2
	BITS01(128, 0)
	BITS23(128, 1)
	BITS45(128, 2)
	BITS67(128, 3)
	VMOVDQU64 704(SI), Z2
	BITS01(128, 4)
	BITS23(128, 5)
	BITS45(128, 6)
	BITS67(128, 7)
	ADDQ $768, SI
	ADDQ $1024, DI
	ADDQ $128, R8
	ADDQ $128, R9
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// scales of a k-quant record: f32 d·sc [8][16], int16 mins [4][16][2], dmin/8.
// R8 scales, R9 mins, R10 dmin.
#define KSCALE(b) \
	VPMOVZXBD (64+16*b)(SI), Z1 \
	VCVTDQ2PS Z1, Z1            \
	VMULPS Z1, Z0, Z1           \
	VMOVUPS Z1, (64*b)(R8)

#define KSCALES \
	VCVTPH2PS 0(SI), Z0      \
	KSCALE(0)                \
	KSCALE(1)                \
	KSCALE(2)                \
	KSCALE(3)                \
	KSCALE(4)                \
	KSCALE(5)                \
	KSCALE(6)                \
	KSCALE(7)                \
	VPMOVZXBW 192(SI), Z1    \
	VPMOVZXBW 224(SI), Z2    \
	VPMOVZXBW 256(SI), Z3    \
	VPMOVZXBW 288(SI), Z4    \
	VMOVDQU64 Z1, 0(R9)      \
	VMOVDQU64 Z2, 64(R9)     \
	VMOVDQU64 Z3, 128(R9)    \
	VMOVDQU64 Z4, 192(R9)    \
	VCVTPH2PS 32(SI), Z0     \
	VMULPS Z21, Z0, Z0       \
	VMOVUPS Z0, (R10)

// func expandQ4_K(w *byte, scale *float32, min *int16, dmin *float32, rec *byte)
TEXT ·expandQ4_K(SB), NOSPLIT, $0-40
	MOVQ w+0(FP), DI
	MOVQ scale+8(FP), R8
	MOVQ min+16(FP), R9
	MOVQ dmin+24(FP), R10
	MOVQ rec+32(FP), SI
	VPBROADCASTD ·byteMasks<>+12(SB), Z20
	VBROADCASTSS ·byteMasks<>+32(SB), Z21
	KSCALES
	MOVQ $4, CX
loop:
	NIB_LOW(320, 0)
	NIB_LOW(320, 1)
	NIB_LOW(320, 2)
	NIB_LOW(320, 3)
	NIB_LOW(320, 4)
	NIB_LOW(320, 5)
	NIB_LOW(320, 6)
	NIB_LOW(320, 7)
	ADDQ $512, SI
	ADDQ $1024, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandQ5_K(w *byte, scale *float32, min *int16, dmin *float32, rec *byte)
TEXT ·expandQ5_K(SB), NOSPLIT, $0-40
	MOVQ w+0(FP), DI
	MOVQ scale+8(FP), R8
	MOVQ min+16(FP), R9
	MOVQ dmin+24(FP), R10
	MOVQ rec+32(FP), SI
	VPBROADCASTD ·byteMasks<>+12(SB), Z20
	VPBROADCASTD ·byteMasks<>+16(SB), Z22
	VBROADCASTSS ·byteMasks<>+32(SB), Z21
	KSCALES
	LEAQ 2368(SI), BX
	MOVQ $8, CX
loop:
	VMOVDQU64 (BX), Z2
	BITS01(320, 0)
	BITS23(320, 1)
	BITS45(320, 2)
	BITS67(320, 3)
	ADDQ $64, BX
	ADDQ $256, SI
	ADDQ $512, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandQ6_K(w *byte, scale *float32, rec *byte): q<<2, scales d·sc/4 [16][16]
TEXT ·expandQ6_K(SB), NOSPLIT, $0-24
	MOVQ w+0(FP), DI
	MOVQ scale+8(FP), R8
	MOVQ rec+16(FP), SI
	VPBROADCASTD ·byteMasks<>+20(SB), Z20
	VPBROADCASTD ·byteMasks<>+24(SB), Z22
	VBROADCASTSS ·byteMasks<>+36(SB), Z21
	VCVTPH2PS 0(SI), Z5
	VMULPS Z21, Z5, Z5
	LEAQ 64(SI), BX
	MOVQ $16, CX
scale:
	VPMOVSXBD (BX), Z1
	VCVTDQ2PS Z1, Z1
	VMULPS Z1, Z5, Z1
	VMOVUPS Z1, (R8)
	ADDQ $16, BX
	ADDQ $64, R8
	DECQ CX
	JNZ  scale
	LEAQ 2368(SI), BX
	MOVQ $16, CX
loop:
	PREFETCHT0 3392(BX)
	PREFETCHT0 (320+3392)(SI)
	PREFETCHT0 (384+3392)(SI)
	VMOVDQU64 (BX), Z2
	VMOVDQU64 320(SI), Z0
	VPSLLW $2, Z0, Z1
	VPSRLW $2, Z0, Z0
	VPANDD Z20, Z1, Z1
	VPANDD Z20, Z0, Z0
	VPSLLW $6, Z2, Z3
	VPSLLW $4, Z2, Z4
	VPTERNLOGD $0xF8, Z22, Z3, Z1
	VPTERNLOGD $0xF8, Z22, Z4, Z0
	VMOVDQU64 Z1, (DI)
	VMOVDQU64 Z0, 64(DI)
	VMOVDQU64 384(SI), Z0
	VPSLLW $2, Z0, Z1
	VPSRLW $2, Z0, Z0
	VPANDD Z20, Z1, Z1
	VPANDD Z20, Z0, Z0
	VPSLLW $2, Z2, Z3
	VPTERNLOGD $0xF8, Z22, Z3, Z1
	VPTERNLOGD $0xF8, Z22, Z2, Z0
	VMOVDQU64 Z1, 128(DI)
	VMOVDQU64 Z0, 192(DI)
	ADDQ $64, BX
	ADDQ $128, SI
	ADDQ $256, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
