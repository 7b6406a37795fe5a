package quant

import (
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

func TestRecipeNames(t *testing.T) {
	files := map[uint32]Recipe{}
	for _, recipe := range Recipes() {
		got, err := ParseRecipe(strings.ToUpper(recipe.String()))
		if err != nil || got != recipe {
			t.Errorf("ParseRecipe(%q) = %v, %v", recipe, got, err)
		}
		n, ok := recipe.FileType()
		if ok == (recipe == Keep) {
			t.Errorf("%s: file type %d, %t", recipe, n, ok)
		}
		if other, twice := files[n]; ok && twice {
			t.Errorf("%s and %s have the file type %d", recipe, other, n)
		}
		if ok {
			files[n] = recipe
		}
		if c, found := Lookup(recipe.Base()); recipe != Keep && (!found || c.Encode == nil) {
			t.Errorf("%s: %s cannot be encoded", recipe, recipe.Base())
		}
	}
	for name, want := range map[string]Recipe{"q4_k": Q4_K_M, "Q5_K": Q5_K_M, "q3_k": Q3_K_M} {
		if got, err := ParseRecipe(name); err != nil || got != want {
			t.Errorf("ParseRecipe(%q) = %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "q4", "q4_k_m ", "q9_z"} {
		if got, err := ParseRecipe(name); err == nil || !strings.Contains(err.Error(), "want one of keep, f32, f16") {
			t.Errorf("ParseRecipe(%q) = %v, %v", name, got, err)
		}
	}
}

// TestRulesAreEncodable: every type that a mixture can choose has an encoder.
func TestRulesAreEncodable(t *testing.T) {
	types := []tensor.Type{tensor.Q6_K, tensor.Q8_0, tensor.Q5_K, tensor.F16, tensor.F32}
	for _, r := range rules {
		types = append(types, r.then)
	}
	for _, small := range smallerBlocks {
		types = append(types, small)
	}
	for _, ty := range types {
		if c, ok := Lookup(ty); !ok || c.Encode == nil {
			t.Errorf("%s cannot be encoded", ty)
		}
	}
	for _, recipe := range Recipes() {
		if b := recipe.Base(); b.BlockElems() == superBlock {
			if _, ok := smallerBlocks[b]; !ok {
				t.Errorf("%s: %s has no type with smaller blocks", recipe, b)
			}
		}
	}
}

func TestRoleOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		role  Role
		layer int
	}{
		{"token_embd.weight", RoleTokenEmbd, -1},
		{"per_layer_token_embd.weight", RoleTokenEmbd, -1},
		{"output.weight", RoleOutput, -1},
		{"output_norm.weight", RoleNorm, -1},
		{"blk.0.attn_q.weight", RoleAttnQ, 0},
		{"blk.7.attn_k.weight", RoleAttnK, 7},
		{"blk.12.attn_v.weight", RoleAttnV, 12},
		{"blk.12.attn_qkv.weight", RoleAttnQKV, 12},
		{"blk.3.attn_output.weight", RoleAttnOutput, 3},
		{"blk.3.ffn_down_exps.weight", RoleFFNDown, 3},
		{"blk.3.ffn_gate_up_exps.weight", RoleFFNGate, 3},
		{"blk.3.ffn_up_shexp.weight", RoleFFNUp, 3},
		{"blk.3.ffn_gate_inp.weight", RoleRouter, 3},
		{"blk.3.attn_q_norm.weight", RoleNorm, 3},
		{"blk.3.attn_q.bias", RoleBias, 3},
		{"blk.3.ffn_gate_exps.bias", RoleBias, 3},
		{"blk.3.attn_sinks.weight", RoleBias, 3},
		{"blk.3.inp_gate.weight", RoleOther, 3},
		{"per_layer_model_proj.weight", RoleKept, -1},
		{"blk.x.attn_q.weight", RoleOther, -1},
		{"blk.-1.attn_q.weight", RoleOther, -1},
		{"blk.99999999999.attn_q.weight", RoleOther, -1},
		{"", RoleBias, -1},
	} {
		if role, layer := RoleOf(c.name); role != c.role || layer != c.layer {
			t.Errorf("RoleOf(%q) = %s, %d; want %s, %d", c.name, role, layer, c.role, c.layer)
		}
	}
}

// TestUnquantised covers what the golden file does not: sources other than f16
// and the recipe that keeps types.
func TestUnquantised(t *testing.T) {
	matrix, vector := tensor.Shape{64, 256}, tensor.Shape{256}
	for _, c := range []struct {
		recipe Recipe
		role   Role
		shape  tensor.Shape
		src    tensor.Type
		want   tensor.Type
	}{
		{Keep, RoleAttnQ, matrix, tensor.BF16, tensor.BF16},
		{Keep, RoleAttnQ, matrix, tensor.Q4_K, tensor.Q4_K},
		{Keep, RoleOutput, matrix, tensor.F16, tensor.F16},
		{Keep, RoleNorm, vector, tensor.BF16, tensor.F32},
		{Keep, RoleOther, tensor.Shape{1, 1, 256}, tensor.F16, tensor.F32},
		{Keep, RoleKept, matrix, tensor.BF16, tensor.BF16},
		{Q8_0, RoleKept, matrix, tensor.BF16, tensor.BF16},
		{Q8_0, RoleRouter, matrix, tensor.BF16, tensor.F32},
		{Q8_0, RoleBias, matrix, tensor.F16, tensor.F32},
		{F16, RoleNorm, vector, tensor.F64, tensor.F32},
		{F16, RoleAttnQ, matrix, tensor.F32, tensor.F16},
		{Q4_K_M, RoleOther, vector, tensor.I32, tensor.I32},
		{Q4_K_M, RoleAttnQ, matrix, tensor.Q8_0, tensor.Q4_K},
		{BF16, RoleAttnQ, matrix, tensor.Q8_0, tensor.BF16},
	} {
		if got, why := c.recipe.TypeFor(c.role, 0, 1, c.shape, c.src, Options{}); got != c.want || why == "" {
			t.Errorf("%s of %s %v in %s: %s (%s), want %s", c.recipe, c.role, c.shape, c.src, got, why, c.want)
		}
	}
}

func TestPlan(t *testing.T) {
	m := Model{Arch: "llama", Layers: 2, Heads: 8, KVHeads: 8}
	item := func(name string, ty tensor.Type) Item { return Item{name, tensor.Shape{256, 256}, ty} }
	p, err := NewPlan(Q8_0, m, []Item{
		item("output.weight", tensor.Q6_K), item("blk.1.attn_q.weight", tensor.Q8_0), item("blk.0.attn_q.weight", tensor.F16),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, false} {
		c := p.Choices[i]
		if c.Requantised != want || c.To != tensor.Q8_0 {
			t.Errorf("%s: %s, requantised %t", c.Name, c.To, c.Requantised)
		}
	}
	for _, c := range []struct {
		items []Item
		want  string
	}{
		{[]Item{item("a.weight", tensor.F16), item("a.weight", tensor.F16)}, `tensor "a.weight" is listed twice`},
		{[]Item{item("blk.2.attn_q.weight", tensor.F16)}, `tensor "blk.2.attn_q.weight" is of layer 2, the model has 2 layers`},
	} {
		if _, err := NewPlan(Q8_0, m, c.items); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
