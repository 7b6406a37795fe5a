// VPDPBUSD in its VEX form (AVX-VNNI), which the Go assembler lacks:
// acc += the four products of each dword of w (unsigned) and a (signed).
// Arguments are the numbers of Y registers. VEX.256.66.0F38.W0 50 /r.
#define DPBUSD256(a, w, acc) \
	BYTE $0xC4                                                    \
	BYTE $(0x42 + ((1 - ((acc) >> 3)) << 7) + ((1 - ((a) >> 3)) << 5)) \
	BYTE $(0x05 + ((15 - (w)) << 3))                              \
	BYTE $0x50                                                    \
	BYTE $(0xC0 + (((acc) & 7) << 3) + ((a) & 7))
