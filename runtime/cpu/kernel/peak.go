package kernel

import (
	"encoding/binary"
	"sync/atomic"
)

// readTotal keeps the sums alive.
var readTotal atomic.Uint64

// readAllGo reads b eight bytes at a time.
func readAllGo(b []byte) int {
	n := len(b) &^ 63
	var s0, s1, s2, s3 uint64
	for off := 0; off < n; off += 64 {
		v := b[off : off+64 : off+64]
		s0 += binary.LittleEndian.Uint64(v[0:]) + binary.LittleEndian.Uint64(v[32:])
		s1 += binary.LittleEndian.Uint64(v[8:]) + binary.LittleEndian.Uint64(v[40:])
		s2 += binary.LittleEndian.Uint64(v[16:]) + binary.LittleEndian.Uint64(v[48:])
		s3 += binary.LittleEndian.Uint64(v[24:]) + binary.LittleEndian.Uint64(v[56:])
	}
	readTotal.Add(s0 + s1 + s2 + s3)
	return n
}
