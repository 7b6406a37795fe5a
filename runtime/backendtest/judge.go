package backendtest

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// sameBits compares got with the rows of all, those of the whole case. NaN
// equals NaN.
func sameBits(got, all results) error {
	for i, g := range got {
		w := &all[i]
		for j := range g.f {
			at, col := g.rows[j/g.cols], j%g.cols
			if a, b := g.f[j], w.f[at*g.cols+col]; math.Float32bits(a) != math.Float32bits(b) && (a == a || b == b) {
				return fmt.Errorf("%s differs at row %d (%d of the case), channel %d: %v, want %v", g.name, j/g.cols, at, col, a, b)
			}
		}
		for j := range g.i {
			at, col := g.rows[j/g.cols], j%g.cols
			if a, b := g.i[j], w.i[at*g.cols+col]; a != b {
				return fmt.Errorf("%s differs at row %d (%d of the case), column %d: %d, want %d", g.name, j/g.cols, at, col, a, b)
			}
		}
	}
	return nil
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

// check holds outputs to the tolerance. Integers are ids in order of the
// numbers beside them (topk): where those are as far apart as the tolerance they
// must be equal.
func (j *judge) check(got results) error {
	for i := range got {
		if err := j.floats(i, &got[i]); err != nil {
			return err
		}
		if err := j.ids(i, &got[i]); err != nil {
			return err
		}
	}
	return nil
}

func (j *judge) floats(i int, g *result) error {
	flipped, last := 0, -1
	for k, x := range g.f {
		row := k / g.cols
		if !j.judged(g.rows[row]) {
			continue
		}
		w := j.want[i].f[g.rows[row]*g.cols+k%g.cols]
		d := math.Abs(float64(x) - float64(w))
		switch {
		case x == w || x != x && w != w || d <= j.tight[i]:
			continue
		case d <= j.loose[i] && (row == last || float64(flipped) < max(1, flipRows*float64(len(g.rows)))):
			if row != last {
				flipped, last = flipped+1, row
			}
			continue
		}
		return fmt.Errorf("%s at row %d, channel %d is %v, the reference says %v: %.3g apart, at most %.3g", g.name, row, k%g.cols, x, w, d, j.tight[i])
	}
	return nil
}

// ids compares the integers of output i with the numbers of output i+1.
func (j *judge) ids(i int, g *result) error {
	if len(g.i) == 0 {
		return nil
	}
	if i+1 >= len(j.want) || len(j.want[i+1].f) != len(j.want[i].i) {
		return fmt.Errorf("%s: integers without the numbers they are ordered by", g.name)
	}
	for k, id := range g.i {
		row, rank := g.rows[k/g.cols], k%g.cols
		if !j.judged(row) {
			continue
		}
		want, vals := j.want[i].i[row*g.cols+rank], j.want[i+1].f[row*g.cols:(row+1)*g.cols]
		near := func(o int) bool {
			return o >= 0 && o < g.cols && vals[o] != vals[rank] && finite(float64(vals[o]-vals[rank])) <= 2*j.tight[i+1]
		}
		if id != want && !near(rank-1) && !near(rank+1) {
			return fmt.Errorf("%s at row %d, rank %d is %d, the reference says %d", g.name, k/g.cols, rank, id, want)
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
		pair, err := codec.ParsePair(kv)
		if err != nil {
			return nil, err
		}
		st := c.Graph.States[0]
		cached.f32 = map[string][]float32{}
		for name, x := range c.f32 {
			switch name {
			case "k":
				x, err = throughCodec(x, pair.K, int(st.KDim))
			case "v":
				x, err = throughCodec(x, pair.V, int(st.VDim))
			}
			if err != nil {
				return nil, err
			}
			cached.f32[name] = x
		}
	}
	r, err := s.open(0, c.Name, c.Graph, &cached, kv)
	if err != nil {
		return nil, err
	}
	defer r.close()
	return r.alone(c.whole())
}

// throughCodec encodes rows of dim channels and decodes them. Rows that do not
// come back finite stay as they are; they are not judged.
func throughCodec(x []float32, c *codec.Codec, dim int) ([]float32, error) {
	if err := c.Fits(dim); err != nil {
		return nil, err
	}
	row, y := make([]byte, c.Bytes(dim)), make([]float32, len(x))
	for at := 0; at < len(x); at += dim {
		c.Encode(row, x[at:at+dim])
		c.Decode(y[at:at+dim], row)
		if c.Output != nil {
			c.Output(y[at : at+dim]) // rows that are kept rotated
		}
		for _, v := range y[at : at+dim] {
			if v-v != 0 {
				copy(y[at:], x[at:at+dim])
				break
			}
		}
	}
	return y, nil
}
