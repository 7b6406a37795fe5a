#include "textflag.h"
#include "neon_arm64.h"

// Expansion of the records of a slab to signed bytes and float32 scales.

// func neonFlip(w, src *byte, n int): n vectors of 64 bytes, q+128 to q
TEXT ·neonFlip(SB), NOSPLIT, $0-24
	MOVD  w+0(FP), R0
	MOVD  src+8(FP), R1
	MOVD  n+16(FP), R2
	VMOVI $128, V31.B16
loop:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VEOR  V31.B16, V0.B16, V0.B16
	VEOR  V31.B16, V1.B16, V1.B16
	VEOR  V31.B16, V2.B16, V2.B16
	VEOR  V31.B16, V3.B16, V3.B16
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	SUB   $1, R2
	CBNZ  R2, loop
	RET

#define NIBBLE(a, b) \
	VUSHR $4, a.B16, b.B16 \
	VAND V31.B16, a.B16, a.B16 \
	VSUB V30.B16, a.B16, a.B16 \
	VSUB V30.B16, b.B16, b.B16

// func neonNibbles(w, nib *byte, n int, zero uint8): n nibble vectors to 2n
// group vectors, minus zero
TEXT ·neonNibbles(SB), NOSPLIT, $0-25
	MOVD  w+0(FP), R0
	MOVD  nib+8(FP), R1
	MOVD  n+16(FP), R2
	MOVBU zero+24(FP), R3
	VMOVI $15, V31.B16
	VDUP  R3, V30.B16
loop:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	NIBBLE(V0, V4)
	NIBBLE(V1, V5)
	NIBBLE(V2, V6)
	NIBBLE(V3, V7)
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R0)
	SUB   $1, R2
	CBNZ  R2, loop
	RET

// one quarter of a group: v holds the high bits at the bottom
#define PUT(off, v) \
	VAND V31.B16, v.B16, v.B16 \
	VSHL $4, v.B16, v.B16      \
	FMOVQ off(R0), F8          \
	VADD V8.B16, v.B16, v.B16  \
	VSUB V30.B16, v.B16, v.B16

#define SHIFTED(s) \
	VUSHR $s, V0.B16, V4.B16 \
	VUSHR $s, V1.B16, V5.B16 \
	VUSHR $s, V2.B16, V6.B16 \
	VUSHR $s, V3.B16, V7.B16

#define STORE \
	PUT(0, V4)  \
	PUT(16, V5) \
	PUT(32, V6) \
	PUT(48, V7) \
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R0)

#define UNSHIFTED \
	VMOV V0.B16, V4.B16 \
	VMOV V1.B16, V5.B16 \
	VMOV V2.B16, V6.B16 \
	VMOV V3.B16, V7.B16

// func neonHigh1(w, high *byte, n int, zero uint8): the fifth bits of 8n
// group vectors, minus zero
TEXT ·neonHigh1(SB), NOSPLIT, $0-25
	MOVD  w+0(FP), R0
	MOVD  high+8(FP), R1
	MOVD  n+16(FP), R2
	MOVBU zero+24(FP), R3
	VMOVI $1, V31.B16
	VDUP  R3, V30.B16
loop:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	UNSHIFTED
	STORE
	SHIFTED(1)
	STORE
	SHIFTED(2)
	STORE
	SHIFTED(3)
	STORE
	SHIFTED(4)
	STORE
	SHIFTED(5)
	STORE
	SHIFTED(6)
	STORE
	SHIFTED(7)
	STORE
	SUB   $1, R2
	CBNZ  R2, loop
	RET

// func neonHigh2(w, high *byte, n int, zero uint8): bits 4 and 5 of 4n group
// vectors, minus zero
TEXT ·neonHigh2(SB), NOSPLIT, $0-25
	MOVD  w+0(FP), R0
	MOVD  high+8(FP), R1
	MOVD  n+16(FP), R2
	MOVBU zero+24(FP), R3
	VMOVI $3, V31.B16
	VDUP  R3, V30.B16
loop:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	UNSHIFTED
	STORE
	SHIFTED(2)
	STORE
	SHIFTED(4)
	STORE
	SHIFTED(6)
	STORE
	SUB   $1, R2
	CBNZ  R2, loop
	RET

// func neonHalf(dst *float32, src *byte, n int): n halves, a multiple of 16
TEXT ·neonHalf(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
loop:
	VLD1.P 32(R1), [V0.B16, V1.B16]
	FCVTL(4, 0)
	FCVTL2(5, 0)
	FCVTL(6, 1)
	FCVTL2(7, 1)
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)
	SUB  $16, R2
	CBNZ R2, loop
	RET

// func neonBF16(dst *float32, src *byte, n int): n pairs of channels
TEXT ·neonBF16(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
loop:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	VSHL  $16, V0.S4, V4.S4
	VSHL  $16, V1.S4, V5.S4
	VSHL  $16, V2.S4, V6.S4
	VSHL  $16, V3.S4, V7.S4
	VUSHR $16, V0.S4, V0.S4
	VUSHR $16, V1.S4, V1.S4
	VUSHR $16, V2.S4, V2.S4
	VUSHR $16, V3.S4, V3.S4
	VSHL  $16, V0.S4, V0.S4
	VSHL  $16, V1.S4, V1.S4
	VSHL  $16, V2.S4, V2.S4
	VSHL  $16, V3.S4, V3.S4
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB   $1, R2
	CBNZ  R2, loop
	RET

// V8-V11 = float(16 int16 of V1, V2) * V16-V19
#define PRODUCTS \
	SXTLH(8, 1)   \
	SXTLH2(9, 1)  \
	SXTLH(10, 2)  \
	SXTLH2(11, 2) \
	SCVTF(8, 8)   \
	SCVTF(9, 9)   \
	SCVTF(10, 10) \
	SCVTF(11, 11) \
	FMUL(8, 8, 16)  \
	FMUL(9, 9, 17)  \
	FMUL(10, 10, 18) \
	FMUL(11, 11, 19) \
	VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], 64(R0)

// func neonScales(scale, d *float32, sc *byte, n int): n rows of 16 unsigned
// bytes times d[16]
TEXT ·neonScales(SB), NOSPLIT, $0-32
	MOVD scale+0(FP), R0
	MOVD d+8(FP), R3
	MOVD sc+16(FP), R1
	MOVD n+24(FP), R2
	VLD1 (R3), [V16.S4, V17.S4, V18.S4, V19.S4]
loop:
	VLD1.P 16(R1), [V0.B16]
	VUXTL  V0.B8, V1.H8
	VUXTL2 V0.B16, V2.H8
	PRODUCTS
	SUB  $1, R2
	CBNZ R2, loop
	RET

// func neonScalesSigned(scale, d *float32, sc *byte, n int): the same of
// signed bytes
TEXT ·neonScalesSigned(SB), NOSPLIT, $0-32
	MOVD scale+0(FP), R0
	MOVD d+8(FP), R3
	MOVD sc+16(FP), R1
	MOVD n+24(FP), R2
	VLD1 (R3), [V16.S4, V17.S4, V18.S4, V19.S4]
loop:
	VLD1.P 16(R1), [V0.B16]
	SXTLB(1, 0)
	SXTLB2(2, 0)
	PRODUCTS
	SUB  $1, R2
	CBNZ R2, loop
	RET

// func neonMins(min *int16, mn *byte, n int): n pairs of blocks, u8 [16][2]
// to int16 [2][16]
TEXT ·neonMins(SB), NOSPLIT, $0-24
	MOVD min+0(FP), R0
	MOVD mn+8(FP), R1
	MOVD n+16(FP), R2
loop:
	VLD1.P 32(R1), [V0.B16, V1.B16]
	VUZP1  V1.B16, V0.B16, V2.B16
	VUZP2  V1.B16, V0.B16, V3.B16
	VUXTL  V2.B8, V4.H8
	VUXTL2 V2.B16, V5.H8
	VUXTL  V3.B8, V6.H8
	VUXTL2 V3.B16, V7.H8
	VST1.P [V4.H8, V5.H8, V6.H8, V7.H8], 64(R0)
	SUB    $1, R2
	CBNZ   R2, loop
	RET
