package main

import "fmt"

const float256Doc = `Float kernels, AVX2. The chains of one slab start at +0 and are added to C.

GEMM: one panel of f32 weights [channel][16] by six or four tokens. A tile of c4 holds 16
bytes per token and group of 4 channels; tokens come in pairs, each pair with its own
pointer, so that six may straddle two tiles.

	SI weights   DI, R8, R9 token pairs   DX C [tokens][16]   CX groups left
	Y0-Y11 sums [token][half]   Y12, Y13 weights   Y14, Y15 activations

GEMV: one panel by one token, records read in place, two slabs in flight to hide the
latency of their chains, or one.

	SI, AX weights of the slabs   DI, R8 activations   DX C [16]   CX channel pairs left
	Y0, Y1 and Y2, Y3 sums of the slabs   Y15 mask of bf16`

func float256File() *asm {
	a := &asm{doc: float256Doc, constants: "upper256"}
	for _, tokens := range []int{6, 4} {
		params, regs := "w, x0, x1, x2, c *float32, groups int", map[string]string{"w": "SI", "x0": "DI", "x1": "R8", "x2": "R9", "c": "DX", "groups": "CX"}
		if tokens == 4 {
			params, regs = "w, x, c *float32, groups int", map[string]string{"w": "SI", "x": "DI", "c": "DX", "groups": "CX"}
		}
		a.function(fmt.Sprint("gemmFloat256x", tokens), params, "", regs, func() { gemmFloat256(a, tokens) })
	}
	for _, t := range floatTypes {
		a.function("gemv256"+t.name, "a *gemvFloatArgs", "one slab of 2·pairs channels", map[string]string{"a": "BX"}, func() {
			a.loadBX("w SI", "x DI", "c DX", "pairs CX")
			a.p("VPBROADCASTD %s, Y15; VXORPS Y0, Y0, Y0; VXORPS Y1, Y1, Y1", a.constant(0xffff0000))
			a.loop("loop", "CX", func() {
				pair256(a, t.name, "SI", "DI", y(0, 2))
				a.p("ADDQ $%d, SI; ADDQ $8, DI", t.pair)
			})
			addC256(a, 0)
		})
	}
	for _, t := range floatTypes {
		a.function("gemv256"+t.name+"x2", "a *gemvFloatArgs", "two whole slabs", map[string]string{"a": "BX"}, func() {
			a.loadBX("w SI")
			a.p("MOVQ SI, AX; ADDQ gemvFloatArgs_slab(BX), AX")
			a.loadBX("x DI")
			a.p("LEAQ 1024(DI), R8")
			a.loadBX("c DX")
			a.p("MOVQ $64, CX; VPBROADCASTD %s, Y15", a.constant(0xffff0000))
			a.zip("VXORPS %[1]s, %[1]s, %[1]s", y(0, 4))
			a.loop("loop", "CX", func() {
				for range 2 {
					pair256(a, t.name, "SI", "DI", y(0, 2))
					pair256(a, t.name, "AX", "R8", y(2, 2))
					a.p("ADDQ $%[1]d, SI; ADDQ $8, DI; ADDQ $%[1]d, AX; ADDQ $8, R8", t.pair)
				}
			})
			a.p("VADDPS (DX), Y0, Y0; VADDPS 32(DX), Y1, Y1; VADDPS Y2, Y0, Y0; VADDPS Y3, Y1, Y1")
			a.p("VMOVUPS Y0, (DX); VMOVUPS Y1, 32(DX)")
		})
	}
	return a
}

func (a *asm) loadBX(pairs ...string) {
	for _, p := range pairs {
		var field, reg string
		fmt.Sscan(p, &field, &reg)
		a.p("MOVQ gemvFloatArgs_%s(BX), %s", field, reg)
	}
}

// gemmFloat256 is the body for six or four tokens.
func gemmFloat256(a *asm, tokens int) {
	pointers := []string{"DI", "R8", "R9"}[:tokens/2]
	if tokens == 4 {
		a.p("LEAQ 32(DI), R8")
	}
	a.zip("VXORPS %[1]s, %[1]s, %[1]s", y(0, 2*tokens))
	a.loop("loop", "CX", func() {
		for c := range 4 {
			a.p("VMOVUPS %d(SI), Y12; VMOVUPS %d(SI), Y13", 64*c, 64*c+32)
			for t := range tokens {
				a.p("VBROADCASTSS %d(%s), Y%[3]d; VFMADD231PS Y%[3]d, Y12, Y%[4]d; VFMADD231PS Y%[3]d, Y13, Y%[5]d",
					4*c+16*(t%2), pointers[t/2], 14+t%2, 2*t, 2*t+1)
			}
		}
		a.p("ADDQ $256, SI")
		a.zip("ADDQ $64, %s", pointers)
	})
	for t := range tokens {
		addC256(a, t)
	}
}

// addC256: C += chain of token t.
func addC256(a *asm, t int) {
	a.p("VADDPS %[1]d(DX), %[3]s, %[3]s; VADDPS %[2]d(DX), %[4]s, %[4]s; VMOVUPS %[3]s, %[1]d(DX); VMOVUPS %[4]s, %[2]d(DX)",
		64*t, 64*t+32, y(2*t, 1)[0], y(2*t+1, 1)[0])
}

// pair256 adds a pair of channels at w times those at x to the chains of the halves.
func pair256(a *asm, t, w, x string, chains []string) {
	a.p("PREFETCHT0 2048(%s)", w)
	switch t {
	case "F16":
		a.zip("VCVTPH2PS %d("+w+"), %s", seq{0, 16}, y(4, 4))
	case "BF16":
		a.p("VMOVDQU (%[1]s), Y6; VMOVDQU 32(%[1]s), Y7; VPSLLD $16, Y6, Y4; VPSLLD $16, Y7, Y5; VPAND Y15, Y6, Y6; VPAND Y15, Y7, Y7", w)
	case "F32":
		a.p("PREFETCHT0 2112(%s)", w)
		a.zip("VMOVUPS %d("+w+"), %s", seq{0, 32}, y(4, 4))
	}
	for i := range 2 {
		a.p("VBROADCASTSS %d(%s), Y12; VFMADD231PS Y12, Y%d, %s; VFMADD231PS Y12, Y%d, %s", 4*i, x, 4+2*i, chains[0], 5+2*i, chains[1])
	}
}
