#include "textflag.h"

// func cpuVendor() (b, d, c uint32): the vendor string of CPUID leaf 0
TEXT ·cpuVendor(SB), NOSPLIT, $0-12
	XORL AX, AX
	CPUID
	MOVL BX, b+0(FP)
	MOVL DX, d+4(FP)
	MOVL CX, c+8(FP)
	RET
