package ir

import (
	"fmt"
	"slices"
)

// Op is one row of the op table: everything that the graph, the passes, the
// targets and the backends need to know about an op. Adding an op is one row,
// its shape rule, one reference kernel (or Unfused) and one cpu kernel; nothing
// else knows it by name.
type Op struct {
	Name OpName
	Doc  string // the formula
	// Arity: values read, weights and states; -1 stands for one or more.
	In, Weights, States int
	// MaxWeights, when larger than Weights, allows optional trailing weights.
	MaxWeights int
	// Optional is how many of the inputs, the last ones, may be left out.
	Optional int
	// Kept is the first of the inputs that go into the op's state. A node that has
	// them appends to it, one that leaves them out reads what another has appended.
	Kept  int
	Attrs []AttrSpec
	// Reads says as what weight i is read; the last entry stands for all that
	// follow.
	Reads []Read
	// Layout behaviour: bit i of C4In allows c4 at input i, bit i of C4Out at
	// output i. Everything else is plain. KeepsLayout: output 0 is c4 when
	// input 0 is. Relays: the op changes the layout to its attribute and nothing
	// else.
	C4In, C4Out         uint32
	KeepsLayout, Relays bool
	// Quantisable: bit i lets input i be an int8 activation, by the scheme that
	// the op's matrices want.
	Quantisable uint32
	// InPlace lists outputs that may be written over an input, as (output,
	// input): a kernel reads an element of that input before it writes the same
	// element, and nowhere else.
	InPlace [][2]int
	// RowWise: row i of every output depends on row i of the inputs only, not on
	// its position either, so selecting rows commutes with the op.
	RowWise bool
	// Quantiser: the output is the input as int8 by the scheme of the attribute,
	// and nothing else.
	Quantiser bool
	// Wall: an identity, output i of input i, at which the graph may be cut, at the
	// boundary that its attribute name names.
	Wall bool
	// Activation: y = f(x) for each element alone, f32 to f32. Applies is the
	// attribute that names an activation which the op applies, "" for most.
	Activation bool
	Applies    string
	// Grouped is the op into which several of this op over one input join, or
	// the op itself when it is such a group; "" when they do not.
	Grouped OpName
	// AfterAdd is the op that adds two values and does to the sum what this op
	// does to its input, outputs sum and result; "" when there is none.
	AfterAdd OpName
	// HasQuant: there is an op of its own that does the same and quantises the
	// last output (rms_norm_quant and so on). That op's Quantises names this one.
	HasQuant  bool
	Quantises OpName
	// Shape types the outputs.
	Shape func(*Site) ([]Type, error)
	// Unfused, for a fused op only, is its definition: it adds simple nodes
	// to e and returns the values that stand for n's outputs.
	Unfused func(e *Expansion, n *Node) ([]ValueID, error)
}

// Read is what an op takes a weight for.
type Read uint8

const (
	// Vector is a float vector, or few numbers per channel, decoded before the
	// first run.
	Vector Read = iota + 1
	// Gather is a table of which rows are picked.
	Gather
	// Matrix is W of y = x·Wᵀ, in whatever type and form the target multiplies.
	Matrix
)

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
	opTable []*Op
	opIndex = map[OpName]*Op{}
)

func init() {
	register(ops()...)
	for _, o := range opTable {
		if o.HasQuant {
			register(quantised(*o))
		}
	}
}

// register appends rows to the table.
func register(rows ...Op) {
	for _, o := range rows {
		if opIndex[o.Name] != nil {
			panic("ir: two rows for op " + string(o.Name))
		}
		opTable = append(opTable, &o)
		opIndex[o.Name] = &o
	}
}

// ops lists the rows but for the quantised forms, which follow from them.
func ops() []Op {
	return []Op{
		// Simple ops: runtime/reference and runtime/cpu have a kernel for each.
		{Name: OpEmbedding, Doc: "y[s] = W[ids[s]]", In: 1, Weights: 1, Reads: []Read{Gather}, Shape: shapeEmbedding, RowWise: true},
		{Name: OpRMSNorm, Doc: "y = x / sqrt(mean(x²) + eps) · w, over each run of dim channels", In: 1, Weights: 1, Reads: []Read{Vector}, AfterAdd: OpAddRMSNorm, HasQuant: true,
			Attrs: []AttrSpec{{"dim", Int, false}, {"eps", Float, false}}, C4Out: 1, Shape: shapeRMSNorm, RowWise: true},
		{Name: OpMatmul, Doc: "y = x · Wᵀ, W is [N, K]", In: 1, Weights: 1, Reads: []Read{Matrix}, Grouped: OpMatmulGroup, C4In: 1, Quantisable: 1, Shape: shapeMatmul, RowWise: true},
		{Name: OpAddBias, Doc: "y = x + b for each row", In: 1, Weights: 1, Reads: []Read{Vector}, InPlace: [][2]int{{0, 0}}, Shape: shapeAddBias, RowWise: true},
		{Name: OpAdd, Doc: "y = a + b", In: 2, InPlace: [][2]int{{0, 0}, {0, 1}}, Shape: shapeSame, RowWise: true},
		{Name: OpMul, Doc: "y = a · b", In: 2, InPlace: [][2]int{{0, 0}, {0, 1}}, Shape: shapeSame, RowWise: true},
		{Name: OpSilu, Doc: "y = x / (1 + exp(-x))", In: 1, Activation: true, InPlace: [][2]int{{0, 0}}, Shape: shapeSame, RowWise: true},
		{Name: OpGeluTanh, Doc: "y = x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))", In: 1, Activation: true, InPlace: [][2]int{{0, 0}}, Shape: shapeSame, RowWise: true},
		{Name: OpRope, Doc: "half rotation of pairs (i, i+rotary_dim/2) in each head by position·inv_freq", In: 1, Weights: 1, Reads: []Read{Vector}, InPlace: [][2]int{{0, 0}},
			Attrs: []AttrSpec{{"head_dim", Int, false}, {"rotary_dim", Int, false}, {"mscale", Float, true}}, Shape: shapeRope},
		{Name: OpAttention, Doc: "append k, v to each span's state, then causal softmax(scale·q·kᵀ)·v over the visible positions; inputs q, k, v; without v where that is part of k; q alone reads the state that another node extends",
			In: 3, Optional: 2, Kept: 1, States: 1,
			Attrs: []AttrSpec{{"head_dim", Int, false}, {"heads", Int, false}, {"kv_heads", Int, false}, {"scale", Float, false}, {"window", Int, true}},
			C4Out: 1, HasQuant: true, Shape: shapeAttention},
		{Name: OpCausalConv, Doc: "append x to each span's state, then y[p] = Σ_j W[:, j] · x[p-k+1+j] for each channel, x being 0 before position 0; W is [C, k]", In: 1, Weights: 1, States: 1,
			Reads: []Read{Vector}, Shape: shapeCausalConv},
		{Name: OpSelectRows, Doc: "the rows of x that the spans want, span by span", In: 1, Shape: shapeSelectRows},
		{Name: OpTopK, Doc: "the k largest of each row (higher logit, then lower id, NaN last), the log-sum-exp, and that of inv_temp·l, after l = (l > 0 ? l/scale : l·scale) + bias at the row's adjusted ids and -Inf where its mask has no bit; inputs logits, adj_row, adj_ids, adj_scale, adj_bias, inv_temp, mask_row, mask",
			In: 8, Attrs: []AttrSpec{{"k", Int, false}}, Shape: shapeTopK},
		{Name: OpBoundary, Doc: "identity of each input; a place where the graph may be cut", In: -1, Wall: true, Attrs: []AttrSpec{{"name", String, false}}, Shape: shapeBoundary, RowWise: true},
		{Name: OpQuantizeAct, Doc: "f32 → i8 with scales and sums, by scheme", In: 1, Quantiser: true, Attrs: []AttrSpec{{"scheme", String, false}},
			C4In: 1, C4Out: 1, KeepsLayout: true, Shape: shapeQuantizeAct, RowWise: true},
		{Name: OpRelayout, Doc: "the same numbers in layout to", In: 1, Attrs: []AttrSpec{{"to", String, false}},
			C4In: 1, C4Out: 1, Relays: true, Shape: shapeRelayout, RowWise: true},

		// Fused ops.
		{Name: OpMatmulGroup, Doc: "several matmuls of one input: one dispatch; members lists the output sizes in order, each weight holds one or more members", In: 1, Weights: -1, Reads: []Read{Matrix}, Grouped: OpMatmulGroup,
			Attrs: []AttrSpec{{"members", Ints, false}}, C4In: 1, Quantisable: 1, Shape: shapeMatmulGroup, RowWise: true, Unfused: unfuseMatmulGroup},
		{Name: OpRopeQK, Doc: "rotary of q and k, after a per-head RMSNorm of each when its two gammas follow inv_freq; inputs q, k", In: 2, Weights: 1, MaxWeights: 3, Reads: []Read{Vector}, InPlace: [][2]int{{0, 0}, {1, 1}},
			Attrs: []AttrSpec{{"eps", Float, true}, {"head_dim", Int, false}, {"rotary_dim", Int, false}, {"mscale", Float, true}},
			Shape: shapeRopeQK, Unfused: unfuseRopeQK},
		{Name: OpAddRMSNorm, Doc: "sum = a + b; y = rms_norm(sum); outputs sum, y", In: 2, Weights: 1, Reads: []Read{Vector}, InPlace: [][2]int{{0, 0}, {0, 1}}, HasQuant: true,
			Attrs: []AttrSpec{{"dim", Int, false}, {"eps", Float, false}}, C4Out: 2, Shape: shapeAddRMSNorm, RowWise: true, Unfused: unfuseAddRMSNorm},
		{Name: OpGatedAct, Doc: "y = act(gate) · up; inputs gate, up", In: 2, Applies: "act", HasQuant: true, Attrs: []AttrSpec{{"act", String, false}},
			C4Out: 1, Shape: shapeGatedAct, RowWise: true, Unfused: unfuseGatedAct},
	}
}

// Lookup returns the row of the named op, or nil.
func Lookup(name OpName) *Op { return opIndex[name] }

// Ops lists the op table in order.
func Ops() []*Op { return slices.Clone(opTable) }

// Fused reports whether the op is defined by others.
func (o *Op) Fused() bool { return o.Unfused != nil }

// ReadAs is what weight i is taken for.
func (o *Op) ReadAs(i int) Read { return o.Reads[min(i, len(o.Reads)-1)] }

// Reads reports whether the node takes some weight for r.
func (n *Node) Reads(r Read) bool {
	o := Lookup(n.Op)
	return o != nil && slices.Contains(o.Reads, r)
}

// Row is the node's row of the op table; nil where Verify would refuse the
// node.
func (n *Node) Row() *Op { return Lookup(n.Op) }

// Appends reports whether the node makes its states longer, rather than only
// reading them.
func (n *Node) Appends() bool {
	o := n.Row()
	return o != nil && len(n.States) > 0 && len(n.In) > o.Kept
}

func (o *Op) checkArity(n *Node) error {
	if least := o.In - o.Optional; o.Optional > 0 && (len(n.In) < least || len(n.In) > o.In) {
		return fmt.Errorf("%s has %d inputs, want %d to %d", o.Name, len(n.In), least, o.In)
	} else if o.Optional == 0 {
		if err := arity(o.Name, "inputs", len(n.In), o.In, 0); err != nil {
			return err
		}
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
