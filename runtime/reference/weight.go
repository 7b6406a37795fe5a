package reference

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/quant"
)

// matrix is a decoded weight, [n, k].
type matrix struct {
	n, k int
	data []float64
}

func (m *matrix) row(i int) []float64 { return m.data[i*m.k : (i+1)*m.k] }

// weight decodes the named weight once, row by row, from either packing form.
func (e *executable) weight(name string) (*matrix, error) {
	if m := e.weights[name]; m != nil {
		return m, nil
	}
	w := e.g.Weight(name)
	bytes, err := e.source.Bytes(e.segment, w)
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	rows, err := w.Shape.Rows()
	if err != nil {
		return nil, err
	}
	m := &matrix{n: int(rows), k: int(w.Shape.Last())}
	m.data = make([]float64, m.n*m.k)
	row := make([]float32, m.k)
	for i := range m.n {
		if err := decodeRow(row, bytes, w, int64(i)); err != nil {
			return nil, fmt.Errorf("weight %s, row %d: %w", name, i, err)
		}
		for j, v := range row {
			m.data[i*m.k+j] = float64(v)
		}
	}
	e.weights[name] = m
	return m, nil
}

func decodeRow(dst []float32, data []byte, w *ir.Weight, i int64) error {
	if w.Form != ir.Rows {
		f, err := pack.Of(w.Form)
		if err != nil {
			return err
		}
		return f.Gather(dst, data, w.Type, w.Rows, w.Shape.Last(), i)
	}
	size, err := w.Type.RowBytes(w.Shape.Last())
	if err != nil {
		return err
	}
	return quant.Decode(w.Type, dst, data[i*size:(i+1)*size])
}

// roundS256E32 rounds an activation to the int8 grid of scheme s256e32: per
// slab of 256 channels a base absmax/127, per block of 32 the smallest
// power-of-two fraction of it (down to 2^-20) that still holds the block. A slab
// below 2^-96 is zero, one that holds NaN or Inf is NaN (docs/numerics.md).
func roundS256E32(x value) value {
	y := newValue(x.rows(), x.cols)
	for r := range x.rows() {
		for lo := 0; lo < x.cols; lo += 256 {
			slab := x.row(r)[lo:min(lo+256, x.cols)]
			top := absMax(slab)
			if math.IsNaN(top) || math.IsInf(top, 0) {
				for i := range slab {
					y.row(r)[lo+i] = math.NaN()
				}
				continue
			}
			if top < smallest {
				continue
			}
			base := top / 127
			for b := 0; b < len(slab); b += 32 {
				block := slab[b:min(b+32, len(slab))]
				m := absMax(block)
				step := base
				for e := 0; e < 20 && m <= 127*step/2; e++ {
					step /= 2
				}
				for i, v := range block {
					y.row(r)[lo+b+i] = math.RoundToEven(v/step) * step
				}
			}
		}
	}
	return y
}

// smallest is the largest magnitude of a slab that is not taken for zero.
const smallest = 1.0 / (1 << 48) / (1 << 48)

func absMax(x []float64) float64 {
	m := 0.0
	for _, v := range x {
		m = max(m, math.Abs(v))
	}
	return m
}
