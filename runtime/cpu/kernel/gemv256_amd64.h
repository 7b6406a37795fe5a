// Macros shared by the GEMV kernels of gemv256_amd64.s (AVX2) and
// gemv256vnni_amd64.s (AVX-VNNI): one panel of 16 rows in two halves of 8, one
// token, packed records read in place. The order of operations is that of the
// GEMM kernels. The including file defines BEGIN, DOTS, MID, END, ENDMID and BYTES.
//
//	SI record   DI activations   R9 correction, minpair or bsum plane
//	R10 exponents   R11 bases   R12 C   CX records left   R13 records left in the slab
//	Y0, Y1 sums of the halves   Y14, Y15 further sums   Y12, Y13 slab accumulators
//	Y2-Y5 weights: two groups, two halves each   Y6, Y7 temporary
//	Y8, Y9 d   Y10, Y11 masks

#define LOADARGS \
	MOVQ a+0(FP), DX   \
	MOVQ 0(DX), SI     \
	MOVQ 8(DX), DI     \
	MOVQ 16(DX), R9    \
	MOVQ 24(DX), R10   \
	MOVQ 32(DX), R11   \
	MOVQ 40(DX), R12   \
	MOVQ 48(DX), CX

#define ZEROACC \
	VXORPS Y12, Y12, Y12 \
	VXORPS Y13, Y13, Y13

// at most four records of 64 channels per slab
#define NEWSLAB \
	ZEROACC         \
	MOVQ $4, R13    \
	CMPQ CX, R13    \
	CMOVQLT CX, R13 \
	SUBQ R13, CX

// C = fma(acc, base, C)
#define ENDSLAB \
	VBROADCASTSS (R11), Y2        \
	VFMADD213PS (R12), Y2, Y12    \
	VFMADD213PS 32(R12), Y2, Y13  \
	VMOVUPS Y12, (R12)            \
	VMOVUPS Y13, 32(R12)          \
	ADDQ $4, R11

// the zero point times the sum of the block: init = -128 · sum, shifted
#define CORRECT(o, s) \
	VPBROADCASTD o(R9), Y6 \
	VPSRAD $s, Y6, Y6      \
	VPADDD Y6, Y0, Y0      \
	VPADDD Y6, Y1, Y1

// acc = fma(float(sum), dw·2^-e, acc), dw in Y2, Y3
#define ADDSCALED(b) \
	VCVTDQ2PS Y0, Y0          \
	VCVTDQ2PS Y1, Y1          \
	VPBROADCASTD (4*b)(R10), Y6 \
	VPADDD Y6, Y2, Y2         \
	VPADDD Y6, Y3, Y3         \
	VFMADD231PS Y2, Y0, Y12   \
	VFMADD231PS Y3, Y1, Y13

#define SCALE(b) \
	VCVTPH2PS (32*b)(SI), Y2    \
	VCVTPH2PS (32*b+16)(SI), Y3 \
	ADDSCALED(b)

// nibble vector j at byte o
#define NIBBLES(o, j) \
	PREFETCHT0 (4096+64*j)(SI)    \
	VMOVDQU (o+64*j)(SI), Y2      \
	VMOVDQU (o+64*j+32)(SI), Y3   \
	VPSRLW $4, Y2, Y4             \
	VPSRLW $4, Y3, Y5             \
	VPAND Y11, Y2, Y2             \
	VPAND Y11, Y3, Y3             \
	VPAND Y11, Y4, Y4             \
	VPAND Y11, Y5, Y5

#define FOUR(o, j) \
	NIBBLES(o, j) \
	DOTS((2*j))

#define FOURBIT(o, j) \
	BEGIN           \
	FOUR(o, j)      \
	FOUR(o, (j+1))  \
	FOUR(o, (j+2))  \
	FOUR(o, (j+3))  \
	END

// the bits at h, shifted, under the mask Y10 to a group
#define HIGH(op, n, h, lo, hi) \
	VMOVDQU h(SI), Y6       \
	VMOVDQU (h+32)(SI), Y7  \
	op $n, Y6, Y6           \
	op $n, Y7, Y7           \
	VPAND Y10, Y6, Y6       \
	VPAND Y10, Y7, Y7       \
	VPOR Y6, lo, lo         \
	VPOR Y7, hi, hi

#define FIVE(o, j, h, op1, n1, op2, n2) \
	NIBBLES(o, j)            \
	HIGH(op1, n1, h, Y2, Y3) \
	HIGH(op2, n2, h, Y4, Y5) \
	DOTS((2*j))

#define FIVEBIT(o, j, h) \
	BEGIN                                       \
	FIVE(o, j, h, VPSLLW, 4, VPSLLW, 3)         \
	FIVE(o, (j+1), h, VPSLLW, 2, VPSLLW, 1)     \
	MID                                         \
	FIVE(o, (j+2), h, VPSRLW, 0, VPSRLW, 1)     \
	FIVE(o, (j+3), h, VPSRLW, 2, VPSRLW, 3)     \
	ENDMID

#define STEP64(size) \
	ADDQ $size, SI \
	ADDQ $64, DI   \
	ADDQ $8, R10

#define OFFSETKERNEL(BLOCK0, BLOCK1, size, shift) \
slab:                 \
	NEWSLAB       \
rec:                  \
	BLOCK0        \
	CORRECT(0, shift) \
	SCALE(0)      \
	BLOCK1        \
	CORRECT(4, shift) \
	SCALE(1)      \
	STEP64(size)  \
	ADDQ $8, R9   \
	DECQ R13      \
	JNZ  rec      \
	ENDSLAB       \
	TESTQ CX, CX  \
	JNZ  slab     \
	VZEROUPPER    \
	RET

// The mins of a slab follow its blocks, acc = fma(bsum, m, acc): AX and BX go
// through the records again.
#define MINKERNEL(BLOCK0, BLOCK1, size) \
slab:                 \
	NEWSLAB       \
	MOVQ SI, AX   \
	MOVQ R13, BX  \
rec:                  \
	BLOCK0        \
	SCALE(0)      \
	BLOCK1        \
	SCALE(1)      \
	STEP64(size)  \
	DECQ R13      \
	JNZ  rec      \
min:                  \
	VCVTPH2PS 64(AX), Y2   \
	VCVTPH2PS 80(AX), Y3   \
	VCVTPH2PS 96(AX), Y4   \
	VCVTPH2PS 112(AX), Y5  \
	VBROADCASTSS (R9), Y6  \
	VBROADCASTSS 4(R9), Y7 \
	VFMADD231PS Y6, Y2, Y12 \
	VFMADD231PS Y6, Y3, Y13 \
	VFMADD231PS Y7, Y4, Y12 \
	VFMADD231PS Y7, Y5, Y13 \
	ADDQ $8, R9   \
	ADDQ $size, AX \
	DECQ BX       \
	JNZ  min      \
	ENDSLAB       \
	TESTQ CX, CX  \
	JNZ  slab     \
	VZEROUPPER    \
	RET

// acc = fma(float(sum), (d·sc)·2^-e, acc)
#define KSCALE(b) \
	VPMOVZXBD (64+16*b)(SI), Y2 \
	VPMOVZXBD (72+16*b)(SI), Y3 \
	VCVTDQ2PS Y2, Y2            \
	VCVTDQ2PS Y3, Y3            \
	VMULPS Y8, Y2, Y2           \
	VMULPS Y9, Y3, Y3           \
	ADDSCALED(b)

#define KMIN(p) \
	VPMOVZXBW (192+32*p)(SI), Y2 \
	VPMOVZXBW (208+32*p)(SI), Y3 \
	VPBROADCASTD (4*p)(R9), Y6   \
	VPMADDWD Y6, Y2, Y2          \
	VPMADDWD Y6, Y3, Y3          \
	VPADDD Y2, Y0, Y0            \
	VPADDD Y3, Y1, Y1

DATA ·eighth256<>+0(SB)/4, $0x3e000000
GLOBL ·eighth256<>(SB), RODATA|NOPTR, $4

// acc = fma(-float(sum of mins), dmin/8, acc)
#define KMINS \
	VPXOR Y0, Y0, Y0           \
	VPXOR Y1, Y1, Y1           \
	KMIN(0)                    \
	KMIN(1)                    \
	KMIN(2)                    \
	KMIN(3)                    \
	VCVTDQ2PS Y0, Y0           \
	VCVTDQ2PS Y1, Y1           \
	VBROADCASTSS ·eighth256<>(SB), Y6 \
	VCVTPH2PS 32(SI), Y2       \
	VCVTPH2PS 48(SI), Y3       \
	VMULPS Y6, Y2, Y2          \
	VMULPS Y6, Y3, Y3          \
	VFNMADD231PS Y2, Y0, Y12   \
	VFNMADD231PS Y3, Y1, Y13

#define KSTART \
	ZEROACC                \
	VCVTPH2PS (SI), Y8     \
	VCVTPH2PS 16(SI), Y9

#define KEND(size) \
	ENDSLAB        \
	ADDQ $size, SI \
	ADDQ $256, DI  \
	ADDQ $32, R10

#define BLOCK4K(b) \
	FOURBIT(320, (4*b)) \
	KSCALE(b)

#define BLOCK5K(b) \
	FIVEBIT(320, (4*b), (2368+64*b)) \
	KSCALE(b)

#define KQKERNEL(BLOCK, size) \
slab:              \
	KSTART     \
	BLOCK(0)   \
	BLOCK(1)   \
	BLOCK(2)   \
	BLOCK(3)   \
	BLOCK(4)   \
	BLOCK(5)   \
	BLOCK(6)   \
	BLOCK(7)   \
	KMINS      \
	KEND(size) \
	ADDQ $16, R9 \
	DECQ CX    \
	JNZ  slab  \
	VZEROUPPER \
	RET

// sub-block i of 16 channels, its exponent is that of block b = i/2
#define SUB6(i, b) \
	BEGIN                                                      \
	FIVE(320, (2*i), (2368+64*i), VPSLLW, 4, VPSLLW, 2)        \
	MID                                                        \
	FIVE(320, (2*i+1), (2368+64*i), VPSRLW, 0, VPSRLW, 2)      \
	ENDMID                                                     \
	CORRECT((4*i), 2)                                          \
	VPMOVSXBD (64+16*i)(SI), Y2                                \
	VPMOVSXBD (72+16*i)(SI), Y3                                \
	VCVTDQ2PS Y2, Y2                                           \
	VCVTDQ2PS Y3, Y3                                           \
	VMULPS Y8, Y2, Y2                                          \
	VMULPS Y9, Y3, Y3                                          \
	ADDSCALED(b)

#define Q6KERNEL \
slab:               \
	KSTART      \
	SUB6(0, 0)  \
	SUB6(1, 0)  \
	SUB6(2, 1)  \
	SUB6(3, 1)  \
	SUB6(4, 2)  \
	SUB6(5, 2)  \
	SUB6(6, 3)  \
	SUB6(7, 3)  \
	SUB6(8, 4)  \
	SUB6(9, 4)  \
	SUB6(10, 5) \
	SUB6(11, 5) \
	SUB6(12, 6) \
	SUB6(13, 6) \
	SUB6(14, 7) \
	SUB6(15, 7) \
	KEND(3392)  \
	ADDQ $64, R9 \
	DECQ CX     \
	JNZ  slab   \
	VZEROUPPER  \
	RET
