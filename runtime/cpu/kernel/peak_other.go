//go:build !amd64 && !arm64

package kernel

// DotPeak executes about n million byte products and sums with the dot-product
// instruction of tier t and returns the number of operations (two per
// multiply-add), 0 when the tier has no such loop. The caller times it.
func DotPeak(t Tier, n int) float64 { return 0 }

// FMAPeak is DotPeak for float32 fused multiply-adds.
func FMAPeak(t Tier, n int) float64 { return 0 }

// ReadAll loads every byte of b with the widest loads of tier t and returns
// the number of bytes read: the limit of a kernel that streams weights.
func ReadAll(t Tier, b []byte) int { return readAllGo(b) }
