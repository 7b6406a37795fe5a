package reference

import (
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// value is rows × cols of float64 or int32.
type value struct {
	f    []float64
	i    []int32
	cols int
}

func (v value) rows() int { return max(len(v.f), len(v.i)) / v.cols }

func (v value) row(r int) []float64 { return v.f[r*v.cols : (r+1)*v.cols] }

func newValue(rows, cols int) value { return value{f: make([]float64, rows*cols), cols: cols} }

// eval computes one simple node.
func (e *executable) eval(n *ir.Node, vals []value, run *run) error {
	f := meanings[n.Op]
	if f == nil {
		return fmt.Errorf("no meaning for op %q", n.Op)
	}
	s := &site{n: n, vals: vals, run: run, x: vals[n.In[0]], exact: e.d.exact}
	if len(n.Weights) > 0 {
		var err error
		if s.w, err = e.weight(n.Weights[0]); err != nil {
			return err
		}
	}
	return f(s)
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

func mapped(x value, f func(float64) float64) value {
	y := newValue(x.rows(), x.cols)
	for i, v := range x.f {
		y.f[i] = f(v)
	}
	return y
}

func rmsNorm(x value, w []float64, dim int, eps float64) value {
	y := newValue(x.rows(), x.cols)
	for at := 0; at < len(x.f); at += dim {
		g := x.f[at : at+dim]
		r := 1 / math.Sqrt(dot(g, g)/float64(dim)+eps)
		for i, v := range g {
			y.f[at+i] = v * r * w[i]
		}
	}
	return y
}

// rope rotates pairs (i, i+rd/2) of each head. The angle is the float32
// product of position and frequency, as transformers computes it and as the
// engine does: at large positions that rounding is part of the model.
func rope(x value, positions []int, inv []float64, n *ir.Node) value {
	hd, half := int(n.Int("head_dim")), int(n.Int("rotary_dim"))/2
	m := n.Float("mscale")
	if m == 0 {
		m = 1
	}
	y := value{f: slices.Clone(x.f), cols: x.cols}
	for t := range x.rows() {
		for i := range half {
			sin, cos := math.Sincos(float64(float32(positions[t]) * float32(inv[i])))
			sin, cos = sin*m, cos*m
			for h := 0; h < x.cols; h += hd {
				lo, hi := x.row(t)[h+i], x.row(t)[h+i+half]
				y.row(t)[h+i] = lo*cos - hi*sin
				y.row(t)[h+i+half] = hi*cos + lo*sin
			}
		}
	}
	return y
}

// attention appends what the node brings of k and v. One that brings neither
// reads what another node of the call has appended.
func attention(n *ir.Node, vals []value, r *run) value {
	q, heads := vals[n.In[0]], int(n.Int("heads"))
	group := heads / int(n.Int("kv_heads"))
	y := newValue(q.rows(), heads*r.spans[0].st.layers[n.States[0]].vdim)
	for _, s := range r.spans {
		l := s.st.layers[n.States[0]]
		for i, to := range []*[]float64{&l.k, &l.v} {
			if 1+i < len(n.In) {
				x := vals[n.In[1+i]]
				*to = append(*to, x.f[s.first*x.cols:(s.first+s.rows)*x.cols]...)
			}
		}
		for t := s.first; t < s.first+s.rows; t++ {
			p, first := r.pos[t], 0
			if w := int(n.Int("window")); w > 0 {
				first = max(0, p-w+1)
			}
			for h := range heads {
				head(y.row(t)[h*l.vdim:(h+1)*l.vdim], q.row(t)[h*l.kdim:(h+1)*l.kdim], l, h/group, first, p, n.Float("scale"))
			}
		}
	}
	return y
}

// head is softmax(scale·q·kᵀ)·v of one query head over positions first..last
// of kv head h.
func head(y, q []float64, l *layer, h, first, last int, scale float64) {
	s := make([]float64, last-first+1)
	m := math.Inf(-1)
	for j := range s {
		s[j] = dot(q, l.key(first+j, h)) * scale
		m = max(m, s[j])
	}
	sum := 0.0
	for j := range s {
		s[j] = math.Exp(s[j] - m)
		sum += s[j]
	}
	for j, p := range s {
		p /= sum
		for d, v := range l.value(first+j, h) {
			y[d] += p * v
		}
	}
}

// causalConv is a sum of products per channel over taps of which the newest lies at
// the row itself; before position 0 there is 0.
func causalConv(s *site) value {
	x, taps := s.x, s.w.k
	y := newValue(x.rows(), x.cols)
	for _, sp := range s.run.spans {
		l := sp.st.layers[s.n.States[0]]
		l.k = append(l.k, x.f[sp.first*x.cols:(sp.first+sp.rows)*x.cols]...)
		for t := range sp.rows {
			for j := range taps {
				at := sp.start + t - taps + 1 + j
				for c := range x.cols {
					v := 0.0
					if at >= 0 {
						v = l.k[at*x.cols+c]
					}
					y.row(sp.first + t)[c] += v * s.w.row(c)[j]
				}
			}
		}
	}
	return y
}
