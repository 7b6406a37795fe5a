#include "textflag.h"

// Expansion of packed records to scratch, AVX2.

// Expansion: DI bytes out, SI nibble vectors, CX vectors left.

DATA ·low4<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA ·low4<>+8(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA ·low4<>+16(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA ·low4<>+24(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL ·low4<>(SB), RODATA|NOPTR, $32

DATA ·bit4<>+0(SB)/8, $0x1010101010101010
DATA ·bit4<>+8(SB)/8, $0x1010101010101010
DATA ·bit4<>+16(SB)/8, $0x1010101010101010
DATA ·bit4<>+24(SB)/8, $0x1010101010101010
GLOBL ·bit4<>(SB), RODATA|NOPTR, $32

DATA ·bits45<>+0(SB)/8, $0x3030303030303030
DATA ·bits45<>+8(SB)/8, $0x3030303030303030
DATA ·bits45<>+16(SB)/8, $0x3030303030303030
DATA ·bits45<>+24(SB)/8, $0x3030303030303030
GLOBL ·bits45<>(SB), RODATA|NOPTR, $32

// The functions below take reps records, stride bytes apart; the output is dense.

// func nibbles256(w, nib *byte, n, reps, stride int): n nibble vectors a record
// to 2n groups
TEXT ·nibbles256(SB), NOSPLIT, $0-40
	MOVQ w+0(FP), DI
	MOVQ nib+8(FP), BX
	MOVQ reps+24(FP), DX
	VMOVDQU ·low4<>(SB), Y15
record:
	MOVQ BX, SI
	MOVQ n+16(FP), CX
loop:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPSRLW $4, Y0, Y2
	VPSRLW $4, Y1, Y3
	VPAND Y15, Y0, Y0
	VPAND Y15, Y1, Y1
	VPAND Y15, Y2, Y2
	VPAND Y15, Y3, Y3
	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, 64(DI)
	VMOVDQU Y3, 96(DI)
	ADDQ $64, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  loop
	ADDQ stride+32(FP), BX
	DECQ DX
	JNZ  record
	VZEROUPPER
	RET

// func highBits256(w, high *byte, n, reps, stride int): adds bit b of n high-bit
// vectors a record, at bit 4, to group 8h+b
TEXT ·highBits256(SB), NOSPLIT, $0-40
	MOVQ w+0(FP), DI
	MOVQ high+8(FP), BX
	MOVQ reps+24(FP), DX
	VMOVDQU ·bit4<>(SB), Y15
record:
	MOVQ BX, SI
	MOVQ n+16(FP), CX
vector:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPSLLW $4, Y0, Y0 // bit b of byte i is now bit b+4 of a 12-bit field: done in two halves
	VPSLLW $4, Y1, Y1
	VMOVDQU (SI), Y2
	VMOVDQU 32(SI), Y3
	MOVQ $4, AX
low: // bits 0..3
	VPAND Y15, Y0, Y4
	VPAND Y15, Y1, Y5
	VPOR (DI), Y4, Y4
	VPOR 32(DI), Y5, Y5
	VMOVDQU Y4, (DI)
	VMOVDQU Y5, 32(DI)
	VPSRLW $1, Y0, Y0
	VPSRLW $1, Y1, Y1
	ADDQ $64, DI
	DECQ AX
	JNZ  low
	MOVQ $4, AX
upper: // bits 4..7
	VPAND Y15, Y2, Y4
	VPAND Y15, Y3, Y5
	VPOR (DI), Y4, Y4
	VPOR 32(DI), Y5, Y5
	VMOVDQU Y4, (DI)
	VMOVDQU Y5, 32(DI)
	VPSRLW $1, Y2, Y2
	VPSRLW $1, Y3, Y3
	ADDQ $64, DI
	DECQ AX
	JNZ  upper
	ADDQ $64, SI
	DECQ CX
	JNZ  vector
	ADDQ stride+32(FP), BX
	DECQ DX
	JNZ  record
	VZEROUPPER
	RET

#define TWOBITS(l, a, b) \
	VPAND Y15, a, Y4     \
	VPAND Y15, b, Y5     \
	VPOR l(DI), Y4, Y4   \
	VPOR (l+32)(DI), Y5, Y5 \
	VMOVDQU Y4, l(DI)    \
	VMOVDQU Y5, (l+32)(DI)

// func high2Bits256(w, high *byte, n int): adds bits 2b+1..2b of n high-2
// vectors, at bits 5..4, to group 4h+b
TEXT ·high2Bits256(SB), NOSPLIT, $0-24
	MOVQ w+0(FP), DI
	MOVQ high+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVDQU ·bits45<>(SB), Y15
loop:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPSLLW $4, Y0, Y2
	VPSLLW $4, Y1, Y3
	TWOBITS(0, Y2, Y3)
	VPSLLW $2, Y0, Y2
	VPSLLW $2, Y1, Y3
	TWOBITS(64, Y2, Y3)
	TWOBITS(128, Y0, Y1)
	VPSRLW $2, Y0, Y2
	VPSRLW $2, Y1, Y3
	TWOBITS(192, Y2, Y3)
	ADDQ $64, SI
	ADDQ $256, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func scales256(dst *float32, src *byte, reps, stride int): 32 halves a record
// to float32
TEXT ·scales256(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ reps+16(FP), CX
	MOVQ stride+24(FP), BX
loop:
	VCVTPH2PS (SI), Y0
	VCVTPH2PS 16(SI), Y1
	VCVTPH2PS 32(SI), Y2
	VCVTPH2PS 48(SI), Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ BX, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func half256(dst *float32, src *byte, n int): n halves to float32, n a multiple of 8
TEXT ·half256(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
loop:
	VCVTPH2PS (SI), Y0
	VMOVUPS Y0, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop
	VZEROUPPER
	RET

// func kScales256(scale, d *float32, sc *byte, n int): n rows of 16 products d·sc,
// sc unsigned
TEXT ·kScales256(SB), NOSPLIT, $0-32
	MOVQ scale+0(FP), DI
	MOVQ d+8(FP), DX
	MOVQ sc+16(FP), SI
	MOVQ n+24(FP), CX
	VMOVUPS (DX), Y2
	VMOVUPS 32(DX), Y3
loop:
	VPMOVZXBD (SI), Y0
	VPMOVZXBD 8(SI), Y1
	VCVTDQ2PS Y0, Y0
	VCVTDQ2PS Y1, Y1
	VMULPS Y2, Y0, Y0
	VMULPS Y3, Y1, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ $16, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func q6Scales256(scale, d *float32, sc *byte, n int): the same, sc signed
TEXT ·q6Scales256(SB), NOSPLIT, $0-32
	MOVQ scale+0(FP), DI
	MOVQ d+8(FP), DX
	MOVQ sc+16(FP), SI
	MOVQ n+24(FP), CX
	VMOVUPS (DX), Y2
	VMOVUPS 32(DX), Y3
loop:
	VPMOVSXBD (SI), Y0
	VPMOVSXBD 8(SI), Y1
	VCVTDQ2PS Y0, Y0
	VCVTDQ2PS Y1, Y1
	VMULPS Y2, Y0, Y0
	VMULPS Y3, Y1, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ $16, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func kMins256(min *int16, mn *byte): 128 bytes to int16
TEXT ·kMins256(SB), NOSPLIT, $0-16
	MOVQ min+0(FP), DI
	MOVQ mn+8(FP), SI
	MOVQ $8, CX
loop:
	VPMOVZXBW (SI), Y0
	VMOVDQU Y0, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

DATA ·upper16<>+0(SB)/8, $0xffff0000ffff0000
DATA ·upper16<>+8(SB)/8, $0xffff0000ffff0000
DATA ·upper16<>+16(SB)/8, $0xffff0000ffff0000
DATA ·upper16<>+24(SB)/8, $0xffff0000ffff0000
GLOBL ·upper16<>(SB), RODATA|NOPTR, $32

// func bf16Pairs256(dst *float32, src *byte, n int): n pairs of channels of 16 rows
TEXT ·bf16Pairs256(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVDQU ·upper16<>(SB), Y15
loop:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPSLLD $16, Y0, Y2
	VPSLLD $16, Y1, Y3
	VPAND Y15, Y0, Y0
	VPAND Y15, Y1, Y1
	VMOVDQU Y2, (DI)
	VMOVDQU Y3, 32(DI)
	VMOVDQU Y0, 64(DI)
	VMOVDQU Y1, 96(DI)
	ADDQ $64, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

DATA ·flip8<>+0(SB)/8, $0x8080808080808080
DATA ·flip8<>+8(SB)/8, $0x8080808080808080
DATA ·flip8<>+16(SB)/8, $0x8080808080808080
DATA ·flip8<>+24(SB)/8, $0x8080808080808080
GLOBL ·flip8<>(SB), RODATA|NOPTR, $32

// func wideWeights256(w, src *byte, reps, stride int): 16 groups of 64 bytes
// q+128 a record to int16: 64 bytes of first and third channels, 64 of second and fourth
TEXT ·wideWeights256(SB), NOSPLIT, $0-32
	MOVQ w+0(FP), DI
	MOVQ src+8(FP), BX
	MOVQ reps+16(FP), DX
	VMOVDQU ·flip8<>(SB), Y15
record:
	MOVQ BX, SI
	MOVQ $16, CX
loop:
	VPXOR (SI), Y15, Y0
	VPXOR 32(SI), Y15, Y1
	VPSLLW $8, Y0, Y2
	VPSLLW $8, Y1, Y3
	VPSRAW $8, Y2, Y2
	VPSRAW $8, Y3, Y3
	VPSRAW $8, Y0, Y0
	VPSRAW $8, Y1, Y1
	VMOVDQU Y2, (DI)
	VMOVDQU Y3, 32(DI)
	VMOVDQU Y0, 64(DI)
	VMOVDQU Y1, 96(DI)
	ADDQ $64, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  loop
	ADDQ stride+24(FP), BX
	DECQ DX
	JNZ  record
	VZEROUPPER
	RET

// func wideActs256(dst *int16, q *int8, n int): n pairs of groups of four
// tokens (32 bytes) to int16, in the order of the weights: 32 bytes of first and third
// channels of both groups, 32 of the others
TEXT ·wideActs256(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ q+8(FP), SI
	MOVQ n+16(FP), CX
loop:
	VMOVDQU (SI), Y0
	VPSLLW $8, Y0, Y1
	VPSRAW $8, Y0, Y0
	VPSRAW $8, Y1, Y1
	VMOVDQU Y1, (DI)
	VMOVDQU Y0, 32(DI)
	ADDQ $32, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

DATA ·ones8<>+0(SB)/8, $0x0101010101010101
DATA ·ones8<>+8(SB)/8, $0x0101010101010101
DATA ·ones8<>+16(SB)/8, $0x0101010101010101
DATA ·ones8<>+24(SB)/8, $0x0101010101010101
GLOBL ·ones8<>(SB), RODATA|NOPTR, $32

// func pairSums256(dst *int16, q *int8, n int): for n times 16 channels of four
// tokens -32 times the sums of the first two and the last two channels of the groups
TEXT ·pairSums256(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ q+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVDQU ·ones8<>(SB), Y15
	VPXOR Y14, Y14, Y14
loop:
	VPMADDUBSW (SI), Y15, Y0
	VPMADDUBSW 32(SI), Y15, Y1
	VPADDW Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDW X1, X0, X0
	VPSLLW $5, X0, X0
	VPSUBW X0, X14, X0
	VMOVDQU X0, (DI)
	ADDQ $64, SI
	ADDQ $16, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
