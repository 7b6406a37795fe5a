package bench

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
)

// Weights describes the weights of a program: their bytes, a weight that
// several segments read counted once, the numbers they hold, and the type of
// most bytes among the matrices.
type Weights struct {
	Bytes    int64  `json:"bytes"`
	Elements int64  `json:"elements"`
	Type     string `json:"type"`
}

// WeightsOf adds up the weights of p without reading them.
func WeightsOf(p *runtime.Program) (Weights, error) {
	var w Weights
	seen := map[string]bool{}
	byType := map[tensor.Type]int64{}
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
	most := tensor.Invalid
	for _, t := range tensor.Types() {
		if byType[t] > byType[most] {
			most = t
		}
	}
	if most != tensor.Invalid {
		w.Type = most.String()
	}
	return w, nil
}
