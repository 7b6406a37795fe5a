package synth

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// stored is one tensor of the checkpoint and the weights of the model that its
// rows hold, in order: what the expressions of pkg/model read, the other way
// round.
type stored struct {
	name  string
	t     tensor.Type
	shape tensor.Shape
	parts []held
}

// held is the rows of one weight.
type held struct {
	slot    int
	lo      int64 // first row in the tensor
	heads   int64 // heads whose rows are interleaved; 0: none
	less    bool  // the distance from one
	columns bool  // the rows are columns of the tensor, which holds nothing else
}

// stored lists the tensors of a container; of chooses the expression for it.
func (j *job) stored(of func(*model.Slot) *ir.Expr) ([]stored, error) {
	var all []stored
	for i := range j.slots {
		x, part := of(&j.slots[i]), held{slot: i}
		for x.Kind != ir.ExprTensor {
			switch x.Kind {
			case ir.ExprUnrotate:
				part.heads = x.Heads
			case ir.ExprSliceRows:
				part.lo = x.Lo
			case ir.ExprPlusOne:
				part.less = true
			case ir.ExprTranspose:
				part.columns = true
			default:
				return nil, fmt.Errorf("weight %q is made by %s, which is not written", j.slots[i].Name, x.Kind)
			}
			x = x.Args[0]
		}
		at := slices.IndexFunc(all, func(s stored) bool { return s.name == x.Name })
		if at < 0 {
			at, all = len(all), append(all, stored{name: x.Name, t: j.types[i], shape: x.Shape})
		}
		all[at].parts = append(all[at].parts, part)
	}
	for i := range all {
		s := &all[i]
		slices.SortFunc(s.parts, func(a, b held) int { return int(a.lo - b.lo) })
		rows := int64(0)
		for _, p := range s.parts {
			if p.lo != rows || j.types[p.slot] != s.t {
				return nil, fmt.Errorf("tensor %q: its weights leave a hole or have several types", s.name)
			}
			if rows += j.slots[p.slot].Shape[0]; p.columns {
				rows = s.shape[0]
			}
		}
		if rows != s.shape[0] {
			return nil, fmt.Errorf("tensor %q has %d rows, its weights %d", s.name, s.shape[0], rows)
		}
	}
	return all, nil
}

// reader gives the bytes of one tensor in type t.
func (j *job) reader(ctx context.Context, s stored, t tensor.Type) (io.Reader, error) {
	var all []io.Reader
	for _, p := range s.parts {
		r, err := j.part(&j.slots[p.slot], p, t)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", s.name, err)
		}
		all = append(all, r)
	}
	return &counter{ctx, j, io.MultiReader(all...)}, nil
}

func (j *job) part(s *model.Slot, p held, t tensor.Type) (io.Reader, error) {
	if len(s.Shape) == 2 {
		m, err := newMatrix(j.pools, j.c, s, t, p.heads)
		if err != nil || !p.columns {
			return m, err
		}
		return transposed(m, s.Shape, t)
	}
	x := vector(j.Seed, s)
	for i := range x {
		if p.less {
			x[i]-- // exact: x is a bf16 number between 0.5 and 2
		}
	}
	if p.heads > 0 {
		x = interleaved(x, p.heads)
	}
	b := make([]byte, len(x)*t.BlockBytes())
	return bytes.NewReader(b), quant.Encode(t, b, x)
}

// transposed is a matrix of floats with its columns as rows. It is the one kind
// of tensor that is made whole before it is written.
func transposed(m io.Reader, shape tensor.Shape, t tensor.Type) (io.Reader, error) {
	if !t.Float() {
		return nil, fmt.Errorf("columns of type %s", t)
	}
	rows, err := io.ReadAll(m)
	if err != nil {
		return nil, err
	}
	out, size := make([]byte, 0, len(rows)), t.BlockBytes()
	n, k := int(shape[0]), int(shape[1])
	for j := range k {
		for i := range n {
			out = append(out, rows[(i*k+j)*size:][:size]...)
		}
	}
	return bytes.NewReader(out), nil
}

// interleaved reorders the elements of a bias as its rows are.
func interleaved(x []float32, heads int64) []float32 {
	y := make([]float32, len(x))
	hd := len(x) / int(heads)
	for i := range y {
		r := i % hd
		y[i] = x[i-r+r%2*(hd/2)+r/2]
	}
	return y
}
