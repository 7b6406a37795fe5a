package convert

import (
	"strings"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/quant"
)

// TypeNames is RecipeNames without keep, for what has no types to keep.
func TypeNames() string { return strings.TrimPrefix(RecipeNames(), quant.Keep.String()+", ") }

// RecipeNames lists the recipes that a bundle can be converted to, those whose main
// type has a packed form, separated by commas.
func RecipeNames() string {
	var names []string
	for _, r := range quant.Recipes() {
		if r == quant.Keep || pack.Supported(r.Base()) {
			names = append(names, r.String())
		}
	}
	return strings.Join(names, ", ")
}
