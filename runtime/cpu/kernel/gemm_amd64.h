// Macros shared by the GEMM kernels of gemm_amd64.s and gemm_fma_amd64.s: 3
// panels (48 rows) by 4 tokens over one slab.
//
// Registers: Z0-Z11 int32 sums [panel][token], Z12-Z23 f32 slab accumulators,
// Z24-Z26 weights of one K4 group, Z27-Z29 scales of one block, Z30 and Z31
// broadcasts. Weights are unsigned bytes w·2^s + 128 (offset form; the sums
// start at -128·Σq, the 2^-s is in the scale) or plain 0..31 (min form; sums
// start at 0). The sums of a block stay below 2^20 in magnitude: exact in f32.
//
//	AX weights of the block (panels 4096 bytes apart)   BX scales of the block
//	DI activations   R11 base plane   R12 C tile [4][48]   DX arguments
//	CX tiles left   R13 blocks left

#define DOT4(o, t, z, a, b, c) \
	VPBROADCASTD (o+4*t)(DI), z \
	VPDPBUSD z, Z24, a          \
	VPDPBUSD z, Z25, b          \
	VPDPBUSD z, Z26, c

#define GROUP(i) \
	VMOVDQU64 (64*i)(AX), Z24      \
	VMOVDQU64 (4096+64*i)(AX), Z25 \
	VMOVDQU64 (8192+64*i)(AX), Z26 \
	DOT4(16*i, 0, Z30, Z0, Z4, Z8) \
	DOT4(16*i, 1, Z31, Z1, Z5, Z9) \
	DOT4(16*i, 2, Z30, Z2, Z6, Z10) \
	DOT4(16*i, 3, Z31, Z3, Z7, Z11)

#define INIT \
	VPBROADCASTD 0(R9), Z0  \
	VPBROADCASTD 4(R9), Z1  \
	VPBROADCASTD 8(R9), Z2  \
	VPBROADCASTD 12(R9), Z3 \
	VMOVDQA64 Z0, Z4        \
	VMOVDQA64 Z1, Z5        \
	VMOVDQA64 Z2, Z6        \
	VMOVDQA64 Z3, Z7        \
	VMOVDQA64 Z0, Z8        \
	VMOVDQA64 Z1, Z9        \
	VMOVDQA64 Z2, Z10       \
	VMOVDQA64 Z3, Z11

#define ZEROSUMS \
	VPXORD Z0, Z0, Z0    \
	VPXORD Z1, Z1, Z1    \
	VPXORD Z2, Z2, Z2    \
	VPXORD Z3, Z3, Z3    \
	VPXORD Z4, Z4, Z4    \
	VPXORD Z5, Z5, Z5    \
	VPXORD Z6, Z6, Z6    \
	VPXORD Z7, Z7, Z7    \
	VPXORD Z8, Z8, Z8    \
	VPXORD Z9, Z9, Z9    \
	VPXORD Z10, Z10, Z10 \
	VPXORD Z11, Z11, Z11

#define ZEROACC \
	VPXORD Z12, Z12, Z12 \
	VPXORD Z13, Z13, Z13 \
	VPXORD Z14, Z14, Z14 \
	VPXORD Z15, Z15, Z15 \
	VPXORD Z16, Z16, Z16 \
	VPXORD Z17, Z17, Z17 \
	VPXORD Z18, Z18, Z18 \
	VPXORD Z19, Z19, Z19 \
	VPXORD Z20, Z20, Z20 \
	VPXORD Z21, Z21, Z21 \
	VPXORD Z22, Z22, Z22 \
	VPXORD Z23, Z23, Z23

// C = fma(acc, base, C) for token t.
#define FINISH(t, a, b, c) \
	VBROADCASTSS (4*t)(R11), Z30     \
	VMOVUPS (192*t)(R12), Z24        \
	VMOVUPS (192*t+64)(R12), Z25     \
	VMOVUPS (192*t+128)(R12), Z26    \
	VFMADD231PS Z30, a, Z24          \
	VFMADD231PS Z30, b, Z25          \
	VFMADD231PS Z30, c, Z26          \
	VMOVUPS Z24, (192*t)(R12)        \
	VMOVUPS Z25, (192*t+64)(R12)     \
	VMOVUPS Z26, (192*t+128)(R12)

#define FINISHALL \
	FINISH(0, Z12, Z16, Z20) \
	FINISH(1, Z13, Z17, Z21) \
	FINISH(2, Z14, Z18, Z22) \
	FINISH(3, Z15, Z19, Z23)

#define MINDOT(t, z, a, b, c) \
	VPBROADCASTD (4*t)(R9), z \
	VPDPWSSD z, Z24, a        \
	VPDPWSSD z, Z25, b        \
	VPDPWSSD z, Z26, c

#define MINPAIR(p) \
	VMOVDQU64 (64*p)(BX), Z24     \
	VMOVDQU64 (256+64*p)(BX), Z25 \
	VMOVDQU64 (512+64*p)(BX), Z26 \
	MINDOT(0, Z30, Z0, Z4, Z8)    \
	MINDOT(1, Z31, Z1, Z5, Z9)    \
	MINDOT(2, Z30, Z2, Z6, Z10)   \
	MINDOT(3, Z31, Z3, Z7, Z11)   \
	ADDQ $16, R9

// acc = fma(-float(sum), dmin/8, acc)
#define MINSUB(sum, dmin, acc) \
	VCVTDQ2PS sum, sum          \
	VFNMADD231PS dmin, sum, acc

#define FMIN(t, z, a, b, c) \
	VBROADCASTSS (4*t)(R9), z \
	VFMADD231PS z, Z27, a     \
	VFMADD231PS z, Z28, b     \
	VFMADD231PS z, Z29, c
