package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// Options of a verification.
type Options struct {
	Passes passes.Options
	// Calls are the token ids of successive calls of one session; each call
	// is one step of its own size (S = 1, 4, 64, 65...).
	Calls   [][]int32
	Threads int
	KVType  string // "": the graph's default
	// Reference also holds the first and the last graph to the float64
	// interpreter. Slow on large models.
	Reference bool
	// Mutate, for tests of this package, changes a graph behind a pass, as a
	// bug in the pass would.
	Mutate func(p *passes.Pass, g *ir.Graph)
	// Progress, when set, is told what is being run.
	Progress func(what string)
}

// PassResult is the verdict on one pass.
type PassResult struct {
	*passes.Report
	Compared int          `json:"compared"` // values compared with the graph before
	Differ   int          `json:"differ"`   // of them, how many differ in any bit
	Worst    *Difference  `json:"worst,omitempty"`
	Bound    float64      `json:"bound,omitempty"` // NMSE allowed at the logits, for an inexact pass
	Logits   *Difference  `json:"logits,omitempty"`
	OK       bool         `json:"ok"`
	Why      string       `json:"why,omitempty"` // when not OK
	Tensors  []Difference `json:"tensors,omitempty"`
}

// Result is the outcome of Passes.
type Result struct {
	Passes    []PassResult `json:"passes"`
	Reference []RefResult  `json:"reference,omitempty"`
	// Relayouts executed in one call before propagate-layout and at the end.
	Before passes.Relayouts `json:"relayouts_before"`
	After  passes.Relayouts `json:"relayouts_after"`
	Tokens []int            `json:"tokens"` // per call
	OK     bool             `json:"ok"`
}

// RefResult compares the logits of one graph with the reference's.
type RefResult struct {
	What  string     `json:"what"`
	Diff  Difference `json:"diff"`
	Bound float64    `json:"bound"` // NMSE allowed
	OK    bool       `json:"ok"`
}

// Passes runs g as built and after each pass and compares.
func Passes(ctx context.Context, g *ir.Graph, w backend.Weights, o Options) (*Result, error) {
	res := &Result{OK: true}
	for _, c := range o.Calls {
		res.Tokens = append(res.Tokens, len(c))
	}
	var before *trace
	var last *ir.Graph
	bound := 0.0
	po := o.Passes
	po.After = func(i int, p *passes.Pass, g *ir.Graph, rep *passes.Report) error {
		if p != nil && o.Mutate != nil {
			g = g.Clone()
			o.Mutate(p, g)
		}
		name := "the graph as built"
		if p != nil {
			name = p.Name
		}
		if o.Progress != nil {
			o.Progress(name)
		}
		last = g
		t, err := execute(ctx, cpu.Backend{}, g, w, o)
		if p == nil {
			before = t
			return err
		}
		pr := PassResult{Report: rep, OK: true}
		if err != nil {
			pr.OK, pr.Why = false, "does not run: "+err.Error()
			if ctx.Err() != nil {
				return ctx.Err()
			}
		} else {
			judge(&pr, p, before, t)
			if pr.Bound > 0 {
				bound = pr.Bound
			}
			before = t
		}
		res.OK = res.OK && pr.OK
		res.Passes = append(res.Passes, pr)
		return nil
	}
	if _, _, err := passes.Run(ctx, g, po); err != nil {
		return nil, err
	}
	for _, p := range res.Passes {
		if p.Pass == "assign-layout" {
			res.Before = p.Relayout[1]
		}
	}
	res.After = passes.CountRelayouts(last)
	if o.Reference {
		if err := againstReference(ctx, g, last, w, o, res, bound); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// judge compares the values of two neighbouring graphs.
func judge(pr *PassResult, p *passes.Pass, before, after *trace) {
	all := differences(before, after)
	pr.Compared = len(all)
	for _, d := range all {
		if d.Bits > 0 {
			pr.Differ++
			pr.Tensors = append(pr.Tensors, d)
		}
		if d.Name == logitsName {
			pr.Logits = &d
		}
	}
	pr.Worst = worst(all)
	switch {
	case pr.Logits == nil:
		pr.OK, pr.Why = false, "the logits are gone"
	case p.Exact && pr.Differ > 0:
		pr.OK, pr.Why = false, fmt.Sprintf("%d of %d values differ behind an exact pass, first %s", pr.Differ, pr.Compared, pr.Tensors[0].Name)
	case !p.Exact:
		pr.Bound = activationBound(after)
		if !(pr.Logits.NMSE <= pr.Bound) {
			pr.OK, pr.Why = false, fmt.Sprintf("logits NMSE %.3g is beyond %.3g, what activation quantisation explains", pr.Logits.NMSE, pr.Bound)
		}
	}
}

// logitsName is the value behind the lm_head that every graph has: the
// selected rows.
const logitsName = "logits_selected"

// execute runs g, uncut, in o's calls and records every value.
func execute(ctx context.Context, b backend.Backend, g *ir.Graph, w backend.Weights, o Options) (*trace, error) {
	t := newTrace()
	m, err := runtime.New(&runtime.Program{
		Segments: []ir.Segment{{Name: "model", Kind: ir.KindModel, Graph: g}},
		Weights:  w,
		Meta:     runtime.Meta{KVType: kvType(g, o)},
	}, runtime.Options{
		Backend: b, Threads: o.Threads, MaxChunk: longest(o.Calls), Context: total(o.Calls),
		Trace: func(v *ir.Value, rows int, data []float32) { t.add(v.Name, int(v.Channels()), data) },
	})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		return nil, err
	}
	for _, ids := range o.Calls {
		if err := s.Step(ctx, ids, someRows(len(ids))); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// someRows selects the last token, the first and one between.
func someRows(n int) []int32 {
	rows := []int32{int32(n - 1)}
	if n > 1 {
		rows = append(rows, 0)
	}
	if n > 2 {
		rows = append(rows, int32(n/2))
	}
	return rows
}

func kvType(g *ir.Graph, o Options) string {
	if o.KVType != "" || len(g.States) == 0 {
		return o.KVType
	}
	return g.States[0].Elem
}

func longest(calls [][]int32) int {
	n := 1
	for _, c := range calls {
		n = max(n, len(c))
	}
	return n
}

func total(calls [][]int32) int {
	n := 1
	for _, c := range calls {
		n += len(c)
	}
	return n
}

// againstReference holds the plain graph to the reference within float32
// rounding and the final one within the activation bound.
func againstReference(ctx context.Context, plain, final *ir.Graph, w backend.Weights, o Options, res *Result, bound float64) error {
	if o.Progress != nil {
		o.Progress("the float64 reference")
	}
	ref, err := execute(ctx, reference.Backend{}, plain, w, o)
	if err != nil {
		return err
	}
	truth := ref.vals[logitsName]
	for _, c := range []struct {
		what  string
		g     *ir.Graph
		bound float64
	}{{"as built, f32 activations", plain, floatBound(plain, o)}, {"after all passes", final, max(bound, floatBound(plain, o))}} {
		t, err := execute(ctx, cpu.Backend{}, c.g, w, o)
		if err != nil {
			return err
		}
		d := compare(c.what, truth.data, t.vals[logitsName].data)
		r := RefResult{What: c.what, Diff: d, Bound: c.bound, OK: d.NMSE <= c.bound}
		res.Reference = append(res.Reference, r)
		res.OK = res.OK && r.OK
	}
	return nil
}

// Calls deals ids out to calls of the given sizes, cycling through ids.
func Calls(ids []int32, sizes []int) [][]int32 {
	var calls [][]int32
	at := 0
	for _, n := range sizes {
		c := make([]int32, n)
		for i := range c {
			c[i] = ids[at%len(ids)]
			at++
		}
		calls = append(calls, slices.Clip(c))
	}
	return calls
}
