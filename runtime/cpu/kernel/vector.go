package kernel

import "github.com/tessera-llm/tessera/internal/f32"

// The functions of this file work on runs of float32. Each has a vector form
// for the tiers for which vectorTier holds, with the same bits.

func addRun(dst, a, b []float32, vec Tier) {
	if vec != Generic {
		vecAdd(vec, dst, a, b)
		return
	}
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func mulRun(dst, a, b []float32, vec Tier) {
	if vec != Generic {
		vecMul(vec, dst, a, b)
		return
	}
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

// scaleMul is dst = (x*r)*w.
func scaleMul(dst, x, w []float32, r float32, vec Tier) {
	if vec != Generic {
		vecScaleMul(vec, dst, x, w, r)
		return
	}
	x, w = x[:len(dst)], w[:len(dst)]
	for i := range dst {
		dst[i] = float32(x[i]*r) * w[i]
	}
}

func sumSquares(x []float32, vec Tier) float32 {
	if vec == Generic {
		return f32.SumSquares(x)
	}
	var l [16]float32
	n := len(x) &^ 15
	vecSquares(vec, &l, x[:n])
	for i, v := range x[n:] {
		l[i] = f32.FMA(v, v, l[i])
	}
	return f32.Tree16(&l)
}

// activation is one of silu and gelu_tanh.
type activation uint8

const (
	silu activation = iota
	gelu
)

func (a activation) run(dst, x []float32, vec Tier) {
	x = x[:len(dst)]
	switch {
	case a == silu && vec != Generic:
		vecSilu(vec, dst, x)
	case a == silu:
		for i, v := range x {
			dst[i] = f32.Silu(v)
		}
	default:
		for i, v := range x {
			dst[i] = f32.GeluTanh(v)
		}
	}
}

// putRow stores a whole row of token t of a c4 activation.
func putRow(out *Act, t int, row []float32, vec Tier) {
	if vec == Generic || out.S == 1 {
		out.putRun(t, 0, row)
		return
	}
	for k := 0; k < len(row); k += Slab {
		vecPut(out, t, k, row[k:min(len(row), k+Slab)])
	}
}
