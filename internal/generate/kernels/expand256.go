package main

// expand256File holds what the expansion of packed records to scratch is made of, AVX2:
// reps records, stride bytes apart; the output is dense.
func expand256File() *asm {
	a := &asm{doc: "Expansion of packed records to scratch, AVX2: pieces of reps records, stride bytes apart,\nto dense output."}
	expandNibbles256(a)
	expandLookup256(a)
	expandHighBits256(a)
	expandHigh2Bits256(a)
	expandScales256(a)
	expandWide256(a)
	a.function("fetch256", "p *byte, n int", "fetches n lines of 64 bytes, ahead of their use", map[string]string{"p": "SI", "n": "CX"}, func() {
		a.loop("loop", "CX", func() { a.p("PREFETCHT0 (SI); ADDQ $64, SI") })
	})
	return a
}

// function writes a function whose parameters are loaded to the registers.
func (a *asm) function(name, params, comment string, regs map[string]string, body func()) {
	a.text(name, params, comment)
	a.arguments(params, regs)
	body()
	a.p("VZEROUPPER; RET")
}

func expandNibbles256(a *asm) {
	a.function("nibbles256", "w, nib *byte, n, reps, stride int", "n nibble vectors a record to 2n groups",
		map[string]string{"w": "DI", "nib": "BX", "reps": "DX"}, func() {
			a.p("VMOVDQU %s, Y15", a.constant32("low4", 0x0f0f0f0f0f0f0f0f))
			a.loop("record", "DX", func() {
				a.p("MOVQ BX, SI; MOVQ n+16(FP), CX")
				a.loop("loop", "CX", func() {
					a.zip("VMOVDQU %d(SI), %s", seq{0, 32}, y(0, 2))
					a.zip("VPSRLW $4, %s, %s", y(0, 2), y(2, 2))
					a.zip("VPAND Y15, %[1]s, %[1]s", y(0, 4))
					a.zip("VMOVDQU %s, %d(DI)", y(0, 4), seq{0, 32})
					a.p("ADDQ $64, SI; ADDQ $128, DI")
				})
				a.p("ADDQ stride+32(FP), BX")
			})
		})
}

func expandLookup256(a *asm) {
	a.function("lookup256", "dst, src *byte, n, dstStep, srcStep int, codes *[16]byte",
		"8 nibble vectors of each of n records to 16 groups of the bytes that a table has for them", map[string]string{"dst": "DI", "src": "SI", "n": "DX", "dstStep": "R8", "srcStep": "R9", "codes": "AX"}, func() {
			a.p("VBROADCASTI128 (AX), Y14; VMOVDQU %s, Y15", a.constant32("low4", 0x0f0f0f0f0f0f0f0f))
			a.loop("record", "DX", func() {
				a.p("MOVQ DI, BX; MOVQ SI, CX; MOVQ $8, AX")
				a.loop("vector", "AX", func() {
					a.zip("VMOVDQU %d(CX), %s", seq{0, 32}, y(0, 2))
					a.zip("VPSRLW $4, %s, %s", y(0, 2), y(2, 2))
					a.zip("VPAND Y15, %[1]s, %[1]s; VPSHUFB %[1]s, Y14, %[1]s", y(0, 4))
					a.zip("VMOVDQU %s, %d(BX)", y(0, 4), seq{0, 32})
					a.p("ADDQ $64, CX; ADDQ $128, BX")
				})
				a.p("ADDQ R8, DI; ADDQ R9, SI")
			})
		})
}

// or256 adds the bits of lo and hi under Y15 to the group at o.
func or256(a *asm, o int, lo, hi string) {
	a.p("VPAND Y15, %s, Y4; VPAND Y15, %s, Y5; VPOR %d(DI), Y4, Y4; VPOR %d(DI), Y5, Y5", lo, hi, o, o+32)
	a.p("VMOVDQU Y4, %d(DI); VMOVDQU Y5, %d(DI)", o, o+32)
}

func expandHighBits256(a *asm) {
	a.function("highBits256", "w, high *byte, n, reps, stride int",
		"adds bit b of n high-bit vectors a record, at bit 4, to group 8h+b", map[string]string{"w": "DI", "high": "BX", "reps": "DX"}, func() {
			a.p("VMOVDQU %s, Y15", a.constant32("bit4", 0x1010101010101010))
			a.loop("record", "DX", func() {
				a.p("MOVQ BX, SI; MOVQ n+16(FP), CX")
				a.loop("vector", "CX", func() {
					// Bit b of a byte is now bit b+4 of a field of 12 bits: done in two halves.
					a.p("VMOVDQU (SI), Y0; VMOVDQU 32(SI), Y1; VPSLLW $4, Y0, Y0; VPSLLW $4, Y1, Y1")
					a.p("VMOVDQU (SI), Y2; VMOVDQU 32(SI), Y3")
					for i, half := range []string{"low", "upper"} {
						r := y(2*i, 2)
						a.p("MOVQ $4, AX")
						a.loop(half, "AX", func() {
							or256(a, 0, r[0], r[1])
							a.zip("VPSRLW $1, %[1]s, %[1]s", r)
							a.p("ADDQ $64, DI")
						})
					}
					a.p("ADDQ $64, SI")
				})
				a.p("ADDQ stride+32(FP), BX")
			})
		})
}

func expandHigh2Bits256(a *asm) {
	a.function("high2Bits256", "w, high *byte, n int", "adds bits 2b+1..2b of n high-2 vectors, at bits 5..4, to group 4h+b",
		map[string]string{"w": "DI", "high": "SI", "n": "CX"}, func() {
			a.p("VMOVDQU %s, Y15", a.constant32("bits45", 0x3030303030303030))
			a.loop("loop", "CX", func() {
				a.p("VMOVDQU (SI), Y0; VMOVDQU 32(SI), Y1")
				for b := range 4 {
					r := y(0, 2)
					if n := 4 - 2*b; n != 0 {
						r = y(2, 2)
						a.p("%s; %s", shift16(n, "Y0", "Y2"), shift16(n, "Y1", "Y3"))
					}
					or256(a, 64*b, r[0], r[1])
				}
				a.p("ADDQ $64, SI; ADDQ $256, DI")
			})
		})
}

func expandScales256(a *asm) {
	a.function("scales256", "dst *float32, src *byte, reps, stride int", "32 halves a record to float32",
		map[string]string{"dst": "DI", "src": "SI", "reps": "CX", "stride": "BX"}, func() {
			a.loop("loop", "CX", func() {
				a.zip("VCVTPH2PS %d(SI), %s", seq{0, 16}, y(0, 4))
				a.zip("VMOVUPS %s, %d(DI)", y(0, 4), seq{0, 32})
				a.p("ADDQ BX, SI; ADDQ $128, DI")
			})
		})
	a.function("half256", "dst *float32, src *byte, n int", "n halves to float32, n a multiple of 8",
		map[string]string{"dst": "DI", "src": "SI", "n": "CX"}, func() {
			a.label("loop")
			a.p("VCVTPH2PS (SI), Y0; VMOVUPS Y0, (DI); ADDQ $16, SI; ADDQ $32, DI; SUBQ $8, CX; JG loop")
		})
	for _, k := range []struct{ name, extend, sign string }{{"kScales256", "VPMOVZXBD", "unsigned"}, {"q6Scales256", "VPMOVSXBD", "signed"}} {
		a.function(k.name, "scale, d *float32, sc *byte, n int", "n rows of 16 products d·sc, sc "+k.sign,
			map[string]string{"scale": "DI", "d": "DX", "sc": "SI", "n": "CX"}, func() {
				a.p("VMOVUPS (DX), Y2; VMOVUPS 32(DX), Y3")
				a.loop("loop", "CX", func() {
					a.p("%[1]s (SI), Y0; %[1]s 8(SI), Y1; VCVTDQ2PS Y0, Y0; VCVTDQ2PS Y1, Y1", k.extend)
					a.p("VMULPS Y2, Y0, Y0; VMULPS Y3, Y1, Y1; VMOVUPS Y0, (DI); VMOVUPS Y1, 32(DI); ADDQ $16, SI; ADDQ $64, DI")
				})
			})
	}
	a.function("kMins256", "min *int16, mn *byte", "128 bytes to int16", map[string]string{"min": "DI", "mn": "SI"}, func() {
		a.p("MOVQ $8, CX")
		a.loop("loop", "CX", func() { a.p("VPMOVZXBW (SI), Y0; VMOVDQU Y0, (DI); ADDQ $16, SI; ADDQ $32, DI") })
	})
	a.function("bf16Pairs256", "dst *float32, src *byte, n int", "n pairs of channels of 16 rows",
		map[string]string{"dst": "DI", "src": "SI", "n": "CX"}, func() {
			a.p("VMOVDQU %s, Y15", a.constant32("upper16", 0xffff0000ffff0000))
			a.loop("loop", "CX", func() {
				a.zip("VMOVDQU %d(SI), %s", seq{0, 32}, y(0, 2))
				a.zip("VPSLLD $16, %s, %s", y(0, 2), y(2, 2))
				a.zip("VPAND Y15, %[1]s, %[1]s", y(0, 2))
				a.zip("VMOVDQU %s, %d(DI)", append(y(2, 2), y(0, 2)...), seq{0, 32})
				a.p("ADDQ $64, SI; ADDQ $128, DI")
			})
		})
}

// expandWide256 writes what makes int16 of bytes, and sums of pairs.
func expandWide256(a *asm) {
	a.function("wideWeights256", "w, src *byte, reps, stride int",
		"16 groups of 64 bytes q+128 a record to int16: 64 bytes of first and third channels, 64 of second and fourth",
		map[string]string{"w": "DI", "src": "BX", "reps": "DX"}, func() {
			a.p("VMOVDQU %s, Y15", a.constant32("flip8", 0x8080808080808080))
			a.loop("record", "DX", func() {
				a.p("MOVQ BX, SI; MOVQ $16, CX")
				a.loop("loop", "CX", func() {
					a.p("VPXOR (SI), Y15, Y0; VPXOR 32(SI), Y15, Y1")
					a.zip("VPSLLW $8, %s, %s", y(0, 2), y(2, 2))
					a.zip("VPSRAW $8, %[1]s, %[1]s", append(y(2, 2), y(0, 2)...))
					a.zip("VMOVDQU %s, %d(DI)", append(y(2, 2), y(0, 2)...), seq{0, 32})
					a.p("ADDQ $64, SI; ADDQ $128, DI")
				})
				a.p("ADDQ stride+24(FP), BX")
			})
		})
	args := map[string]string{"dst": "DI", "q": "SI", "n": "CX"}
	a.function("wideActs256", "dst *int16, q *int8, n int",
		"n pairs of groups of four tokens to int16, 32 bytes of first and third channels of both groups, 32 of the others", args, func() {
			a.loop("loop", "CX", func() {
				a.p("VMOVDQU (SI), Y0; VPSLLW $8, Y0, Y1; VPSRAW $8, Y0, Y0; VPSRAW $8, Y1, Y1")
				a.p("VMOVDQU Y1, (DI); VMOVDQU Y0, 32(DI); ADDQ $32, SI; ADDQ $64, DI")
			})
		})
	a.function("pairSums256", "dst *int16, q *int8, n int",
		"for n times 16 channels of four tokens -32 times the sums of the first two and the last two channels of the groups", args, func() {
			a.p("VMOVDQU %s, Y15; VPXOR Y14, Y14, Y14", a.constant32("ones8", 0x0101010101010101))
			a.loop("loop", "CX", func() {
				a.p("VPMADDUBSW (SI), Y15, Y0; VPMADDUBSW 32(SI), Y15, Y1; VPADDW Y1, Y0, Y0; VEXTRACTI128 $1, Y0, X1")
				a.p("VPADDW X1, X0, X0; VPSLLW $5, X0, X0; VPSUBW X0, X14, X0; VMOVDQU X0, (DI); ADDQ $64, SI; ADDQ $16, DI")
			})
		})
}
