package passes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tessera-llm/tessera/internal/crash"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
)

// Pass is one row of the table.
type Pass struct {
	Name  string
	Doc   string
	Run   func(*Context) error
	Needs Prop
	Gives Prop
	// Exact: every value that survives the pass keeps its bits.
	Exact bool
	// Always: the pass cannot be disabled, the graph would not be executable
	// by segments without it.
	Always bool
}

var pipeline = [...]Pass{
	{Name: "choose-cuts", Doc: "chosen boundaries stay as walls, the others dissolve into marks", Run: chooseCuts, Gives: CutsChosen, Exact: true, Always: true},
	// Before group-projections and the norm fusions: it moves select_rows across matmul and
	// norm, which it knows by their simple names.
	{Name: "last-token", Doc: "logits only for the selected rows", Run: lastToken, Needs: CutsChosen, Exact: true},
	// Before pack-weights, which would make two forms of one tensor.
	{Name: "share-embedding", Doc: "a tied embedding gathers from the packed lm_head", Run: shareEmbedding, Exact: true},
	// Before group-projections: a group has one input, quantised once.
	{Name: "quantize-activations", Doc: "int8 activations where the matmul kernels want them", Run: quantizeActivations, Needs: CutsChosen, Gives: ActsQuantised},
	{Name: "group-projections", Doc: "q|k|v and gate|up become one dispatch; equal types one weight", Run: groupProjections, Gives: Grouped, Exact: true},
	{Name: "fuse-rope", Doc: "per-head norm and rotary of q and k in one op", Run: fuseRope, Exact: true},
	{Name: "fuse-residual-norm", Doc: "residual add and the RMSNorm that reads it", Run: fuseResidualNorm, Needs: CutsChosen, Gives: NormsFused, Exact: true},
	{Name: "fuse-gated-activation", Doc: "act(gate)·up in one op", Run: fuseGatedActivation, Exact: true},
	// After the fusions that make producers, before layouts: what is laid out is what the producer writes.
	{Name: "fuse-quantize", Doc: "norms, gated activations and attention write int8 themselves", Run: fuseQuantize, Gives: QuantsFused, Exact: true},
	// After the fusions: a fused op is one layout decision.
	{Name: "assign-layout", Doc: "a relayout at every input that wants c4", Run: assignLayout, Gives: LayoutsRight, Exact: true},
	{Name: "propagate-layout", Doc: "producers write c4 themselves, relayouts cancel", Run: propagateLayout, Needs: LayoutsRight, Gives: LayoutsSettled, Exact: true},
	// Last: it looks at weights only.
	{Name: "pack-weights", Doc: "matmul weights in panels of 16 rows", Run: packWeights, Gives: Packed, Exact: true},
}

// Table lists the passes in order.
func Table() []Pass { return slices.Clone(pipeline[:]) }

// Names lists the names of the passes in order.
func Names() []string {
	names := make([]string, len(pipeline))
	for i, p := range pipeline {
		names[i] = p.Name
	}
	return names
}

// Options of a run.
type Options struct {
	Target *target.Target
	// Cuts names the boundaries that stay; see CutNames.
	Cuts []string
	// Disable names passes that are left out.
	Disable []string
	// StopAfter ends the run behind the named pass; "" runs all.
	StopAfter string
	// After, when set, sees the graph as built (pass nil, index 0) and after
	// every pass that ran. It must not change it.
	After func(index int, p *Pass, g *ir.Graph, r *Report) error
	// Mutate, for tests of pkg/verify, changes the graph that a pass made, as
	// a bug in the pass would: before it is verified.
	Mutate func(p *Pass, g *ir.Graph)
}

// Context is what a pass works on and reports to.
type Context struct {
	G      *ir.Graph
	Target *target.Target
	Cuts   []string
	Report *Report
}

// PassNamed returns the row called name, or an error that lists the table.
func PassNamed(name string) (*Pass, error) {
	for i := range pipeline {
		if pipeline[i].Name == name {
			return &pipeline[i], nil
		}
	}
	return nil, fmt.Errorf("unknown pass %q; the passes are: %s", name, strings.Join(Names(), ", "))
}

func (o *Options) check() error {
	if o.Target == nil {
		return fmt.Errorf("passes: no target")
	}
	for _, name := range o.Disable {
		p, err := PassNamed(name)
		if err != nil {
			return err
		}
		if p.Always {
			return fmt.Errorf("pass %s cannot be disabled: segments are cut by it", name)
		}
	}
	if o.StopAfter != "" {
		if _, err := PassNamed(o.StopAfter); err != nil {
			return err
		}
	}
	return nil
}

// Run rewrites a copy of g by the table and returns it with one report per
// pass that ran. The graph is verified before the first pass and after each.
func Run(ctx context.Context, g *ir.Graph, o Options) (*ir.Graph, []*Report, error) {
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	if err := ir.Verify(g); err != nil {
		return nil, nil, fmt.Errorf("before the first pass: %w", err)
	}
	if o.After != nil {
		if err := o.After(0, nil, g, nil); err != nil {
			return nil, nil, err
		}
	}
	var reports []*Report
	var have Prop
	for i := range pipeline {
		p := &pipeline[i]
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if slices.Contains(o.Disable, p.Name) {
			continue
		}
		if p.Needs&^have != 0 {
			reports = append(reports, skipped(p))
			continue
		}
		next, rep, err := Apply(p, g, o)
		if err != nil {
			return nil, nil, err
		}
		g, have = next, have|p.Gives
		if err := checkProps(have, g, o); err != nil {
			return nil, nil, fmt.Errorf("after pass %s: %w", p.Name, err)
		}
		reports = append(reports, rep)
		if o.After != nil {
			if err := o.After(i+1, p, g, rep); err != nil {
				return nil, nil, err
			}
		}
		if p.Name == o.StopAfter {
			break
		}
	}
	return g, reports, nil
}

// Apply runs one pass on a copy of g and verifies the result. A panic inside is
// an error that names the pass and the graph.
func Apply(p *Pass, g *ir.Graph, o Options) (_ *ir.Graph, _ *Report, err error) {
	defer crash.Catch(&err, func() string { return fmt.Sprintf("pass %s, model %s", p.Name, g.Name) })
	start := time.Now()
	c := &Context{G: g.Clone(), Target: o.Target, Cuts: o.Cuts, Report: newReport(p, g)}
	if err := p.Run(c); err != nil {
		return nil, nil, fmt.Errorf("pass %s: %w", p.Name, err)
	}
	if o.Mutate != nil {
		o.Mutate(p, c.G)
	}
	if err := ir.Verify(c.G); err != nil {
		return nil, nil, fmt.Errorf("after pass %s: %w", p.Name, err)
	}
	c.Report.finish(c.G, time.Since(start))
	return c.G, c.Report, nil
}

func skipped(p *Pass) *Report {
	return &Report{Pass: p.Name, Exact: p.Exact, Refused: []Count{{What: "whole pass", N: 1, Why: "a pass it needs was disabled"}}}
}
