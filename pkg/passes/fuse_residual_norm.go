package passes

import (
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// fuse-residual-norm
//
//	s = add(a, b); y = rms_norm(s, @w)  =>  s, y = add_rms_norm(a, b, @w)
//
// The sum stays a value of its own (the next residual reads it, and it may be
// an output or carry a mark); the norm reads the stored f32 sum, so nothing
// changes in the last bit. Not across a chosen cut: there the norm reads the
// boundary, not the sum. A norm that quantises its result already, as in a bundle
// that is cut anew, keeps doing so: rms_norm_quant becomes add_rms_norm_quant.
func fuseResidualNorm(c *Context) error {
	g := c.G
	for _, add := range slices.Clone(g.Nodes) {
		if add.Op != ir.OpAdd {
			continue
		}
		norm, why := normOf(g, add.Out[0])
		if norm != nil && !c.Target.Executes(norm.Row().AfterAdd) {
			norm, why = nil, "the target has no "+string(norm.Row().AfterAdd)
		}
		if norm == nil {
			c.Report.refuse("add", why)
			continue
		}
		g.Replace([]*ir.Node{add, norm}, add, &ir.Node{Op: norm.Row().AfterAdd, In: slices.Clone(add.In), Weights: slices.Clone(norm.Weights),
			Out: []ir.ValueID{add.Out[0], norm.Out[0]}, Attrs: slices.Clone(norm.Attrs)})
		c.Report.match("add and " + string(norm.Op))
	}
	return nil
}

func normOf(g *ir.Graph, sum ir.ValueID) (*ir.Node, string) {
	why := "no norm reads it"
	for _, u := range g.Uses(sum) {
		switch {
		case u.Row().AfterAdd != "":
			return u, ""
		case u.Row().Wall:
			why = "a cut stands before the norm"
		case u.Op == ir.OpSelectRows:
			why = "the norm reads selected rows only"
		}
	}
	if g.IsOutput(sum) {
		why = "it is a graph output"
	}
	return nil, why
}
