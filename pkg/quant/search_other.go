//go:build !amd64

package quant

// useAVX2 is false: the vector searches exist on amd64 only.
const useAVX2 = false

type lanes struct{}

func (*lanes) searchMins(*[superBlock]float32, *minSearch, *[8]float32, *[8]float32) bool {
	return false
}

func (*lanes) searchSyms(*[superBlock]float32, *[16]float32) bool { return false }

// quantise rounds (x+m)/d to the nearest of lowest..highest, counted from
// lowest. Sixteen values share a d and an m.
func quantise(q *[superBlock]byte, x *[superBlock]float32, d, m *[16]float32, lowest, highest int32) {
	quantiseGo(q, x, d, m, lowest, highest)
}
