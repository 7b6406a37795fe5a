package runtime

import (
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Load is how a model is used. 0 is one session, Options.Context positions, and a row for
// each session, as they generate.
type Load struct {
	Sessions  int // at a time
	Positions int // of each
	Rows      int // whose logits a step wants, at most Options.MaxRows
}

// Memory is what a program takes in bytes, at most: with steps of Options.MaxChunk tokens and
// all sessions full. It is the one sum that inspect, convert --plan, --max-memory and
// admission use.
type Memory struct {
	Sessions  int `json:"sessions"`
	Positions int `json:"positions"` // of each
	Chunk     int `json:"chunk"`     // Options.MaxChunk
	Rows      int `json:"rows"`      // whose logits are wanted at once

	// Weights is every weight once, in full: of a bundle that is what is mapped from its
	// files, of which a table that is only gathered from may stay partly on disk.
	Weights int64 `json:"weights"`
	// Mapped is the part of Weights that lies in mapped files, as far as that is known
	// before they are evaluated: the system can take it back, so it is no heap.
	Mapped int64 `json:"mapped"`
	// Footprint is the backend's part.
	backend.Footprint
	Logits int64 `json:"logits"` // of Footprint.Buffers
	Text   int64 `json:"text"`   // Program.TextBytes
	// Process is a process that holds no model: ProcessBytes.
	Process int64 `json:"process"`
	Sum     int64 `json:"sum"`
}

// ProcessBytes is the resident size of a process of this program that holds no model,
// measured on linux/amd64: the program's pages and what Go's runtime, start-up and the
// reading of graphs leave on the heap. TestMemory holds the sums to it.
const ProcessBytes = 14 << 20

// Memory adds up what p takes with options o at the given load. Nothing is compiled,
// and of the weights none is evaluated but small ones. The segments need not be all of a model.
func (p *Program) Memory(o Options, l Load) (Memory, error) {
	size, err := p.steps(&o)
	if err != nil {
		return Memory{}, err
	}
	return p.memory(o, size, l)
}

// steps completes o and is the size of the steps of p.
func (p *Program) steps(o *Options) (backend.Size, error) {
	if len(p.Segments) == 0 {
		return backend.Size{}, fmt.Errorf("program without segments")
	}
	if err := o.complete(p); err != nil {
		return backend.Size{}, err
	}
	if planStep(p).whole {
		o.MaxRows = o.MaxChunk
	}
	return backend.Size{Tokens: o.MaxChunk, Rows: o.MaxRows}, nil
}

// memory is Memory of the segments of p with complete options.
func (p *Program) memory(o Options, size backend.Size, l Load) (m Memory, err error) {
	m = Memory{Sessions: max(1, l.Sessions), Positions: l.Positions, Chunk: size.Tokens, Text: p.TextBytes, Process: ProcessBytes}
	if l.Positions == 0 {
		m.Positions = o.Context
	}
	if l.Sessions < 0 || l.Positions < 0 || l.Rows < 0 || m.Positions > maxPositions {
		return m, fmt.Errorf("%d sessions of %d positions, at most %d, that want %d rows", l.Sessions, l.Positions, maxPositions, l.Rows)
	}
	if m.Rows = l.Rows; m.Rows == 0 {
		m.Rows = m.Sessions
	}
	m.Rows = min(m.Rows, size.Rows)
	touched := backend.Size{Tokens: size.Tokens, Rows: m.Rows} // rows behind are room that nobody has written to
	load := backend.Load{Segments: p.Segments, Max: size, KV: o.kv, Sessions: m.Sessions, Positions: m.Positions}
	for _, v := range boundary(p.Segments) {
		room := backend.Room{Type: v.Type, Rows: bufferRows(v, touched)}
		load.Buffers = append(load.Buffers, room)
		if v.Name == logitsName {
			if m.Logits, err = backend.Times(room.Rows, 4*v.Channels()); err != nil {
				return m, err
			}
		}
	}
	if m.Footprint, err = o.Backend.Measure(p.Weights, o.device(), load); err != nil {
		return m, err
	}
	if m.Weights, m.Mapped, err = weightBytes(p); err != nil {
		return m, err
	}
	device, err := m.Footprint.Sum()
	if err == nil {
		m.Sum, err = backend.Add(m.Weights, device, m.Text, m.Process)
	}
	return m, err
}

// maxPositions bounds what a sum is made for.
const maxPositions = 1 << 30

// boundary lists the values that cross segments or the model's border, each once.
func boundary(segments []ir.Segment) []*ir.Value {
	var all []*ir.Value
	seen := map[string]bool{}
	for _, s := range segments {
		for _, id := range slices.Concat(s.Graph.Inputs, s.Graph.Outputs) {
			if v := s.Graph.Value(id); !seen[v.Name] {
				seen[v.Name] = true
				all = append(all, v)
			}
		}
	}
	return all
}

// weightBytes is the bytes of the weights that the graphs of p read, each once, and of
// those the bytes that are known to lie in mapped files.
func weightBytes(p *Program) (all, mapped int64, err error) {
	type place struct {
		file string
		at   int64
	}
	found := map[place]bool{}
	var others []*ir.Expr
	for _, s := range p.Segments {
		for _, w := range s.Graph.Weights {
			n, err := weights.Size(w.Expr)
			if err != nil {
				return 0, 0, fmt.Errorf("segment %s: weight %s: %w", s.Name, w.Name, err)
			}
			var e tensor.Extent
			lies := false
			if w.Kind == ir.ExprStored { // others are evaluated to be found
				e, lies = backend.ExtentOf(p.Weights, s.Name, w)
			}
			if lies {
				at := place{e.File, e.Offset}
				if found[at] {
					continue
				}
				found[at] = true
				if mapped, err = backend.Add(mapped, n); err != nil {
					return 0, 0, fmt.Errorf("segment %s: weight %s: %w", s.Name, w.Name, err)
				}
			} else {
				if slices.ContainsFunc(others, w.Expr.Equal) {
					continue
				}
				others = append(others, w.Expr)
			}
			if all, err = backend.Add(all, n); err != nil {
				return 0, 0, fmt.Errorf("segment %s: weight %s: %w", s.Name, w.Name, err)
			}
		}
	}
	return all, mapped, nil
}

// Sessions is how many sessions of that many positions each (0: Options.Context) p can
// hold within bound bytes, and what they take together. Where not even one fits, the error
// is a *MemoryError.
func (p *Program) Sessions(o Options, positions int, bound int64) (int, Memory, error) {
	size, err := p.steps(&o)
	if err != nil {
		return 0, Memory{}, err
	}
	m, err := p.within(o, size, Load{Sessions: 1, Positions: positions}, bound)
	if err != nil {
		return 0, m, err
	}
	n := largest(1, math.MaxInt32, func(n int) bool {
		x, err := p.memory(o, size, Load{Sessions: n, Positions: positions})
		if err != nil || x.Sum > bound { // what cannot be counted does not fit
			return false
		}
		m = x
		return true
	})
	return n, m, nil
}

// largest is the largest number from good on, below bad, that fits. It is asked for in
// rising steps, then between, so that no number much larger than that is tried.
func largest(good, bad int, fits func(int) bool) int {
	for step := 1; good < bad-1; step *= 2 {
		n := min(good+step, bad-1)
		if !fits(n) {
			bad = n
			break
		}
		good = n
	}
	for good < bad-1 {
		if n := good + (bad-good)/2; fits(n) {
			good = n
		} else {
			bad = n
		}
	}
	return good
}
