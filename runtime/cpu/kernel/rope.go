package kernel

import (
	"fmt"

	"github.com/tessera-llm/tessera/internal/f32"
)

// RopeTable holds cos and sin of position·inv_freq: [S][Half] each.
type RopeTable struct {
	Cos, Sin []float32
	Half     int // pairs per head, Dim/2
}

// BuildRope fills the rows of a table for positions start to start+s-1. The
// angle is the f32 product of the position and invFreq, its cos and sin are
// rounded to f32 and multiplied by mscale. cos and sin hold s*len(invFreq).
func BuildRope(cos, sin []float32, start, s int, invFreq []float32, mscale float32) {
	n := len(invFreq)
	for t := range s {
		pos := float32(start + t)
		for i, f := range invFreq {
			sn, cs := f32.SinCos(float32(pos * f))
			cos[t*n+i], sin[t*n+i] = cs*mscale, sn*mscale
		}
	}
}

func (r *RopeTable) check(op string, s, dim int) error {
	if r.Half*2 != dim || len(r.Cos) < s*r.Half || len(r.Sin) < s*r.Half {
		return fmt.Errorf("%s: table of %d pairs with %d values, want %d pairs for %d tokens", op, r.Half, len(r.Cos), dim/2, s)
	}
	return nil
}

// rotate turns the first 2*half channels of one head; dst may be x.
func rotate(dst, x, cos, sin []float32, vec Tier) {
	h := len(cos)
	copy(dst[2*h:], x[2*h:])
	xl, xh := x[:h], x[h:2*h]
	dl, dh := dst[:h], dst[h:2*h]
	sin = sin[:h]
	if vec != Generic && h%16 == 0 {
		vecRotate(vec, dl, dh, xl, xh, cos, sin)
		return
	}
	for i, c := range cos {
		lo, hi, s := xl[i], xh[i], sin[i]
		dl[i] = f32.FMA(lo, c, -float32(hi*s))
		dh[i] = f32.FMA(hi, c, float32(lo*s))
	}
}

// Rope rotates pairs (i, i+Dim/2) of each head: plain to plain, Out may alias
// X. One item per token.
type Rope struct {
	Tier    Tier
	X, Out  Act
	HeadDim int
	Dim     int // rotary channels of a head
	Table   RopeTable
}

// Prepare checks shapes.
func (r *Rope) Prepare() error { return checkRope("rope", &r.X, &r.Out, r.HeadDim, r.Dim, &r.Table) }

func checkRope(op string, x, out *Act, headDim, dim int, table *RopeTable) error {
	if headDim <= 0 || x.C%headDim != 0 || dim <= 0 || dim%2 != 0 || dim > headDim {
		return fmt.Errorf("%s: %d channels, head_dim %d, rotary dim %d do not fit", op, x.C, headDim, dim)
	}
	if err := wantPlain(op, "input", x, x.S, x.C); err != nil {
		return err
	}
	if err := wantPlain(op, "output", out, x.S, x.C); err != nil {
		return err
	}
	return table.check(op, x.S, dim)
}

// Items is one per token.
func (r *Rope) Items() int { return r.X.S }

// Scratch is none.
func (r *Rope) Scratch() int { return 0 }

// Run rotates tokens lo to hi-1.
func (r *Rope) Run(lo, hi int, _ []byte) {
	for t := lo; t < hi; t++ {
		ropeToken(&r.Out, &r.X, t, r.HeadDim, &r.Table, nil, 0, vectorTier(r.Tier))
	}
}

// ropeToken normalises each head by norm if there is one, then rotates it.
func ropeToken(out, x *Act, t, headDim int, table *RopeTable, norm []float32, eps float32, vec Tier) {
	cos, sin := table.Cos[t*table.Half:][:table.Half], table.Sin[t*table.Half:][:table.Half]
	for k := t * x.C; k < (t+1)*x.C; k += headDim {
		src, dst := x.F[k:k+headDim], out.F[k:k+headDim]
		if norm != nil {
			normRun(dst, src, norm, eps, vec)
			src = dst
		}
		rotate(dst, src, cos, sin, vec)
	}
}

// RopeQK rotates queries and keys, after a norm over each head where gammas
// are given. Outputs may alias inputs. One item per token.
type RopeQK struct {
	Tier             Tier
	Q, K, QOut, KOut Act
	HeadDim, Dim     int
	Table            RopeTable
	QNorm, KNorm     []float32 // [HeadDim] or nil
	Eps              float32
}

// Prepare checks shapes.
func (r *RopeQK) Prepare() error {
	if r.K.S != r.Q.S {
		return fmt.Errorf("rope_qk: %d queries, %d keys", r.Q.S, r.K.S)
	}
	for _, w := range [][]float32{r.QNorm, r.KNorm} {
		if w != nil && len(w) != r.HeadDim {
			return fmt.Errorf("rope_qk: norm weight of %d channels, head_dim %d", len(w), r.HeadDim)
		}
	}
	if err := checkRope("rope_qk", &r.Q, &r.QOut, r.HeadDim, r.Dim, &r.Table); err != nil {
		return err
	}
	return checkRope("rope_qk", &r.K, &r.KOut, r.HeadDim, r.Dim, &r.Table)
}

// Items is one per token.
func (r *RopeQK) Items() int { return r.Q.S }

// Scratch is none.
func (r *RopeQK) Scratch() int { return 0 }

// Run processes tokens lo to hi-1.
func (r *RopeQK) Run(lo, hi int, _ []byte) {
	vec := vectorTier(r.Tier)
	for t := lo; t < hi; t++ {
		ropeToken(&r.QOut, &r.Q, t, r.HeadDim, &r.Table, r.QNorm, r.Eps, vec)
		ropeToken(&r.KOut, &r.K, t, r.HeadDim, &r.Table, r.KNorm, r.Eps, vec)
	}
}
