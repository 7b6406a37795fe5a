package model

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// maxTopK bounds the candidates that come back from a call.
const maxTopK = 64

// builder adds nodes; the first error sticks.
type builder struct {
	g   *ir.Graph
	c   *Config
	r   *resolver
	err error

	positions ir.ValueID
}

// graph builds the plain decoder of c:
//
//	embd → [attn_norm → q,k,v → rope → attention → attn_output → +
//	        ffn_norm → gate,up → act·up → ffn_down → +] × layers → output_norm → logits → topk
//
// with a boundary after the embedding, after each layer and at the logits.
func graph(c *Config, r *resolver) (*ir.Graph, error) {
	b := &builder{g: ir.NewGraph(c.Arch), c: c, r: r}
	g := b.g
	tokens := g.AddInput("tokens", ir.Type{Elem: ir.I32, Shape: ir.Shape{ir.S}})
	b.positions = g.AddInput("positions", ir.Type{Elem: ir.I32, Shape: ir.Shape{ir.S}})
	rows := g.AddInput("rows", ir.Type{Elem: ir.I32, Shape: ir.Shape{ir.R}})
	adj := []ir.ValueID{
		g.AddInput("adj_ids", ir.Type{Elem: ir.I32, Shape: ir.Shape{ir.A}}),
		g.AddInput("adj_scale", ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.A}}),
		g.AddInput("adj_bias", ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.A}}),
	}
	b.weight("rope.inv_freq", ir.ConstExpr(c.Rope.InvFreq()))
	for n := range c.Layers {
		g.AddState(&ir.State{Name: fmt.Sprintf("kv.%d", n), Heads: c.KVHeads, HeadDim: c.HeadDim, Elem: r.cacheType()})
	}

	h := b.op("embedding", "embd", []ir.ValueID{tokens}, []string{tokenEmbd})
	h = b.boundary(h, "hidden.embed", "embed")
	for n := range c.Layers {
		h = b.layer(n, h)
	}
	h = b.norm("output_norm", h, c.Hidden)
	h = b.op("matmul", "logits_all", []ir.ValueID{h}, []string{output})
	h = b.op("select_rows", "logits_selected", []ir.ValueID{h, rows}, nil)
	h = b.boundary(h, "logits", "logits")
	b.add(ir.Node{Op: "topk", In: append([]ir.ValueID{h}, adj...), Attrs: []ir.Attr{ir.IntAttr("k", min(maxTopK, c.Vocab))}},
		"topk.ids", "topk.logits", "topk.lse")
	if b.err != nil {
		return nil, b.err
	}
	g.Outputs = append(g.Outputs, g.Nodes[len(g.Nodes)-1].Out...)
	return g, ir.Verify(g)
}

// layer is one decoder block.
func (b *builder) layer(n int64, h ir.ValueID) ir.ValueID {
	c := b.c
	blk := func(s string) string { return fmt.Sprintf("blk.%d.%s", n, s) }

	x := b.norm(blk("attn_norm"), h, c.Hidden)
	q := b.linear(blk("attn_q"), x, c.QKVBias)
	k := b.linear(blk("attn_k"), x, c.QKVBias)
	v := b.linear(blk("attn_v"), x, c.QKVBias)
	if c.QKNorm {
		q = b.norm(blk("attn_q_norm"), q, c.HeadDim)
		k = b.norm(blk("attn_k_norm"), k, c.HeadDim)
	}
	q, k = b.rope(blk("q_rope"), q), b.rope(blk("k_rope"), k)
	attrs := []ir.Attr{ir.IntAttr("head_dim", c.HeadDim), ir.IntAttr("heads", c.Heads), ir.IntAttr("kv_heads", c.KVHeads), ir.FloatAttr("scale", c.AttnScale)}
	if c.Window != nil && c.Window[n] > 0 {
		attrs = append(attrs, ir.IntAttr("window", c.Window[n]))
	}
	a := b.add(ir.Node{Op: "attention", In: []ir.ValueID{q, k, v, b.positions}, States: []string{fmt.Sprintf("kv.%d", n)}, Attrs: attrs}, blk("attn"))
	a = b.linear(blk("attn_output"), a, c.OutputBias)
	h = b.op("add", blk("attn_residual"), []ir.ValueID{h, a}, nil)

	x = b.norm(blk("ffn_norm"), h, c.Hidden)
	gate := b.linear(blk("ffn_gate"), x, c.FFNBias)
	up := b.linear(blk("ffn_up"), x, c.FFNBias)
	act := b.op(ir.OpName(c.Act), blk("ffn_act"), []ir.ValueID{gate}, nil)
	y := b.op("mul", blk("ffn_mul"), []ir.ValueID{act, up}, nil)
	y = b.linear(blk("ffn_down"), y, c.FFNBias)
	h = b.op("add", blk("ffn_residual"), []ir.ValueID{h, y}, nil)
	name := fmt.Sprintf("layer.%d", n)
	return b.boundary(h, name, name)
}

// norm is rms_norm with weight name.weight over runs of dim channels.
func (b *builder) norm(name string, x ir.ValueID, dim int64) ir.ValueID {
	return b.op("rms_norm", name, []ir.ValueID{x}, []string{name + ".weight"}, ir.IntAttr("dim", dim), ir.FloatAttr("eps", b.c.RMSEps))
}

// linear is matmul with name.weight and, if biased, add_bias with name.bias.
func (b *builder) linear(name string, x ir.ValueID, bias bool) ir.ValueID {
	if !bias {
		return b.op("matmul", name, []ir.ValueID{x}, []string{name + ".weight"})
	}
	x = b.op("matmul", name+".mm", []ir.ValueID{x}, []string{name + ".weight"})
	return b.op("add_bias", name, []ir.ValueID{x}, []string{name + ".bias"})
}

func (b *builder) rope(name string, x ir.ValueID) ir.ValueID {
	attrs := []ir.Attr{ir.IntAttr("head_dim", b.c.HeadDim), ir.IntAttr("rotary_dim", b.c.Rope.Dim)}
	if s := b.c.Rope.Scale; s != 0 && s != 1 {
		attrs = append(attrs, ir.FloatAttr("mscale", s))
	}
	return b.op("rope", name, []ir.ValueID{x, b.positions}, []string{"rope.inv_freq"}, attrs...)
}

func (b *builder) boundary(x ir.ValueID, name, mark string) ir.ValueID {
	return b.op("boundary", name, []ir.ValueID{x}, nil, ir.StringAttr("name", mark))
}

func (b *builder) op(op ir.OpName, name string, in []ir.ValueID, weights []string, attrs ...ir.Attr) ir.ValueID {
	return b.add(ir.Node{Op: op, In: in, Weights: weights, Attrs: attrs}, name)
}

// add appends a node after adding its weights and returns its first output.
func (b *builder) add(n ir.Node, names ...string) ir.ValueID {
	for _, w := range n.Weights {
		if w == "rope.inv_freq" {
			continue
		}
		x := b.r.exprs[w]
		if x == nil && w == output {
			x = b.r.exprs[tokenEmbd]
		}
		if x == nil {
			b.fail(fmt.Errorf("weight %q has no row in the table of %s", w, b.c.Arch))
			return ir.None
		}
		b.weight(w, x)
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

func (b *builder) weight(name string, x *ir.Expr) {
	if _, err := b.g.AddWeight(name, x); err != nil {
		b.fail(err)
	}
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// cacheType is the default element type of the KV cache: f32 where every
// weight is f32, else f16.
func (r *resolver) cacheType() string {
	for _, w := range r.list {
		if w.To != tensor.F32 {
			return "f16"
		}
	}
	return "f32"
}
