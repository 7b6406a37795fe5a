package weights

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// transpose gathers columns [lo, hi) of the argument. Of a tensor of the
// checkpoint it touches those columns only, and checks what it gathered.
func (v *evaluator) transpose(e *ir.Expr, u units, lo, hi int64, depth int) ([]byte, error) {
	arg := e.Args[0]
	k, n := arg.Shape[0], arg.Shape[1] // rows of e are columns of arg
	size := int64(e.Type.BlockBytes())
	dst := v.buffer(depth, (hi-lo)*u.size)
	gather := func(src []byte, from, to int64) {
		for i := from; i < to; i++ {
			row := src[(i-from)*n*size:]
			for j := lo; j < hi; j++ {
				copy(dst[(j-lo)*u.size+i*size:][:size], row[j*size:])
			}
		}
	}
	if arg.Kind == ir.ExprTensor {
		t, err := v.tensor(arg)
		if err != nil {
			return nil, err
		}
		gather(t.Data, 0, k)
		if err := quant.CheckBlocks(e.Type, dst); err != nil {
			return nil, fmt.Errorf("tensor %q in %s, columns %d to %d: %w", arg.Name, t.File, lo, hi, err)
		}
		return dst, nil
	}
	// Rows of the argument by pieces, so that what a buffer holds is bounded.
	step := max(1, blockBytes/max(1, n*size))
	for from := int64(0); from < k; from += step {
		to := min(from+step, k)
		src, err := v.rows(arg, from, to, depth+1)
		if err != nil {
			return nil, err
		}
		gather(src, from, to)
	}
	return dst, nil
}

// flatten reads the matrices of the stack that hold the wanted rows.
func (v *evaluator) flatten(e *ir.Expr, u units, lo, hi int64, depth int) ([]byte, error) {
	if hi == lo {
		return nil, nil
	}
	n := e.Args[0].Shape[1]
	first, last := lo/n, (hi+n-1)/n
	src, err := v.rows(e.Args[0], first, last, depth)
	if err != nil {
		return nil, err
	}
	return src[(lo-first*n)*u.size : (hi-first*n)*u.size], nil
}

// plusOne adds one to values [lo, hi), each rounded once.
func (v *evaluator) plusOne(e *ir.Expr, lo, hi int64, depth int) ([]byte, error) {
	arg := e.Args[0]
	src, err := v.rows(arg, lo, hi, depth+1)
	if err != nil {
		return nil, err
	}
	dst := v.buffer(depth, 4*(hi-lo))
	size := int64(arg.Type.BlockBytes())
	x := make([]float32, min(hi-lo, scratchElems))
	for at := int64(0); at < hi-lo; at += int64(len(x)) {
		x = x[:min(int64(len(x)), hi-lo-at)]
		if err := quant.Decode(arg.Type, x, src[at*size:(at+int64(len(x)))*size]); err != nil {
			return nil, v.blame(arg, lo, err)
		}
		for i := range x {
			x[i]++
		}
		if err := quant.Encode(tensor.F32, dst[4*at:4*(at+int64(len(x)))], x); err != nil {
			return nil, v.blame(arg, lo, err)
		}
	}
	return dst, nil
}
