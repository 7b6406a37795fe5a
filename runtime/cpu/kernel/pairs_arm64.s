#include "textflag.h"

// func neonPairs(w *byte, n int): n times two groups of 4 channels, [2][16 rows][4],
// to [8 pairs of rows][2][8 channels], in place
TEXT ·neonPairs(SB), NOSPLIT, $0-16
	MOVD w+0(FP), R0
	MOVD n+8(FP), R1
loop:
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1 (R0), [V4.S4, V5.S4, V6.S4, V7.S4]
	SUB $64, R0
	VZIP1 V4.S4, V0.S4, V16.S4
	VZIP2 V4.S4, V0.S4, V17.S4
	VZIP1 V5.S4, V1.S4, V18.S4
	VZIP2 V5.S4, V1.S4, V19.S4
	VZIP1 V6.S4, V2.S4, V20.S4
	VZIP2 V6.S4, V2.S4, V21.S4
	VZIP1 V7.S4, V3.S4, V22.S4
	VZIP2 V7.S4, V3.S4, V23.S4
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R0)
	VST1.P [V20.S4, V21.S4, V22.S4, V23.S4], 64(R0)
	SUB  $1, R1
	CBNZ R1, loop
	RET
