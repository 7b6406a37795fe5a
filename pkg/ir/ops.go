package ir

import (
	"fmt"
	"slices"
)

// Op is one row of the op table. Adding an op is one row, its shape rule, one
// reference kernel (or Unfused) and one cpu kernel.
type Op struct {
	Name OpName
	Doc  string // the formula
	// Arity: values read, weights and states; -1 stands for one or more.
	In, Weights, States int
	// MaxWeights, when larger than Weights, allows optional trailing weights.
	MaxWeights int
	Attrs      []AttrSpec
	// Layout behaviour: bit i of C4In allows c4 at input i, bit i of C4Out at
	// output i. Everything else is plain. KeepsLayout: output 0 is c4 when
	// input 0 is.
	C4In, C4Out uint32
	KeepsLayout bool
	// RowWise: row i of every output depends on row i of the inputs only, so
	// selecting rows commutes with the op.
	RowWise bool
	// Shape types the outputs.
	Shape func(*Site) ([]Type, error)
	// Unfused, for a fused op only, is its definition: it adds simple nodes
	// to e and returns the values that stand for n's outputs.
	Unfused func(e *Expansion, n *Node) ([]ValueID, error)
	// Quantises names the op whose last output this one quantises; "" for all
	// others.
	Quantises OpName
}

// AttrSpec declares an attribute.
type AttrSpec struct {
	Key      string
	Kind     AttrKind
	Optional bool
}

// Site is a node with everything its shape rule may look at.
type Site struct {
	Node    *Node
	In      []Type
	Weights []*Weight
	States  []*State
}

// The table is filled by init, because the definitions of fused ops use it.
var (
	opTable []Op
	opIndex map[OpName]*Op
)

func init() {
	opTable = ops()
	opIndex = make(map[OpName]*Op, len(opTable))
	for i := range opTable {
		opIndex[opTable[i].Name] = &opTable[i]
	}
}

// quantising lists the ops that can quantise their last output themselves,
// each as an op of its own: rms_norm_quant and so on.
var quantising = []OpName{OpRMSNorm, OpAddRMSNorm, OpGatedAct, OpAttention}

func ops() []Op {
	rows := []Op{
		// Simple ops: runtime/reference and runtime/cpu have a kernel for each.
		{Name: OpEmbedding, Doc: "y[s] = W[ids[s]]", In: 1, Weights: 1, Shape: shapeEmbedding, RowWise: true},
		{Name: OpRMSNorm, Doc: "y = x / sqrt(mean(x²) + eps) · w, over each run of dim channels", In: 1, Weights: 1,
			Attrs: []AttrSpec{{"dim", Int, false}, {"eps", Float, false}}, C4Out: 1, Shape: shapeRMSNorm, RowWise: true},
		{Name: OpMatmul, Doc: "y = x · Wᵀ, W is [N, K]", In: 1, Weights: 1, C4In: 1, Shape: shapeMatmul, RowWise: true},
		{Name: OpAddBias, Doc: "y = x + b for each row", In: 1, Weights: 1, Shape: shapeAddBias, RowWise: true},
		{Name: OpAdd, Doc: "y = a + b", In: 2, Shape: shapeSame, RowWise: true},
		{Name: OpMul, Doc: "y = a · b", In: 2, Shape: shapeSame, RowWise: true},
		{Name: OpSilu, Doc: "y = x / (1 + exp(-x))", In: 1, Shape: shapeSame, RowWise: true},
		{Name: OpGeluTanh, Doc: "y = x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))", In: 1, Shape: shapeSame, RowWise: true},
		{Name: OpRope, Doc: "half rotation of pairs (i, i+rotary_dim/2) in each head by positions·inv_freq; inputs x, positions", In: 2, Weights: 1,
			Attrs: []AttrSpec{{"head_dim", Int, false}, {"rotary_dim", Int, false}, {"mscale", Float, true}}, Shape: shapeRope, RowWise: true},
		{Name: OpAttention, Doc: "append k, v at positions, then causal softmax(scale·q·kᵀ)·v over the visible positions; inputs q, k, v, positions", In: 4, States: 1,
			Attrs: []AttrSpec{{"head_dim", Int, false}, {"heads", Int, false}, {"kv_heads", Int, false}, {"scale", Float, false}, {"window", Int, true}},
			C4Out: 1, Shape: shapeAttention},
		{Name: OpSelectRows, Doc: "y[r] = x[rows[r]]; inputs x, rows", In: 2, Shape: shapeSelectRows},
		{Name: OpTopK, Doc: "the k largest of each row (higher logit, then lower id, NaN last) and the log-sum-exp, after l = (l > 0 ? l/scale : l·scale) + bias at the adjusted ids; inputs logits, adj_ids, adj_scale, adj_bias",
			In: 4, Attrs: []AttrSpec{{"k", Int, false}}, Shape: shapeTopK},
		{Name: OpBoundary, Doc: "identity; a place where the graph may be cut", In: 1, Attrs: []AttrSpec{{"name", String, false}}, Shape: shapeSame, RowWise: true},
		{Name: OpQuantizeAct, Doc: "f32 → i8 with scales and sums, by scheme", In: 1, Attrs: []AttrSpec{{"scheme", String, false}},
			C4In: 1, C4Out: 1, KeepsLayout: true, Shape: shapeQuantizeAct, RowWise: true},
		{Name: OpRelayout, Doc: "the same numbers in layout to", In: 1, Attrs: []AttrSpec{{"to", String, false}},
			C4In: 1, C4Out: 1, Shape: shapeRelayout, RowWise: true},

		// Fused ops.
		{Name: OpMatmulGroup, Doc: "several matmuls of one input: one dispatch; members lists the output sizes in order, each weight holds one or more members", In: 1, Weights: -1,
			Attrs: []AttrSpec{{"members", Ints, false}}, C4In: 1, Shape: shapeMatmulGroup, RowWise: true, Unfused: unfuseMatmulGroup},
		{Name: OpRopeQK, Doc: "rotary of q and k, after a per-head RMSNorm of each when its two gammas follow inv_freq; inputs q, k, positions", In: 3, Weights: 1, MaxWeights: 3,
			Attrs: []AttrSpec{{"eps", Float, true}, {"head_dim", Int, false}, {"rotary_dim", Int, false}, {"mscale", Float, true}},
			Shape: shapeRopeQK, RowWise: true, Unfused: unfuseRopeQK},
		{Name: OpAddRMSNorm, Doc: "sum = a + b; y = rms_norm(sum); outputs sum, y", In: 2, Weights: 1,
			Attrs: []AttrSpec{{"dim", Int, false}, {"eps", Float, false}}, C4Out: 2, Shape: shapeAddRMSNorm, RowWise: true, Unfused: unfuseAddRMSNorm},
		{Name: OpGatedAct, Doc: "y = act(gate) · up; inputs gate, up", In: 2, Attrs: []AttrSpec{{"act", String, false}},
			C4Out: 1, Shape: shapeGatedAct, RowWise: true, Unfused: unfuseGatedAct},
	}
	for _, name := range quantising {
		rows = append(rows, quantised(rows[slices.IndexFunc(rows, func(o Op) bool { return o.Name == name })]))
	}
	return rows
}

// Lookup returns the row of the named op, or nil.
func Lookup(name OpName) *Op { return opIndex[name] }

// Ops lists the op table in order.
func Ops() []*Op {
	all := make([]*Op, len(opTable))
	for i := range opTable {
		all[i] = &opTable[i]
	}
	return all
}

// Fused reports whether the op is defined by others.
func (o *Op) Fused() bool { return o.Unfused != nil }

func (o *Op) checkArity(n *Node) error {
	if err := arity(o.Name, "inputs", len(n.In), o.In, 0); err != nil {
		return err
	}
	if err := arity(o.Name, "weights", len(n.Weights), o.Weights, o.MaxWeights); err != nil {
		return err
	}
	return arity(o.Name, "states", len(n.States), o.States, 0)
}

func arity(op OpName, what string, got, want, most int) error {
	if want < 0 {
		if got < 1 {
			return fmt.Errorf("%s has no %s, want at least one", op, what)
		}
		return nil
	}
	if got < want || got > max(want, most) {
		return fmt.Errorf("%s has %d %s, want %d", op, got, what, want)
	}
	return nil
}

func (o *Op) checkAttrs(n *Node) error {
	for i, a := range n.Attrs {
		if i > 0 && n.Attrs[i-1].Key >= a.Key {
			return fmt.Errorf("%s: attributes %q and %q are not in order", o.Name, n.Attrs[i-1].Key, a.Key)
		}
		j := slices.IndexFunc(o.Attrs, func(s AttrSpec) bool { return s.Key == a.Key })
		if j < 0 {
			return fmt.Errorf("%s has no attribute %q", o.Name, a.Key)
		}
		if o.Attrs[j].Kind != a.Kind {
			return fmt.Errorf("%s: attribute %q has the wrong kind", o.Name, a.Key)
		}
	}
	for _, s := range o.Attrs {
		if _, ok := n.attr(s.Key); !ok && !s.Optional {
			return fmt.Errorf("%s lacks attribute %q", o.Name, s.Key)
		}
	}
	return nil
}
