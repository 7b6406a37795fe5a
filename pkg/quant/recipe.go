package quant

import (
	"fmt"
	"strings"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Recipe is what a user asks a checkpoint to be converted to: a plain type, a
// named mixture of types, or Keep.
type Recipe uint8

// The zero Recipe keeps every matrix in its type.
const (
	Keep Recipe = iota
	F32
	F16
	BF16
	Q4_0
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q2_K
	Q3_K_S
	Q3_K_M
	Q3_K_L
	Q4_K_S
	Q4_K_M
	Q5_K_S
	Q5_K_M
	Q6_K
	IQ4_NL
	IQ4_XS
	MXFP4_MoE
	numRecipes // the next free number
)

// recipeInfo is one row of the table of recipes.
type recipeInfo struct {
	name     string
	alias    string
	base     tensor.Type // of every matrix that no rule mentions
	fileType uint32      // general.file_type of GGUF
}

var recipes = []recipeInfo{
	Keep:      {name: "keep"},
	F32:       {"f32", "", tensor.F32, 0},
	F16:       {"f16", "", tensor.F16, 1},
	BF16:      {"bf16", "", tensor.BF16, 32},
	Q4_0:      {"q4_0", "", tensor.Q4_0, 2},
	Q4_1:      {"q4_1", "", tensor.Q4_1, 3},
	Q5_0:      {"q5_0", "", tensor.Q5_0, 8},
	Q5_1:      {"q5_1", "", tensor.Q5_1, 9},
	Q8_0:      {"q8_0", "", tensor.Q8_0, 7},
	Q2_K:      {"q2_k", "", tensor.Q2_K, 10},
	Q3_K_S:    {"q3_k_s", "", tensor.Q3_K, 11},
	Q3_K_M:    {"q3_k_m", "q3_k", tensor.Q3_K, 12},
	Q3_K_L:    {"q3_k_l", "", tensor.Q3_K, 13},
	Q4_K_S:    {"q4_k_s", "", tensor.Q4_K, 14},
	Q4_K_M:    {"q4_k_m", "q4_k", tensor.Q4_K, 15},
	Q5_K_S:    {"q5_k_s", "", tensor.Q5_K, 16},
	Q5_K_M:    {"q5_k_m", "q5_k", tensor.Q5_K, 17},
	Q6_K:      {"q6_k", "", tensor.Q6_K, 18},
	IQ4_NL:    {"iq4_nl", "", tensor.IQ4_NL, 25},
	IQ4_XS:    {"iq4_xs", "", tensor.IQ4_XS, 30},
	MXFP4_MoE: {"mxfp4_moe", "", tensor.MXFP4, 38},
}

// String is the lower-case name, "q4_k_m".
func (t Recipe) String() string {
	if int(t) >= len(recipes) {
		return fmt.Sprintf("recipe(%d)", uint8(t))
	}
	return recipes[t].name
}

// Base is the type of the matrices that no rule of the mixture mentions;
// tensor.Invalid for Keep.
func (t Recipe) Base() tensor.Type {
	if int(t) >= len(recipes) {
		return tensor.Invalid
	}
	return recipes[t].base
}

// FileType is the number that GGUF files carry as general.file_type; Keep has
// none.
func (t Recipe) FileType() (n uint32, ok bool) {
	if t == Keep || int(t) >= len(recipes) {
		return 0, false
	}
	return recipes[t].fileType, true
}

// Recipes lists all recipes in table order.
func Recipes() []Recipe {
	all := make([]Recipe, len(recipes))
	for i := range all {
		all[i] = Recipe(i)
	}
	return all
}

// ParseRecipe is the inverse of String, ignoring case; q3_k, q4_k and q5_k are
// short for the _m mixtures.
func ParseRecipe(name string) (Recipe, error) {
	l := strings.ToLower(name)
	var names []string
	for i, row := range recipes {
		if l == row.name || l != "" && l == row.alias {
			return Recipe(i), nil
		}
		names = append(names, row.name)
	}
	return Keep, fmt.Errorf("unknown weight type %q, want one of %s", name, strings.Join(names, ", "))
}
