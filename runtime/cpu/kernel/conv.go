package kernel

import (
	"fmt"

	"github.com/tessera-llm/tessera/internal/f32"
)

// convRun is the number of channels of one work item of CausalConv.
const convRun = 64

// CausalConv is a depthwise convolution along the positions of each span: with
// K taps Out[p, c] = Σ_j Weight[j, c] · X[p-K+1+j, c], one chain of FMAs from the
// oldest tap to the newest, X being +0 before position 0. X and Out are plain, the spans'
// rows one after another, and do not overlap. One item per span and run of channels.
//
// Its recurrent state has as base the K-1 inputs before the chunk, the oldest first,
// and as rows the inputs of the chunk.
type CausalConv struct {
	X, Out Act
	Weight []float32 // [K][C], the oldest tap first
	K      int
	Spans  []RecurrentSpan
}

// Prepare checks shapes and room.
func (o *CausalConv) Prepare() error {
	rows, c := 0, o.X.C
	for i := range o.Spans {
		rows += o.Spans[i].Rows
	}
	if o.K < 2 || len(o.Weight) != o.K*c {
		return fmt.Errorf("causal_conv: %d weights for %d taps of %d channels, want 2 taps or more", len(o.Weight), o.K, c)
	}
	if err := wantPlain("causal_conv", "input", &o.X, rows, c); err != nil {
		return err
	}
	if err := wantPlain("causal_conv", "output", &o.Out, rows, c); err != nil {
		return err
	}
	for i := range o.Spans {
		if err := o.Spans[i].check((o.K-1)*c, c); err != nil {
			if len(o.Spans) > 1 {
				err = fmt.Errorf("span %d: %w", i, err)
			}
			return fmt.Errorf("causal_conv: %w", err)
		}
	}
	return nil
}

func (o *CausalConv) runs() int { return ceil(o.X.C, convRun) }

// Items is spans times runs of channels.
func (o *CausalConv) Items() int { return len(o.Spans) * o.runs() }

// Scratch is none.
func (o *CausalConv) Scratch() int { return 0 }

// Run computes items lo to hi-1.
func (o *CausalConv) Run(lo, hi int, _ []byte) {
	n, row := o.runs(), 0
	for i := range o.Spans {
		s := &o.Spans[i]
		for j := max(lo, i*n); j < min(hi, (i+1)*n); j++ {
			c := (j - i*n) * convRun
			o.span(s, row, c, min(c+convRun, o.X.C))
		}
		row += s.Rows
	}
}

// span computes channels [lo, hi) of a span whose rows begin at row of the
// batch, chunk by chunk.
func (o *CausalConv) span(s *RecurrentSpan, row, lo, hi int) {
	c, taps := o.X.C, o.K-1
	for i := range s.Pieces() {
		p := s.Piece(i)
		x := o.X.F[(row+p.First)*c:]
		past := len(p.Past) / c
		// at is the input at place q of the chunk; those before it are in the base.
		at := func(q int) []float32 {
			switch {
			case q >= past:
				return x[(q-past)*c+lo : (q-past)*c+hi]
			case q >= 0:
				return p.Past[q*c+lo : q*c+hi]
			}
			return p.Base[(taps+q)*c+lo : (taps+q)*c+hi]
		}
		for t := range p.Rows {
			out := o.Out.F[(row+p.First+t)*c+lo : (row+p.First+t)*c+hi]
			clear(out)
			for j := range o.K {
				w := o.Weight[j*c+lo : j*c+hi]
				for k, v := range at(past + t - taps + j) {
					out[k] = f32.FMA(v, w[k], out[k])
				}
			}
			if p.Keep != nil {
				copy(p.Keep[t*c+lo:], at(past+t))
			}
		}
		if p.Next == nil {
			continue
		}
		for j := range taps {
			copy(p.Next[j*c+lo:], at(RecurrentChunk-taps+j))
		}
	}
}
