package convert

import (
	"context"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
)

// Options of a conversion.
type Options struct {
	Type       quant.Recipe // weight type or mixture; the zero value keeps
	Requantise bool         // allow one block type to become another
	// Targets are the engines to convert for, none meaning target.CPU. Weights
	// are stored once, as the first wants them; the others view them.
	Targets      []*target.Target
	DecoderParts int  // 0 is 1
	NoTokenizer  bool // leave the tokenizer out
	// IgnoreKeys names settings of the checkpoint that are taken as absent (model.Options).
	IgnoreKeys []string
	Disable    []string
	StopAfter  string
	// After sees the graph as built and after every pass (--dump-after).
	After func(index int, p *passes.Pass, g *ir.Graph, r *passes.Report) error
}

// Plan is every decision of a conversion. Making it reads headers only.
type Plan struct {
	Checkpoint *checkpoint.Checkpoint
	Options    Options
	Model      *model.Model // with the plain graph
	Cuts       []string
	Graph      *ir.Graph // behind the passes for the first target, uncut
	Reports    []*passes.Report
	Segments   []ir.Segment
	Others     []*Lowered // the further targets; their weights are views of Weights
	Meta       runtime.Meta
	Weights    []Weight // by segment, then in order of the graph; shared ones last
}

// Weight is one stored tensor of the plan.
type Weight struct {
	Segment string // "shared" when several segments read it
	*ir.Weight
	Bytes   int64
	Sources []string // tensors of the checkpoint
}

// Shared is the segment name of weights that several segments read.
const Shared = "shared"

// NewPlan decides everything about converting c.
func NewPlan(ctx context.Context, c *checkpoint.Checkpoint, o Options) (*Plan, error) {
	if len(o.Targets) == 0 {
		o.Targets = []*target.Target{target.CPU}
	}
	if o.DecoderParts == 0 {
		o.DecoderParts = 1
	}
	o.IgnoreKeys = sorted(o.IgnoreKeys)
	m, err := model.Build(c, model.Options{Type: o.Type, Requantise: o.Requantise, IgnoreKeys: o.IgnoreKeys})
	if err != nil {
		return nil, err
	}
	p := &Plan{Checkpoint: c, Options: o, Model: m}
	if p.Cuts, err = passes.CutNames(len(m.Config.Layers), o.DecoderParts); err != nil {
		return nil, err
	}
	for i, t := range o.Targets {
		l, err := p.lower(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("%s: target %s: %w", c.Path(), t.Name, err)
		}
		if i == 0 {
			p.Graph, p.Reports, p.Segments = l.Graph, l.Reports, l.Segments
			continue
		}
		if p.For(t.Name) != nil {
			return nil, fmt.Errorf("target %s is asked for twice", t.Name)
		}
		p.Others = append(p.Others, l)
	}
	if p.Meta, err = describe(c, m); err != nil {
		return nil, err
	}
	if err := p.listWeights(); err != nil {
		return nil, err
	}
	return p, p.viewWeights()
}

// sorted is names once each, in order; nil for none: plans that mean the same
// write the same manifest.
func sorted(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// PassOptions are the options that the passes ran with for the first target.
func (p *Plan) PassOptions() passes.Options { return p.passOptions(p.Options.Targets[0]) }

func (p *Plan) passOptions(t *target.Target) passes.Options {
	return passes.Options{Target: t, Cuts: p.Cuts, Disable: p.Options.Disable, StopAfter: p.Options.StopAfter, After: p.Options.After}
}

// listWeights assigns every weight to its segment, or to the shared file.
func (p *Plan) listWeights() error {
	readers := map[string]int{}
	for _, s := range p.Segments {
		for _, w := range s.Graph.Weights {
			readers[w.Name]++
		}
	}
	var shared []Weight
	for _, s := range p.Segments {
		for _, w := range s.Graph.Weights {
			size, err := weights.Size(w.Expr)
			if err != nil {
				return fmt.Errorf("weight %s: %w", w.Name, err)
			}
			pw := Weight{Segment: s.Name, Weight: w, Bytes: size, Sources: sources(w.Expr)}
			// A small constant, as the rotary frequencies, is cheaper copied
			// than shared.
			if readers[w.Name] == 1 || isConst(w) {
				p.Weights = append(p.Weights, pw)
				continue
			}
			if !slices.ContainsFunc(shared, func(o Weight) bool { return o.Name == w.Name }) {
				pw.Segment = Shared
				shared = append(shared, pw)
			}
		}
	}
	p.Weights = append(p.Weights, shared...)
	return nil
}

// sources lists the checkpoint tensors an expression reads, in order.
func sources(e *ir.Expr) []string {
	var names []string
	e.Walk(func(x *ir.Expr) {
		if x.Kind == ir.ExprTensor && !slices.Contains(names, x.Name) {
			names = append(names, x.Name)
		}
	})
	return names
}

// Bytes is the size of all stored weights.
func (p *Plan) Bytes() int64 {
	var n int64
	for _, w := range p.Weights {
		n += w.Bytes
	}
	return n
}

// Program executes the plan in memory: weights are evaluated when a backend
// asks for them, by up to workers goroutines each. Closing it leaves the
// checkpoint open.
func (p *Plan) Program(workers int) *runtime.Program {
	return &runtime.Program{Segments: p.Segments, Weights: weights.NewMemory(p.Checkpoint.Source(), workers), Meta: p.Meta}
}
