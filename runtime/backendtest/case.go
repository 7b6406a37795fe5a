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
	// Apart: a row of the output depends on the call it is made in, so that
	// only calls of the same span compare.
	Apart bool
	// Extreme rows (see rowKind) are compared by bits, not judged by tolerance.
	Extreme bool
	// Costly cases run in some of the variants, unless everything is wanted.
	Costly bool
	// Tol multiplies the tolerance; 0 stands for 1.
	Tol float64

	f32 map[string][]float32 // inputs, all rows
	i32 map[string][]int32
	// Inputs whose contents depend on the span, by name.
	inner    map[string]func(sp Span) []int32
	innerF32 map[string]func(sp Span) []float32
	want     func(sp Span) []int32 // rows of the span that select_rows takes; nil: none
	room     int                   // rows of the largest input, if more than Rows+3
}

// Span is rows Start to Start+Len-1 of a case.
type Span struct{ Start, Len int }

func (c *Case) whole() Span { return Span{0, c.Rows} }

// maxRows is the room of buffers: some inputs have more rows than tokens.
func (c *Case) maxRows() int { return max(c.Rows+3, c.room) }

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

// fill writes the inputs of one span.
func (c *Case) fill(g *ir.Graph, in []backend.Buffer, sp Span) error {
	for i, id := range g.Inputs {
		v := g.Value(id)
		if err := c.fillOne(v, in[i], sp); err != nil {
			return fmt.Errorf("input %s: %w", v.Name, err)
		}
	}
	return nil
}

func (c *Case) fillOne(v *ir.Value, b backend.Buffer, sp Span) error {
	split := v.Type.Shape[0] == ir.S || v.Type.Shape[0] == ir.R
	if f := c.inner[v.Name]; f != nil {
		return b.SetInt32(f(sp))
	}
	if f := c.innerF32[v.Name]; f != nil {
		return b.SetFloat32(f(sp))
	}
	if x, ok := c.i32[v.Name]; ok {
		if split {
			x = x[sp.Start : sp.Start+sp.Len]
		}
		return b.SetInt32(x)
	}
	x, ok := c.f32[v.Name]
	if !ok {
		return fmt.Errorf("the case has no data for it")
	}
	if split {
		cols := b.Cols()
		x = x[sp.Start*cols : (sp.Start+sp.Len)*cols]
	}
	return b.SetFloat32(x)
}

// result is one output of one call.
type result struct {
	name string
	cols int
	f    []float32
	i    []int32
}

type results []result

func collect(g *ir.Graph, out []backend.Buffer) (results, error) {
	var all results
	for i, id := range g.Outputs {
		v := g.Value(id)
		r := result{name: v.Name, cols: out[i].Cols()}
		var err error
		if v.Type.Elem == ir.I32 {
			r.i, err = out[i].Int32(context.Background())
			r.i = slices.Clone(r.i)
		} else {
			r.f, err = out[i].Float32(context.Background())
			r.f = slices.Clone(r.f)
		}
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", r.name, err)
		}
		all = append(all, r)
	}
	return all, nil
}
