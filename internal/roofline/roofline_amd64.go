package roofline

import "golang.org/x/sys/cpu"

// dotOps is the operations of one iteration: 24 instructions of 64 products.
const dotOps = 24 * 64 * 2

//go:noescape
func dotZMM(n int)

//go:noescape
func fmaZMM(n int)

//go:noescape
func fmaYMM(n int)

//go:noescape
func readYMM(p *byte, n int)

func hasDot() bool {
	return cpu.X86.HasAVX512F && cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL
}

func dotName() string {
	if hasDot() {
		return "vpdpbusd zmm"
	}
	return ""
}

func dotLoop(n int) { dotZMM(n) }

func fmaLoop(n int) {
	switch {
	case cpu.X86.HasAVX512F:
		fmaZMM(n)
	case cpu.X86.HasFMA && cpu.X86.HasAVX2:
		fmaYMM(n)
	default:
		fmaGo(n)
	}
}

func fmaOps() float64 {
	switch {
	case cpu.X86.HasAVX512F:
		return 24 * 16 * 2
	case cpu.X86.HasFMA && cpu.X86.HasAVX2:
		return 12 * 8 * 2
	}
	return fmaGoOps
}

func readLoop(b []byte) {
	if cpu.X86.HasAVX2 {
		readYMM(&b[0], len(b))
		return
	}
	readGo(b)
}
