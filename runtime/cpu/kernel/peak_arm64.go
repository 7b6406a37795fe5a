package kernel

const peakSteps = 8192 // one call stays below 100 microseconds

// DotPeak executes about n million byte products and sums with the dot-product
// instruction of tier t and returns the number of operations (two per
// multiply-add), 0 when the tier has no such loop. The caller times it.
func DotPeak(t Tier, n int) float64 {
	if t == I8MM {
		calls := max(1, n*1e6/(peakSteps*16*32))
		for range calls {
			i8mmLoop(peakSteps)
		}
		return float64(calls) * peakSteps * 16 * 64
	}
	if t != NEON {
		return 0
	}
	calls := max(1, n*1e6/(peakSteps*16*16))
	for range calls {
		neonDotLoop(peakSteps)
	}
	return float64(calls) * peakSteps * 16 * 32
}

// FMAPeak is DotPeak for float32 fused multiply-adds.
func FMAPeak(t Tier, n int) float64 {
	if vectorTier(t) == Generic {
		return 0
	}
	calls := max(1, n*1e6/(peakSteps*16*4))
	for range calls {
		neonFMALoop(peakSteps)
	}
	return float64(calls) * peakSteps * 16 * 8
}

// ReadAll loads every byte of b with the widest loads of tier t and returns
// the number of bytes read: the limit of a kernel that streams weights.
func ReadAll(t Tier, b []byte) int {
	if vectorTier(t) == Generic {
		return readAllGo(b)
	}
	n := len(b) &^ 127
	for off := 0; off < n; off += 1 << 18 {
		readTotal.Add(neonReadLoop(&b[off], min(1<<18, n-off)))
	}
	return n
}
