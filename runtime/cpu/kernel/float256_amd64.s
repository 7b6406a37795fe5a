#include "textflag.h"

// func gemmFloat256(w, x, c *float32, groups int): one panel of f32 weights
// [channel][16] by one tile of four tokens: C += chain
TEXT ·gemmFloat256(SB), NOSPLIT, $0-32
	MOVQ w+0(FP), SI
	MOVQ x+8(FP), DI
	MOVQ c+16(FP), DX
	MOVQ groups+24(FP), CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
#define TOKEN(j, t, y, lo, hi) \
	VBROADCASTSS (4*j+16*t)(DI), y \
	VFMADD231PS y, Y8, lo          \
	VFMADD231PS y, Y9, hi
#define CHANNEL(j) \
	VMOVUPS (64*j)(SI), Y8       \
	VMOVUPS (64*j+32)(SI), Y9    \
	TOKEN(j, 0, Y10, Y0, Y1)     \
	TOKEN(j, 1, Y11, Y2, Y3)     \
	TOKEN(j, 2, Y12, Y4, Y5)     \
	TOKEN(j, 3, Y13, Y6, Y7)
loop:
	CHANNEL(0)
	CHANNEL(1)
	CHANNEL(2)
	CHANNEL(3)
	ADDQ $256, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop
#define ADDC(t, lo, hi) \
	VADDPS (64*t)(DX), lo, lo    \
	VADDPS (64*t+32)(DX), hi, hi \
	VMOVUPS lo, (64*t)(DX)       \
	VMOVUPS hi, (64*t+32)(DX)
	ADDC(0, Y0, Y1)
	ADDC(1, Y2, Y3)
	ADDC(2, Y4, Y5)
	ADDC(3, Y6, Y7)
	VZEROUPPER
	RET

