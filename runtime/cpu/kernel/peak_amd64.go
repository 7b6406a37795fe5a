package kernel

const peakSteps = 4096 // one call stays below 100 microseconds

// DotPeak executes about n million byte products and sums with the dot-product
// instruction of tier t and returns the number of operations (two per
// multiply-add), 0 when the tier has no such loop. The caller times it. On AVX2 it is
// VPMADDUBSW with the VPADDW that sums it.
func DotPeak(t Tier, n int) float64 {
	switch t {
	case AVX512, AMX:
		return loops(dotLoop, n, 16*64)
	case AVXVNNI:
		return loops(dotLoop256V, n, 12*32)
	case AVX2:
		return loops(dotLoop256, n, 8*32)
	}
	return 0
}

// FMAPeak is DotPeak for float32 fused multiply-adds.
func FMAPeak(t Tier, n int) float64 {
	switch t {
	case AVX512, AMX:
		return loops(fmaLoop, n, 16*16)
	case AVXVNNI, AVX2:
		return loops(fmaLoop256, n, 12*8)
	}
	return 0
}

// loops calls a loop until it has done n million multiply-adds, macs per step.
func loops(loop func(int), n, macs int) float64 {
	calls := max(1, n*1e6/(peakSteps*macs))
	for range calls {
		loop(peakSteps)
	}
	return float64(calls) * peakSteps * float64(2*macs)
}

// ReadAll loads every byte of b with the widest loads of tier t and returns
// the number of bytes read: the limit of a kernel that streams weights.
func ReadAll(t Tier, b []byte) int {
	read := readLoop
	switch t {
	case AVX512, AMX:
	case AVXVNNI, AVX2:
		read = readLoop256
	default:
		return readAllGo(b)
	}
	n := len(b) &^ 255
	for off := 0; off < n; off += 1 << 18 {
		readTotal.Add(read(&b[off], min(1<<18, n-off)))
	}
	return n
}
