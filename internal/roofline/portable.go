package roofline

import "encoding/binary"

// fmaGoOps is the operations of one iteration of fmaGo.
const fmaGoOps = 8 * 2

var sink float32

// fmaGo is eight independent multiply-add chains in plain Go.
func fmaGo(n int) {
	var a, b, c, d, e, f, g, h float32
	x, y := float32(0.5), float32(1.25)
	for range n {
		a, b, c, d = a*x+y, b*x+y, c*x+y, d*x+y
		e, f, g, h = e*x+y, f*x+y, g*x+y, h*x+y
	}
	sink = a + b + c + d + e + f + g + h
}

var sum uint64

func readGo(b []byte) {
	var s uint64
	for len(b) >= 32 {
		s ^= binary.LittleEndian.Uint64(b) ^ binary.LittleEndian.Uint64(b[8:]) ^ binary.LittleEndian.Uint64(b[16:]) ^ binary.LittleEndian.Uint64(b[24:])
		b = b[32:]
	}
	if s == 1 {
		sum = s
	}
}
