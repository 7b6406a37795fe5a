// Instructions that the Go assembler lacks, as words; registers are numbers
// (d destination, n and m sources, i a lane). words_test.go checks each macro
// against the words of another assembler.

#define SDOTI(d, n, m, i) WORD $(0x4F80E000 | (((i)&1)<<21) | (((i)>>1)<<11) | ((m)<<16) | ((n)<<5) | (d)) // sdot d.4s, n.16b, m.4b[i]
#define SMMLA(d, n, m) WORD $(0x4E80A400 | ((m)<<16) | ((n)<<5) | (d)) // smmla d.4s, n.16b, m.16b
#define FMULI(d, n, m, i) WORD $(0x4F809000 | (((i)&1)<<21) | (((i)>>1)<<11) | ((m)<<16) | ((n)<<5) | (d)) // fmul d.4s, n.4s, m.s[i]
#define FMLAI(d, n, m, i) WORD $(0x4F801000 | (((i)&1)<<21) | (((i)>>1)<<11) | ((m)<<16) | ((n)<<5) | (d)) // fmla d.4s, n.4s, m.s[i]
#define SMLALI(d, n, m, i) WORD $(0x0F402000 | (((i)&3)<<20) | (((i)>>2)<<11) | ((m)<<16) | ((n)<<5) | (d)) // smlal d.4s, n.4h, m.h[i]; m < 16
#define SMLAL2I(d, n, m, i) WORD $(0x4F402000 | (((i)&3)<<20) | (((i)>>2)<<11) | ((m)<<16) | ((n)<<5) | (d)) // smlal2 d.4s, n.8h, m.h[i]; m < 16
#define SCVTF(d, n) WORD $(0x4E21D800 | ((n)<<5) | (d)) // scvtf d.4s, n.4s
#define FMUL(d, n, m) WORD $(0x6E20DC00 | ((m)<<16) | ((n)<<5) | (d)) // fmul d.4s, n.4s, m.4s
#define FADD(d, n, m) WORD $(0x4E20D400 | ((m)<<16) | ((n)<<5) | (d)) // fadd d.4s, n.4s, m.4s
#define FSUB(d, n, m) WORD $(0x4EA0D400 | ((m)<<16) | ((n)<<5) | (d)) // fsub d.4s, n.4s, m.4s
#define FDIV(d, n, m) WORD $(0x6E20FC00 | ((m)<<16) | ((n)<<5) | (d)) // fdiv d.4s, n.4s, m.4s
#define FMLA(d, n, m) WORD $(0x4E20CC00 | ((m)<<16) | ((n)<<5) | (d)) // fmla d.4s, n.4s, m.4s
#define FMLS(d, n, m) WORD $(0x4EA0CC00 | ((m)<<16) | ((n)<<5) | (d)) // fmls d.4s, n.4s, m.4s
#define FCVTL(d, n) WORD $(0x0E217800 | ((n)<<5) | (d)) // fcvtl d.4s, n.4h
#define FCVTL2(d, n) WORD $(0x4E217800 | ((n)<<5) | (d)) // fcvtl2 d.4s, n.8h
#define SXTLB(d, n) WORD $(0x0F08A400 | ((n)<<5) | (d)) // sxtl d.8h, n.8b
#define SXTLB2(d, n) WORD $(0x4F08A400 | ((n)<<5) | (d)) // sxtl2 d.8h, n.16b
#define SXTLH(d, n) WORD $(0x0F10A400 | ((n)<<5) | (d)) // sxtl d.4s, n.4h
#define SXTLH2(d, n) WORD $(0x4F10A400 | ((n)<<5) | (d)) // sxtl2 d.4s, n.8h
#define SSHRS(d, n, i) WORD $(0x4F000400 | ((64-(i))<<16) | ((n)<<5) | (d)) // sshr d.4s, n.4s, #i
#define FCVTZS(d, n) WORD $(0x4EA1B800 | ((n)<<5) | (d)) // fcvtzs d.4s, n.4s
#define FCVTNS(d, n) WORD $(0x4E21A800 | ((n)<<5) | (d)) // fcvtns d.4s, n.4s
#define FNEG(d, n) WORD $(0x6EA0F800 | ((n)<<5) | (d)) // fneg d.4s, n.4s
#define FCMGT(d, n, m) WORD $(0x6EA0E400 | ((m)<<16) | ((n)<<5) | (d)) // fcmgt d.4s, n.4s, m.4s
#define BIT(d, n, m) WORD $(0x6EA01C00 | ((m)<<16) | ((n)<<5) | (d)) // bit d.16b, n.16b, m.16b
#define SMIN(d, n, m) WORD $(0x4EA06C00 | ((m)<<16) | ((n)<<5) | (d)) // smin d.4s, n.4s, m.4s
#define SMAX(d, n, m) WORD $(0x4EA06400 | ((m)<<16) | ((n)<<5) | (d)) // smax d.4s, n.4s, m.4s
#define UMAXV(d, n) WORD $(0x6EB0A800 | ((n)<<5) | (d)) // umaxv d, n.4s
#define SADDLV(d, n) WORD $(0x4E303800 | ((n)<<5) | (d)) // saddlv d, n.16b
#define DUPS(d, n, i) WORD $(0x4E040400 | ((i)<<19) | ((n)<<5) | (d)) // dup d.4s, n.s[i]
