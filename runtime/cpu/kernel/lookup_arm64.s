#include "textflag.h"

// The bytes of 64 channels of 16 rows: vector j of nibbles becomes the byte vectors of
// groups 2j, from the low halves, and 2j+1.

#define LOOKUP(a, b) \
	VUSHR $4, a.B16, b.B16 \
	VAND V31.B16, a.B16, a.B16 \
	VTBL a.B16, [V30.B16], a.B16 \
	VTBL b.B16, [V30.B16], b.B16

// func neonLookup(dst, src *byte, n, dstStep, srcStep int, codes *[16]byte)
TEXT ·neonLookup(SB), NOSPLIT, $0-48
	MOVD  dst+0(FP), R0
	MOVD  src+8(FP), R1
	MOVD  n+16(FP), R2
	MOVD  dstStep+24(FP), R3
	MOVD  srcStep+32(FP), R4
	MOVD  codes+40(FP), R5
	VLD1  (R5), [V30.B16]
	VMOVI $15, V31.B16

record:
	MOVD R0, R6
	MOVD R1, R7
	MOVD $8, R8

vector:
	VLD1.P 64(R7), [V0.B16, V1.B16, V2.B16, V3.B16]
	LOOKUP(V0, V4)
	LOOKUP(V1, V5)
	LOOKUP(V2, V6)
	LOOKUP(V3, V7)
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R6)
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R6)
	SUB  $1, R8
	CBNZ R8, vector
	ADD  R3, R0
	ADD  R4, R1
	SUB  $1, R2
	CBNZ R2, record
	RET
