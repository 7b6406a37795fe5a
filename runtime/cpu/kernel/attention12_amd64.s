#include "textflag.h"
#include "go_asm.h"

// Attention kernels, AVX-512: twelve query rows, f32 K and V. Two vectors of K
// or V by twelve rows are 24 chains; a step of all of them is 24 FMAs for 14
// loads, so the two FMA ports are the limit.
//
// Fields of rows12Args are named by their offsets; scores are rows of 256
// floats, 1024 bytes apart.

// ZEROLOW clears Z0-Z11, ZEROHIGH copies one of them to Z12-Z23: idioms and
// moves that need no port.
#define ZEROLOW \
	VXORPS X0, X0, X0    \
	VXORPS X1, X1, X1    \
	VXORPS X2, X2, X2    \
	VXORPS X3, X3, X3    \
	VXORPS X4, X4, X4    \
	VXORPS X5, X5, X5    \
	VXORPS X6, X6, X6    \
	VXORPS X7, X7, X7    \
	VXORPS X8, X8, X8    \
	VXORPS X9, X9, X9    \
	VXORPS X10, X10, X10 \
	VXORPS X11, X11, X11

#define ZEROHIGH \
	VXORPS X12, X12, X12 \
	VXORPS X13, X13, X13 \
	VXORPS X14, X14, X14 \
	VXORPS X15, X15, X15 \
	VMOVAPS Z0, Z16      \
	VMOVAPS Z0, Z17      \
	VMOVAPS Z0, Z18      \
	VMOVAPS Z0, Z19      \
	VMOVAPS Z0, Z20      \
	VMOVAPS Z0, Z21      \
	VMOVAPS Z0, Z22      \
	VMOVAPS Z0, Z23

// one channel of one query row against two panels
#define Q2(u, p, z, a, b) \
	VBROADCASTSS (4*u)(p)(DX*1), z \
	VFMADD231PS z, Z24, a          \
	VFMADD231PS z, Z25, b

#define QSTEP2(u) \
	VMOVUPS (64*u)(SI), Z24         \
	VMOVUPS (64*u)(SI)(R15*1), Z25  \
	Q2(u, R8, Z26, Z0, Z12)   \
	Q2(u, R9, Z27, Z1, Z13)   \
	Q2(u, R10, Z28, Z2, Z14)  \
	Q2(u, R11, Z29, Z3, Z15)  \
	Q2(u, R12, Z30, Z4, Z16)  \
	Q2(u, R13, Z31, Z5, Z17)  \
	Q2(u, R14, Z26, Z6, Z18)  \
	Q2(u, BP, Z27, Z7, Z19)   \
	Q2(u, AX, Z28, Z8, Z20)   \
	Q2(u, BX, Z29, Z9, Z21)   \
	Q2(u, CX, Z30, Z10, Z22)  \
	Q2(u, DI, Z31, Z11, Z23)

#define Q1(u, p, a) \
	VFMADD231PS.BCST (4*u)(p)(DX*1), Z24, a

#define QSTEP1(u) \
	VMOVUPS (64*u)(SI), Z24 \
	Q1(u, R8, Z0)   \
	Q1(u, R9, Z1)   \
	Q1(u, R10, Z2)  \
	Q1(u, R11, Z3)  \
	Q1(u, R12, Z4)  \
	Q1(u, R13, Z5)  \
	Q1(u, R14, Z6)  \
	Q1(u, BP, Z7)   \
	Q1(u, AX, Z8)   \
	Q1(u, BX, Z9)   \
	Q1(u, CX, Z10)  \
	Q1(u, DI, Z11)

#define PUT1(r, a) VMOVUPS a, (1024*r)(DX)
#define PUT2(r, a, b) \
	VMOVUPS a, (1024*r)(DX) \
	VMOVUPS b, (1024*r+64)(DX)

// func qk12(a *rows12Args): scores of panels of K for twelve rows; scores and
// panels of the arguments are used up. Query pointers are kept at the end of
// the rows, DX runs from -4d to 0.
TEXT ·qk12(SB), NOSPLIT, $8-8
	MOVQ a+0(FP), DX
	MOVQ rows12Args_k(DX), SI
	MOVQ rows12Args_dBytes(DX), R15
	MOVQ R15, DI
	NEGQ DI
	MOVQ DI, end-8(SP)
	MOVQ R15, R8
	ADDQ rows12Args_q(DX), R8
	MOVQ R15, R9
	ADDQ rows12Args_q+8(DX), R9
	MOVQ R15, R10
	ADDQ rows12Args_q+16(DX), R10
	MOVQ R15, R11
	ADDQ rows12Args_q+24(DX), R11
	MOVQ R15, R12
	ADDQ rows12Args_q+32(DX), R12
	MOVQ R15, R13
	ADDQ rows12Args_q+40(DX), R13
	MOVQ R15, R14
	ADDQ rows12Args_q+48(DX), R14
	MOVQ R15, BP
	ADDQ rows12Args_q+56(DX), BP
	MOVQ R15, AX
	ADDQ rows12Args_q+64(DX), AX
	MOVQ R15, BX
	ADDQ rows12Args_q+72(DX), BX
	MOVQ R15, CX
	ADDQ rows12Args_q+80(DX), CX
	MOVQ R15, DI
	ADDQ rows12Args_q+88(DX), DI
	SHLQ $4, R15 // bytes of a panel
pair:
	SUBQ $2, rows12Args_panels(DX)
	JLT  odd
	ZEROLOW
	ZEROHIGH
	MOVQ end-8(SP), DX
loop2:
	QSTEP2(0)
	QSTEP2(1)
	QSTEP2(2)
	QSTEP2(3)
	ADDQ $256, SI
	ADDQ $16, DX
	JNZ  loop2
	MOVQ a+0(FP), DX
	ADDQ $128, rows12Args_scores(DX)
	MOVQ rows12Args_scores(DX), DX
	SUBQ $128, DX
	PUT2(0, Z0, Z12)
	PUT2(1, Z1, Z13)
	PUT2(2, Z2, Z14)
	PUT2(3, Z3, Z15)
	PUT2(4, Z4, Z16)
	PUT2(5, Z5, Z17)
	PUT2(6, Z6, Z18)
	PUT2(7, Z7, Z19)
	PUT2(8, Z8, Z20)
	PUT2(9, Z9, Z21)
	PUT2(10, Z10, Z22)
	PUT2(11, Z11, Z23)
	ADDQ R15, SI
	MOVQ a+0(FP), DX
	JMP  pair
odd:
	CMPQ rows12Args_panels(DX), $-1
	JNE  done
	ZEROLOW
	MOVQ end-8(SP), DX
loop1:
	QSTEP1(0)
	QSTEP1(1)
	QSTEP1(2)
	QSTEP1(3)
	ADDQ $256, SI
	ADDQ $16, DX
	JNZ  loop1
	MOVQ a+0(FP), DX
	MOVQ rows12Args_scores(DX), DX
	PUT1(0, Z0)
	PUT1(1, Z1)
	PUT1(2, Z2)
	PUT1(3, Z3)
	PUT1(4, Z4)
	PUT1(5, Z5)
	PUT1(6, Z6)
	PUT1(7, Z7)
	PUT1(8, Z8)
	PUT1(9, Z9)
	PUT1(10, Z10)
	PUT1(11, Z11)
done:
	VZEROUPPER
	RET

// one position of one row against two vectors of channels; e is at R8
#define E2(r, u, z, a, b) \
	VBROADCASTSS (1024*r+4*u)(R8), z \
	VFMADD231PS z, Z24, a            \
	VFMADD231PS z, Z25, b

#define ESTEP(u) \
	E2(0, u, Z26, Z0, Z12)   \
	E2(1, u, Z27, Z1, Z13)   \
	E2(2, u, Z28, Z2, Z14)   \
	E2(3, u, Z29, Z3, Z15)   \
	E2(4, u, Z30, Z4, Z16)   \
	E2(5, u, Z31, Z5, Z17)   \
	E2(6, u, Z26, Z6, Z18)   \
	E2(7, u, Z27, Z7, Z19)   \
	E2(8, u, Z28, Z8, Z20)   \
	E2(9, u, Z29, Z9, Z21)   \
	E2(10, u, Z30, Z10, Z22) \
	E2(11, u, Z31, Z11, Z23)

// the same where only the rows of a mask see the position; masks at R13
#define M2(r, k, z, a, b) \
	KMOVW (2*r)(R13), k              \
	VBROADCASTSS (1024*r)(R8), z     \
	VFMADD231PS z, Z24, k, a         \
	VFMADD231PS z, Z25, k, b

// BX positions under masks
#define MASKED(loop, out) \
	TESTQ BX, BX \
	JZ   out     \
loop: \
	VMOVUPS (SI), Z24            \
	VMOVUPS 64(SI), Z25          \
	M2(0, K1, Z26, Z0, Z12)      \
	M2(1, K2, Z27, Z1, Z13)      \
	M2(2, K3, Z28, Z2, Z14)      \
	M2(3, K4, Z29, Z3, Z15)      \
	M2(4, K5, Z30, Z4, Z16)      \
	M2(5, K6, Z31, Z5, Z17)      \
	M2(6, K1, Z26, Z6, Z18)      \
	M2(7, K2, Z27, Z7, Z19)      \
	M2(8, K3, Z28, Z8, Z20)      \
	M2(9, K4, Z29, Z9, Z21)      \
	M2(10, K5, Z30, Z10, Z22)    \
	M2(11, K6, Z31, Z11, Z23)    \
	ADDQ R9, SI  \
	ADDQ $4, R8  \
	ADDQ $24, R13 \
	DECQ BX      \
	JNZ  loop    \
out:

// stores a row as it is, and goes to the next
#define STORE(z, y, done) \
	VMOVUPS z, (DI)(CX*1)   \
	VMOVUPS y, 64(DI)(CX*1) \
	ADDQ R12, DI \
	DECQ AX      \
	JZ   done

// o = fma(o, a, p*b) in the rows that have an o already
#define MERGE(r, z, y, done) \
	KMOVW (rows12Args_merged+2*r)(DX), K1              \
	VBROADCASTSS (rows12Args_a+4*r)(DX), Z24      \
	VBROADCASTSS (rows12Args_b+4*r)(DX), Z25      \
	VMOVUPS (DI)(CX*1), Z26              \
	VMOVUPS 64(DI)(CX*1), Z27            \
	VMULPS Z25, z, K1, z                 \
	VMULPS Z25, y, K1, y                 \
	VFMADD231PS Z24, Z26, K1, z          \
	VFMADD231PS Z24, Z27, K1, y          \
	STORE(z, y, done)

// func pv12(a *rows12Args): o of the rows from their exponentials and V: chains
// over head masked positions, n that all rows see, tail masked ones; then they
// are merged into what the rows hold.
TEXT ·pv12(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DX
	MOVQ rows12Args_oStep(DX), R12
	MOVQ rows12Args_vStep(DX), R9
	LEAQ (R9)(R9*2), R10
	XORQ CX, CX
wide:
	MOVQ rows12Args_v(DX), SI
	ADDQ CX, SI
	MOVQ rows12Args_e(DX), R8
	MOVQ rows12Args_masks(DX), R13
	ZEROLOW
	ZEROHIGH
	MOVQ rows12Args_head(DX), BX
	MASKED(headloop, common)
	MOVQ rows12Args_n(DX), BX
	SUBQ $4, BX
	JLT  rest
loop4:
	VMOVUPS (SI), Z24
	VMOVUPS 64(SI), Z25
	ESTEP(0)
	VMOVUPS (SI)(R9*1), Z24
	VMOVUPS 64(SI)(R9*1), Z25
	ESTEP(1)
	VMOVUPS (SI)(R9*2), Z24
	VMOVUPS 64(SI)(R9*2), Z25
	ESTEP(2)
	VMOVUPS (SI)(R10*1), Z24
	VMOVUPS 64(SI)(R10*1), Z25
	ESTEP(3)
	LEAQ (SI)(R9*4), SI
	ADDQ $16, R8
	SUBQ $4, BX
	JGE  loop4
rest:
	ADDQ $4, BX
	JZ   tail
loop1:
	VMOVUPS (SI), Z24
	VMOVUPS 64(SI), Z25
	ESTEP(0)
	ADDQ R9, SI
	ADDQ $4, R8
	DECQ BX
	JNZ  loop1
tail:
	MOVQ rows12Args_tail(DX), BX
	MASKED(tailloop, finish)
	MOVQ rows12Args_o(DX), DI
	MOVQ rows12Args_rows(DX), AX
	CMPL rows12Args_merges(DX), $0
	JNE  mix
	STORE(Z0, Z12, next)
	STORE(Z1, Z13, next)
	STORE(Z2, Z14, next)
	STORE(Z3, Z15, next)
	STORE(Z4, Z16, next)
	STORE(Z5, Z17, next)
	STORE(Z6, Z18, next)
	STORE(Z7, Z19, next)
	STORE(Z8, Z20, next)
	STORE(Z9, Z21, next)
	STORE(Z10, Z22, next)
	STORE(Z11, Z23, next)
	JMP  next
mix:
	MERGE(0, Z0, Z12, next)
	MERGE(1, Z1, Z13, next)
	MERGE(2, Z2, Z14, next)
	MERGE(3, Z3, Z15, next)
	MERGE(4, Z4, Z16, next)
	MERGE(5, Z5, Z17, next)
	MERGE(6, Z6, Z18, next)
	MERGE(7, Z7, Z19, next)
	MERGE(8, Z8, Z20, next)
	MERGE(9, Z9, Z21, next)
	MERGE(10, Z10, Z22, next)
	MERGE(11, Z11, Z23, next)
next:
	ADDQ $128, CX
	DECQ rows12Args_pairs(DX)
	JNZ  wide
	VZEROUPPER
	RET
