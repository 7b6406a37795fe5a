package ir

import (
	"fmt"
	"slices"
	"strings"
)

// quantSuffix ends the names of ops that quantise their own result.
const quantSuffix = "_quant"

// quantised is o followed by quantize_act of its last output: o's row with
// one more attribute and, last, an i8 output, defined by o's own definition
// and quantize_act.
func quantised(o Op) Op {
	q := o
	q.Name, q.Quantises, q.HasQuant = o.Name+quantSuffix, o.Name, false
	if o.AfterAdd != "" {
		q.AfterAdd = o.AfterAdd + quantSuffix
	}
	q.Doc = o.Doc + "; the last output quantised"
	q.Attrs = append(slices.Clone(o.Attrs), AttrSpec{"scheme", String, false})
	q.Shape = func(s *Site) ([]Type, error) {
		out, err := o.Shape(s)
		if err != nil {
			return nil, err
		}
		out[len(out)-1], err = quantisedType(out[len(out)-1], s.Node.Str("scheme"))
		return out, err
	}
	q.Unfused = func(e *Expansion, n *Node) ([]ValueID, error) { return unfuseQuantised(e, n, o) }
	return q
}

// QuantisedForm is the name of the op that computes op and quantises its last
// output, or "" when there is none.
func QuantisedForm(op OpName) OpName {
	if q := Lookup(op + quantSuffix); q != nil && q.Quantises == op {
		return q.Name
	}
	return ""
}

// Base is the node's op, or what that quantises: attention for attention_quant.
func (n *Node) Base() OpName {
	if op := Lookup(n.Op); op != nil && op.Quantises != "" {
		return op.Quantises
	}
	return n.Op
}

// unfuseQuantised adds the definition of o, then quantize_act. The f32 value
// gets the name that quantize-activations gave the i8 one, without the scheme.
func unfuseQuantised(e *Expansion, n *Node, o Op) ([]ValueID, error) {
	last, scheme := len(n.Out)-1, n.Str("scheme")
	inner := &Expansion{g: e.g, at: e.at, names: slices.Clone(e.names)}
	raw, ok := strings.CutSuffix(e.Name(last), "."+scheme)
	if !ok || raw == "" || e.g.ValueByName(raw) != nil {
		raw = e.Name(last) + ".f32"
	}
	inner.names[last] = raw
	p := n.clone()
	p.Op = o.Name
	p.Attrs = slices.DeleteFunc(p.Attrs, func(a Attr) bool { return a.Key == "scheme" })
	define := o.Unfused
	if define == nil {
		define = func(e *Expansion, n *Node) ([]ValueID, error) { return e.Add(*n, e.names...) }
	}
	out, err := define(inner, p)
	if err != nil {
		return nil, err
	}
	q, err := e.Add(Node{Op: OpQuantizeAct, In: out[last : last+1], Attrs: []Attr{StringAttr("scheme", scheme)}}, e.Name(last))
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(out[:last]), q[0]), nil
}

// quantisedType is t, f32 rows, behind a quantisation by scheme.
func quantisedType(t Type, scheme string) (Type, error) {
	c, err := f32Rows("what is quantised", t)
	if err != nil {
		return Type{}, err
	}
	if !slices.Contains(Schemes, scheme) {
		return Type{}, fmt.Errorf("unknown activation scheme %q", scheme)
	}
	if c%32 != 0 {
		return Type{}, fmt.Errorf("%d channels are not whole blocks of 32", c)
	}
	return Type{Elem: I8, Shape: t.Shape, Scheme: scheme}, nil
}
