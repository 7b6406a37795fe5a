package reference

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// site is a node with what it reads: x is its first input, w its first weight.
type site struct {
	n     *ir.Node
	vals  []value // all of the call, by ID
	run   *run
	x     value
	w     *matrix
	exact bool // quantize_act is the identity
}

// in is the node's input i.
func (s *site) in(i int) value { return s.vals[s.n.In[i]] }

// set makes y the node's output 0.
func (s *site) set(y value) { s.vals[s.n.Out[0]] = y }

// meanings is the one table of what simple ops mean: a row sets the outputs of
// its site.
var meanings = map[ir.OpName]func(*site) error{
	ir.OpEmbedding: embedding,
	ir.OpMatmul:    always(matmul),
	ir.OpRMSNorm: always(func(s *site) value {
		return rmsNorm(s.x, s.w.row(0), int(s.n.Int("dim")), s.n.Float("eps"))
	}),
	ir.OpAddBias:  always(addBias),
	ir.OpAdd:      pairwise(func(a, b float64) float64 { return a + b }),
	ir.OpMul:      pairwise(func(a, b float64) float64 { return a * b }),
	ir.OpSilu:     unary(func(v float64) float64 { return v / (1 + math.Exp(-v)) }),
	ir.OpGeluTanh: unary(func(v float64) float64 { return 0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))) }),
	ir.OpRope:     always(func(s *site) value { return rope(s.x, s.run.pos, s.w.row(0), s.n) }),
	ir.OpAttention: always(func(s *site) value {
		return attention(s.n, s.vals, s.run)
	}),
	ir.OpCausalConv:  always(causalConv),
	ir.OpSelectRows:  always(selectRows),
	ir.OpTopK:        func(s *site) error { return topk(s.n, s.vals) },
	ir.OpBoundary:    boundary,
	ir.OpRelayout:    always(identity),
	ir.OpQuantizeAct: always(quantizeAct),
}

// always is a meaning that cannot fail.
func always(f func(*site) value) func(*site) error {
	return func(s *site) error { s.set(f(s)); return nil }
}

// unary is a function of each element.
func unary(f func(float64) float64) func(*site) error {
	return always(func(s *site) value { return mapped(s.x, f) })
}

// pairwise is a function of each pair of elements.
func pairwise(f func(a, b float64) float64) func(*site) error {
	return always(func(s *site) value {
		y := newValue(s.x.rows(), s.x.cols)
		for i, b := range s.in(1).f {
			y.f[i] = f(s.x.f[i], b)
		}
		return y
	})
}

func identity(s *site) value { return s.x }

func boundary(s *site) error {
	for i, v := range s.n.Out {
		s.vals[v] = s.in(i)
	}
	return nil
}

func embedding(s *site) error {
	y := newValue(len(s.x.i), s.w.k)
	for r, id := range s.x.i {
		if id < 0 || int(id) >= s.w.n {
			return fmt.Errorf("token id %d is outside 0..%d", id, s.w.n-1)
		}
		copy(y.row(r), s.w.row(int(id)))
	}
	s.set(y)
	return nil
}

func matmul(s *site) value {
	y := newValue(s.x.rows(), s.w.n)
	for r := range s.x.rows() {
		for j := range s.w.n {
			y.f[r*s.w.n+j] = dot(s.x.row(r), s.w.row(j))
		}
	}
	return y
}

func addBias(s *site) value {
	y := newValue(s.x.rows(), s.x.cols)
	for i := range y.f {
		y.f[i] = s.x.f[i] + s.w.data[i%s.x.cols]
	}
	return y
}

func selectRows(s *site) value {
	y := newValue(len(s.run.want), s.x.cols)
	for i, r := range s.run.want {
		copy(y.row(i), s.x.row(int(r)))
	}
	return y
}

func quantizeAct(s *site) value {
	if s.exact {
		return s.x
	}
	return roundS256E32(s.x)
}
