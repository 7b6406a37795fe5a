package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
)

// Weights describes the weights of a program: their bytes, a weight that
// several segments read counted once, the numbers they hold, and the types that
// make up a tenth or more of the matrices, the largest first: "q4_k+q6_k".
type Weights struct {
	Bytes    int64  `json:"bytes"`
	Elements int64  `json:"elements"`
	Type     string `json:"type"`
	// What bounds speed: the bytes that a call reads whatever its tokens, that is
	// all but those of an embedding of its own, and the weights that every token is
	// multiplied with, that is without the output matrix.
	Read     int64 `json:"bytes_per_call"`
	PerToken int64 `json:"elements_per_token"`
}

// WeightsOf adds up the weights of p without reading them.
func WeightsOf(p *runtime.Program) (Weights, error) {
	var w Weights
	seen := map[string]bool{}
	byType := map[tensor.Type]int64{}
	read := map[string]bool{}
	for _, s := range p.Segments {
		for _, n := range s.Graph.Nodes {
			for i, name := range n.Weights {
				x := s.Graph.Weight(name)
				if n.Row().ReadAs(i) == ir.Gather || x == nil || read[name] {
					continue
				}
				read[name] = true
				size, err := weights.Size(x.Expr)
				if err != nil {
					return w, fmt.Errorf("weight %s: %w", name, err)
				}
				w.Read += size
				if len(x.Shape) == 2 && s.Kind != "logit" {
					w.PerToken += x.Shape[0] * x.Shape[1]
				}
			}
		}
	}
	for _, s := range p.Segments {
		for _, x := range s.Graph.Weights {
			if seen[x.Name] {
				continue
			}
			seen[x.Name] = true
			size, err := weights.Size(x.Expr)
			if err != nil {
				return w, fmt.Errorf("weight %s: %w", x.Name, err)
			}
			n, err := x.Shape.Elements()
			if err != nil {
				return w, fmt.Errorf("weight %s: %w", x.Name, err)
			}
			w.Bytes += size
			w.Elements += n
			if len(x.Shape) == 2 {
				byType[x.Type] += size
			}
		}
	}
	w.Type = mixture(byType)
	return w, nil
}

func mixture(bytes map[tensor.Type]int64) string {
	var types []tensor.Type
	var total int64
	for _, t := range tensor.Types() {
		total += bytes[t]
	}
	for _, t := range tensor.Types() {
		if bytes[t] > 0 && bytes[t] >= total/10 {
			types = append(types, t)
		}
	}
	slices.SortStableFunc(types, func(a, b tensor.Type) int { return cmp.Compare(bytes[b], bytes[a]) })
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.String()
	}
	return strings.Join(names, "+")
}
