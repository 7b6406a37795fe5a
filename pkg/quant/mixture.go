package quant

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// The mixtures of llama-quantize (no importance matrix, no overrides; the
// exceptions for the Falcon architecture are left out).

// Options is what the choice of a type depends on besides the tensor itself.
type Options struct {
	Tied    bool // there is no output tensor: the token embedding takes its place
	Experts int  // routed experts per layer; 0 for a dense model
	Heads   int  // query heads of the first layer
	KVHeads int  // key/value heads of the first layer
	Is70B   bool // see Is70B
}

// Is70B reports whether llama.cpp counts a model among those of 70B, whose few
// key/value heads make attn_v small.
func Is70B(arch string, layers, heads, kvHeads int) bool {
	switch arch {
	case "llama":
		return layers == 80 && heads != kvHeads
	case "qwen2", "deci", "olmo":
		return layers == 80
	case "jais2":
		return layers == 68
	}
	return false
}

// place is one tensor as the rules see it.
type place struct {
	at, of int // see TypeFor
	Options
}

func (p *place) inFirst(part int) bool { return p.at < p.of/part }
func (p *place) amongFour() bool       { return p.at < 4 }
func (p *place) amongTwo() bool        { return p.at < 2 }
func (p *place) inEighth() bool        { return p.inFirst(8) }
func (p *place) inSixteenth() bool     { return p.inFirst(16) }
func (p *place) groupedBy4() bool      { return p.KVHeads > 0 && p.Heads/p.KVHeads >= 4 }
func (p *place) eightExperts() bool    { return p.Experts == 8 }
func (p *place) notEightExperts() bool { return p.Experts != 8 }

// more selects the first and the last eighth and every third between them.
func (p *place) more() bool {
	return p.at < p.of/8 || p.at >= 7*p.of/8 || (p.at-p.of/8)%3 == 2
}

// rule raises or lowers the type of a role: the first that matches counts.
type rule struct {
	role    Role
	recipes []Recipe
	when    func(*place) bool // nil: always
	then    tensor.Type
	why     string
}

var rules = [...]rule{
	{RoleAttnV, []Recipe{Q2_K}, (*place).groupedBy4, tensor.Q4_K, "4 or more heads share it"},
	{RoleAttnV, []Recipe{Q2_K}, nil, tensor.Q3_K, "attn_v"},
	{RoleAttnV, []Recipe{Q3_K_M}, (*place).amongTwo, tensor.Q5_K, "first two attn_v"},
	{RoleAttnV, []Recipe{Q3_K_M}, nil, tensor.Q4_K, "attn_v"},
	{RoleAttnV, []Recipe{Q3_K_L}, nil, tensor.Q5_K, "attn_v"},
	{RoleAttnV, []Recipe{IQ4_NL, IQ4_XS}, (*place).groupedBy4, tensor.Q5_K, "4 or more heads share it"},
	{RoleAttnV, []Recipe{Q4_K_M, Q5_K_M}, (*place).more, tensor.Q6_K, "attn_v of a chosen layer"},
	{RoleAttnV, []Recipe{Q4_K_S}, (*place).amongFour, tensor.Q5_K, "first four attn_v"},

	{RoleFFNDown, []Recipe{Q2_K}, nil, tensor.Q3_K, "ffn_down"},
	{RoleFFNDown, []Recipe{Q3_K_M}, (*place).inSixteenth, tensor.Q5_K, "ffn_down of the first layers"},
	{RoleFFNDown, []Recipe{Q3_K_M}, nil, tensor.Q4_K, "ffn_down"},
	{RoleFFNDown, []Recipe{Q3_K_L}, nil, tensor.Q5_K, "ffn_down"},
	{RoleFFNDown, []Recipe{Q4_K_M, Q5_K_M}, (*place).more, tensor.Q6_K, "ffn_down of a chosen layer"},
	{RoleFFNDown, []Recipe{Q4_K_S, IQ4_NL, IQ4_XS}, (*place).inEighth, tensor.Q5_K, "ffn_down of the first layers"},

	{RoleAttnOutput, []Recipe{Q2_K, Q3_K_S, Q3_K_M, Q4_K_S, Q4_K_M, IQ4_NL, IQ4_XS}, (*place).eightExperts,
		tensor.Q5_K, "attn_output with 8 experts"},
	{RoleAttnOutput, []Recipe{Q2_K}, (*place).notEightExperts, tensor.Q3_K, "attn_output"},
	{RoleAttnOutput, []Recipe{Q3_K_M}, (*place).notEightExperts, tensor.Q4_K, "attn_output"},
	{RoleAttnOutput, []Recipe{Q3_K_L}, (*place).notEightExperts, tensor.Q5_K, "attn_output"},
}

// TypeFor chooses the type of a weight and says why.
//
// For attn_v and attn_qkv, layer is the position of the tensor among those of
// both roles and nLayers their number: not every layer need have one. For
// ffn_down, nLayers is the number of layers and layer the position among the
// ffn_down tensors, in models with experts the layer. Other roles ignore both.
// NewPlan does this counting.
//
// shape is [.., N, K]; src is the type in the checkpoint, which matters for
// Keep and for weights that are never quantised.
func (t Recipe) TypeFor(role Role, layer, nLayers int, shape tensor.Shape, src tensor.Type, o Options) (tensor.Type, string) {
	if ty, why := unquantised(role, shape, src); ty != tensor.Invalid {
		return ty, why
	}
	base := t.Base()
	switch {
	case t == Keep:
		return src, "kept"
	case !base.Quantised():
		return base, base.String() + " throughout"
	}
	ty, why := t.mixed(role, shape, base, &place{layer, nLayers, o})
	return fit(ty, why, shape.Last())
}

// unquantised decides on the weights that no recipe quantises;
// tensor.Invalid for the others.
func unquantised(role Role, shape tensor.Shape, src tensor.Type) (tensor.Type, string) {
	why := ""
	switch {
	case role == RoleNorm, role == RoleBias, role == RoleRouter:
		why = role.String()
	case rank(shape) < 2:
		why = "vector"
	case role == RoleKept:
		return src, "kept"
	default:
		return tensor.Invalid, ""
	}
	if src.Float() {
		return tensor.F32, why
	}
	return src, why
}

// rank is the number of dimensions without leading ones.
func rank(s tensor.Shape) int {
	for i, d := range s {
		if d != 1 {
			return len(s) - i
		}
	}
	return 0
}

// mixed applies the rules of the mixtures.
func (t Recipe) mixed(role Role, shape tensor.Shape, base tensor.Type, p *place) (tensor.Type, string) {
	if role == RoleOutput || role == RoleTokenEmbd && p.Tied {
		return t.outputType(role, shape, base)
	}
	if t == MXFP4_MoE {
		if rank(shape) > 2 {
			return base, "stacked experts"
		}
		return tensor.Q8_0, "not stacked experts"
	}
	group := role
	if role == RoleAttnQKV {
		group = RoleAttnV
	}
	ty, why := base, base.String()+" is the type of the mixture"
	for i := range rules {
		r := &rules[i]
		if r.role == group && slices.Contains(r.recipes, t) && (r.when == nil || r.when(p)) {
			ty, why = r.then, r.why
			break
		}
	}
	if group == RoleAttnV && p.Is70B && (ty == tensor.Q3_K || ty == tensor.Q4_K) {
		ty, why = tensor.Q5_K, "attn_v of a 70B model"
	}
	if (group == RoleAttnV || role == RoleAttnK) && p.Experts == 8 {
		ty, why = tensor.Q8_0, role.String()+" with 8 experts"
	}
	return ty, why
}

// outputType is the type of the matrix that gives the logits.
func (t Recipe) outputType(role Role, shape tensor.Shape, base tensor.Type) (tensor.Type, string) {
	why := "output"
	if role != RoleOutput {
		why = "token embedding, also the output"
	}
	if t == MXFP4_MoE || base == tensor.Q8_0 || shape.Last()%int64(base.BlockElems()) != 0 {
		return tensor.Q8_0, why
	}
	return tensor.Q6_K, why
}

// smallerBlocks maps the types with super-blocks to a type with blocks of 32.
var smallerBlocks = map[tensor.Type]tensor.Type{
	tensor.Q2_K:   tensor.Q4_0,
	tensor.Q3_K:   tensor.Q4_0,
	tensor.Q4_K:   tensor.Q5_0,
	tensor.Q5_K:   tensor.Q5_1,
	tensor.Q6_K:   tensor.Q8_0,
	tensor.IQ4_XS: tensor.IQ4_NL,
}

// fit replaces a type whose blocks do not fill rows of k elements.
func fit(ty tensor.Type, why string, k int64) (tensor.Type, string) {
	if k%int64(ty.BlockElems()) == 0 {
		return ty, why
	}
	use := ty
	if small, ok := smallerBlocks[ty]; ok {
		use = small
	}
	if k%int64(use.BlockElems()) != 0 {
		use = tensor.F16
	}
	return use, fmt.Sprintf("%s, but K = %d does not fill %s blocks", why, k, ty)
}
