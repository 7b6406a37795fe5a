package backendtest

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// sameBits compares got, the outputs of span sp, with the rows of all, those
// of the whole case. NaN equals NaN.
func sameBits(got, all results, sp Span, c *Case) error {
	if c.Apart && sp != c.whole() {
		return nil
	}
	for i, g := range got {
		w := all[i].rows(sp, c)
		if len(g.f) != len(w.f) || len(g.i) != len(w.i) {
			return fmt.Errorf("%s has %d values, want %d", g.name, len(g.f)+len(g.i), len(w.f)+len(w.i))
		}
		for j := range g.f {
			if a, b := g.f[j], w.f[j]; math.Float32bits(a) != math.Float32bits(b) && (a == a || b == b) {
				return fmt.Errorf("%s differs at row %d, channel %d: %v, want %v", g.name, j/g.cols, j%g.cols, a, b)
			}
		}
		for j := range g.i {
			if g.i[j] != w.i[j] {
				return fmt.Errorf("%s differs at row %d, column %d: %d, want %d", g.name, j/g.cols, j%g.cols, g.i[j], w.i[j])
			}
		}
	}
	return nil
}

// rows is the part of a whole result that span sp must give.
func (r *result) rows(sp Span, c *Case) result {
	if sp == c.whole() {
		return *r
	}
	p := result{name: r.name, cols: r.cols}
	lo, hi := sp.Start*r.cols, (sp.Start+sp.Len)*r.cols
	if r.f != nil {
		p.f = r.f[lo:hi]
	} else {
		p.i = r.i[lo:hi]
	}
	return p
}

// judge holds what runtime/reference says of a case.
type judge struct {
	c     *Case
	want  results
	tight []float64 // by output: distance that is allowed everywhere
	loose []float64 // by output: distance that is allowed in some rows
}

// flipRows is the share of rows in which an activation may fall on the other
// side of a rounding border than the reference's; one is always allowed.
const flipRows = 1.0 / 16

// newJudge runs the whole case in the reference. K and V go in as the cache
// type gives them back. Where activations are quantised it runs again without
// rounding: the difference is what a rounding border can move.
func newJudge(c *Case, kv string, rel float64) (*judge, error) {
	j := &judge{c: c}
	var err error
	if j.want, err = interpret(c, kv, reference.Backend{}); err != nil {
		return nil, err
	}
	smooth := j.want
	if rounds(c.Graph) {
		if smooth, err = interpret(c, kv, reference.Backend{ExactActivations: true}); err != nil {
			return nil, err
		}
	}
	if c.Tol > 0 {
		rel *= c.Tol
	}
	for i, w := range j.want {
		most, moved := 0.0, 0.0
		for k, x := range w.f {
			if j.judged(k / w.cols) {
				most = max(most, finite(float64(x)))
				moved = max(moved, finite(float64(x)-float64(smooth[i].f[k])))
			}
		}
		j.tight = append(j.tight, rel*most)
		j.loose = append(j.loose, rel*most+moved)
	}
	return j, nil
}

func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return math.Abs(x)
}

// judged says whether the tolerance means anything in a row.
func (j *judge) judged(row int) bool { return !j.c.Extreme || rowKind(row) == 0 }

func rounds(g *ir.Graph) bool {
	for _, v := range g.Values() {
		if v.Type.Elem == ir.I8 {
			return true
		}
	}
	return false
}

// check holds the outputs of span sp to the tolerance. Integers are ids in
// order of the numbers beside them (topk): where those are as far apart as the
// tolerance they must be equal.
func (j *judge) check(got results, sp Span) error {
	if j.c.Apart && sp != j.c.whole() {
		return nil
	}
	for i, g := range got {
		w := j.want[i].rows(sp, j.c)
		if len(g.f) != len(w.f) || len(g.i) != len(w.i) {
			return fmt.Errorf("%s has %d values, want %d", g.name, len(g.f)+len(g.i), len(w.f)+len(w.i))
		}
		if err := j.floats(i, g, w, sp); err != nil {
			return err
		}
		if len(g.i) > 0 {
			if err := j.ids(i, g, w, sp); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *judge) floats(i int, g, w result, sp Span) error {
	flipped, last := 0, -1
	for k, x := range g.f {
		row := k / g.cols
		if !j.judged(sp.Start + row) {
			continue
		}
		d := math.Abs(float64(x) - float64(w.f[k]))
		switch {
		case x == w.f[k] || x != x && w.f[k] != w.f[k] || d <= j.tight[i]:
			continue
		case d <= j.loose[i] && (row == last || float64(flipped) < max(1, flipRows*float64(len(g.f)/g.cols))):
			if row != last {
				flipped, last = flipped+1, row
			}
			continue
		}
		return fmt.Errorf("%s at row %d, channel %d is %v, the reference says %v: %.3g apart, at most %.3g", g.name, row, k%g.cols, x, w.f[k], d, j.tight[i])
	}
	return nil
}

// ids compares the integers of output i with the numbers of output i+1.
func (j *judge) ids(i int, g, w result, sp Span) error {
	if i+1 >= len(j.want) || len(j.want[i+1].f) != len(j.want[i].i) {
		return fmt.Errorf("%s: integers without the numbers they are ordered by", g.name)
	}
	vals := j.want[i+1].rows(sp, j.c).f
	for k := range g.i {
		if g.i[k] == w.i[k] || !j.judged(sp.Start+k/g.cols) {
			continue
		}
		first, last := k%g.cols == 0, (k+1)%g.cols == 0
		near := !first && vals[k-1] != vals[k] && finite(float64(vals[k-1]-vals[k])) <= 2*j.tight[i+1] ||
			!last && vals[k+1] != vals[k] && finite(float64(vals[k+1]-vals[k])) <= 2*j.tight[i+1]
		if !near {
			return fmt.Errorf("%s at row %d, rank %d is %d, the reference says %d", g.name, k/g.cols, k%g.cols, g.i[k], w.i[k])
		}
	}
	return nil
}

// interpret runs the whole case in a reference.
func interpret(c *Case, kv string, b reference.Backend) (results, error) {
	d, err := b.Open(weightTable{c.Name: c.Weights}, backend.Options{})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	s := &suite{devices: []backend.Device{d}}
	cached := *c
	if kv != "" {
		cached.f32 = map[string][]float32{}
		for name, x := range c.f32 {
			if name == "k" || name == "v" {
				if x, err = throughCodec(x, kv, int(c.Graph.States[0].HeadDim)); err != nil {
					return nil, err
				}
			}
			cached.f32[name] = x
		}
	}
	r, err := s.open(0, c.Name, c.Graph, &cached, kv)
	if err != nil {
		return nil, err
	}
	return r.run(c.whole())
}

// throughCodec encodes rows of dim channels in a cache type and decodes them.
// Rows that the type cannot hold stay as they are; they are not judged.
func throughCodec(x []float32, kv string, dim int) ([]float32, error) {
	t, err := tensor.ParseType(kv)
	if err != nil {
		return nil, err
	}
	size, err := t.RowBytes(int64(dim))
	if err != nil {
		return nil, err
	}
	row, y := make([]byte, size), make([]float32, len(x))
	for at := 0; at < len(x); at += dim {
		if quant.Encode(t, row, x[at:at+dim]) != nil {
			copy(y[at:], x[at:at+dim])
			continue
		}
		if err := quant.Decode(t, y[at:at+dim], row); err != nil {
			return nil, err
		}
	}
	return y, nil
}
