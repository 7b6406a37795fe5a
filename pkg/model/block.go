package model

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// preNorm is the block of a plain decoder:
//
//	h += output(attention(rope(q), rope(k), v)) of norm(h)
//	h += down(act(gate) · up) of norm(h)
func preNorm(b *builder, l *Layer, h ir.ValueID) ir.ValueID {
	x := b.norm("attn_norm", h)
	q, k, v := b.linear("attn_q", x), b.linear("attn_k", x), b.linear("attn_v", x)
	a := b.attention("attn", b.rope("q_rope", q), b.rope("k_rope", k), v)
	h = b.residual("attn_residual", h, b.linear("attn_output", a))
	return b.residual("ffn_residual", h, b.gated("ffn", b.norm("ffn_norm", h)))
}

// The vocabulary of blocks. Names are those of the layer's weights and values,
// without "blk.N.".

// norm is RMSNorm over all channels, with weight name.weight.
func (b *builder) norm(name string, x ir.ValueID) ir.ValueID { return b.rms(name, x, b.c.Hidden) }

// headNorm is RMSNorm over each head of the layer.
func (b *builder) headNorm(name string, x ir.ValueID) ir.ValueID {
	return b.rms(name, x, b.l.Attn.HeadDim)
}

func (b *builder) rms(name string, x ir.ValueID, dim int64) ir.ValueID {
	return b.op(ir.OpRMSNorm, name, []ir.ValueID{x}, []string{name + ".weight"}, ir.IntAttr("dim", dim), ir.FloatAttr("eps", b.c.RMSEps))
}

// linear is matmul with name.weight, and the addition of name.bias where the
// table has that row for this layer.
func (b *builder) linear(name string, x ir.ValueID) ir.ValueID {
	if b.exprs[b.full(name+".bias")] == nil {
		return b.op(ir.OpMatmul, name, []ir.ValueID{x}, []string{name + ".weight"})
	}
	x = b.op(ir.OpMatmul, name+".mm", []ir.ValueID{x}, []string{name + ".weight"})
	return b.op(ir.OpAddBias, name, []ir.ValueID{x}, []string{name + ".bias"})
}

// rope rotates the heads as the layer says; x itself where it does not rotate.
func (b *builder) rope(name string, x ir.ValueID) ir.ValueID {
	a := &b.l.Attn
	if a.Rope == NoRope {
		return x
	}
	r := &b.c.Ropes[a.Rope]
	attrs := []ir.Attr{ir.IntAttr("head_dim", a.HeadDim), ir.IntAttr("rotary_dim", r.Dim)}
	if r.Scale != 0 && r.Scale != 1 {
		attrs = append(attrs, ir.FloatAttr("mscale", r.Scale))
	}
	return b.add(ir.Node{Op: ir.OpRope, In: []ir.ValueID{x}, Weights: []string{invFreq(a.Rope)}, Attrs: attrs}, b.full(name))
}

// attention of the layer's heads over its cache.
func (b *builder) attention(name string, q, k, v ir.ValueID) ir.ValueID {
	a := &b.l.Attn
	attrs := []ir.Attr{ir.IntAttr("head_dim", a.HeadDim), ir.IntAttr("heads", a.Heads), ir.IntAttr("kv_heads", a.KVHeads), ir.FloatAttr("scale", a.Scale)}
	if a.Window > 0 {
		attrs = append(attrs, ir.IntAttr("window", a.Window))
	}
	return b.add(ir.Node{Op: ir.OpAttention, In: []ir.ValueID{q, k, v}, States: []string{cacheOf(b.n)}, Attrs: attrs}, b.full(name))
}

// gated is the feed-forward down(act(gate x) · up x) with weights name_gate,
// name_up and name_down.
func (b *builder) gated(name string, x ir.ValueID) ir.ValueID {
	gate, up := b.linear(name+"_gate", x), b.linear(name+"_up", x)
	act := b.op(b.l.FFN.Act, name+"_act", []ir.ValueID{gate}, nil)
	return b.linear(name+"_down", b.op(ir.OpMul, name+"_mul", []ir.ValueID{act, up}, nil))
}

// residual is h + x.
func (b *builder) residual(name string, h, x ir.ValueID) ir.ValueID {
	return b.op(ir.OpAdd, name, []ir.ValueID{h, x}, nil)
}

// cacheOf is the state of layer n.
func cacheOf(n int64) string { return fmt.Sprintf("kv.%d", n) }

// invFreq is the stored weight of rotation i of the config.
func invFreq(i int) string {
	if i == 0 {
		return "rope.inv_freq"
	}
	return fmt.Sprintf("rope.%d.inv_freq", i)
}
