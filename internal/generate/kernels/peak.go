package main

import "fmt"

const peakDoc = "Calibration loops: what the machine can do at most."

// peakLoop writes a function that repeats instructions n times.
func peakLoop(a *asm, name, comment, clear string, body func()) {
	a.function(name, "n int", comment, map[string]string{"n": "CX"}, func() {
		a.p("%s", clear)
		a.loop("loop", "CX", body)
	})
}

// readLoop writes a function that adds up n bytes at p, a multiple of 256, in vectors.
func readLoop(a *asm, name, comment, low string, r []string, clear, ahead func()) {
	a.textBytes(name, "p *byte, n int", comment, 24)
	a.stubs[len(a.stubs)-1] += " (sum uint64)"
	a.p("MOVQ p+0(FP), SI; MOVQ n+8(FP), CX")
	clear()
	a.label("loop")
	ahead()
	a.zip("VPADDQ %d(SI), %[2]s, %[2]s", seq{0, 256 / len(r)}, r)
	a.p("ADDQ $256, SI; SUBQ $256, CX; JG loop")
	for step := 1; step < len(r); step *= 2 {
		for i := 0; i < len(r); i += 2 * step {
			a.p("VPADDQ %s, %[2]s, %[2]s", r[i+step], r[i])
		}
	}
	a.p("VMOVQ %s, AX; MOVQ AX, sum+16(FP); VZEROUPPER; RET", low)
}

func peak512File() *asm {
	a := &asm{doc: peakDoc}
	clear := "VPXORD Z0, Z0, Z0; " + zip("VMOVDQA64 Z0, %s", append(z(1, 15), z(24, 2)...))
	for _, k := range [][2]string{{"dotLoop", "VPDPBUSD"}, {"fmaLoop", "VFMADD231PS"}} {
		peakLoop(a, k[0], "16·n "+k[1], clear, func() { a.zip(k[1]+" Z24, Z25, %s", z(0, 16)) })
	}
	readLoop(a, "readLoop", "n a multiple of 256, every line prefetched",
		"X0", z(0, 4), func() { a.zip("VPXORD %[1]s, %[1]s, %[1]s", z(0, 4)) }, func() { a.zip("PREFETCHT0 %[1]d(SI)", seq{1024, 64}, z(0, 4)) })
	return a
}

func peak256File() *asm {
	a := &asm{doc: peakDoc, include: []string{"vnni256_amd64.h"}}
	clear := "VPXOR Y0, Y0, Y0; " + zip("VMOVDQA Y0, %s", y(1, 13))
	peakLoop(a, "dotLoop256", "8·n VPMADDUBSW with their VPADDW, as the kernel for 4-bit weights", clear, func() {
		a.zip("VPMADDUBSW Y12, Y13, %[2]s; VPADDW %[2]s, %[1]s, %[1]s", y(0, 8), append(y(8, 4), y(8, 4)...))
	})
	peakLoop(a, "dotLoop256V", "12·n VPDPBUSD", clear, func() { a.zip("DPBUSD256(12, 13, %s)", numbers(0, 12)) })
	peakLoop(a, "fmaLoop256", "12·n VFMADD231PS", clear, func() { a.zip("VFMADD231PS Y12, Y13, %s", y(0, 12)) })
	readLoop(a, "readLoop256", "n a multiple of 256", "X0", y(0, 8), func() { a.p("%s", clear) }, func() {})
	return a
}

func peakNEONFile() *asm {
	a := &asm{doc: peakDoc, include: []string{"neon_arm64.h"}}
	for _, k := range [][3]string{{"neonDotLoop", "SDOT", "SDOTI(%s, 24, 25, 0)"}, {"i8mmLoop", "SMMLA", "SMMLA(%s, 24, 25)"},
		{"neonFMALoop", "FMLA", "FMLAI(%s, 24, 25, 0)"}} {
		a.functionARM(k[0], "n int", fmt.Sprintf("16·n %s in 16 chains", k[1]), 8, func() {
			a.clear(0, 16)
			a.clear(24, 2)
			a.label("loop")
			a.zip(k[2], numbers(0, 16))
			a.p("SUBS $1, R0; BGT loop")
		})
	}
	a.textBytes("neonReadLoop", "p *byte, n int", "n a multiple of 128", 24)
	a.stubs[len(a.stubs)-1] += " (sum uint64)"
	a.p("MOVD p+0(FP), R0; MOVD n+8(FP), R1")
	a.clear(8, 2)
	a.label("loop")
	for i := range 4 {
		a.p("FLDPQ %d(R0), (F%d, F%d)", 32*i, 2*i, 2*i+1)
	}
	for _, p := range [][2]int{{1, 0}, {3, 2}, {5, 4}, {7, 6}, {2, 0}, {6, 4}, {0, 8}, {4, 9}} {
		a.p("VEOR V%d.B16, V%[2]d.B16, V%[2]d.B16", p[0], p[1])
	}
	a.p("ADD $128, R0; SUBS $128, R1; BGT loop; VEOR V9.B16, V8.B16, V8.B16")
	a.p("VMOV V8.D[0], R2; VMOV V8.D[1], R3; EOR R3, R2; MOVD R2, sum+16(FP); RET")
	return a
}
