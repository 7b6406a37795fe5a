package backendtest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Case is a graph with the data of one long call, of which spans are run.
type Case struct {
	Name    string
	Graph   *ir.Graph
	Weights map[string][]byte
	Rows    int      // of the whole call: positions where there is a state
	KV      []string // cache types to try; nil without states
	Spans   []Span   // starts and lengths to run, in this order
	// Extreme rows (see rowKind) are compared by bits, not judged by tolerance.
	Extreme bool
	// Costly cases run in some of the variants, unless everything is wanted.
	Costly bool
	// Tol multiplies the tolerance; 0 stands for 1.
	Tol float64
	// Want is what a span wants of its rows; nil: all in order.
	Want func(sp Span) []int32

	f32 map[string][]float32 // inputs, all rows
	i32 map[string][]int32
	top []topRow // by row, for topk
}

// topRow is what topk is asked for one row.
type topRow struct {
	ids         []int32
	scale, bias []float32
	invTemp     float32
	mask        []int32 // nil: none
}

// Span is rows Start to Start+Len-1 of a case.
type Span struct{ Start, Len int }

func (c *Case) whole() Span { return Span{0, c.Rows} }

// want lists the wanted rows of a span, from 0.
func (c *Case) want(sp Span) []int32 {
	if !hasRows(c.Graph) {
		return nil
	}
	if c.Want != nil && sp != c.whole() {
		return c.Want(sp)
	}
	all := make([]int32, sp.Len)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// hasRows reports whether a value of g has a row per wanted row.
func hasRows(g *ir.Graph) bool {
	return slices.ContainsFunc(g.Values(), func(v *ir.Value) bool { return v.Type.Shape[0] == ir.R })
}

// maxRows is the room of a batch: two whole calls, and wanted rows that repeat.
func (c *Case) maxRows() int { return 2*c.Rows + 3 }

// spans lists calls over n rows. The first are some of all (start, length)
// pairs, latest start first, so that a state never lacks positions; the last walk
// from 0 to n in pieces that differ from case to case. Over 16 successive seeds
// starts and lengths have all residues mod 16.
func spans(n, seed int, long bool) []Span {
	var list []Span
	step := 5
	if long {
		step = 1
	}
	for start := seed % step; start < min(n, 33); start += step {
		length := 1 + (7*start+3*seed)%16
		if start+length <= n {
			list = append(list, Span{start, length})
		}
	}
	slices.Reverse(list)
	for at, i := 0, seed; at < n; i++ {
		length := min([]int{1, 4, 3, 8, 2, 5, 16, 1, 7, 12, 6, 9, 15, 11, 13, 10, 14, 17}[i%18], n-at)
		list = append(list, Span{at, length})
		at += length
	}
	return list
}

// rowKind of an extreme case: three of eight rows are ordinary.
func rowKind(row int) int { return max(0, row%8-2) }

// random returns rows × cols normal numbers, of every rowKind if extreme.
func random(name string, rows, cols int, extreme bool) []float32 {
	r := seeded(name)
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	for t := 0; extreme && t < rows; t++ {
		row := x[t*cols : (t+1)*cols]
		switch rowKind(t) {
		case 1:
			scaleRow(row, 1e18)
		case 2:
			scaleRow(row, 1e-30)
		case 3:
			scaleRow(row, 0)
		case 4:
			row[r.IntN(cols)] = float32(math.NaN())
		case 5:
			row[r.IntN(cols)] = float32(math.Inf(-1 + 2*r.IntN(2)))
		}
	}
	return x
}

func scaleRow(row []float32, by float32) {
	for i := range row {
		row[i] *= by
	}
}

func seeded(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}

// fill writes the inputs of a batch.
func (c *Case) fill(g *ir.Graph, in []backend.Buffer, batch []Span) error {
	for i, id := range g.Inputs {
		v := g.Value(id)
		if err := c.fillOne(v, in[i], batch); err != nil {
			return fmt.Errorf("input %s: %w", v.Name, err)
		}
	}
	return nil
}

func (c *Case) fillOne(v *ir.Value, b backend.Buffer, batch []Span) error {
	rows := c.rows(v, batch)
	if c.top != nil && v.Name != "logits" {
		return c.fillTop(v, b, rows)
	}
	if x, ok := c.i32[v.Name]; ok {
		return b.SetInt32(take(x, rows, b.Cols()))
	}
	x, ok := c.f32[v.Name]
	if !ok {
		return fmt.Errorf("the case has no data for it")
	}
	return b.SetFloat32(take(x, rows, b.Cols()))
}

// rows lists the rows of the case that a value has in a batch.
func (c *Case) rows(v *ir.Value, batch []Span) []int {
	var all []int
	for _, sp := range batch {
		if v.Type.Shape[0] == ir.S {
			for i := range sp.Len {
				all = append(all, sp.Start+i)
			}
			continue
		}
		for _, w := range c.want(sp) {
			all = append(all, sp.Start+int(w))
		}
	}
	return all
}

func take[T any](x []T, rows []int, cols int) []T {
	y := make([]T, 0, len(rows)*cols)
	for _, r := range rows {
		y = append(y, x[r*cols:(r+1)*cols]...)
	}
	return y
}

// fillTop fills an input of topk beside the logits.
func (c *Case) fillTop(v *ir.Value, b backend.Buffer, rows []int) error {
	ints, floats := []int32{}, []float32{}
	for i, r := range rows {
		t := &c.top[r]
		switch v.Name {
		case ir.ExtAdjRow:
			for range t.ids {
				ints = append(ints, int32(i))
			}
		case ir.ExtAdjIDs:
			ints = append(ints, t.ids...)
		case ir.ExtAdjScale:
			floats = append(floats, t.scale...)
		case ir.ExtAdjBias:
			floats = append(floats, t.bias...)
		case ir.ExtInvTemp:
			floats = append(floats, t.invTemp)
		case ir.ExtMaskRow:
			if t.mask != nil {
				ints = append(ints, int32(i))
			}
		case ir.ExtMask:
			ints = append(ints, t.mask...)
		default:
			return fmt.Errorf("no such input of topk")
		}
	}
	if v.Type.Elem == ir.F32 {
		return b.SetFloat32(floats)
	}
	return b.SetInt32(ints)
}

// result is one output of one batch; rows says which row of the case each of
// its rows is.
type result struct {
	name string
	cols int
	rows []int
	f    []float32
	i    []int32
}

type results []result

// collect reads the outputs of a batch, which waits for it.
func (c *Case) collect(ctx context.Context, g *ir.Graph, out []backend.Buffer, batch []Span) (results, error) {
	var all results
	for i, id := range g.Outputs {
		v := g.Value(id)
		r := result{name: v.Name, cols: out[i].Cols(), rows: c.rows(v, batch)}
		var err error
		if v.Type.Elem == ir.F32 {
			r.f, err = out[i].Float32(ctx)
			r.f = slices.Clone(r.f)
		} else {
			r.i, err = out[i].Int32(ctx)
			r.i = slices.Clone(r.i)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		if n := len(r.rows) * r.cols; len(r.f)+len(r.i) != n || out[i].Rows() != len(r.rows) {
			return nil, fmt.Errorf("%s has %d rows and %d values, want %d and %d", v.Name, out[i].Rows(), len(r.f)+len(r.i), len(r.rows), n)
		}
		all = append(all, r)
	}
	return all, nil
}
