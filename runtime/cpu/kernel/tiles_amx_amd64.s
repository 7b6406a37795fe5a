#include "textflag.h"

// What stands around the AMX kernels: outputs, signs, token-major activations.

#define STORETILES(move) \
	SHLQ $10, R10          \
tile:                          \
	MOVQ $16, R11          \
	MOVQ SI, AX            \
token:                         \
	MOVQ AX, BX            \
	MOVQ DI, DX            \
	MOVQ R9, R12           \
panel:                         \
	VMOVUPS (BX), Z0       \
	move Z0, (DX)          \
	ADDQ $1024, BX         \
	ADDQ $64, DX           \
	DECQ R12               \
	JNZ  panel             \
	ADDQ $64, AX           \
	ADDQ R8, DI            \
	DECQ CX                \
	JZ   done              \
	DECQ R11               \
	JNZ  token             \
	ADDQ R10, SI           \
	JMP  tile              \
done:                          \
	SFENCE                 \
	VZEROUPPER             \
	RET

// func storeTiles(dst *float32, stride int, src *float32, panels, pitch, n int): n
// tokens of the first panels of src [tile][pitch][16][16] to rows that are stride
// bytes apart.
TEXT ·storeTiles(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ src+16(FP), SI
	MOVQ panels+24(FP), R9
	MOVQ pitch+32(FP), R10
	MOVQ n+40(FP), CX
	STORETILES(VMOVUPS)

// func streamTiles(dst *float32, stride int, src *float32, panels, pitch, n int):
// storeTiles past the caches; dst and stride are multiples of 64.
TEXT ·streamTiles(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ src+16(FP), SI
	MOVQ panels+24(FP), R9
	MOVQ pitch+32(FP), R10
	MOVQ n+40(FP), CX
	STORETILES(VMOVNTPS)

// func signBytes(w *byte, n int): w ^= 0x80 for 64n bytes
TEXT ·signBytes(SB), NOSPLIT, $0-16
	MOVQ w+0(FP), DI
	MOVQ n+8(FP), CX
	MOVL $0x80808080, AX
	VPBROADCASTD AX, Z1
loop:
	VPXORD (DI), Z1, Z0
	VMOVDQU64 Z0, (DI)
	ADDQ $64, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// Two vectors of [4 groups][4 tokens][4] to [2 tokens][8 groups][4].
DATA ·byToken<>+0(SB)/8, $0x0000000400000000
DATA ·byToken<>+8(SB)/8, $0x0000000c00000008
DATA ·byToken<>+16(SB)/8, $0x0000001400000010
DATA ·byToken<>+24(SB)/8, $0x0000001c00000018
DATA ·byToken<>+32(SB)/8, $0x0000000500000001
DATA ·byToken<>+40(SB)/8, $0x0000000d00000009
DATA ·byToken<>+48(SB)/8, $0x0000001500000011
DATA ·byToken<>+56(SB)/8, $0x0000001d00000019
GLOBL ·byToken<>(SB), RODATA|NOPTR, $64

// func tokenMajor(dst, src *int8): a slab of a c4 tile (1024 bytes) to plane T:
// for each block 4 tokens of 32 channels, blocks 512 bytes apart.
TEXT ·tokenMajor(SB), NOSPLIT, $0-16
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ $8, CX
	VMOVDQU32 ·byToken<>(SB), Z2
	MOVL $2, AX
	VPBROADCASTD AX, Z3
	VPADDD Z2, Z3, Z3
loop:
	VMOVDQU32 (SI), Z0
	VMOVDQU32 64(SI), Z1
	VMOVDQA32 Z2, Z4
	VMOVDQA32 Z3, Z5
	VPERMI2D Z1, Z0, Z4
	VPERMI2D Z1, Z0, Z5
	VMOVDQU32 Z4, (DI)
	VMOVDQU32 Z5, 64(DI)
	ADDQ $128, SI
	ADDQ $512, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
