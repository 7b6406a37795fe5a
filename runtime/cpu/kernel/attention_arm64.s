#include "textflag.h"
#include "go_asm.h"
#include "neon_arm64.h"

#define ROWS(a, w, x, i) \
	FMLAI(a, w, x, i)     \
	FMLAI(a+1, w+1, x, i) \
	FMLAI(a+2, w+2, x, i) \
	FMLAI(a+3, w+3, x, i)

// one position: 16 channels of V times the probability of four rows
#define POSITION(w, i) \
	FLDPQ (R1), (F16, F17)   \
	FLDPQ 32(R1), (F18, F19) \
	ADD R6, R1               \
	ROWS(0, w, 24, i)  \
	ROWS(4, w, 25, i)  \
	ROWS(8, w, 26, i)  \
	ROWS(12, w, 27, i)

#define LOAD(off, a, b) FLDPQ off(R3), (a, b)
#define STORE(off, a, b) FSTPQ (a, b), off(R3)

// func neonPV(a *neonFloatArgs): continues the chains of C [4][16] over groups
// of 4 positions; x is [groups][4 rows][4], step the bytes of a row of V.
// V0-V15 sums [row][quarter], V16-V19 a position, V24-V27 probabilities. Four
// positions are 64 FMLA, 10 loads of pairs and 7 others.
TEXT ·neonPV(SB), NOSPLIT, $0-8
	MOVD a+0(FP), R0
	MOVD neonFloatArgs_w(R0), R1
	MOVD neonFloatArgs_x(R0), R2
	MOVD neonFloatArgs_c(R0), R3
	MOVD neonFloatArgs_groups(R0), R5
	MOVD neonFloatArgs_step(R0), R6
	LOAD(0, F0, F1)
	LOAD(32, F2, F3)
	LOAD(64, F4, F5)
	LOAD(96, F6, F7)
	LOAD(128, F8, F9)
	LOAD(160, F10, F11)
	LOAD(192, F12, F13)
	LOAD(224, F14, F15)
group:
	FLDPQ (R2), (F24, F25)
	FLDPQ 32(R2), (F26, F27)
	POSITION(16, 0)
	POSITION(16, 1)
	POSITION(16, 2)
	POSITION(16, 3)
	ADD  $64, R2
	SUB  $1, R5
	CBNZ R5, group
	STORE(0, F0, F1)
	STORE(32, F2, F3)
	STORE(64, F4, F5)
	STORE(96, F6, F7)
	STORE(128, F8, F9)
	STORE(160, F10, F11)
	STORE(192, F12, F13)
	STORE(224, F14, F15)
	RET
