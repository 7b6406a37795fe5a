package kernel

import (
	"fmt"
	"math"
	"testing"
)

// gated is a recurrence with a matrix per head and a scalar decay, as linear attention
// has it: S = exp(g)·S + k·vᵀ, y = Sᵀ·q. It shows that Recurrent and Piece hold
// more than a convolution needs: the next base follows from the one before it.
type gated struct{ heads, dk, dv int }

// row is q, k, v and g of a token; of them k, v and g are kept.
func (o gated) row() int  { return o.heads * (2*o.dk + o.dv + 1) }
func (o gated) kept() int { return o.heads * (o.dk + o.dv + 1) }
func (o gated) base() int { return o.heads * o.dk * o.dv }

// extend appends rows [from, to) of x, head by head, and returns what they say.
func (o gated) extend(t *testing.T, r *Recurrent, x []float32, from, to int) []float32 {
	t.Helper()
	if err := r.Reserve(from, to); err != nil {
		t.Fatal(err)
	}
	s := RecurrentSpan{State: r, Start: from, Rows: to - from}
	if err := s.check(o.base(), o.kept()); err != nil {
		t.Fatal(err)
	}
	y := make([]float32, (to-from)*o.heads*o.dv)
	for h := o.heads - 1; h >= 0; h-- {
		for i := range s.Pieces() {
			p := s.Piece(i)
			if p.Next != nil && &p.Next[0] == &p.Base[0] {
				t.Fatalf("positions %d to %d: the next base overlaps the present one", from, to-1)
			}
			o.piece(p, x[from*o.row():to*o.row()], y, h)
		}
	}
	r.SetLen(to)
	return y
}

func (o gated) piece(p Piece, x, y []float32, h int) {
	w, past := o.dk+o.dv+1, len(p.Past)/o.kept()
	at := func(q int) []float32 { // k, v and g at place q of the chunk
		if q < past {
			return p.Past[q*o.kept()+h*w:][:w]
		}
		row := x[(p.First+q-past)*o.row():]
		return row[o.heads*o.dk+h*w:][:w]
	}
	base := p.Base[h*o.dk*o.dv:][:o.dk*o.dv]
	// state is S behind place n of the chunk, from the base and the rows up to it.
	state := func(n int) []float32 {
		sum, total := make([]float32, n+1), float32(0)
		for j := range n + 1 {
			total += at(j)[w-1]
			sum[j] = total
		}
		m := make([]float32, o.dk*o.dv)
		for i, b := range base {
			m[i] = b * float32(math.Exp(float64(total)))
		}
		for j := range n + 1 {
			k, d := at(j), float32(math.Exp(float64(total-sum[j])))
			for a := range o.dk {
				for b := range o.dv {
					m[a*o.dv+b] += d * k[a] * k[o.dk+b]
				}
			}
		}
		return m
	}
	for i := range p.Rows {
		m, q := state(past+i), x[(p.First+i)*o.row()+h*o.dk:]
		out := y[((p.First+i)*o.heads+h)*o.dv:][:o.dv]
		for a := range o.dk {
			for b := range out {
				out[b] += m[a*o.dv+b] * q[a]
			}
		}
		if p.Keep != nil {
			copy(p.Keep[i*o.kept()+h*w:], at(past+i))
		}
	}
	if p.Next != nil {
		copy(p.Next[h*o.dk*o.dv:], state(RecurrentChunk-1))
	}
}

// TestRecurrentGated: a recurrence whose base moves on from chunk to chunk says the
// same in calls of any size, forked and rewound, with more chunks than bases are kept.
func TestRecurrentGated(t *testing.T) {
	o := gated{2, 3, 2}
	const n = 2300
	g := rng(20)
	x := gauss(g, n*o.row())
	for i := range n {
		for h := range o.heads {
			d := &x[i*o.row()+o.heads*o.dk+h*(o.dk+o.dv+1)+o.dk+o.dv]
			*d = -0.1 * float32(math.Abs(float64(*d)))
		}
	}
	width := o.heads * o.dv
	p := &Pool{}
	whole := newRecurrent(t, p, o.base(), o.kept())
	want := o.extend(t, whole, x, 0, n)
	same := func(what string, got []float32, from int) {
		t.Helper()
		a, b := FromF32(got, len(got)/width, width), FromF32(want[from*width:from*width+len(got)], len(got)/width, width)
		sameBits(t, what, &a, &b)
	}
	for _, call := range []int{1, 7, 63, 64, 65, 513, 1500} {
		r := newRecurrent(t, p, o.base(), o.kept())
		for at := 0; at < n; at += call {
			to := min(at+call, n)
			same(fmt.Sprintf("calls of %d", call), o.extend(t, r, x, at, to), at)
			r.Trim()
			r.Poison(to)
		}
		for _, back := range []int{1, 64, 65, 5 * 64, 1000} {
			at := r.Nearest(r.Len() - back)
			f := r.Fork()
			f.Truncate(at)
			same(fmt.Sprintf("%d back", back), o.extend(t, f, x, at, min(n, at+150)), at)
			f.Release()
		}
		r.Release()
	}
	whole.Release()
	if p.Live() != 0 {
		t.Errorf("%d bytes are left", p.Live())
	}
}
