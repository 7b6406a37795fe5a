package convert

import (
	"context"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/segment"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
)

// Lowered is a model as one target runs it.
type Lowered struct {
	Target   *target.Target
	Graph    *ir.Graph // behind the passes, uncut
	Reports  []*passes.Report
	Segments []ir.Segment

	views []ir.Segment // Segments over the weights that the plan stores
}

// lower rewrites the plain graph for t and cuts it.
func (p *Plan) lower(ctx context.Context, t *target.Target) (*Lowered, error) {
	l := &Lowered{Target: t}
	var err error
	if l.Graph, l.Reports, err = passes.Run(ctx, p.Model.Graph, p.passOptions(t)); err != nil {
		return nil, err
	}
	l.Segments, err = segment.Cut(l.Graph)
	return l, err
}

// For returns the model as the named target runs it, nil when the plan has
// nothing for it.
func (p *Plan) For(target string) *Lowered {
	if p.Options.Targets[0].Name == target {
		return &Lowered{Target: p.Options.Targets[0], Graph: p.Graph, Reports: p.Reports, Segments: p.Segments}
	}
	for _, l := range p.Others {
		if l.Target.Name == target {
			return l
		}
	}
	return nil
}

// ProgramFor is Program for another target of the plan.
func (p *Plan) ProgramFor(target string, workers int) (*runtime.Program, error) {
	l := p.For(target)
	if l == nil {
		return nil, fmt.Errorf("the plan has nothing for target %.40q", target)
	}
	return &runtime.Program{Segments: l.Segments, Weights: weights.NewMemory(p.Checkpoint.Source(), workers), Meta: p.Meta}, nil
}

// storedRun is where a run of rows lies in a stored weight.
type storedRun struct {
	ir.Run
	weight Weight
	at     int64 // row of the stored weight
}

// stored finds rows of leaves among the weights that are written.
type stored []storedRun

func (s *stored) add(w Weight) {
	at := int64(0)
	for _, r := range w.Expr.Runs() {
		*s = append(*s, storedRun{r, w, at})
		at += r.Hi - r.Lo
	}
}

// find covers r with runs of stored weights, those that segment reads itself
// first; nil when some rows are not stored.
func (s stored) find(r ir.Run, segment string) []ir.Run {
	var all []ir.Run
	for r.Lo < r.Hi {
		var best *storedRun
		for i := range s {
			c := &s[i]
			if c.Lo > r.Lo || c.Hi <= r.Lo || !c.Leaf.Equal(r.Leaf) || best != nil && (best.weight.Segment == segment || c.weight.Segment != segment) {
				continue
			}
			best = c
		}
		if best == nil {
			return nil
		}
		hi := min(r.Hi, best.Hi)
		from := best.at + r.Lo - best.Lo
		w := best.weight
		leaf := ir.StoredExpr(w.Name, w.Type, w.Shape, w.Form, w.Rows)
		if n := len(all) - 1; n >= 0 && all[n].Hi == from && all[n].Leaf.Equal(leaf) {
			all[n].Hi += hi - r.Lo
		} else {
			all = append(all, ir.Run{Leaf: leaf, Lo: from, Hi: from + hi - r.Lo})
		}
		r.Lo = hi
	}
	return all
}

// view is the expression of a weight of another target over what is stored;
// nil when something of it is not.
func (s stored) view(w *ir.Weight, segment string) (*ir.Expr, error) {
	var runs []ir.Run
	for _, r := range w.Expr.Runs() {
		found := s.find(r, segment)
		if found == nil {
			return nil, nil
		}
		runs = append(runs, found...)
	}
	if len(runs) == 0 {
		return nil, nil
	}
	if t := runs[0].Leaf.Type; t != w.Type || len(runs[0].Leaf.Shape) != len(w.Shape) {
		return nil, nil
	}
	return format.ViewExpr(w.Form, runs)
}

// viewWeights expresses the weights of the further targets by those that are
// stored.
func (p *Plan) viewWeights() error {
	for _, l := range p.Others {
		var err error
		if l.views, err = p.viewed(l); err != nil {
			return err
		}
	}
	return nil
}

// viewed returns l's segments with weights over what the plan stores. Weights
// that are not stored yet are added to the plan under a name of their own.
func (p *Plan) viewed(l *Lowered) ([]ir.Segment, error) {
	var s stored
	names := map[string]bool{}
	for i := range p.Weights {
		s.add(p.Weights[i])
		names[p.Weights[i].Name] = true
	}
	var segs []ir.Segment
	for _, seg := range l.Segments {
		seg.Graph = seg.Graph.Clone()
		for _, w := range seg.Graph.Weights {
			e, err := s.view(w, seg.Name)
			if err != nil {
				return nil, fmt.Errorf("target %s: weight %s: %w", l.Target.Name, w.Name, err)
			}
			if e == nil {
				if e, err = p.addWeight(l.Target.Name, seg.Name, w, names); err != nil {
					return nil, err
				}
				s.add(p.Weights[slices.IndexFunc(p.Weights, func(o Weight) bool { return o.Name == e.Name })])
			}
			w.Expr = e
		}
		segs = append(segs, seg)
	}
	return segs, nil
}

// addWeight stores a weight that only a further target reads.
func (p *Plan) addWeight(target, segment string, w *ir.Weight, names map[string]bool) (*ir.Expr, error) {
	size, err := weights.Size(w.Expr)
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", w.Name, err)
	}
	name := w.Name
	if names[name] {
		name += "." + target
	}
	if names[name] || p.For(target) == nil {
		return nil, fmt.Errorf("target %s: no free name for weight %s", target, w.Name)
	}
	names[name] = true
	own := &ir.Weight{Name: name, Expr: w.Expr}
	// Behind the weights of its segment: a weight file is written in one piece.
	at := 0
	for i := range p.Weights {
		if p.Weights[i].Segment == segment {
			at = i + 1
		}
	}
	if at == 0 {
		at = slices.IndexFunc(p.Weights, func(o Weight) bool { return o.Segment == Shared })
		if at < 0 {
			at = len(p.Weights)
		}
	}
	p.Weights = slices.Insert(p.Weights, at, Weight{Segment: segment, Weight: own, Bytes: size, Sources: sources(w.Expr)})
	return ir.StoredExpr(name, w.Type, w.Shape, w.Form, w.Rows), nil
}
