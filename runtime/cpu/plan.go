package cpu

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// place says where a value lives.
type place struct {
	v     *ir.Value
	rows  ir.Dim // a symbol or a fixed number
	cols  int
	ext   int    // index into the run's buffers (inputs, then outputs); -1 in the arena
	off   int    // in the arena
	size  int    // bytes in the largest batch
	birth int    // index of the node that makes it
	death int    // index of the last node that reads it
	until int    // index of the last node at which its memory is in use
	over  *place // the value whose memory it takes; nil: none
}

// planValues gives every value a place: graph inputs and outputs in the
// caller's buffers, everything else in one arena, where values whose lives do
// not overlap share memory, and an output takes the memory of an input that ends
// there where the kernel may work in place. Every size is that of the largest batch.
func planValues(g *ir.Graph, max backend.Size) ([]place, int, error) {
	places := make([]place, g.NumValues())
	for i := range places {
		places[i].ext = -1
	}
	for i, v := range g.Inputs {
		places[v] = newPlace(g.Value(v), i)
	}
	for ni, n := range g.Nodes {
		for _, v := range n.In {
			places[v].death = ni
		}
		for _, v := range n.Out {
			places[v] = newPlace(g.Value(v), -1)
			places[v].birth, places[v].death = ni, ni
		}
	}
	for i, v := range g.Outputs {
		if slices.Contains(g.Inputs, v) {
			return nil, 0, fmt.Errorf("output %s is a graph input", g.Value(v).Name)
		}
		places[v].ext = len(g.Inputs) + i
	}
	var inArena []*place
	for i := range places {
		p := &places[i]
		if p.v == nil || p.ext >= 0 {
			continue
		}
		if err := p.measure(max); err != nil {
			return nil, 0, err
		}
		p.until = p.death
		inArena = append(inArena, p)
	}
	size := fit(overwrite(g, places, inArena))
	for _, p := range inArena {
		if p.over != nil {
			p.off = p.over.off
		}
	}
	if size > maxArena {
		return nil, 0, fmt.Errorf("calls of %d tokens need %d MiB for activations, at most %d are allowed: use a smaller chunk", max.Tokens, size>>20, maxArena>>20)
	}
	return places, size, nil
}

// overwrite lets outputs take the memory of inputs (Op.InPlace) and returns the
// values that need memory of their own.
func overwrite(g *ir.Graph, places []place, inArena []*place) []*place {
	for ni, n := range g.Nodes {
		for _, pair := range n.Row().InPlace {
			out, in := &places[n.Out[pair[0]]], &places[n.In[pair[1]]]
			once := 0
			for _, v := range n.In {
				if v == n.In[pair[1]] {
					once++
				}
			}
			if out.over != nil || out.ext >= 0 || in.ext >= 0 || in.death != ni || once != 1 || in.size != out.size ||
				in.v.Type.Elem != ir.F32 || out.v.Type.Elem != ir.F32 || in.v.Layout != ir.Plain || out.v.Layout != ir.Plain {
				continue
			}
			out.over = in
			if in.over != nil {
				out.over = in.over
			}
			out.over.until = max(out.over.until, out.death)
		}
	}
	var own []*place
	for _, p := range inArena {
		if p.over == nil {
			own = append(own, p)
		}
	}
	return own
}

func newPlace(v *ir.Value, ext int) place {
	p := place{v: v, ext: ext, rows: v.Type.Shape[0], cols: 1}
	if len(v.Type.Shape) == 2 {
		p.cols = int(v.Type.Shape[1])
	}
	return p
}

// maxArena bounds the static plan: sizes come from files.
const maxArena = 1 << 34

func (p *place) measure(max backend.Size) error {
	rows := max.Tokens
	switch {
	case p.rows == ir.R:
		rows = max.Rows
	case !p.rows.Symbolic():
		rows = int(p.rows)
	}
	if rows > maxArena/(4*p.cols) {
		return fmt.Errorf("%s: %d × %d is too large", p.v.Name, rows, p.cols)
	}
	if p.v.Type.Elem == ir.I32 {
		p.size = (4*rows*p.cols + 63) &^ 63
		return nil
	}
	p.size = kernel.Bytes(p.v.Type.Elem, p.v.Layout, rows, p.cols)
	return nil
}

// fit places values, largest first, at the lowest offset that no value alive
// at the same time occupies. It returns the size of the arena.
func fit(values []*place) int {
	slices.SortStableFunc(values, func(a, b *place) int { return b.size - a.size })
	total := 0
	var done []*place
	for _, p := range values {
		p.off = 0
		for again := true; again; {
			again = false
			for _, q := range done {
				if p.birth <= q.until && q.birth <= p.until && p.off < q.off+q.size && q.off < p.off+p.size {
					p.off, again = q.off+q.size, true
				}
			}
		}
		done = append(done, p)
		total = max(total, p.off+p.size)
	}
	return total
}
