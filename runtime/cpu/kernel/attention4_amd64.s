#include "textflag.h"
#include "go_asm.h"

// Attention kernels, AVX-512: up to four or eight query rows, which a cache
// far away feeds: K and V are read in the type of the cache, in the order of
// memory, and fetched to the second cache some kilobytes ahead. Fields of rows12Args
// are named by their offsets; scores are rows of 256 floats, 1024 bytes apart.

#define ZERO16 \
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
	VXORPS X11, X11, X11 \
	VXORPS X12, X12, X12 \
	VXORPS X13, X13, X13 \
	VXORPS X14, X14, X14 \
	VXORPS X15, X15, X15

// 16 numbers of the cache as f32; d is the scale of a q8_0 block
#define GETQ8(p, z, d) \
	VPMOVSXBD p, z  \
	VCVTDQ2PS z, z  \
	VMULPS d, z, z

#define FMA4(k, a, b, c, d) \
	VFMADD231PS Z20, k, a \
	VFMADD231PS Z21, k, b \
	VFMADD231PS Z22, k, c \
	VFMADD231PS Z23, k, d

#define FMA16 \
	FMA4(Z16, Z0, Z1, Z2, Z3)    \
	FMA4(Z17, Z4, Z5, Z6, Z7)    \
	FMA4(Z18, Z8, Z9, Z10, Z11)  \
	FMA4(Z19, Z12, Z13, Z14, Z15)

#define ROWS4(u) \
	VBROADCASTSS (4*u)(R8)(AX*4), Z20  \
	VBROADCASTSS (4*u)(R9)(AX*4), Z21  \
	VBROADCASTSS (4*u)(R10)(AX*4), Z22 \
	VBROADCASTSS (4*u)(R11)(AX*4), Z23

// qk4: four panels by four rows, SI at the first panel, BX four panels ahead,
// CX at the channels, DI at the scores.
#define QK4ARGS \
	MOVQ a+0(FP), DX  \
	MOVQ rows12Args_k(DX), SI    \
	MOVQ rows12Args_q(DX), R8    \
	MOVQ rows12Args_q+8(DX), R9   \
	MOVQ rows12Args_q+16(DX), R10  \
	MOVQ rows12Args_q+24(DX), R11  \
	MOVQ rows12Args_kStep(DX), R12 \
	LEAQ (R12)(R12*2), R13 \
	LEAQ (SI)(R12*4), BX   \
	MOVQ rows12Args_scores(DX), DI

#define PUT4(r, a, b, c, d) \
	VMOVUPS a, (1024*r)(DI)     \
	VMOVUPS b, (1024*r+64)(DI)  \
	VMOVUPS c, (1024*r+128)(DI) \
	VMOVUPS d, (1024*r+192)(DI)

#define QK4PUT \
	PUT4(0, Z0, Z4, Z8, Z12)  \
	PUT4(1, Z1, Z5, Z9, Z13)  \
	PUT4(2, Z2, Z6, Z10, Z14) \
	PUT4(3, Z3, Z7, Z11, Z15) \
	ADDQ $256, DI             \
	LEAQ (SI)(R12*4), SI      \
	LEAQ (SI)(R12*4), BX      \
	SUBQ $4, rows12Args_panels(DX)

#define AHEAD4 \
	PREFETCHT1 (BX)    \
	PREFETCHT1 64(BX)  \
	PREFETCHT1 128(BX) \
	PREFETCHT1 192(BX) \
	ADDQ $256, BX

#define QK4STEP(LOAD, bytes, u) \
	LOAD (bytes*u)(CX), Z16         \
	LOAD (bytes*u)(CX)(R12*1), Z17  \
	LOAD (bytes*u)(CX)(R12*2), Z18  \
	LOAD (bytes*u)(CX)(R13*1), Z19  \
	ROWS4(u)                        \
	FMA16

// func qk4F32(a *rows12Args)
TEXT ·qk4F32(SB), NOSPLIT, $0-8
	QK4ARGS
group:
	ZERO16
	XORQ AX, AX
	MOVQ SI, CX
loop:
	AHEAD4
	QK4STEP(VMOVUPS, 64, 0)
	AHEAD4
	QK4STEP(VMOVUPS, 64, 1)
	ADDQ $128, CX
	ADDQ $2, AX
	CMPQ AX, rows12Args_d(DX)
	JLT  loop
	QK4PUT
	JG   group
	VZEROUPPER
	RET

// func qk4F16(a *rows12Args)
TEXT ·qk4F16(SB), NOSPLIT, $0-8
	QK4ARGS
group:
	ZERO16
	XORQ AX, AX
	MOVQ SI, CX
loop:
	AHEAD4
	QK4STEP(VCVTPH2PS, 32, 0)
	QK4STEP(VCVTPH2PS, 32, 1)
	ADDQ $64, CX
	ADDQ $2, AX
	CMPQ AX, rows12Args_d(DX)
	JLT  loop
	QK4PUT
	JG   group
	VZEROUPPER
	RET

#define QK4STEPQ8(u) \
	GETQ8((16*u)(CX), Z16, Z24)         \
	GETQ8((16*u)(CX)(R12*1), Z17, Z25)  \
	GETQ8((16*u)(CX)(R12*2), Z18, Z26)  \
	GETQ8((16*u)(CX)(R13*1), Z19, Z27)  \
	ROWS4(u)                            \
	FMA16

// func qk4Q8(a *rows12Args)
TEXT ·qk4Q8(SB), NOSPLIT, $0-8
	QK4ARGS
group:
	ZERO16
	XORQ AX, AX
	MOVQ rows12Args_d(DX), CX // a block of 32 channels has 32 bytes of scales
	ADDQ SI, CX
	MOVQ SI, R15
	AHEAD4
block:
	VCVTPH2PS (R15), Z24
	VCVTPH2PS (R15)(R12*1), Z25
	VCVTPH2PS (R15)(R12*2), Z26
	VCVTPH2PS (R15)(R13*1), Z27
	ADDQ $32, R15
loop:
	AHEAD4
	QK4STEPQ8(0)
	QK4STEPQ8(1)
	QK4STEPQ8(2)
	QK4STEPQ8(3)
	ADDQ $64, CX
	ADDQ $4, AX
	TESTQ $31, AX
	JNZ  loop
	CMPQ AX, rows12Args_d(DX)
	JLT  block
	QK4PUT
	JG   group
	VZEROUPPER
	RET

// qk8: two panels by eight rows, Z0-Z7 and Z8-Z15.
#define QROW(p, u, z, a, b) \
	VBROADCASTSS (4*u)(p)(AX*4), z \
	VFMADD231PS z, Z16, a          \
	VFMADD231PS z, Z17, b

#define QROWS(u) \
	QROW(R8, u, Z18, Z0, Z8)   \
	QROW(R9, u, Z19, Z1, Z9)   \
	QROW(R10, u, Z20, Z2, Z10) \
	QROW(R11, u, Z21, Z3, Z11) \
	QROW(R12, u, Z22, Z4, Z12) \
	QROW(R13, u, Z23, Z5, Z13) \
	QROW(R14, u, Z24, Z6, Z14) \
	QROW(R15, u, Z25, Z7, Z15)

#define QK8ARGS \
	MOVQ a+0(FP), DX \
	MOVQ rows12Args_k(DX), SI   \
	MOVQ rows12Args_q(DX), R8   \
	MOVQ rows12Args_q+8(DX), R9  \
	MOVQ rows12Args_q+16(DX), R10 \
	MOVQ rows12Args_q+24(DX), R11 \
	MOVQ rows12Args_q+32(DX), R12 \
	MOVQ rows12Args_q+40(DX), R13 \
	MOVQ rows12Args_q+48(DX), R14 \
	MOVQ rows12Args_q+56(DX), R15 \
	MOVQ rows12Args_kStep(DX), CX

#define AHEAD2 \
	PREFETCHT1 (BX)   \
	PREFETCHT1 64(BX) \
	ADDQ $128, BX

#define PUT2(r, a, b) \
	VMOVUPS a, (1024*r)(BX)    \
	VMOVUPS b, (1024*r+64)(BX)

#define QK8PUT \
	MOVQ rows12Args_scores(DX), BX     \
	PUT2(0, Z0, Z8)      \
	PUT2(1, Z1, Z9)      \
	PUT2(2, Z2, Z10)     \
	PUT2(3, Z3, Z11)     \
	PUT2(4, Z4, Z12)     \
	PUT2(5, Z5, Z13)     \
	PUT2(6, Z6, Z14)     \
	PUT2(7, Z7, Z15)     \
	ADDQ $128, BX        \
	MOVQ BX, rows12Args_scores(DX)     \
	LEAQ (SI)(CX*2), SI  \
	SUBQ $2, rows12Args_panels(DX)

#define QK8START \
	ZERO16               \
	XORQ AX, AX          \
	LEAQ (SI)(CX*4), BX  \
	MOVQ SI, DI

// func qk8F32(a *rows12Args)
TEXT ·qk8F32(SB), NOSPLIT, $0-8
	QK8ARGS
group:
	QK8START
loop:
	AHEAD2
	VMOVUPS (DI), Z16
	VMOVUPS (DI)(CX*1), Z17
	QROWS(0)
	ADDQ $64, DI
	INCQ AX
	CMPQ AX, rows12Args_d(DX)
	JLT  loop
	QK8PUT
	JG   group
	VZEROUPPER
	RET

// func qk8F16(a *rows12Args)
TEXT ·qk8F16(SB), NOSPLIT, $0-8
	QK8ARGS
group:
	QK8START
loop:
	AHEAD2
	VCVTPH2PS (DI), Z16
	VCVTPH2PS (DI)(CX*1), Z17
	QROWS(0)
	VCVTPH2PS 32(DI), Z16
	VCVTPH2PS 32(DI)(CX*1), Z17
	QROWS(1)
	ADDQ $64, DI
	ADDQ $2, AX
	CMPQ AX, rows12Args_d(DX)
	JLT  loop
	QK8PUT
	JG   group
	VZEROUPPER
	RET

#define QK8STEPQ8(u) \
	GETQ8((16*u)(DI), Z16, Z26)        \
	GETQ8((16*u)(DI)(CX*1), Z17, Z27)  \
	QROWS(u)

// func qk8Q8(a *rows12Args)
TEXT ·qk8Q8(SB), NOSPLIT, $0-8
	QK8ARGS
group:
	QK8START
	ADDQ rows12Args_d(DX), DI
	AHEAD2
block:
	VCVTPH2PS (SI)(AX*1), Z26
	ADDQ CX, SI
	VCVTPH2PS (SI)(AX*1), Z27
	SUBQ CX, SI
loop:
	AHEAD2
	QK8STEPQ8(0)
	QK8STEPQ8(1)
	QK8STEPQ8(2)
	QK8STEPQ8(3)
	ADDQ $64, DI
	ADDQ $4, AX
	TESTQ $31, AX
	JNZ  loop
	CMPQ AX, rows12Args_d(DX)
	JLT  block
	QK8PUT
	JG   group
	VZEROUPPER
	RET

// pv: SI at the channels of a position, R8 at its exponentials, R13 at its masks,
// R12 bytes of a position, R15 what is asked for ahead, CX the first channel of the
// pass in bytes of o.
#define PVARGS \
	MOVQ a+0(FP), DX  \
	MOVQ rows12Args_v(DX), R10 \
	MOVQ rows12Args_vStep(DX), R12 \
	MOVQ R12, R15     \
	SHLQ $5, R15      \
	XORQ CX, CX

#define PVPASS \
	MOVQ R10, SI      \
	MOVQ rows12Args_e(DX), R8  \
	MOVQ rows12Args_masks(DX), R13 \
	ZERO16

// BX positions: STEP under masks
#define MASKED(STEP, loop, out) \
	TESTQ BX, BX  \
	JZ   out      \
loop: \
	STEP          \
	ADDQ R12, SI  \
	ADDQ $4, R8   \
	ADDQ $24, R13 \
	DECQ BX       \
	JNZ  loop     \
out:

// and without
#define PLAIN(STEP, loop, out) \
	TESTQ BX, BX  \
	JZ   out      \
loop: \
	STEP          \
	ADDQ R12, SI  \
	ADDQ $4, R8   \
	DECQ BX       \
	JNZ  loop     \
out:

// the three parts of a pass
#define POSITIONS(STEP, MSTEP) \
	MOVQ rows12Args_head(DX), BX              \
	MASKED(MSTEP, headloop, common) \
	MOVQ rows12Args_n(DX), BX              \
	PLAIN(STEP, loop, tail)       \
	MOVQ rows12Args_tail(DX), BX              \
	MASKED(MSTEP, tailloop, finish)

#define E4 \
	VBROADCASTSS (R8), Z20     \
	VBROADCASTSS 1024(R8), Z21 \
	VBROADCASTSS 2048(R8), Z22 \
	VBROADCASTSS 3072(R8), Z23 \
	FMA16

#define MFMA4(r, k, z, a, b, c, d) \
	KMOVW (2*r)(R13), k            \
	VBROADCASTSS (1024*r)(R8), z   \
	VFMADD231PS z, Z16, k, a       \
	VFMADD231PS z, Z17, k, b       \
	VFMADD231PS z, Z18, k, c       \
	VFMADD231PS z, Z19, k, d

#define M4 \
	MFMA4(0, K1, Z20, Z0, Z4, Z8, Z12)  \
	MFMA4(1, K2, Z21, Z1, Z5, Z9, Z13)  \
	MFMA4(2, K3, Z22, Z2, Z6, Z10, Z14) \
	MFMA4(3, K4, Z23, Z3, Z7, Z11, Z15)

#define STORE4(a, b, c, d, done) \
	VMOVUPS a, (DI)(CX*1)    \
	VMOVUPS b, 64(DI)(CX*1)  \
	VMOVUPS c, 128(DI)(CX*1) \
	VMOVUPS d, 192(DI)(CX*1) \
	ADDQ rows12Args_oStep(DX), DI         \
	DECQ AX                  \
	JZ   done

// the rows of a quad of vectors, and on to the next of them
#define PV4NEXT(bytes) \
	MOVQ rows12Args_o(DX), DI                 \
	MOVQ rows12Args_rows(DX), AX                 \
	STORE4(Z0, Z4, Z8, Z12, next)    \
	STORE4(Z1, Z5, Z9, Z13, next)    \
	STORE4(Z2, Z6, Z10, Z14, next)   \
	STORE4(Z3, Z7, Z11, Z15, next)   \
next: \
	ADDQ $256, CX    \
	ADDQ $bytes, R10 \
	SUBQ $2, rows12Args_pairs(DX)

#define V4F32 \
	VMOVUPS (SI), Z16            \
	VMOVUPS 64(SI), Z17          \
	VMOVUPS 128(SI), Z18         \
	VMOVUPS 192(SI), Z19         \
	PREFETCHT1 (SI)(R15*1)       \
	PREFETCHT1 64(SI)(R15*1)     \
	PREFETCHT1 128(SI)(R15*1)    \
	PREFETCHT1 192(SI)(R15*1)

#define V4F16 \
	VCVTPH2PS (SI), Z16          \
	VCVTPH2PS 32(SI), Z17        \
	VCVTPH2PS 64(SI), Z18        \
	VCVTPH2PS 96(SI), Z19        \
	PREFETCHT1 (SI)(R15*1)       \
	PREFETCHT1 64(SI)(R15*1)

#define V4Q8 \
	VBROADCASTSS (R11), Z24      \
	VBROADCASTSS 4(R11), Z25     \
	GETQ8((SI), Z16, Z24)        \
	GETQ8(16(SI), Z17, Z24)      \
	GETQ8(32(SI), Z18, Z25)      \
	GETQ8(48(SI), Z19, Z25)      \
	PREFETCHT1 (SI)(R15*1)       \
	ADDQ R9, R11

#define P4F32 V4F32 \
	E4
#define P4F16 V4F16 \
	E4
#define P4Q8 V4Q8 \
	E4
#define M4F32 V4F32 \
	M4
#define M4F16 V4F16 \
	M4
#define M4Q8 V4Q8 \
	M4

// func pv4F32(a *rows12Args): head_dim a multiple of 64
TEXT ·pv4F32(SB), NOSPLIT, $0-8
	PVARGS
pass:
	PVPASS
	POSITIONS(P4F32, M4F32)
	PV4NEXT(256)
	JG   pass
	VZEROUPPER
	RET

// func pv4F16(a *rows12Args): head_dim a multiple of 64
TEXT ·pv4F16(SB), NOSPLIT, $0-8
	PVARGS
pass:
	PVPASS
	POSITIONS(P4F16, M4F16)
	PV4NEXT(128)
	JG   pass
	VZEROUPPER
	RET

// the scales of V: pointer and step from position to position
#define SCALES \
	MOVQ CX, R11        \
	SHRQ $5, R11        \
	ADDQ rows12Args_vScale(DX), R11   \
	MOVQ R12, R9        \
	SHRQ $3, R9

// func pv4Q8(a *rows12Args): head_dim a multiple of 64
TEXT ·pv4Q8(SB), NOSPLIT, $0-8
	PVARGS
pass:
	PVPASS
	SCALES
	POSITIONS(P4Q8, M4Q8)
	PV4NEXT(64)
	JG   pass
	VZEROUPPER
	RET

#define EROW(r, z, a, b) \
	VBROADCASTSS (1024*r)(R8), z \
	VFMADD231PS z, Z16, a        \
	VFMADD231PS z, Z17, b

#define E8 \
	EROW(0, Z18, Z0, Z8)  \
	EROW(1, Z19, Z1, Z9)  \
	EROW(2, Z20, Z2, Z10) \
	EROW(3, Z21, Z3, Z11) \
	EROW(4, Z22, Z4, Z12) \
	EROW(5, Z23, Z5, Z13) \
	EROW(6, Z26, Z6, Z14) \
	EROW(7, Z27, Z7, Z15)

#define MROW(r, k, z, a, b) \
	KMOVW (2*r)(R13), k          \
	VBROADCASTSS (1024*r)(R8), z \
	VFMADD231PS z, Z16, k, a     \
	VFMADD231PS z, Z17, k, b

#define M8 \
	MROW(0, K1, Z18, Z0, Z8)  \
	MROW(1, K2, Z19, Z1, Z9)  \
	MROW(2, K3, Z20, Z2, Z10) \
	MROW(3, K4, Z21, Z3, Z11) \
	MROW(4, K5, Z22, Z4, Z12) \
	MROW(5, K6, Z23, Z5, Z13) \
	MROW(6, K7, Z26, Z6, Z14) \
	MROW(7, K1, Z27, Z7, Z15)

#define STORE2(a, b, done) \
	VMOVUPS a, (DI)(CX*1)    \
	VMOVUPS b, 64(DI)(CX*1)  \
	ADDQ rows12Args_oStep(DX), DI         \
	DECQ AX                  \
	JZ   done

#define PV8NEXT(bytes) \
	MOVQ rows12Args_o(DX), DI       \
	MOVQ rows12Args_rows(DX), AX       \
	STORE2(Z0, Z8, next)   \
	STORE2(Z1, Z9, next)   \
	STORE2(Z2, Z10, next)  \
	STORE2(Z3, Z11, next)  \
	STORE2(Z4, Z12, next)  \
	STORE2(Z5, Z13, next)  \
	STORE2(Z6, Z14, next)  \
	STORE2(Z7, Z15, next)  \
next: \
	ADDQ $128, CX    \
	ADDQ $bytes, R10 \
	DECQ rows12Args_pairs(DX)

#define V2F32 \
	VMOVUPS (SI), Z16            \
	VMOVUPS 64(SI), Z17          \
	PREFETCHT1 (SI)(R15*1)       \
	PREFETCHT1 64(SI)(R15*1)

#define V2F16 \
	VCVTPH2PS (SI), Z16          \
	VCVTPH2PS 32(SI), Z17        \
	PREFETCHT1 (SI)(R15*1)

#define V2Q8 \
	VBROADCASTSS (R11), Z24      \
	GETQ8((SI), Z16, Z24)        \
	GETQ8(16(SI), Z17, Z24)      \
	PREFETCHT1 (SI)(R15*1)       \
	ADDQ R9, R11

#define P8F32 V2F32 \
	E8
#define P8F16 V2F16 \
	E8
#define P8Q8 V2Q8 \
	E8
#define M8F32 V2F32 \
	M8
#define M8F16 V2F16 \
	M8
#define M8Q8 V2Q8 \
	M8

// func pv8F32(a *rows12Args)
TEXT ·pv8F32(SB), NOSPLIT, $0-8
	PVARGS
pass:
	PVPASS
	POSITIONS(P8F32, M8F32)
	PV8NEXT(128)
	JNZ  pass
	VZEROUPPER
	RET

// func pv8F16(a *rows12Args)
TEXT ·pv8F16(SB), NOSPLIT, $0-8
	PVARGS
pass:
	PVPASS
	POSITIONS(P8F16, M8F16)
	PV8NEXT(64)
	JNZ  pass
	VZEROUPPER
	RET

// func pv8Q8(a *rows12Args)
TEXT ·pv8Q8(SB), NOSPLIT, $0-8
	PVARGS
pass:
	PVPASS
	SCALES
	POSITIONS(P8Q8, M8Q8)
	PV8NEXT(32)
	JNZ  pass
	VZEROUPPER
	RET
