package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// Options of a verification.
type Options struct {
	Passes passes.Options
	// Engine runs and judges the graphs; its backend must execute those of
	// Passes.Target. Required.
	Engine Engine
	// Calls are the token ids of successive calls of one session; each call
	// is one step of its own size (S = 1, 4, 64, 65...).
	Calls   [][]int32
	Threads int
	// KVType is the codec of the cache, or two as K/V; "" is codec.Default.
	KVType string
	// Only, when not empty, names the passes whose graphs are run and judged;
	// the others rewrite unseen.
	Only []string
	// Reference also holds the first and the last graph to the float64
	// interpreter. Slow on large models.
	Reference bool
	// MaxMemory is runtime.Options.MaxMemory of every program that runs; what is kept
	// to compare with comes on top.
	MaxMemory int64
	// Progress, when set, is told what is being run.
	Progress func(what string)

	kv codec.Pair // KVType, read
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

// Passes runs g as built and after each pass and compares. A pass that leaves
// a graph that is not valid or has lost a property ends the run with an error
// that names the pass, unless an earlier pass is blamed already.
func Passes(ctx context.Context, g *ir.Graph, weights backend.Weights, o Options) (*Result, error) {
	if err := o.Engine.check(); err != nil {
		return nil, err
	}
	for _, name := range o.Only {
		if _, err := passes.PassNamed(name); err != nil {
			return nil, err
		}
	}
	var err error
	if o.kv, err = codec.ParsePair(cmp.Or(o.KVType, codec.Default.Name)); err != nil {
		return nil, err
	}
	w := &walk{ctx: ctx, o: o, weights: weights, res: &Result{OK: true}}
	for _, c := range o.Calls {
		w.res.Tokens = append(w.res.Tokens, len(c))
	}
	po := o.Passes
	po.After = w.after
	last, reports, err := passes.Run(ctx, g, po)
	if err != nil && w.res.OK {
		return nil, err
	}
	if err != nil {
		return w.res, nil // what fails behind a wrong graph says nothing new
	}
	for _, r := range reports {
		if r.Pass == "assign-layout" {
			w.res.Before = r.Relayout[1]
		}
	}
	w.res.After = passes.CountRelayouts(last)
	if o.Reference {
		if err := w.againstReference(g, last); err != nil {
			return nil, err
		}
	}
	return w.res, nil
}

// walk follows a run of the passes.
type walk struct {
	ctx     context.Context
	o       Options
	weights backend.Weights
	res     *Result

	last   *ir.Graph // behind the pass before
	before *trace    // of last; nil when it was not run
}

// judged reports whether the graph behind p is run; p is nil for the graph as
// built.
func (w *walk) judged(p *passes.Pass) bool {
	return len(w.o.Only) == 0 || p != nil && slices.Contains(w.o.Only, p.Name)
}

// after sees the graph behind every pass.
func (w *walk) after(_ int, p *passes.Pass, g *ir.Graph, rep *passes.Report) error {
	previous, before := w.last, w.before
	w.last, w.before = g, nil
	if !w.judged(p) {
		return nil
	}
	if p != nil && before == nil {
		var err error
		if before, err = w.execute(w.o.Engine.Backend, previous); err != nil {
			return err
		}
	}
	w.progress(p)
	t, err := w.execute(w.o.Engine.Backend, g)
	w.before = t
	if p == nil || w.ctx.Err() != nil {
		return err
	}
	pr := PassResult{Report: rep, OK: true}
	if err != nil {
		pr.OK, pr.Why = false, "does not run: "+err.Error()
	} else {
		w.o.Engine.Judge.pass(&pr, p, g, before, t)
	}
	if err := sameStructure(p, previous, g); err != nil && pr.OK {
		pr.OK, pr.Why = false, err.Error()
	}
	w.res.OK = w.res.OK && pr.OK
	w.res.Passes = append(w.res.Passes, pr)
	return nil
}

func (w *walk) progress(p *passes.Pass) {
	switch {
	case w.o.Progress == nil:
	case p == nil:
		w.o.Progress("the graph as built")
	default:
		w.o.Progress(p.Name)
	}
}

// pass compares the values of two neighbouring graphs.
func (j Judge) pass(pr *PassResult, p *passes.Pass, g *ir.Graph, before, after *trace) {
	all, reshaped := differences(before, after)
	pr.Compared = len(all)
	for _, d := range all {
		if !j.same(d) {
			pr.Differ++
			pr.Tensors = append(pr.Tensors, d)
		}
		if d.Name == logitsName {
			pr.Logits = &d
		}
	}
	pr.Worst = worst(all)
	switch {
	case reshaped != "":
		pr.OK, pr.Why = false, fmt.Sprintf("value %s has another shape than before", reshaped)
	case pr.Logits == nil:
		pr.OK, pr.Why = false, "the logits are gone"
	case p.Exact && pr.Differ > 0:
		pr.OK, pr.Why = false, fmt.Sprintf("%d of %d values differ behind an exact pass, first %s", pr.Differ, pr.Compared, pr.Tensors[0].Name)
	case !p.Exact:
		pr.Bound = activationBound(g, after)
		if !(pr.Logits.NMSE <= pr.Bound) {
			pr.OK, pr.Why = false, fmt.Sprintf("logits NMSE %.3g is beyond %.3g, what activation quantisation explains", pr.Logits.NMSE, pr.Bound)
		}
	}
}

// logitsName is what topk reads in every graph.
const logitsName = "logits"

// execute runs g, uncut, in all calls and records every value.
func (w *walk) execute(b backend.Backend, g *ir.Graph) (*trace, error) {
	t := newTrace()
	m, err := runtime.New(&runtime.Program{
		Segments: []ir.Segment{{Name: "model", Kind: ir.KindModel, Graph: g}},
		Weights:  w.weights,
		Meta:     runtime.Meta{KVType: w.o.kv.String()},
	}, runtime.Options{
		Backend: b, Threads: w.o.Threads, MaxChunk: longest(w.o.Calls), Context: total(w.o.Calls), MaxMemory: w.o.MaxMemory,
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
	vocab := vocabulary(g)
	for _, ids := range w.o.Calls {
		out, err := m.Step(w.ctx, []runtime.Append{{Session: s, IDs: ids, Rows: someRows(len(ids), vocab), NoTop: vocab == 0}})
		if err == nil {
			err = out[0].Err
		}
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// someRows wants the last token, the first and one between, with a few logit
// adjustments, temperatures and a mask, so that topk's other inputs matter.
func someRows(n int, vocab int64) []runtime.Row {
	var rows []runtime.Row
	for i, at := range []int{n - 1, 0, n / 2} {
		if i >= n {
			break
		}
		r := runtime.Row{At: int32(at), Temperature: 1 + float32(i)/2}
		if vocab > 3 {
			r.Adjust = runtime.Adjustments{IDs: []int32{3, 0, 1}, Scale: []float32{1.25, 1, 2}, Bias: []float32{0, 0.5, -1}}
		}
		if i == 1 && vocab > 3 {
			r.Allow = slices.Repeat([]uint32{0xfffffffe}, int(vocab+31)/32)
		}
		rows = append(rows, r)
	}
	return rows
}

// vocabulary is the number of logits that topk of g reads; 0 without one.
func vocabulary(g *ir.Graph) int64 {
	for _, n := range g.Nodes {
		if n.Op == ir.OpTopK {
			return g.Value(n.In[0]).Channels()
		}
	}
	return 0
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
// rounding and the final one within that and what quantised activations cost.
func (w *walk) againstReference(plain, final *ir.Graph) error {
	if w.o.Progress != nil {
		w.o.Progress("the float64 reference")
	}
	ref, err := w.execute(reference.Backend{}, plain)
	if err != nil {
		return err
	}
	truth := ref.vals[logitsName]
	for _, c := range []struct {
		what string
		g    *ir.Graph
	}{{"as built, f32 activations", plain}, {"after all passes", final}} {
		t, err := w.execute(w.o.Engine.Backend, c.g)
		if err != nil {
			return err
		}
		got := t.vals[logitsName]
		if truth == nil || got == nil || len(got.data) != len(truth.data) {
			return fmt.Errorf("%s: there are no %s to compare", c.what, logitsName)
		}
		rounding, err := w.roundingOf(c.g, t)
		if err != nil {
			return err
		}
		r := RefResult{What: c.what, Diff: compare(c.what, truth.data, got.data), Bound: rounding + floatBound(plain, w.o)}
		r.OK = r.Diff.NMSE <= r.Bound
		w.res.Reference = append(w.res.Reference, r)
		w.res.OK = w.res.OK && r.OK
	}
	return nil
}

// roundingOf is the activationBound of g, whose trace is t. Ops that quantise
// their own result hide what they round, so a graph with such ops is run once
// more with those opened.
func (w *walk) roundingOf(g *ir.Graph, t *trace) (float64, error) {
	hides := func(n *ir.Node) bool { return ir.Lookup(n.Op).Quantises != "" }
	if !slices.ContainsFunc(g.Nodes, hides) {
		return activationBound(g, t), nil
	}
	open := g.Clone()
	if err := ir.Expand(open, hides); err != nil {
		return 0, err
	}
	t, err := w.execute(w.o.Engine.Backend, open)
	if err != nil {
		return 0, err
	}
	return activationBound(open, t), nil
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
