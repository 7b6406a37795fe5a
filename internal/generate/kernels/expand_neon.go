package main

import "fmt"

// expandNEONFile holds what the expansion of packed records is made of, NEON.
func expandNEONFile() *asm {
	a := &asm{doc: "Expansion of the records of a slab to signed bytes and float32 scales.", include: []string{"neon_arm64.h"}}
	vs := func(first, n int) []string { return registers("V", first, n) }
	load4 := "VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]"
	put := func(first int) {
		a.p("VST1.P [V%d.B16, V%d.B16, V%d.B16, V%d.B16], 64(R0)", first, first+1, first+2, first+3)
	}

	a.functionARM("neonFlip", "w, src *byte, n int", "n vectors of 64 bytes, q+128 to q", 24, func() {
		a.p("VMOVI $128, V31.B16")
		a.countdown("loop", "R2", func() {
			a.p("%s", load4)
			a.zip("VEOR V31.B16, %[1]s.B16, %[1]s.B16", vs(0, 4))
			put(0)
		})
	})
	zeroed := "w, %s *byte, n int, zero uint8"
	a.functionARM("neonNibbles", fmt.Sprintf(zeroed, "nib"), "n nibble vectors to 2n group vectors, minus zero", 25, func() {
		a.p("VMOVI $15, V31.B16; VDUP R3, V30.B16")
		a.countdown("loop", "R2", func() {
			a.p("%s", load4)
			a.zip("VUSHR $4, %[1]s.B16, %[2]s.B16; VAND V31.B16, %[1]s.B16, %[1]s.B16; "+
				"VSUB V30.B16, %[1]s.B16, %[1]s.B16; VSUB V30.B16, %[2]s.B16, %[2]s.B16", vs(0, 4), vs(4, 4))
			put(0)
			put(4)
		})
	})
	a.functionARM("neonLookup", "dst, src *byte, n, dstStep, srcStep int, codes *[16]byte",
		"8 nibble vectors of each of n records to 16 groups of the bytes that a table has for them", 48, func() {
			a.p("MOVD R0, R9; VLD1 (R5), [V30.B16]; VMOVI $15, V31.B16")
			a.countdown("record", "R2", func() {
				a.p("MOVD R9, R0; MOVD R1, R7; MOVD $8, R8")
				a.countdown("vector", "R8", func() {
					a.p("VLD1.P 64(R7), [V0.B16, V1.B16, V2.B16, V3.B16]")
					a.zip("VUSHR $4, %[1]s.B16, %[2]s.B16; VAND V31.B16, %[1]s.B16, %[1]s.B16", vs(0, 4), vs(4, 4))
					a.zip("VTBL %[1]s.B16, [V30.B16], %[1]s.B16", vs(0, 8))
					put(0)
					put(4)
				})
				a.p("ADD R3, R9; ADD R4, R1")
			})
		})
	for bits, doc := range []string{1: "the fifth bits of 8n", 2: "bits 4 and 5 of 4n"} {
		if bits == 0 {
			continue
		}
		a.functionARM(fmt.Sprint("neonHigh", bits), fmt.Sprintf(zeroed, "high"), doc+" group vectors, minus zero", 25, func() {
			a.p("VMOVI $%d, V31.B16; VDUP R3, V30.B16", 1<<bits-1)
			a.countdown("loop", "R2", func() {
				a.p("%s", load4)
				for s := 0; s < 8; s += bits {
					if s == 0 {
						a.zip("VMOV %s.B16, %s.B16", vs(0, 4), vs(4, 4))
					} else {
						a.zip("VUSHR $%d, %s.B16, %s.B16", s, vs(0, 4), vs(4, 4))
					}
					a.zip("VAND V31.B16, %[1]s.B16, %[1]s.B16; VSHL $4, %[1]s.B16, %[1]s.B16; FMOVQ %[2]d(R0), F8; "+
						"VADD V8.B16, %[1]s.B16, %[1]s.B16; VSUB V30.B16, %[1]s.B16, %[1]s.B16", vs(4, 4), seq{0, 16})
					put(4)
				}
			})
		})
	}
	a.functionARM("neonHalf", "dst *float32, src *byte, n int", "n halves, a multiple of 16", 24, func() {
		a.label("loop")
		a.p("VLD1.P 32(R1), [V0.B16, V1.B16]; FCVTL(4, 0); FCVTL2(5, 0); FCVTL(6, 1); FCVTL2(7, 1)")
		a.p("VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0); SUB $16, R2; CBNZ R2, loop")
	})
	a.functionARM("neonBF16", "dst *float32, src *byte, n int", "n pairs of channels", 24, func() {
		a.countdown("loop", "R2", func() {
			a.p("VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]")
			a.zip("VSHL $16, %s.S4, %s.S4", vs(0, 4), vs(4, 4))
			a.zip("VUSHR $16, %[1]s.S4, %[1]s.S4", vs(0, 4))
			a.zip("VSHL $16, %[1]s.S4, %[1]s.S4", vs(0, 4))
			a.p("VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0); VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)")
		})
	})
	for _, k := range []struct{ name, sign, extend string }{
		{"neonScales", "unsigned", "VUXTL V0.B8, V1.H8; VUXTL2 V0.B16, V2.H8"},
		{"neonScalesSigned", "signed", "SXTLB(1, 0); SXTLB2(2, 0)"},
	} {
		a.textBytes(k.name, "scale, d *float32, sc *byte, n int", "n rows of 16 "+k.sign+" bytes times d[16]", 32)
		a.p("MOVD scale+0(FP), R0; MOVD d+8(FP), R3; MOVD sc+16(FP), R1; MOVD n+24(FP), R2")
		a.p("VLD1 (R3), [V16.S4, V17.S4, V18.S4, V19.S4]")
		a.countdown("loop", "R2", func() {
			a.p("VLD1.P 16(R1), [V0.B16]; %s", k.extend)
			a.p("SXTLH(8, 1); SXTLH2(9, 1); SXTLH(10, 2); SXTLH2(11, 2)")
			a.zip("SCVTF(%[1]s, %[1]s)", numbers(8, 4))
			a.zip("FMUL(%[1]s, %[1]s, %[2]s)", numbers(8, 4), numbers(16, 4))
			a.p("VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], 64(R0)")
		})
		a.p("RET")
	}
	a.functionARM("neonMins", "min *int16, mn *byte, n int", "n pairs of blocks, u8 [16][2] to int16 [2][16]", 24, func() {
		a.countdown("loop", "R2", func() {
			a.p("VLD1.P 32(R1), [V0.B16, V1.B16]; VUZP1 V1.B16, V0.B16, V2.B16; VUZP2 V1.B16, V0.B16, V3.B16")
			a.p("VUXTL V2.B8, V4.H8; VUXTL2 V2.B16, V5.H8; VUXTL V3.B8, V6.H8; VUXTL2 V3.B16, V7.H8")
			a.p("VST1.P [V4.H8, V5.H8, V6.H8, V7.H8], 64(R0)")
		})
	})
	return a
}

// functionARM is function on arm64: parameters go to R0, R1, ... in order.
func (a *asm) functionARM(name, params, comment string, bytes int, body func()) {
	a.textBytes(name, params, comment, bytes)
	for i, n := range names(params) {
		op := "MOVD"
		if 8*i+8 > bytes {
			op = "MOVBU"
		}
		a.p("%s %s+%d(FP), R%d", op, n, 8*i, i)
	}
	body()
	a.p("RET")
}
