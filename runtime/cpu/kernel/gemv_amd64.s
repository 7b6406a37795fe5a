#include "textflag.h"

// GEMV kernels, AVX-512 VNNI: one panel of 16 rows, one token, packed records
// read in place. The order of operations is that of the GEMM kernels.
//
//	SI record   DI activations   R9 init, minpair or bsum plane   R10 exponents
//	R11 bases   CX records left   R13 records left in the slab
//	Z0, Z1 int32 sums (even and odd groups)   Z16 C   Z17 slab accumulator
//
// Records are fetched ahead of their use, into the next panel at the end of one: 8 KiB into
// the second cache where a record is little work, 2 KiB into the first where it
// is more, both where it is most (5 and 6 bits). Each is the best of some ten distances and kinds beside a
// loop that only reads.

DATA ·gemvMasks<>+0(SB)/4, $0xf0f0f0f0
DATA ·gemvMasks<>+4(SB)/4, $0x78787878
DATA ·gemvMasks<>+8(SB)/4, $0x80808080
DATA ·gemvMasks<>+12(SB)/4, $0x0f0f0f0f
DATA ·gemvMasks<>+16(SB)/4, $0x10101010
DATA ·gemvMasks<>+20(SB)/4, $0x3c3c3c3c
DATA ·gemvMasks<>+24(SB)/4, $0xc0c0c0c0
DATA ·gemvMasks<>+28(SB)/4, $0xfe000000 // exponent -4
DATA ·gemvMasks<>+32(SB)/4, $0xfe800000 // exponent -3
DATA ·gemvMasks<>+36(SB)/4, $0x3e800000 // 2^-2
DATA ·gemvMasks<>+40(SB)/4, $0x3e000000 // 2^-3
GLOBL ·gemvMasks<>(SB), RODATA|NOPTR, $44

#define LOADARGS \
	MOVQ a+0(FP), DX   \
	MOVQ 0(DX), SI     \
	MOVQ 8(DX), DI     \
	MOVQ 16(DX), R9    \
	MOVQ 24(DX), R10   \
	MOVQ 32(DX), R11   \
	MOVQ 40(DX), AX    \
	MOVQ 48(DX), CX    \
	VMOVUPS (AX), Z16

// at most four records of 64 channels per slab
#define NEWSLAB \
	VPXORD Z17, Z17, Z17 \
	MOVQ $4, R13         \
	CMPQ CX, R13         \
	CMOVQLT CX, R13      \
	SUBQ R13, CX

// C = fma(acc, base, C)
#define ENDSLAB \
	VBROADCASTSS (R11), Z2      \
	VFMADD231PS Z2, Z17, Z16    \
	ADDQ $4, R11

#define STORE \
	MOVQ 40(DX), DI   \
	VMOVUPS Z16, (DI) \
	VZEROUPPER        \
	RET

#define OFFSETSUMS(b) \
	VPBROADCASTD (4*b)(R9), Z0 \
	VPXORD Z1, Z1, Z1

#define ZEROSUMS \
	VPXORD Z0, Z0, Z0 \
	VPXORD Z1, Z1, Z1

// acc = fma(float(sum), d·2^-e, acc), d at byte 32b of the record
#define SUMUP \
	VPADDD Z1, Z0, Z0 \
	VCVTDQ2PS Z0, Z0

#define SCALE(b) \
	SUMUP                          \
	VCVTPH2PS (32*b)(SI), Z2       \
	VPADDD.BCST (4*b)(R10), Z2, Z2 \
	VFMADD231PS Z2, Z0, Z17

// the same with the exponent of Z21 added
#define SCALESHIFT(b) \
	SUMUP                          \
	VCVTPH2PS (32*b)(SI), Z2       \
	VPADDD.BCST (4*b)(R10), Z2, Z2 \
	VPADDD Z21, Z2, Z2             \
	VFMADD231PS Z2, Z0, Z17

#define DOT2(g, lo, hi) \
	VPDPBUSD.BCST (4*g)(DI), lo, Z0   \
	VPDPBUSD.BCST (4*g+4)(DI), hi, Z1

#define BYTES(g) \
	PREFETCHT1 (8192+64*g)(SI)       \
	VMOVDQU64 (64+64*g)(SI), Z2      \
	VMOVDQU64 (128+64*g)(SI), Z3     \
	PREFETCHT1 (8256+64*g)(SI)       \
	DOT2(g, Z2, Z3)

// func gemvQ8_0(a *gemvArgs)
TEXT ·gemvQ8_0(SB), NOSPLIT, $0-8
	LOADARGS
slab:
	NEWSLAB
rec:
	OFFSETSUMS(0)
	BYTES(0)
	BYTES(2)
	BYTES(4)
	BYTES(6)
	SCALE(0)
	OFFSETSUMS(1)
	BYTES(8)
	BYTES(10)
	BYTES(12)
	BYTES(14)
	SCALE(1)
	ADDQ $1088, SI
	ADDQ $64, DI
	ADDQ $8, R9
	ADDQ $8, R10
	DECQ R13
	JNZ  rec
	ENDSLAB
	TESTQ CX, CX
	JNZ  slab
	STORE

// nibble vector j at byte o, bytes q<<4
#define HIGH(o, j) \
	PREFETCHT1 (8192+64*j)(SI)   \
	VMOVDQU64 (o+64*j)(SI), Z3   \
	VPSLLW $4, Z3, Z2            \
	VPANDD Z20, Z2, Z2           \
	VPANDD Z20, Z3, Z3           \
	DOT2(2*j, Z2, Z3)

// nibble vector j at byte o, bytes q
#define LOW(o, j) \
	PREFETCHT0 (2048+64*j)(SI)   \
	VMOVDQU64 (o+64*j)(SI), Z2   \
	VPSRLW $4, Z2, Z3            \
	VPANDD Z20, Z2, Z2           \
	VPANDD Z20, Z3, Z3           \
	DOT2(2*j, Z2, Z3)

// func gemvQ4_0(a *gemvArgs)
TEXT ·gemvQ4_0(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemvMasks<>+0(SB), Z20
	VPBROADCASTD ·gemvMasks<>+28(SB), Z21
slab:
	NEWSLAB
rec:
	OFFSETSUMS(0)
	HIGH(64, 0)
	HIGH(64, 1)
	HIGH(64, 2)
	HIGH(64, 3)
	SCALESHIFT(0)
	OFFSETSUMS(1)
	HIGH(64, 4)
	HIGH(64, 5)
	HIGH(64, 6)
	HIGH(64, 7)
	SCALESHIFT(1)
	ADDQ $576, SI
	ADDQ $64, DI
	ADDQ $8, R9
	ADDQ $8, R10
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
	VCVTPH2PS 64(AX), Z2            \
	VBROADCASTSS (R9), Z3           \
	VFMADD231PS Z3, Z2, Z17         \
	VCVTPH2PS 96(AX), Z2            \
	VBROADCASTSS 4(R9), Z3          \
	VFMADD231PS Z3, Z2, Z17         \
	ADDQ $8, R9                     \
	ADDQ $size, AX

// func gemvQ4_1(a *gemvArgs)
TEXT ·gemvQ4_1(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemvMasks<>+12(SB), Z20
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
	ADDQ $64, DI
	ADDQ $8, R10
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

// nibble vector j, high bits in Z4: bytes q<<3
#define HIGH5(o, j, l, m) \
	PREFETCHT0 (1024+64*j)(SI)     \
	PREFETCHT1 (8192+64*j)(SI)     \
	VMOVDQU64 (o+64*j)(SI), Z3     \
	VPSLLW $3, Z3, Z2              \
	VPSRLW $1, Z3, Z3              \
	VPANDD Z20, Z2, Z2             \
	VPANDD Z20, Z3, Z3             \
	VPSLLW $l, Z4, Z5              \
	VPSLLW $m, Z4, Z6              \
	VPTERNLOGD $0xF8, Z22, Z5, Z2  \
	VPTERNLOGD $0xF8, Z22, Z6, Z3  \
	DOT2(2*j, Z2, Z3)

// func gemvQ5_0(a *gemvArgs)
TEXT ·gemvQ5_0(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemvMasks<>+4(SB), Z20
	VPBROADCASTD ·gemvMasks<>+8(SB), Z22
	VPBROADCASTD ·gemvMasks<>+32(SB), Z21
slab:
	NEWSLAB
rec:
	VMOVDQU64 576(SI), Z4
	OFFSETSUMS(0)
	HIGH5(64, 0, 7, 6)
	HIGH5(64, 1, 5, 4)
	HIGH5(64, 2, 3, 2)
	HIGH5(64, 3, 1, 0)
	SCALESHIFT(0)
	VMOVDQU64 640(SI), Z4
	OFFSETSUMS(1)
	HIGH5(64, 4, 7, 6)
	HIGH5(64, 5, 5, 4)
	HIGH5(64, 6, 3, 2)
	HIGH5(64, 7, 1, 0)
	SCALESHIFT(1)
	ADDQ $704, SI
	ADDQ $64, DI
	ADDQ $8, R9
	ADDQ $8, R10
	DECQ R13
	JNZ  rec
	ENDSLAB
	TESTQ CX, CX
	JNZ  slab
	STORE

// nibble vector j, high bits of its two groups at bit 4 of Z5 and Z6: bytes q
#define LOW5(o, j) \
	PREFETCHT0 (1344+64*j)(SI)     \
	PREFETCHT1 (8512+64*j)(SI)     \
	VMOVDQU64 (o+64*j)(SI), Z2     \
	VPSRLW $4, Z2, Z3              \
	VPANDD Z20, Z2, Z2             \
	VPANDD Z20, Z3, Z3             \
	VPTERNLOGD $0xF8, Z22, Z5, Z2  \
	VPTERNLOGD $0xF8, Z22, Z6, Z3  \
	DOT2(2*j, Z2, Z3)

#define LOW01(o, j) VPSLLW $4, Z4, Z5; VPSLLW $3, Z4, Z6; LOW5(o, j)
#define LOW23(o, j) VPSLLW $2, Z4, Z5; VPSLLW $1, Z4, Z6; LOW5(o, j)
#define LOW45(o, j) VMOVDQA64 Z4, Z5; VPSRLW $1, Z4, Z6; LOW5(o, j)
#define LOW67(o, j) VPSRLW $2, Z4, Z5; VPSRLW $3, Z4, Z6; LOW5(o, j)

// func gemvQ5_1(a *gemvArgs)
TEXT ·gemvQ5_1(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemvMasks<>+12(SB), Z20
	VPBROADCASTD ·gemvMasks<>+16(SB), Z22
slab:
	NEWSLAB
	MINSLAB(768)
rec:
	VMOVDQU64 640(SI), Z4
	ZEROSUMS
	LOW01(128, 0)
	LOW23(128, 1)
	LOW45(128, 2)
	LOW67(128, 3)
	SCALE(0)
	VMOVDQU64 704(SI), Z4
	ZEROSUMS
	LOW01(128, 4)
	LOW23(128, 5)
	LOW45(128, 6)
	LOW67(128, 7)
	SCALE(1)
	ADDQ $768, SI
	ADDQ $64, DI
	ADDQ $8, R10
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
	SUMUP                          \
	VPMOVZXBD (64+16*b)(SI), Z2    \
	VCVTDQ2PS Z2, Z2               \
	VMULPS Z18, Z2, Z2             \
	VPADDD.BCST (4*b)(R10), Z2, Z2 \
	VFMADD231PS Z2, Z0, Z17

#define KMIN(p) \
	VPMOVZXBW (192+32*p)(SI), Z2     \
	VPDPWSSD.BCST (4*p)(R9), Z2, Z0

// acc = fma(-float(sum of mins), dmin/8, acc); Z21 = 1/8
#define KMINS \
	VPXORD Z0, Z0, Z0         \
	KMIN(0)                   \
	KMIN(1)                   \
	KMIN(2)                   \
	KMIN(3)                   \
	VCVTDQ2PS Z0, Z0          \
	VCVTPH2PS 32(SI), Z2      \
	VMULPS Z21, Z2, Z2        \
	VFNMADD231PS Z2, Z0, Z17

#define BLOCK4(b) \
	ZEROSUMS            \
	LOW(320, (4*b))     \
	LOW(320, (4*b+1))   \
	LOW(320, (4*b+2))   \
	LOW(320, (4*b+3))   \
	KSCALE(b)

// func gemvQ4_K(a *gemvArgs)
TEXT ·gemvQ4_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemvMasks<>+12(SB), Z20
	VBROADCASTSS ·gemvMasks<>+40(SB), Z21
slab:
	VPXORD Z17, Z17, Z17
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
	ADDQ $256, DI
	ADDQ $16, R9
	ADDQ $32, R10
	DECQ CX
	JNZ  slab
	STORE

#define BLOCK5(b) \
	ZEROSUMS                    \
	PREFETCHT0 (3392+64*b)(SI)    \
	PREFETCHT1 (10560+64*b)(SI)   \
	VMOVDQU64 (2368+64*b)(SI), Z4 \
	LOW01(320, (4*b))           \
	LOW23(320, (4*b+1))         \
	LOW45(320, (4*b+2))         \
	LOW67(320, (4*b+3))         \
	KSCALE(b)

// func gemvQ5_K(a *gemvArgs)
TEXT ·gemvQ5_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemvMasks<>+12(SB), Z20
	VPBROADCASTD ·gemvMasks<>+16(SB), Z22
	VBROADCASTSS ·gemvMasks<>+40(SB), Z21
slab:
	VPXORD Z17, Z17, Z17
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
	ADDQ $256, DI
	ADDQ $16, R9
	ADDQ $32, R10
	DECQ CX
	JNZ  slab
	STORE

// nibble vector j, upper bits at bits 7..6 of Z5 and Z6: bytes q<<2
#define HIGH6(j) \
	PREFETCHT0 (1344+64*j)(SI)      \
	PREFETCHT1 (8512+64*j)(SI)      \
	VMOVDQU64 (320+64*j)(SI), Z3    \
	VPSLLW $2, Z3, Z2               \
	VPSRLW $2, Z3, Z3               \
	VPANDD Z20, Z2, Z2              \
	VPANDD Z20, Z3, Z3              \
	VPTERNLOGD $0xF8, Z22, Z5, Z2   \
	VPTERNLOGD $0xF8, Z22, Z6, Z3   \
	DOT2(2*j, Z2, Z3)

// sub-block i of 16 channels, its exponent is that of block i/2; Z18 = d/4
#define SUB6(i, b) \
	VPBROADCASTD (4*i)(R9), Z0        \
	VPXORD Z1, Z1, Z1                 \
	PREFETCHT0 (3392+64*i)(SI)        \
	PREFETCHT1 (10560+64*i)(SI)       \
	VMOVDQU64 (2368+64*i)(SI), Z4     \
	VPSLLW $6, Z4, Z5                 \
	VPSLLW $4, Z4, Z6                 \
	HIGH6((2*i))                      \
	VPSLLW $2, Z4, Z5                 \
	VMOVDQA64 Z4, Z6                  \
	HIGH6((2*i+1))                    \
	SUMUP                             \
	VPMOVSXBD (64+16*i)(SI), Z2       \
	VCVTDQ2PS Z2, Z2                  \
	VMULPS Z18, Z2, Z2                \
	VPADDD.BCST (4*b)(R10), Z2, Z2    \
	VFMADD231PS Z2, Z0, Z17

// func gemvQ6_K(a *gemvArgs)
TEXT ·gemvQ6_K(SB), NOSPLIT, $0-8
	LOADARGS
	VPBROADCASTD ·gemvMasks<>+20(SB), Z20
	VPBROADCASTD ·gemvMasks<>+24(SB), Z22
	VBROADCASTSS ·gemvMasks<>+36(SB), Z21
slab:
	VPXORD Z17, Z17, Z17
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
	ADDQ $256, DI
	ADDQ $64, R9
	ADDQ $32, R10
	DECQ CX
	JNZ  slab
	STORE
