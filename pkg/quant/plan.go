package quant

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Item is one weight of a checkpoint under its GGUF name.
type Item struct {
	Name  string
	Shape tensor.Shape // [.., N, K]
	Type  tensor.Type  // in the checkpoint
}

// Choice is the type that a plan gives to an Item.
type Choice struct {
	Item
	Role   Role
	Layer  int // -1 outside of the layers
	To     tensor.Type
	Reason string

	// Requantised marks a change of one block type into another, which loses
	// more than the same change from a float type.
	Requantised bool
}

// Model is what a plan depends on besides the tensors.
type Model struct {
	Arch    string // general.architecture, "llama"
	Layers  int    // number of layers, with those for multi-token prediction
	Experts int    // routed experts per layer; 0 for a dense model
	Heads   int    // query heads of the first layer
	KVHeads int    // key/value heads of the first layer
}

// Plan gives every weight of a checkpoint its type. It reads nothing.
type Plan struct {
	Recipe  Recipe
	Choices []Choice // in the order of the items
}

// NewPlan chooses the types of items as llama-quantize does. A checkpoint
// without output.weight counts as tied.
func NewPlan(t Recipe, m Model, items []Item) (*Plan, error) {
	p := &Plan{Recipe: t, Choices: make([]Choice, len(items))}
	o := Options{
		Tied: true, Experts: m.Experts, Heads: m.Heads, KVHeads: m.KVHeads,
		Is70B: Is70B(m.Arch, m.Layers, m.Heads, m.KVHeads),
	}
	seen := make(map[string]bool, len(items))
	order := make([]int, len(items)) // by layer, then by name: the order in which tensors count
	nAttnV := 0
	for i, it := range items {
		if seen[it.Name] {
			return nil, fmt.Errorf("plan: tensor %q is listed twice", it.Name)
		}
		seen[it.Name] = true
		role, layer := RoleOf(it.Name)
		if layer >= m.Layers {
			return nil, fmt.Errorf("plan: tensor %q is of layer %d, the model has %d layers", it.Name, layer, m.Layers)
		}
		p.Choices[i] = Choice{Item: it, Role: role, Layer: layer}
		order[i] = i
		switch role {
		case RoleAttnV, RoleAttnQKV:
			nAttnV++
		case RoleOutput:
			o.Tied = false
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := &p.Choices[a], &p.Choices[b]
		return cmp.Or(cmp.Compare(x.Layer, y.Layer), cmp.Compare(x.Name, y.Name))
	})
	attnV, ffnDown := 0, 0
	for _, i := range order {
		c := &p.Choices[i]
		at, of := c.Layer, m.Layers
		switch c.Role {
		case RoleAttnV, RoleAttnQKV:
			at, of = attnV, nAttnV
			attnV++
		case RoleFFNDown:
			if m.Experts <= 1 {
				at = ffnDown
			}
			ffnDown++
		}
		c.To, c.Reason = t.TypeFor(c.Role, at, of, c.Shape, c.Type, o)
		c.Requantised = c.Type.Quantised() && c.To.Quantised() && c.To != c.Type
	}
	return p, nil
}
