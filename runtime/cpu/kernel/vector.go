package kernel

import (
	"cmp"

	"github.com/tessera-llm/tessera/internal/f32"
)

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

// putRow stores a whole row of token t of a c4 activation.
func putRow(out *Act, t int, row []float32, vec Tier) {
	if vec == Generic || out.S == 1 {
		out.putRun(t, 0, row)
		return
	}
	putVec(out, t, 0, row)
}

// putVec is putRun for a c4 activation of several tokens in tiers with vectors:
// any run of channels, wherever it begins. Whole groups of 4 channels lie
// together; of a group that the run has a part of, channels are stored one by
// one.
func putVec(a *Act, t, k int, src []float32) {
	for len(src) > 0 {
		n, whole := groups(k, len(src))
		if whole {
			vecScatter(a.F[a.off(t, k):], src, n/4)
		} else {
			a.putRun(t, k, src[:n])
		}
		k, src = k+n, src[n:]
	}
}

// getVec is getRun for a c4 activation of several tokens in tiers with vectors.
func getVec(a *Act, dst []float32, t, k int) {
	for len(dst) > 0 {
		n, whole := groups(k, len(dst))
		if whole {
			vecGather(dst, a.F[a.off(t, k):], n/4)
		} else {
			a.getRun(dst[:n], t, k)
		}
		k, dst = k+n, dst[n:]
	}
}

// groups is how much of a run of n channels from k on is moved at once: whole
// groups of 4 channels of one slab, or a part of a group.
func groups(k, n int) (run int, whole bool) {
	if part := -k & 3; part != 0 || n < 4 {
		return min(n, cmp.Or(part, n)), false
	}
	return min(n, Slab-k%Slab) &^ 3, true
}
