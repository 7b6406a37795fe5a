#include "textflag.h"

// GEMV kernels for two tiles, five to eight tokens, AVX-512 VNNI: one panel of 16
// rows, packed records read in place, each expanded once for eight tokens. The
// order of operations is that of the GEMM kernels.
//
//	SI record   DI activations (c4, first tile)   R8 distance of the second tile
//	R9 init, minpair or bsum plane   R10 exponents   R11 bases   CX records left
//	R13 records left in the slab   Z0-Z7 int32 sums   Z24-Z31 slab accumulators
//	Z8, Z9 weights   Z10-Z12 high bits   Z13, Z14 temporary   C stays in memory
//
// The planes of the second tile follow those of the first.

DATA ·gemv8Masks<>+0(SB)/4, $0xf0f0f0f0
DATA ·gemv8Masks<>+4(SB)/4, $0x78787878
DATA ·gemv8Masks<>+8(SB)/4, $0x80808080
DATA ·gemv8Masks<>+12(SB)/4, $0x0f0f0f0f
DATA ·gemv8Masks<>+16(SB)/4, $0x10101010
DATA ·gemv8Masks<>+20(SB)/4, $0x3c3c3c3c
DATA ·gemv8Masks<>+24(SB)/4, $0xc0c0c0c0
DATA ·gemv8Masks<>+28(SB)/4, $0xfe000000 // exponent -4
DATA ·gemv8Masks<>+32(SB)/4, $0xfe800000 // exponent -3
DATA ·gemv8Masks<>+36(SB)/4, $0x3e800000 // 2^-2
DATA ·gemv8Masks<>+40(SB)/4, $0x3e000000 // 2^-3
GLOBL ·gemv8Masks<>(SB), RODATA|NOPTR, $44

#define LOADARGS \
	MOVQ a+0(FP), DX \
	MOVQ 0(DX), SI \
	MOVQ 8(DX), DI \
	MOVQ 16(DX), R9 \
	MOVQ 24(DX), R10 \
	MOVQ 32(DX), R11 \
	MOVQ 48(DX), CX \
	MOVQ $1024, R8

// at most four records of 64 channels per slab
#define NEWSLAB \
	VPXORD Z24, Z24, Z24 \
	VPXORD Z25, Z25, Z25 \
	VPXORD Z26, Z26, Z26 \
	VPXORD Z27, Z27, Z27 \
	VPXORD Z28, Z28, Z28 \
	VPXORD Z29, Z29, Z29 \
	VPXORD Z30, Z30, Z30 \
	VPXORD Z31, Z31, Z31 \
	MOVQ $4, R13 \
	CMPQ CX, R13 \
	CMOVQLT CX, R13 \
	SUBQ R13, CX \
	MOVQ R13, R8 \
	SHLQ $8, R8

// C = fma(acc, base, C)
#define ENDSLAB \
	MOVQ 40(DX), AX \
	VBROADCASTSS (4*0)(R11), Z13 \
	VFMADD213PS (64*0)(AX), Z13, Z24 \
	VMOVUPS Z24, (64*0)(AX) \
	VBROADCASTSS (4*1)(R11), Z13 \
	VFMADD213PS (64*1)(AX), Z13, Z25 \
	VMOVUPS Z25, (64*1)(AX) \
	VBROADCASTSS (4*2)(R11), Z13 \
	VFMADD213PS (64*2)(AX), Z13, Z26 \
	VMOVUPS Z26, (64*2)(AX) \
	VBROADCASTSS (4*3)(R11), Z13 \
	VFMADD213PS (64*3)(AX), Z13, Z27 \
	VMOVUPS Z27, (64*3)(AX) \
	VBROADCASTSS (4*4)(R11), Z13 \
	VFMADD213PS (64*4)(AX), Z13, Z28 \
	VMOVUPS Z28, (64*4)(AX) \
	VBROADCASTSS (4*5)(R11), Z13 \
	VFMADD213PS (64*5)(AX), Z13, Z29 \
	VMOVUPS Z29, (64*5)(AX) \
	VBROADCASTSS (4*6)(R11), Z13 \
	VFMADD213PS (64*6)(AX), Z13, Z30 \
	VMOVUPS Z30, (64*6)(AX) \
	VBROADCASTSS (4*7)(R11), Z13 \
	VFMADD213PS (64*7)(AX), Z13, Z31 \
	VMOVUPS Z31, (64*7)(AX) \
	ADDQ 56(DX), DI \
	ADDQ 64(DX), R9 \
	ADDQ 72(DX), R10 \
	ADDQ 80(DX), R11

#define STORE \
	VZEROUPPER \
	RET

#define OFFSETSUMS(b, tile) \
	VPBROADCASTD (16*b+0)(R9), Z0 \
	VPBROADCASTD (16*b+4)(R9), Z1 \
	VPBROADCASTD (16*b+8)(R9), Z2 \
	VPBROADCASTD (16*b+12)(R9), Z3 \
	VPBROADCASTD (tile+16*b+0)(R9), Z4 \
	VPBROADCASTD (tile+16*b+4)(R9), Z5 \
	VPBROADCASTD (tile+16*b+8)(R9), Z6 \
	VPBROADCASTD (tile+16*b+12)(R9), Z7

#define ZEROSUMS \
	VPXORD Z0, Z0, Z0 \
	VPXORD Z1, Z1, Z1 \
	VPXORD Z2, Z2, Z2 \
	VPXORD Z3, Z3, Z3 \
	VPXORD Z4, Z4, Z4 \
	VPXORD Z5, Z5, Z5 \
	VPXORD Z6, Z6, Z6 \
	VPXORD Z7, Z7, Z7

// acc = fma(float(sum), d·2^-e, acc), d at byte 32b of the record
#define ZEROACC \
	VPXORD Z24, Z24, Z24 \
	VPXORD Z25, Z25, Z25 \
	VPXORD Z26, Z26, Z26 \
	VPXORD Z27, Z27, Z27 \
	VPXORD Z28, Z28, Z28 \
	VPXORD Z29, Z29, Z29 \
	VPXORD Z30, Z30, Z30 \
	VPXORD Z31, Z31, Z31

#define SUMUP \
	VCVTDQ2PS Z0, Z0 \
	VCVTDQ2PS Z1, Z1 \
	VCVTDQ2PS Z2, Z2 \
	VCVTDQ2PS Z3, Z3 \
	VCVTDQ2PS Z4, Z4 \
	VCVTDQ2PS Z5, Z5 \
	VCVTDQ2PS Z6, Z6 \
	VCVTDQ2PS Z7, Z7

#define SCALE(b) \
	SUMUP \
	VCVTPH2PS (32*b)(SI), Z13 \
	VPADDD.BCST (16*b+0)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z0, Z24 \
	VPADDD.BCST (16*b+4)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z1, Z25 \
	VPADDD.BCST (16*b+8)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z2, Z26 \
	VPADDD.BCST (16*b+12)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z3, Z27 \
	VPADDD.BCST (128+16*b+0)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z4, Z28 \
	VPADDD.BCST (128+16*b+4)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z5, Z29 \
	VPADDD.BCST (128+16*b+8)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z6, Z30 \
	VPADDD.BCST (128+16*b+12)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z7, Z31

// the same with the exponent of Z21 added
#define SCALESHIFT(b) \
	SUMUP \
	VCVTPH2PS (32*b)(SI), Z13 \
	VPADDD Z21, Z13, Z13 \
	VPADDD.BCST (16*b+0)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z0, Z24 \
	VPADDD.BCST (16*b+4)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z1, Z25 \
	VPADDD.BCST (16*b+8)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z2, Z26 \
	VPADDD.BCST (16*b+12)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z3, Z27 \
	VPADDD.BCST (128+16*b+0)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z4, Z28 \
	VPADDD.BCST (128+16*b+4)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z5, Z29 \
	VPADDD.BCST (128+16*b+8)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z6, Z30 \
	VPADDD.BCST (128+16*b+12)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z7, Z31

#define DOT2(g, lo, hi) \
	VPDPBUSD.BCST (16*g+0)(DI), lo, Z0 \
	VPDPBUSD.BCST (16*g+4)(DI), lo, Z1 \
	VPDPBUSD.BCST (16*g+8)(DI), lo, Z2 \
	VPDPBUSD.BCST (16*g+12)(DI), lo, Z3 \
	VPDPBUSD.BCST (16*g+0)(DI)(R8*1), lo, Z4 \
	VPDPBUSD.BCST (16*g+4)(DI)(R8*1), lo, Z5 \
	VPDPBUSD.BCST (16*g+8)(DI)(R8*1), lo, Z6 \
	VPDPBUSD.BCST (16*g+12)(DI)(R8*1), lo, Z7 \
	VPDPBUSD.BCST (16*g+16)(DI), hi, Z0 \
	VPDPBUSD.BCST (16*g+20)(DI), hi, Z1 \
	VPDPBUSD.BCST (16*g+24)(DI), hi, Z2 \
	VPDPBUSD.BCST (16*g+28)(DI), hi, Z3 \
	VPDPBUSD.BCST (16*g+16)(DI)(R8*1), hi, Z4 \
	VPDPBUSD.BCST (16*g+20)(DI)(R8*1), hi, Z5 \
	VPDPBUSD.BCST (16*g+24)(DI)(R8*1), hi, Z6 \
	VPDPBUSD.BCST (16*g+28)(DI)(R8*1), hi, Z7

#define BYTES(g) \
	PREFETCHT1 (8192+64*g)(SI) \
	VMOVDQU64 (64+64*g)(SI), Z8      \
	VMOVDQU64 (128+64*g)(SI), Z9     \
	PREFETCHT1 (8256+64*g)(SI) \
	DOT2(g, Z8, Z9)

// func gemv8xQ8_0(a *gemvArgs)
TEXT ·gemv8xQ8_0(SB), NOSPLIT, $0-8
	LOADARGS
slab:
	NEWSLAB
rec:
	OFFSETSUMS(0, 128)
	BYTES(0)
	BYTES(2)
	BYTES(4)
	BYTES(6)
	SCALE(0)
	OFFSETSUMS(1, 128)
	BYTES(8)
	BYTES(10)
	BYTES(12)
	BYTES(14)
	SCALE(1)
	ADDQ $1088, SI
	ADDQ $256, DI
	ADDQ $32, R9
	ADDQ $32, R10
	DECQ R13
	JNZ  rec
	ENDSLAB
	TESTQ CX, CX
	JNZ  slab
	STORE

// nibble vector j at byte o, bytes q<<4
#define HIGH(o, j) \
	PREFETCHT0 (1024+64*j)(SI) \
	PREFETCHT1 (8192+64*j)(SI) \
	VMOVDQU64 (o+64*j)(SI), Z9   \
	VPSLLW $4, Z9, Z8            \
	VPANDD Z20, Z8, Z8           \
	VPANDD Z20, Z9, Z9           \
	DOT2(2*j, Z8, Z9)

// nibble vector j at byte o, bytes q
#define LOW(o, j) \
	PREFETCHT0 (1024+64*j)(SI) \
	PREFETCHT1 (8192+64*j)(SI) \
	VMOVDQU64 (o+64*j)(SI), Z8   \
	VPSRLW $4, Z8, Z9            \
	VPANDD Z20, Z8, Z8           \
	VPANDD Z20, Z9, Z9           \
	DOT2(2*j, Z8, Z9)

// func gemv8xQ4_0(a *gemvArgs)
TEXT ·gemv8xQ4_0(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemv8Masks<>+0(SB), Z20
	VPBROADCASTD ·gemv8Masks<>+28(SB), Z21
slab:
	NEWSLAB
rec:
	OFFSETSUMS(0, 128)
	HIGH(64, 0)
	HIGH(64, 1)
	HIGH(64, 2)
	HIGH(64, 3)
	SCALESHIFT(0)
	OFFSETSUMS(1, 128)
	HIGH(64, 4)
	HIGH(64, 5)
	HIGH(64, 6)
	HIGH(64, 7)
	SCALESHIFT(1)
	ADDQ $576, SI
	ADDQ $256, DI
	ADDQ $32, R9
	ADDQ $32, R10
	DECQ R13
	JNZ  rec
	ENDSLAB
	TESTQ CX, CX
	JNZ  slab
	STORE

// The mins of a slab follow its blocks: the record pointer is kept in AX.
#define MINSLAB(size) \
	MOVQ SI, AX \
	MOVQ R13, BX

// acc = fma(bsum, m, acc) for both blocks of the record at AX
#define MINREC(size) \
	VCVTPH2PS 64(AX), Z13 \
	VFMADD231PS.BCST 0(R9), Z13, Z24 \
	VFMADD231PS.BCST 4(R9), Z13, Z25 \
	VFMADD231PS.BCST 8(R9), Z13, Z26 \
	VFMADD231PS.BCST 12(R9), Z13, Z27 \
	VFMADD231PS.BCST 128(R9), Z13, Z28 \
	VFMADD231PS.BCST 132(R9), Z13, Z29 \
	VFMADD231PS.BCST 136(R9), Z13, Z30 \
	VFMADD231PS.BCST 140(R9), Z13, Z31 \
	VCVTPH2PS 96(AX), Z13 \
	VFMADD231PS.BCST 16(R9), Z13, Z24 \
	VFMADD231PS.BCST 20(R9), Z13, Z25 \
	VFMADD231PS.BCST 24(R9), Z13, Z26 \
	VFMADD231PS.BCST 28(R9), Z13, Z27 \
	VFMADD231PS.BCST 144(R9), Z13, Z28 \
	VFMADD231PS.BCST 148(R9), Z13, Z29 \
	VFMADD231PS.BCST 152(R9), Z13, Z30 \
	VFMADD231PS.BCST 156(R9), Z13, Z31 \
	ADDQ $32, R9 \
	ADDQ $size, AX

// func gemv8xQ4_1(a *gemvArgs)
TEXT ·gemv8xQ4_1(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemv8Masks<>+12(SB), Z20
slab:
	NEWSLAB
	MINSLAB(640)
rec:
	ZEROSUMS
	LOW(128, 0)
	LOW(128, 1)
	LOW(128, 2)
	LOW(128, 3)
	SCALE(0)
	ZEROSUMS
	LOW(128, 4)
	LOW(128, 5)
	LOW(128, 6)
	LOW(128, 7)
	SCALE(1)
	ADDQ $640, SI
	ADDQ $256, DI
	ADDQ $32, R10
	DECQ R13
	JNZ  rec
min:
	MINREC(640)
	DECQ BX
	JNZ  min
	ENDSLAB
	TESTQ CX, CX
	JNZ  slab
	STORE

// nibble vector j, high bits in Z10: bytes q<<3
#define HIGH5(o, j, l, m) \
	PREFETCHT0 (1024+64*j)(SI) \
	PREFETCHT1 (8192+64*j)(SI) \
	VMOVDQU64 (o+64*j)(SI), Z9     \
	VPSLLW $3, Z9, Z8              \
	VPSRLW $1, Z9, Z9              \
	VPANDD Z20, Z8, Z8             \
	VPANDD Z20, Z9, Z9             \
	VPSLLW $l, Z10, Z11              \
	VPSLLW $m, Z10, Z12              \
	VPTERNLOGD $0xF8, Z22, Z11, Z8  \
	VPTERNLOGD $0xF8, Z22, Z12, Z9  \
	DOT2(2*j, Z8, Z9)

// func gemv8xQ5_0(a *gemvArgs)
TEXT ·gemv8xQ5_0(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemv8Masks<>+4(SB), Z20
	VPBROADCASTD ·gemv8Masks<>+8(SB), Z22
	VPBROADCASTD ·gemv8Masks<>+32(SB), Z21
slab:
	NEWSLAB
rec:
	VMOVDQU64 576(SI), Z10
	OFFSETSUMS(0, 128)
	HIGH5(64, 0, 7, 6)
	HIGH5(64, 1, 5, 4)
	HIGH5(64, 2, 3, 2)
	HIGH5(64, 3, 1, 0)
	SCALESHIFT(0)
	VMOVDQU64 640(SI), Z10
	OFFSETSUMS(1, 128)
	HIGH5(64, 4, 7, 6)
	HIGH5(64, 5, 5, 4)
	HIGH5(64, 6, 3, 2)
	HIGH5(64, 7, 1, 0)
	SCALESHIFT(1)
	ADDQ $704, SI
	ADDQ $256, DI
	ADDQ $32, R9
	ADDQ $32, R10
	DECQ R13
	JNZ  rec
	ENDSLAB
	TESTQ CX, CX
	JNZ  slab
	STORE

// nibble vector j, high bits of its two groups at bit 4 of Z11 and Z12: bytes q
#define LOW5(o, j) \
	PREFETCHT0 (1024+64*j)(SI) \
	PREFETCHT1 (8192+64*j)(SI) \
	VMOVDQU64 (o+64*j)(SI), Z8     \
	VPSRLW $4, Z8, Z9              \
	VPANDD Z20, Z8, Z8             \
	VPANDD Z20, Z9, Z9             \
	VPTERNLOGD $0xF8, Z22, Z11, Z8  \
	VPTERNLOGD $0xF8, Z22, Z12, Z9  \
	DOT2(2*j, Z8, Z9)

#define LOW01(o, j) VPSLLW $4, Z10, Z11; VPSLLW $3, Z10, Z12; LOW5(o, j)
#define LOW23(o, j) VPSLLW $2, Z10, Z11; VPSLLW $1, Z10, Z12; LOW5(o, j)
#define LOW45(o, j) VMOVDQA64 Z10, Z11; VPSRLW $1, Z10, Z12; LOW5(o, j)
#define LOW67(o, j) VPSRLW $2, Z10, Z11; VPSRLW $3, Z10, Z12; LOW5(o, j)

// func gemv8xQ5_1(a *gemvArgs)
TEXT ·gemv8xQ5_1(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemv8Masks<>+12(SB), Z20
	VPBROADCASTD ·gemv8Masks<>+16(SB), Z22
slab:
	NEWSLAB
	MINSLAB(768)
rec:
	VMOVDQU64 640(SI), Z10
	ZEROSUMS
	LOW01(128, 0)
	LOW23(128, 1)
	LOW45(128, 2)
	LOW67(128, 3)
	SCALE(0)
	VMOVDQU64 704(SI), Z10
	ZEROSUMS
	LOW01(128, 4)
	LOW23(128, 5)
	LOW45(128, 6)
	LOW67(128, 7)
	SCALE(1)
	ADDQ $768, SI
	ADDQ $256, DI
	ADDQ $32, R10
	DECQ R13
	JNZ  rec
min:
	MINREC(768)
	DECQ BX
	JNZ  min
	ENDSLAB
	TESTQ CX, CX
	JNZ  slab
	STORE

// acc = fma(float(sum), (d·sc)·2^-e, acc) for block b; Z18 = d
#define KSCALE(b) \
	SUMUP \
	VPMOVZXBD (64+16*b)(SI), Z13 \
	VCVTDQ2PS Z13, Z13 \
	VMULPS Z18, Z13, Z13 \
	VPADDD.BCST (16*b+0)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z0, Z24 \
	VPADDD.BCST (16*b+4)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z1, Z25 \
	VPADDD.BCST (16*b+8)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z2, Z26 \
	VPADDD.BCST (16*b+12)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z3, Z27 \
	VPADDD.BCST (128+16*b+0)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z4, Z28 \
	VPADDD.BCST (128+16*b+4)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z5, Z29 \
	VPADDD.BCST (128+16*b+8)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z6, Z30 \
	VPADDD.BCST (128+16*b+12)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z7, Z31

#define KMIN(p) \
	VPMOVZXBW (192+32*p)(SI), Z13 \
	VPDPWSSD.BCST (16*p+0)(R9), Z13, Z0 \
	VPDPWSSD.BCST (16*p+4)(R9), Z13, Z1 \
	VPDPWSSD.BCST (16*p+8)(R9), Z13, Z2 \
	VPDPWSSD.BCST (16*p+12)(R9), Z13, Z3 \
	VPDPWSSD.BCST (16*p+64)(R9), Z13, Z4 \
	VPDPWSSD.BCST (16*p+68)(R9), Z13, Z5 \
	VPDPWSSD.BCST (16*p+72)(R9), Z13, Z6 \
	VPDPWSSD.BCST (16*p+76)(R9), Z13, Z7

// acc = fma(-float(sum of mins), dmin/8, acc); Z21 = 1/8
#define KMINS \
	VPXORD Z0, Z0, Z0 \
	VPXORD Z1, Z1, Z1 \
	VPXORD Z2, Z2, Z2 \
	VPXORD Z3, Z3, Z3 \
	VPXORD Z4, Z4, Z4 \
	VPXORD Z5, Z5, Z5 \
	VPXORD Z6, Z6, Z6 \
	VPXORD Z7, Z7, Z7 \
	KMIN(0) \
	KMIN(1) \
	KMIN(2) \
	KMIN(3) \
	VCVTPH2PS 32(SI), Z13 \
	VMULPS Z21, Z13, Z13 \
	VCVTDQ2PS Z0, Z0 \
	VFNMADD231PS Z13, Z0, Z24 \
	VCVTDQ2PS Z1, Z1 \
	VFNMADD231PS Z13, Z1, Z25 \
	VCVTDQ2PS Z2, Z2 \
	VFNMADD231PS Z13, Z2, Z26 \
	VCVTDQ2PS Z3, Z3 \
	VFNMADD231PS Z13, Z3, Z27 \
	VCVTDQ2PS Z4, Z4 \
	VFNMADD231PS Z13, Z4, Z28 \
	VCVTDQ2PS Z5, Z5 \
	VFNMADD231PS Z13, Z5, Z29 \
	VCVTDQ2PS Z6, Z6 \
	VFNMADD231PS Z13, Z6, Z30 \
	VCVTDQ2PS Z7, Z7 \
	VFNMADD231PS Z13, Z7, Z31

#define BLOCK4(b) \
	ZEROSUMS            \
	LOW(320, (4*b))     \
	LOW(320, (4*b+1))   \
	LOW(320, (4*b+2))   \
	LOW(320, (4*b+3))   \
	KSCALE(b)

// func gemv8xQ4_K(a *gemvArgs)
TEXT ·gemv8xQ4_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemv8Masks<>+12(SB), Z20
	VBROADCASTSS ·gemv8Masks<>+40(SB), Z21
slab:
	ZEROACC
	VCVTPH2PS (SI), Z18
	BLOCK4(0)
	BLOCK4(1)
	BLOCK4(2)
	BLOCK4(3)
	BLOCK4(4)
	BLOCK4(5)
	BLOCK4(6)
	BLOCK4(7)
	KMINS
	ENDSLAB
	ADDQ $2368, SI
	ADDQ $1024, DI
	ADDQ $64, R9
	ADDQ $128, R10
	DECQ CX
	JNZ  slab
	STORE

#define BLOCK5(b) \
	ZEROSUMS                    \
	VMOVDQU64 (2368+64*b)(SI), Z10 \
	LOW01(320, (4*b))           \
	LOW23(320, (4*b+1))         \
	LOW45(320, (4*b+2))         \
	LOW67(320, (4*b+3))         \
	KSCALE(b)

// func gemv8xQ5_K(a *gemvArgs)
TEXT ·gemv8xQ5_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemv8Masks<>+12(SB), Z20
	VPBROADCASTD ·gemv8Masks<>+16(SB), Z22
	VBROADCASTSS ·gemv8Masks<>+40(SB), Z21
slab:
	ZEROACC
	VCVTPH2PS (SI), Z18
	BLOCK5(0)
	BLOCK5(1)
	BLOCK5(2)
	BLOCK5(3)
	BLOCK5(4)
	BLOCK5(5)
	BLOCK5(6)
	BLOCK5(7)
	KMINS
	ENDSLAB
	ADDQ $2880, SI
	ADDQ $1024, DI
	ADDQ $64, R9
	ADDQ $128, R10
	DECQ CX
	JNZ  slab
	STORE

// nibble vector j, upper bits at bits 7..6 of Z11 and Z12: bytes q<<2
#define HIGH6(j) \
	PREFETCHT0 (1024+64*j)(SI) \
	PREFETCHT1 (8192+64*j)(SI) \
	VMOVDQU64 (320+64*j)(SI), Z9    \
	VPSLLW $2, Z9, Z8               \
	VPSRLW $2, Z9, Z9               \
	VPANDD Z20, Z8, Z8              \
	VPANDD Z20, Z9, Z9              \
	VPTERNLOGD $0xF8, Z22, Z11, Z8   \
	VPTERNLOGD $0xF8, Z22, Z12, Z9   \
	DOT2(2*j, Z8, Z9)

// sub-block i of 16 channels, its exponent is that of block i/2; Z18 = d/4
#define SUB6(i, b) \
	OFFSETSUMS(i, 256)                     \
	VMOVDQU64 (2368+64*i)(SI), Z10     \
	VPSLLW $6, Z10, Z11                 \
	VPSLLW $4, Z10, Z12                 \
	HIGH6((2*i))                      \
	VPSLLW $2, Z10, Z11                 \
	VMOVDQA64 Z10, Z12                  \
	HIGH6((2*i+1))                    \
	SUMUP                             \
	VPMOVSXBD (64+16*i)(SI), Z13 \
	VCVTDQ2PS Z13, Z13 \
	VMULPS Z18, Z13, Z13 \
	VPADDD.BCST (16*b+0)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z0, Z24 \
	VPADDD.BCST (16*b+4)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z1, Z25 \
	VPADDD.BCST (16*b+8)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z2, Z26 \
	VPADDD.BCST (16*b+12)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z3, Z27 \
	VPADDD.BCST (128+16*b+0)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z4, Z28 \
	VPADDD.BCST (128+16*b+4)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z5, Z29 \
	VPADDD.BCST (128+16*b+8)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z6, Z30 \
	VPADDD.BCST (128+16*b+12)(R10), Z13, Z14 \
	VFMADD231PS Z14, Z7, Z31

// func gemv8xQ6_K(a *gemvArgs)
TEXT ·gemv8xQ6_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemv8Masks<>+20(SB), Z20
	VPBROADCASTD ·gemv8Masks<>+24(SB), Z22
	VBROADCASTSS ·gemv8Masks<>+36(SB), Z21
slab:
	ZEROACC
	VCVTPH2PS (SI), Z18
	VMULPS Z21, Z18, Z18
	SUB6(0, 0)
	SUB6(1, 0)
	SUB6(2, 1)
	SUB6(3, 1)
	SUB6(4, 2)
	SUB6(5, 2)
	SUB6(6, 3)
	SUB6(7, 3)
	SUB6(8, 4)
	SUB6(9, 4)
	SUB6(10, 5)
	SUB6(11, 5)
	SUB6(12, 6)
	SUB6(13, 6)
	SUB6(14, 7)
	SUB6(15, 7)
	ENDSLAB
	ADDQ $3392, SI
	ADDQ $1024, DI
	ADDQ $256, R9
	ADDQ $128, R10
	DECQ CX
	JNZ  slab
	STORE
