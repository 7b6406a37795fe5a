package ir

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Format prints the graph in its text form, one line per input, state, weight
// and node. Parse reads it back. The grammar, by example:
//
//	graph decoder
//	input %0 hidden f32[S,64]
//	state $kv.0 heads=2 k=32 v=32
//	weight @blk.0.attn_norm.weight f32[64] = tensor(model.layers.0.input_layernorm.weight)
//	%2 blk.0.attn_norm f32[S,64] = rms_norm(%0, @blk.0.attn_norm.weight) {dim=64, eps=1e-05}
//	output %2
//
// Names of other characters are quoted as Go strings. A value's type is
// followed by c4 in that layout and by mark=NAME where a boundary was
// dissolved, mark=NAME:1 at the second value that crossed there.
func Format(g *Graph) string {
	var b strings.Builder
	Fprint(&b, g)
	return b.String()
}

// Fprint writes the text form to w.
func Fprint(w io.Writer, g *Graph) {
	fmt.Fprintf(w, "graph %s\n", word(g.Name))
	for _, v := range g.Inputs {
		fmt.Fprintf(w, "input %s\n", valueText(g, v))
	}
	for _, s := range g.States {
		fmt.Fprintf(w, "state $%s %s\n", word(s.Name), s.properties())
	}
	for _, wt := range g.Weights {
		fmt.Fprintf(w, "weight @%s %s = %s\n", word(wt.Name), weightType(wt.Expr), exprText(wt.Expr))
	}
	for _, n := range g.Nodes {
		fmt.Fprintln(w, NodeText(g, n))
	}
	for _, v := range g.Outputs {
		fmt.Fprintf(w, "output %%%d\n", v)
	}
}

// NodeText is the line of one node.
func NodeText(g *Graph, n *Node) string {
	var b strings.Builder
	for i, v := range n.Out {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(valueText(g, v))
	}
	b.WriteString(" = " + string(n.Op) + "(")
	var args []string
	for _, v := range n.In {
		args = append(args, fmt.Sprintf("%%%d", v))
	}
	for _, w := range n.Weights {
		args = append(args, "@"+word(w))
	}
	for _, s := range n.States {
		args = append(args, "$"+word(s))
	}
	b.WriteString(strings.Join(args, ", ") + ")")
	if len(n.Attrs) > 0 {
		parts := make([]string, len(n.Attrs))
		for i, a := range n.Attrs {
			parts[i] = a.String()
		}
		b.WriteString(" {" + strings.Join(parts, ", ") + "}")
	}
	return b.String()
}

func valueText(g *Graph, id ValueID) string {
	v := g.Value(id)
	if v == nil {
		return fmt.Sprintf("%%%d ?", id)
	}
	s := fmt.Sprintf("%%%d %s %s", id, word(v.Name), v.Type)
	if v.Layout == C4 {
		s += " c4"
	}
	if v.Mark != "" {
		s += " mark=" + word(v.Mark)
		if v.MarkAt != 0 {
			s += ":" + strconv.Itoa(v.MarkAt)
		}
	}
	return s
}

func weightType(e *Expr) string {
	s := e.Type.String() + shapeText(e.Shape)
	if e.Form != Rows {
		s += " " + e.Form.String()
	}
	return s
}

func shapeText(s tensor.Shape) string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = strconv.FormatInt(d, 10)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// exprText prints an expression. Leaves carry their type, so that Parse can
// compute everything above them.
func exprText(e *Expr) string {
	switch e.Kind {
	case ExprTensor:
		return fmt.Sprintf("tensor(%s, %s%s)", word(e.Name), e.Type, shapeText(e.Shape))
	case ExprStored:
		rows := make([]string, len(e.Rows))
		for i, r := range e.Rows {
			rows[i] = strconv.FormatInt(r, 10)
		}
		return fmt.Sprintf("stored(%s, %s%s, %s, [%s])", word(e.Name), e.Type, shapeText(e.Shape), e.Form, strings.Join(rows, ","))
	case ExprConst:
		parts := make([]string, len(e.Data))
		for i, f := range e.Data {
			parts[i] = strconv.FormatUint(uint64(math.Float32bits(f)), 16)
		}
		return "const(" + strings.Join(parts, ", ") + ")"
	}
	args := make([]string, 0, len(e.Args)+2)
	for _, a := range e.Args {
		args = append(args, exprText(a))
	}
	switch e.Kind {
	case ExprSliceRows:
		args = append(args, strconv.FormatInt(e.Lo, 10), strconv.FormatInt(e.Hi, 10))
	case ExprUnrotate:
		args = append(args, strconv.FormatInt(e.Heads, 10))
	case ExprCast, ExprQuantize:
		args = append(args, e.To.String())
	case ExprPack:
		args = append(args, e.Form.String())
	}
	return e.Kind.String() + "(" + strings.Join(args, ", ") + ")"
}

// word prints a name bare when it is made of ordinary characters.
func word(s string) string {
	if s == "" {
		return `""`
	}
	for i := 0; i < len(s); i++ {
		if !wordByte(s[i]) {
			return strconv.Quote(s)
		}
	}
	return s
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-/|+", c) >= 0
}
