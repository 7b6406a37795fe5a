package model

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// maxTopK bounds the candidates that come back from a call.
const maxTopK = 64

// builder adds nodes; the first error sticks.
type builder struct {
	g     *ir.Graph
	c     *Config
	exprs map[string]*ir.Expr // by canonical name
	err   error

	// The layer being built; l is nil outside of them.
	l *Layer
	n int64
}

// graph builds the plain decoder:
//
//	embd → block × layers → output_norm → logits → topk
//
// with a boundary after the embedding, after each layer and at the logits.
func graph(f *family, c *Config, r *resolver) (*ir.Graph, error) {
	b := &builder{g: ir.NewGraph(c.Arch), c: c, exprs: r.exprs}
	g := b.g
	ext := map[string]ir.ValueID{}
	for i := range ir.Externals {
		x := &ir.Externals[i]
		ext[x.Name] = g.AddInput(x.Name, x.Type(c.Vocab))
	}
	for i := range c.Ropes {
		b.exprs[invFreq(i)] = ir.ConstExpr(c.Ropes[i].InvFreq())
		b.weight(invFreq(i))
	}
	if c.Tied {
		b.exprs[output] = b.exprs[tokenEmbd]
	}
	for n := range c.Layers {
		a := &c.Layers[n].Attn
		g.AddState(&ir.State{Name: cacheOf(int64(n)), Heads: a.KVHeads, KDim: a.HeadDim, VDim: a.HeadDim, Window: a.Window})
	}

	h := b.op(ir.OpEmbedding, "embd", []ir.ValueID{ext[ir.ExtTokens]}, []string{tokenEmbd})
	h = b.boundary(h, "hidden.embed", "embed")
	for n := range c.Layers {
		b.l, b.n = &c.Layers[n], int64(n)
		h = f.block(b, b.l, h)
		b.l = nil
		name := fmt.Sprintf("layer.%d", n)
		h = b.boundary(h, name, name)
	}
	h = b.norm("output_norm", h)
	h = b.op(ir.OpMatmul, "logits_all", []ir.ValueID{h}, []string{output})
	h = b.op(ir.OpSelectRows, "logits_selected", []ir.ValueID{h}, nil)
	h = b.boundary(h, "logits", "logits")
	b.add(ir.Node{Op: ir.OpTopK, In: []ir.ValueID{h, ext[ir.ExtAdjRow], ext[ir.ExtAdjIDs], ext[ir.ExtAdjScale], ext[ir.ExtAdjBias],
		ext[ir.ExtInvTemp], ext[ir.ExtMaskRow], ext[ir.ExtMask]}, Attrs: []ir.Attr{ir.IntAttr("k", min(maxTopK, c.Vocab))}},
		"topk.ids", "topk.logits", "topk.lse", "topk.lse_temp")
	for _, name := range slices.Sorted(maps.Keys(b.exprs)) {
		if b.err == nil && g.Weight(name) == nil {
			b.fail(fmt.Errorf("weight %q has a row in the table of %s, but no block reads it", name, c.Arch))
		}
	}
	if b.err != nil {
		return nil, b.err
	}
	g.Outputs = append(g.Outputs, g.Nodes[len(g.Nodes)-1].Out...)
	return g, ir.Verify(g)
}

func (b *builder) boundary(x ir.ValueID, name, mark string) ir.ValueID {
	return b.op(ir.OpBoundary, name, []ir.ValueID{x}, nil, ir.StringAttr("name", mark))
}

// full is the name of a weight or value of the layer being built.
func (b *builder) full(name string) string {
	if b.l == nil {
		return name
	}
	return fmt.Sprintf("blk.%d.%s", b.n, name)
}

// op adds a node of one output; names are those of the layer being built.
func (b *builder) op(op ir.OpName, name string, in []ir.ValueID, weights []string, attrs ...ir.Attr) ir.ValueID {
	full := make([]string, len(weights))
	for i, w := range weights {
		full[i] = b.full(w)
	}
	return b.add(ir.Node{Op: op, In: in, Weights: full, Attrs: attrs}, b.full(name))
}

// add appends a node after adding its weights and returns its first output.
func (b *builder) add(n ir.Node, names ...string) ir.ValueID {
	for _, w := range n.Weights {
		b.weight(w)
	}
	if b.err != nil {
		return ir.None
	}
	out, err := b.g.Add(n, names...)
	if err != nil {
		b.fail(fmt.Errorf("%s: %w", names[0], err))
		return ir.None
	}
	return out[0]
}

// weight adds a weight of the tables to the graph.
func (b *builder) weight(name string) {
	x := b.exprs[name]
	if x == nil {
		b.fail(fmt.Errorf("weight %q has no row in the table of %s", name, b.c.Arch))
		return
	}
	if _, err := b.g.AddWeight(name, x); err != nil {
		b.fail(err)
	}
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// cache is the codec of the KV cache by default: f32 where every weight is
// f32.
func (r *resolver) cache() codec.Pair {
	for _, w := range r.list {
		if w.To != tensor.F32 {
			return codec.Both(codec.Default)
		}
	}
	return codec.Both(codec.F32)
}
