//go:build !amd64

package quant

func widenF16([]float32, []byte) int { return 0 }

func narrowF16([]byte, []float32) int { return 0 }

// magnitude is the largest |x| as bits, which compare as integers.
func magnitude(x []float32) uint32 { return magnitudeGo(x) }
