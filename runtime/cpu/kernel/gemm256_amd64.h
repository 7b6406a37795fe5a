// Macros shared by the GEMM kernels of gemm256_amd64.s (AVX2) and
// gemm256vnni_amd64.s (AVX-VNNI): one panel (16 rows, two halves of 8) by 4
// tokens over one slab, for all tiles of a pass.
//
//	SI weights   BX scales   DI activations   R9 correction or min plane
//	R10 exponents   R11 bases   R12 C tile [4][16]   R8 slab accumulators
//	[4][16] in memory   CX blocks left   R13 tiles left   DX arguments
//	Y0-Y7 sums [token][half]   Y8, Y9 weights   Y10-Y13 temporary   Y15 ones
//
// The slab accumulators are touched once per block: a load and a store each
// hide behind the products, and the registers are free for 8 sums.

#define START \
	MOVQ a+0(FP), DX  \
	MOVQ 16(DX), DI   \
	MOVQ 24(DX), R9   \
	MOVQ 32(DX), R10  \
	MOVQ 40(DX), R11  \
	MOVQ 48(DX), R12  \
	MOVQ 56(DX), R13  \
	MOVQ 104(DX), R8

#define NEWTILE \
	MOVQ 0(DX), SI         \
	MOVQ 8(DX), BX         \
	MOVQ 64(DX), CX        \
	VXORPS Y0, Y0, Y0      \
	VMOVUPS Y0, (R8)       \
	VMOVUPS Y0, 32(R8)     \
	VMOVUPS Y0, 64(R8)     \
	VMOVUPS Y0, 96(R8)     \
	VMOVUPS Y0, 128(R8)    \
	VMOVUPS Y0, 160(R8)    \
	VMOVUPS Y0, 192(R8)    \
	VMOVUPS Y0, 224(R8)

// acc = fma(float(sum), dw·2^-e, acc)
#define SCALE(t, lo, hi) \
	VPBROADCASTD (4*t)(R10), Y10       \
	VCVTDQ2PS lo, lo                   \
	VCVTDQ2PS hi, hi                   \
	VPADDD (BX), Y10, Y11              \
	VPADDD 32(BX), Y10, Y12            \
	VFMADD213PS (64*t)(R8), Y11, lo    \
	VFMADD213PS (64*t+32)(R8), Y12, hi \
	VMOVUPS lo, (64*t)(R8)             \
	VMOVUPS hi, (64*t+32)(R8)

#define SCALES \
	SCALE(0, Y0, Y1) \
	SCALE(1, Y2, Y3) \
	SCALE(2, Y4, Y5) \
	SCALE(3, Y6, Y7)

#define LOADACC \
	VMOVUPS (R8), Y0    \
	VMOVUPS 32(R8), Y1  \
	VMOVUPS 64(R8), Y2  \
	VMOVUPS 96(R8), Y3  \
	VMOVUPS 128(R8), Y4 \
	VMOVUPS 160(R8), Y5 \
	VMOVUPS 192(R8), Y6 \
	VMOVUPS 224(R8), Y7

// C = fma(acc, base, C)
#define FINISH(t, lo, hi) \
	VBROADCASTSS (4*t)(R11), Y10        \
	VFMADD213PS (64*t)(R12), Y10, lo    \
	VFMADD213PS (64*t+32)(R12), Y10, hi \
	VMOVUPS lo, (64*t)(R12)             \
	VMOVUPS hi, (64*t+32)(R12)

#define FINISHALL \
	FINISH(0, Y0, Y1) \
	FINISH(1, Y2, Y3) \
	FINISH(2, Y4, Y5) \
	FINISH(3, Y6, Y7) \
	ADDQ $16, R11     \
	ADDQ $256, R12

// int16 pairs of mins times pairs of rounded block sums
#define MINDOT1(o, lo, hi) \
	VPBROADCASTD o(R9), Y10 \
	VPMADDWD Y10, Y8, lo    \
	VPMADDWD Y10, Y9, hi

#define MINDOT(o, lo, hi) \
	VPBROADCASTD o(R9), Y10 \
	VPMADDWD Y10, Y8, Y11   \
	VPMADDWD Y10, Y9, Y12   \
	VPADDD Y11, lo, lo      \
	VPADDD Y12, hi, hi

#define MINPAIR(p) \
	VMOVDQU (64*p)(AX), Y8       \
	VMOVDQU (64*p+32)(AX), Y9    \
	MINDOT((16*p), Y0, Y1)       \
	MINDOT((16*p+4), Y2, Y3)     \
	MINDOT((16*p+8), Y4, Y5)     \
	MINDOT((16*p+12), Y6, Y7)

// acc = fma(-float(sum), dmin/8, acc)
#define MINSUB(t, lo, hi) \
	VCVTDQ2PS lo, lo                   \
	VCVTDQ2PS hi, hi                   \
	VFNMADD213PS (64*t)(R8), Y8, lo    \
	VFNMADD213PS (64*t+32)(R8), Y9, hi

// the mins of q4_k and q5_k
#define MINK \
	MOVQ 80(DX), AX          \
	VMOVDQU (AX), Y8         \
	VMOVDQU 32(AX), Y9       \
	MINDOT1(0, Y0, Y1)       \
	MINDOT1(4, Y2, Y3)       \
	MINDOT1(8, Y4, Y5)       \
	MINDOT1(12, Y6, Y7)      \
	MINPAIR(1)               \
	MINPAIR(2)               \
	MINPAIR(3)               \
	MOVQ 88(DX), AX          \
	VMOVUPS (AX), Y8         \
	VMOVUPS 32(AX), Y9       \
	MINSUB(0, Y0, Y1)        \
	MINSUB(1, Y2, Y3)        \
	MINSUB(2, Y4, Y5)        \
	MINSUB(3, Y6, Y7)        \
	ADDQ $64, R9

#define MINF(t, lo, hi) \
	VBROADCASTSS (4*t)(R9), Y10 \
	VFMADD231PS Y10, Y8, lo     \
	VFMADD231PS Y10, Y9, hi

// the mins of q4_1 and q5_1: acc = fma(bsum, m, acc) per block
#define MINM \
	MOVQ 80(DX), AX        \
	MOVQ 64(DX), CX        \
	LOADACC                \
min:                       \
	VMOVUPS (AX), Y8       \
	VMOVUPS 32(AX), Y9     \
	MINF(0, Y0, Y1)        \
	MINF(1, Y2, Y3)        \
	MINF(2, Y4, Y5)        \
	MINF(3, Y6, Y7)        \
	ADDQ $64, AX           \
	ADDQ $16, R9           \
	DECQ CX                \
	JNZ  min               \
	ADDQ 72(DX), R9
