package bundles

import (
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tessera-llm/tessera/pkg/format/tesserapb"
)

const decoder = "decoder-0.seg"

// wireCases: segment files that are no message, or one with unknown parts.
func wireCases() []Case {
	do := func(name, want string, f func(old []byte) []byte) Case {
		return Case{Name: "wire/" + name, Want: want, Break: replace(decoder, f)}
	}
	field := func(num protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), content)
	}
	varint := func(num protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
	}
	return []Case{
		do("empty", "version 0", func([]byte) []byte { return nil }),
		do("garbage", "not a segment", func([]byte) []byte { return []byte("this is no message at all, is it?") }),
		do("ones", "not a segment", func(b []byte) []byte { return []byte(strings.Repeat("\xff", len(b))) }),
		do("truncated", "not a segment", func(b []byte) []byte { return b[:len(b)/2] }),
		do("length-beyond", "not a segment", func(b []byte) []byte { return append(b, 0x22, 0xff, 0xff, 0xff, 0xff, 0x0f) }),
		do("group", "not a segment", func(b []byte) []byte { return append(b, 0x3b, 0x3c) }),
		do("unknown-field", "unknown field", func(b []byte) []byte { return append(b, field(60, []byte("x"))...) }),
		do("field-zero", "not a segment", func(b []byte) []byte { return append(b, 0x02, 0x00) }),
		do("two-graphs", "occurs twice", func(b []byte) []byte { return append(b, field(4, nil)...) }),
		do("wrong-wire-type", "wire type", func(b []byte) []byte { return append([]byte{0x10, 0x01}, b...) }),
		do("unknown-field-deep", "unknown field", func([]byte) []byte { return append([]byte{0x08, 0x02}, field(4, field(1, field(33, nil)))...) }),
		do("empty-values", "more entries", func([]byte) []byte {
			return append([]byte{0x08, 0x02}, field(4, []byte(strings.Repeat("\x0a\x00", 500000)))...)
		}),
		do("empty-attributes", "more entries", func([]byte) []byte {
			return append([]byte{0x08, 0x02}, field(4, field(6, []byte(strings.Repeat("\x32\x00", 500000))))...)
		}),
		do("enum-beyond", "0x8000000000000000 is no enum", func([]byte) []byte { return field(4, field(1, varint(2, 1<<63))) }),
		do("enum-wraps", "0x100000001 is no enum", func([]byte) []byte { return field(4, field(1, varint(5, 1<<32+1))) }),
		do("int32-wraps", "0x100000003 is no int32", func([]byte) []byte { return field(4, field(1, varint(7, 1<<32+3))) }),
		do("packed-wraps", "0x100000000 is no int32", func([]byte) []byte { return field(4, field(2, protowire.AppendVarint([]byte{1}, 1<<32))) }),
		do("version-wraps", "is no uint32", func([]byte) []byte { return varint(1, 1<<32+4) }),
		do("bad-utf8", "not a segment", func(b []byte) []byte { return append([]byte{0x08, 0x02}, field(2, []byte{0xff, 0xfe})...) }),
	}
}

// whole gives a weight of g one part, all rows of a stored weight of 128 rows.
func whole(g *tesserapb.Graph, name, stored string) {
	for _, w := range g.Weights {
		if w.Name == name {
			w.Form, w.Parts = "p16", []*tesserapb.Part{{Stored: stored, Hi: 128}}
			return
		}
	}
	panic("bundles: the sound decoder has no weight " + name)
}

// graphCases: messages that are no graphs.
func graphCases() []Case {
	do := func(name, want string, f func(g *tesserapb.Graph)) Case {
		return Case{Name: "graph/" + name, Want: want, Break: graph(decoder, func(s *tesserapb.Segment) { f(s.Graph) })}
	}
	seg := func(name, want string, f func(s *tesserapb.Segment)) Case {
		return Case{Name: "graph/" + name, Want: want, Break: graph(decoder, f)}
	}
	node := func(name, op, want string, f func(n *tesserapb.Node, g *tesserapb.Graph)) Case {
		return do(name, want, func(g *tesserapb.Graph) {
			for _, n := range g.Nodes {
				if n.Op == op {
					f(n, g)
					return
				}
			}
			panic("bundles: the sound decoder has no " + op)
		})
	}
	attr := func(name, op, key, want string, v any) Case {
		return node(name, op, want, func(n *tesserapb.Node, _ *tesserapb.Graph) {
			for _, a := range n.Attrs {
				if a.Key == key {
					switch v := v.(type) {
					case int:
						a.Value = &tesserapb.Attr_I{I: int64(v)}
					case float64:
						a.Value = &tesserapb.Attr_F{F: v}
					case string:
						a.Value = &tesserapb.Attr_S{S: v}
					default:
						a.Value = nil
					}
					return
				}
			}
			panic("bundles: " + op + " has no attribute " + key)
		})
	}
	topk := func(name, want string, k int64) Case {
		return Case{Name: "graph/" + name, Want: want, Break: graph("topk.seg", func(s *tesserapb.Segment) {
			s.Graph.Nodes[len(s.Graph.Nodes)-1].Attrs[0].Value = &tesserapb.Attr_I{I: k}
		})}
	}
	last := func(g *tesserapb.Graph) *tesserapb.Node { return g.Nodes[len(g.Nodes)-1] }
	return []Case{
		seg("no-graph", "no graph", func(s *tesserapb.Segment) { s.Graph = nil }),
		seg("version-0", "version 0", func(s *tesserapb.Segment) { s.Version = 0 }),
		seg("version-1", "convert the checkpoint again", func(s *tesserapb.Segment) { s.Version = 1 }),
		seg("other-name", "the manifest says", func(s *tesserapb.Segment) { s.Name = "decoder-7" }),
		seg("other-kind", "the manifest says", func(s *tesserapb.Segment) { s.Kind = "topk" }),
		do("no-nodes", "graph breaks", func(g *tesserapb.Graph) { g.Nodes = nil }),
		do("no-inputs", "graph breaks", func(g *tesserapb.Graph) { g.Inputs = nil }),
		do("no-outputs", "the manifest says", func(g *tesserapb.Graph) { g.Outputs = nil }),
		do("part-of-another", "has parts", func(g *tesserapb.Graph) { whole(g, "blk.0.attn_output.weight", "blk.1.attn_output.weight") }),
		do("part-of-itself", "has parts", func(g *tesserapb.Graph) { whole(g, "blk.0.attn_output.weight", "blk.0.attn_output.weight") }),
		do("unknown-op", "unknown op", func(g *tesserapb.Graph) { g.Nodes[0].Op = "conjure" }),
		do("empty-op", "unknown op", func(g *tesserapb.Graph) { g.Nodes[0].Op = "" }),
		do("unknown-element-type", "element type 99", func(g *tesserapb.Graph) { g.Values[0].Elem = 99 }),
		do("negative-element-type", "element type -1", func(g *tesserapb.Graph) { g.Values[0].Elem = -1 }),
		do("invalid-element-type", "element type 0", func(g *tesserapb.Graph) { g.Values[0].Elem = 0 }),
		do("unknown-layout", "layout 7", func(g *tesserapb.Graph) { g.Values[0].Layout = 7 }),
		do("unknown-scheme", "graph breaks", func(g *tesserapb.Graph) { g.Values[len(g.Values)-1].Scheme = "s1e1" }),
		do("negative-value", "graph breaks", func(g *tesserapb.Graph) { g.Nodes[0].In[0] = -1 }),
		do("value-beyond", "graph breaks", func(g *tesserapb.Graph) { g.Nodes[0].In[0] = math.MaxInt32 }),
		do("output-beyond", "graph breaks", func(g *tesserapb.Graph) { last(g).Out[0] = 1 << 30 }),
		do("cycle", "graph breaks", func(g *tesserapb.Graph) { g.Nodes[0].In[0] = last(g).Out[0] }),
		do("reads-itself", "graph breaks", func(g *tesserapb.Graph) { g.Nodes[0].In[0] = g.Nodes[0].Out[0] }),
		do("reversed", "graph breaks", func(g *tesserapb.Graph) {
			for i, j := 0, len(g.Nodes)-1; i < j; i, j = i+1, j-1 {
				g.Nodes[i], g.Nodes[j] = g.Nodes[j], g.Nodes[i]
			}
		}),
		do("two-producers", "graph breaks", func(g *tesserapb.Graph) { g.Nodes[1].Out[0] = g.Nodes[0].Out[0] }),
		do("node-twice", "graph breaks", func(g *tesserapb.Graph) { g.Nodes = append(g.Nodes, g.Nodes[0]) }),
		do("value-without-producer", "graph breaks", func(g *tesserapb.Graph) { g.Values = append(g.Values, &tesserapb.Value{Name: "lonely", Elem: 1}) }),
		do("two-values-one-name", "graph breaks", func(g *tesserapb.Graph) { g.Values[1].Name = g.Values[0].Name }),
		do("value-no-name", "graph breaks", func(g *tesserapb.Graph) { g.Values[0].Name = "" }),
		do("output-twice", "graph breaks", func(g *tesserapb.Graph) { g.Outputs = append(g.Outputs, g.Outputs[0]) }),
		do("output-unknown", "graph breaks", func(g *tesserapb.Graph) { g.Outputs[0] = -5 }),
		do("no-operands", "inputs", func(g *tesserapb.Graph) { g.Nodes[0].In = nil }),
		do("too-many-operands", "inputs", func(g *tesserapb.Graph) { g.Nodes[0].In = append(g.Nodes[0].In, g.Nodes[0].In...) }),
		do("huge-shape", "graph breaks", func(g *tesserapb.Graph) { g.Values[0].Shape = []int64{-1, 1 << 60} }),
		do("negative-shape", "graph breaks", func(g *tesserapb.Graph) { g.Values[0].Shape = []int64{-1, -77} }),
		do("zero-shape", "graph breaks", func(g *tesserapb.Graph) { g.Values[0].Shape = []int64{-1, 0} }),
		do("long-shape", "dimensions", func(g *tesserapb.Graph) { g.Values[0].Shape = make([]int64, 10000) }),
		do("other-shape", "graph breaks", func(g *tesserapb.Graph) { last(g); g.Values[2].Shape = []int64{-1, 17} }),
		do("weight-unknown", "not in the index", func(g *tesserapb.Graph) { g.Weights[0].Name = "nothing" }),
		do("weight-twice", "twice", func(g *tesserapb.Graph) { g.Weights = append(g.Weights, g.Weights[0]) }),
		do("weight-unused", "not in the index", func(g *tesserapb.Graph) { g.Weights = append(g.Weights, &tesserapb.Weight{Name: "extra"}) }),
		do("weight-missing", "weight", func(g *tesserapb.Graph) { g.Weights = g.Weights[1:] }),
		node("weight-of-other-shape", "add_rms_norm_quant", "graph breaks", func(n *tesserapb.Node, g *tesserapb.Graph) {
			for _, m := range g.Nodes {
				if m.Op == "matmul_group" {
					n.Weights[0] = m.Weights[0]
				}
			}
		}),
		do("no-states", "state", func(g *tesserapb.Graph) { g.States = nil }),
		do("state-twice", "graph breaks", func(g *tesserapb.Graph) { g.States = append(g.States, g.States[0]) }),
		do("state-no-heads", "graph breaks", func(g *tesserapb.Graph) { g.States[0].Heads = 0 }),
		do("state-negative-dim", "graph breaks", func(g *tesserapb.Graph) { g.States[0].KDim = -64 }),
		do("state-huge", "graph breaks", func(g *tesserapb.Graph) { g.States[0].Heads = 1 << 50 }),
		do("state-unknown-kind", "kind", func(g *tesserapb.Graph) { g.States[0].Kind = "f128" }),
		do("state-both-kinds", "graph breaks", func(g *tesserapb.Graph) { g.States[0].Base = 16 }),
		do("state-other-kind", "graph breaks", func(g *tesserapb.Graph) {
			g.States[0] = &tesserapb.State{Name: g.States[0].Name, Kind: "recurrent", Base: 16, Row: 4}
		}),
		do("state-base-huge", "graph breaks", func(g *tesserapb.Graph) {
			g.States[0] = &tesserapb.State{Name: g.States[0].Name, Kind: "recurrent", Base: 1 << 50, Row: 4}
		}),
		do("state-window-negative", "graph breaks", func(g *tesserapb.Graph) { g.States[0].Window = -1 }),
		do("state-window-too-short", "graph breaks", func(g *tesserapb.Graph) { g.States[0].Window = 1 }),
		do("state-v-of-smaller-k", "graph breaks", func(g *tesserapb.Graph) { g.States[0].VOfK, g.States[0].VDim = true, g.States[0].KDim+1 }),
		node("state-never-appended-to", "attention_quant", "graph breaks V7", func(n *tesserapb.Node, _ *tesserapb.Graph) { n.In = n.In[:1] }),
		node("k-without-v", "attention_quant", "graph breaks V4", func(n *tesserapb.Node, _ *tesserapb.Graph) { n.In = n.In[:2] }),
		do("state-of-k-with-v", "graph breaks V4", func(g *tesserapb.Graph) { g.States[0].VOfK = true }),
		attr("heads-zero", "attention_quant", "heads", "graph breaks", 0), attr("heads-negative", "attention_quant", "heads", "graph breaks", -4),
		attr("heads-huge", "attention_quant", "heads", "graph breaks", 1<<40), attr("kv-heads-not-a-divisor", "attention_quant", "kv_heads", "graph breaks", 3),
		attr("scale-nan", "attention_quant", "scale", "graph breaks", math.NaN()), attr("scale-kind", "attention_quant", "scale", "graph breaks", 1),
		attr("head-dim-huge", "attention_quant", "head_dim", "graph breaks", 1<<40), attr("eps-nan", "add_rms_norm_quant", "eps", "graph breaks", math.NaN()),
		attr("eps-inf", "add_rms_norm_quant", "eps", "graph breaks", math.Inf(1)), attr("eps-negative", "add_rms_norm_quant", "eps", "graph breaks", -1.0),
		attr("dim-zero", "add_rms_norm_quant", "dim", "graph breaks", 0), attr("rotary-dim-odd", "rope_qk", "rotary_dim", "graph breaks", 63),
		attr("act-unknown", "gated_act_quant", "act", "graph breaks", "relu6"), attr("scheme-unknown", "gated_act_quant", "scheme", "graph breaks", "s1"),
		attr("no-value", "attention_quant", "heads", "has no value", nil),
		node("attribute-unknown", "attention_quant", "no attribute", func(n *tesserapb.Node, _ *tesserapb.Graph) {
			n.Attrs = append(n.Attrs, &tesserapb.Attr{Key: "zeal", Value: &tesserapb.Attr_I{I: 1}})
		}),
		node("attribute-twice", "attention_quant", "not in order", func(n *tesserapb.Node, _ *tesserapb.Graph) { n.Attrs = append(n.Attrs, n.Attrs[len(n.Attrs)-1]) }),
		node("attribute-missing", "attention_quant", "lacks attribute", func(n *tesserapb.Node, _ *tesserapb.Graph) { n.Attrs = n.Attrs[1:] }),
		node("members-unequal", "matmul_group", "graph breaks", func(n *tesserapb.Node, _ *tesserapb.Graph) {
			n.Attrs[0].Value = &tesserapb.Attr_L{L: &tesserapb.Ints{V: []int64{1, 2}}}
		}),
		node("members-negative", "matmul_group", "graph breaks", func(n *tesserapb.Node, _ *tesserapb.Graph) {
			n.Attrs[0].Value = &tesserapb.Attr_L{L: &tesserapb.Ints{V: []int64{-1, 1 << 62}}}
		}),
		topk("topk-huge", "graph breaks", 1<<40), topk("topk-zero", "graph breaks", 0), topk("topk-negative", "graph breaks", -1),
		{Name: "graph/state-of-another-segment", Want: "the manifest says", Break: graph("decoder-1.seg", func(s *tesserapb.Segment) {
			old := s.Graph.States[0].Name
			s.Graph.States[0].Name = "kv.0"
			for _, n := range s.Graph.Nodes {
				for i := range n.States {
					if n.States[i] == old {
						n.States[i] = "kv.0"
					}
				}
			}
		})},
	}
}
