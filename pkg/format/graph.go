package format

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/tessera-llm/tessera/pkg/format/tesserapb"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// elemCodes and layoutCodes are what a file writes for the enums of pkg/tensor.
var (
	elemCodes = map[tensor.Elem]tesserapb.Elem{tensor.ElemF32: tesserapb.Elem_ELEM_F32, tensor.ElemI8: tesserapb.Elem_ELEM_I8, tensor.ElemI32: tesserapb.Elem_ELEM_I32}

	layoutCodes = map[tensor.Layout]tesserapb.Layout{tensor.LayoutPlain: tesserapb.Layout_LAYOUT_PLAIN, tensor.LayoutC4: tesserapb.Layout_LAYOUT_C4}
)

// keyOf is the inverse of a table of codes.
func keyOf[K, V comparable](codes map[K]V, v V) (k K, ok bool) {
	for k, c := range codes {
		if c == v {
			return k, true
		}
	}
	return k, false
}

// encodeSegment is the content of a .seg file. With views its weights are
// expressions over stored ones, else they are stored under their names.
func encodeSegment(s ir.Segment, views bool) ([]byte, error) {
	g := s.Graph.Renumber()
	p := &tesserapb.Graph{Inputs: ids(g.Inputs), Outputs: ids(g.Outputs)}
	for _, v := range g.Values() {
		if _, ok := elemCodes[v.Type.Elem]; !ok {
			return nil, fmt.Errorf("segment %s: value %s: no code for element type %s", s.Name, v.Name, v.Type.Elem)
		}
		if _, ok := layoutCodes[v.Layout]; !ok {
			return nil, fmt.Errorf("segment %s: value %s: no code for %s", s.Name, v.Name, v.Layout)
		}
		pv := &tesserapb.Value{Name: v.Name, Elem: elemCodes[v.Type.Elem], Scheme: v.Type.Scheme, Layout: layoutCodes[v.Layout], Mark: v.Mark, MarkAt: int32(v.MarkAt)}
		for _, d := range v.Type.Shape {
			pv.Shape = append(pv.Shape, int64(d))
		}
		p.Values = append(p.Values, pv)
	}
	for _, st := range g.States {
		p.States = append(p.States, &tesserapb.State{Name: st.Name, Kind: st.Kind.String(), Heads: st.Heads, KDim: st.KDim, VDim: st.VDim,
			VOfK: st.VOfK, Window: st.Window, Base: st.Base, Row: st.Row})
	}
	for _, w := range g.Weights {
		pw := &tesserapb.Weight{Name: w.Name}
		if views {
			if err := encodeView(w, pw); err != nil {
				return nil, fmt.Errorf("segment %s: %w", s.Name, err)
			}
		}
		p.Weights = append(p.Weights, pw)
	}
	for _, n := range g.Nodes {
		pn := &tesserapb.Node{Op: string(n.Op), In: ids(n.In), Weights: n.Weights, States: n.States, Out: ids(n.Out)}
		for _, a := range n.Attrs {
			pn.Attrs = append(pn.Attrs, encodeAttr(a))
		}
		p.Nodes = append(p.Nodes, pn)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(&tesserapb.Segment{Version: segmentVersion, Name: s.Name, Kind: s.Kind, Graph: p})
}

func ids(list []ir.ValueID) []int32 {
	out := make([]int32, len(list))
	for i, v := range list {
		out[i] = int32(v)
	}
	return out
}

func encodeAttr(a ir.Attr) *tesserapb.Attr {
	p := &tesserapb.Attr{Key: a.Key}
	switch a.Kind {
	case ir.Int:
		p.Value = &tesserapb.Attr_I{I: a.I}
	case ir.Float:
		p.Value = &tesserapb.Attr_F{F: a.F}
	case ir.String:
		p.Value = &tesserapb.Attr_S{S: a.S}
	case ir.Ints:
		p.Value = &tesserapb.Attr_L{L: &tesserapb.Ints{V: a.L}}
	}
	return p
}

// decodeSegment parses and verifies a .seg file. weight finds a stored weight
// in the index, by name; with views the graph's weights may be made of several.
func decodeSegment(data []byte, views bool, weight func(name string) (*ir.Expr, error)) (ir.Segment, error) {
	var p tesserapb.Segment
	if err := checkWire(data, p.ProtoReflect().Descriptor()); err != nil {
		return ir.Segment{}, fmt.Errorf("not a segment: %w", err)
	}
	if err := proto.Unmarshal(data, &p); err != nil {
		return ir.Segment{}, fmt.Errorf("not a segment: %w", err)
	}
	if p.Version != segmentVersion {
		return ir.Segment{}, fmt.Errorf("segment version %d, this program reads %d: convert the checkpoint again", p.Version, segmentVersion)
	}
	if p.Graph == nil {
		return ir.Segment{}, fmt.Errorf("the segment has no graph")
	}
	g, err := decodeGraph(p.Graph, views, weight)
	if err != nil {
		return ir.Segment{}, err
	}
	g.Name = p.Name
	if err := ir.Verify(g); err != nil {
		return ir.Segment{}, err
	}
	return ir.Segment{Name: p.Name, Kind: p.Kind, Graph: g}, nil
}

func decodeGraph(p *tesserapb.Graph, views bool, weight func(string) (*ir.Expr, error)) (*ir.Graph, error) {
	if len(p.Values) > ir.MaxValues || len(p.Nodes) > ir.MaxNodes || len(p.Weights) > MaxWeights || len(p.States) > ir.MaxNodes {
		return nil, fmt.Errorf("%d values, %d nodes, %d weights: more than this program accepts", len(p.Values), len(p.Nodes), len(p.Weights))
	}
	g := ir.NewGraph("")
	for _, v := range p.Values {
		elem, known := keyOf(elemCodes, v.Elem)
		layout, ok := keyOf(layoutCodes, v.Layout)
		if !known || !ok {
			return nil, fmt.Errorf("value %.60q: element type %d or layout %d is unknown", v.Name, v.Elem, v.Layout)
		}
		if len(v.Shape) > tensor.MaxRank {
			return nil, fmt.Errorf("value %.60q has %d dimensions", v.Name, len(v.Shape))
		}
		t := ir.Type{Elem: elem, Scheme: v.Scheme}
		for _, d := range v.Shape {
			t.Shape = append(t.Shape, ir.Dim(d))
		}
		val := g.NewValue(v.Name, t)
		val.Layout, val.Mark, val.MarkAt = layout, v.Mark, int(v.MarkAt)
	}
	g.Inputs, g.Outputs = valueIDs(p.Inputs), valueIDs(p.Outputs)
	for _, s := range p.States {
		kind, err := ir.ParseStateKind(s.Kind)
		if err != nil {
			return nil, fmt.Errorf("state %.60q: %w", s.Name, err)
		}
		g.AddState(&ir.State{Name: s.Name, Kind: kind, Heads: s.Heads, KDim: s.KDim, VDim: s.VDim, VOfK: s.VOfK,
			Window: s.Window, Base: s.Base, Row: s.Row})
	}
	seen, budget := map[string]bool{}, &viewBudget{taken: map[string]int64{}}
	for _, w := range p.Weights {
		if seen[w.Name] {
			return nil, fmt.Errorf("weight %.60q is listed twice", w.Name)
		}
		seen[w.Name] = true
		if !views && len(w.Parts) > 0 {
			return nil, fmt.Errorf("weight %.60q has parts, in a graph of the first target, whose weights are stored", w.Name)
		}
		e, err := weightExpr(w, weight, budget)
		if err != nil {
			return nil, err
		}
		if _, err := g.AddWeight(w.Name, e); err != nil {
			return nil, err
		}
	}
	for _, n := range p.Nodes {
		nd := &ir.Node{Op: ir.OpName(n.Op), In: valueIDs(n.In), Weights: n.Weights, States: n.States, Out: valueIDs(n.Out)}
		for _, a := range n.Attrs {
			attr, err := decodeAttr(a)
			if err != nil {
				return nil, fmt.Errorf("op %.60q: %w", n.Op, err)
			}
			nd.Attrs = append(nd.Attrs, attr)
		}
		g.Nodes = append(g.Nodes, nd)
	}
	return g, nil
}

func valueIDs(list []int32) []ir.ValueID {
	out := make([]ir.ValueID, len(list))
	for i, v := range list {
		out[i] = ir.ValueID(v)
	}
	return out
}

func decodeAttr(a *tesserapb.Attr) (ir.Attr, error) {
	switch v := a.Value.(type) {
	case *tesserapb.Attr_I:
		return ir.IntAttr(a.Key, v.I), nil
	case *tesserapb.Attr_F:
		return ir.FloatAttr(a.Key, v.F), nil
	case *tesserapb.Attr_S:
		return ir.StringAttr(a.Key, v.S), nil
	case *tesserapb.Attr_L:
		return ir.IntsAttr(a.Key, v.L.GetV()...), nil
	}
	return ir.Attr{}, fmt.Errorf("attribute %.60q has no value", a.Key)
}
