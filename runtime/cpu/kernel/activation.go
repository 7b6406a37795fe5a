package kernel

import (
	"fmt"

	"github.com/tessera-llm/tessera/internal/f32"
)

// Activation is a function of one float, in the forms that kernels want. One
// row serves the op itself (Unary) and every op that applies it (GatedAct).
type Activation struct {
	name string
	// run is dst = f(x); dst may be x.
	run func(vec Tier, dst, x []float32)
	// mul is dst = f(x) · u in one pass, where the tier has it: it reports
	// whether. Nil for none.
	mul func(vec Tier, dst, x, u []float32) bool
}

// Silu is x / (1 + exp(-x)).
var Silu = &Activation{"silu", siluRun, vecSiluMul}

// GeluTanh is the tanh form of gelu; it has no vector form.
var GeluTanh = &Activation{"gelu_tanh", each(f32.GeluTanh), nil}

func (a *Activation) String() string { return a.name }

// each is f for one float after the other.
func each(f func(float32) float32) func(vec Tier, dst, x []float32) {
	return func(_ Tier, dst, x []float32) {
		x = x[:len(dst)]
		for i, v := range x {
			dst[i] = f(v)
		}
	}
}

func siluRun(vec Tier, dst, x []float32) {
	if vec != Generic {
		vecSilu(vec, dst, x)
		return
	}
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = f32.Silu(v)
	}
}

// Unary is Out = F(X).
type Unary struct {
	Tier   Tier
	F      *Activation
	X, Out Act
	pointwise
}

// Prepare checks shapes.
func (o *Unary) Prepare() error {
	if o.F == nil {
		return fmt.Errorf("element-wise op without a function")
	}
	return o.prepare(o.F.name, &o.Out, &o.X)
}

// Run maps a range of elements.
func (o *Unary) Run(lo, hi int, _ []byte) {
	i, j := o.span(lo, hi)
	o.F.run(vectorTier(o.Tier), o.Out.F[i:j], o.X.F[i:j])
}
