package kernel

import "testing"

// TestPeak: the calibration loops report the work they did and read every
// whole run of their bytes.
func TestPeak(t *testing.T) {
	for _, tier := range Available() {
		dots, fmas := DotPeak(tier, 4), FMAPeak(tier, 4)
		if tier != Generic && (dots < 4e6 || dots > 17e6 || fmas < 4e6 || fmas > 16e6) {
			t.Errorf("%s: %v dot operations and %v fma operations for 4 million", tier, dots, fmas)
		}
		b := make([]byte, 1<<18+128+5)
		if n := ReadAll(tier, b); n < 1<<18+64 || n > len(b) {
			t.Errorf("%s: read %d of %d bytes", tier, n, len(b))
		}
	}
	b := make([]byte, 256)
	for i := range b {
		b[i] = 1
		if sum := neonReadLoop(&b[0], len(b)); sum == 0 {
			t.Errorf("byte %d is not read", i)
		}
		b[i] = 0
	}
}
