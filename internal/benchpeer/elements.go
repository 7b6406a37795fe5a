package main

import "github.com/tessera-llm/tessera/pkg/gguf"

// layerElements is the number of weights a prompt token is multiplied with:
// all but the embedding and the output matrix, which work on one token only.
func layerElements(model string, all int64) float64 {
	f, err := gguf.Open(model)
	if err != nil {
		return 0
	}
	defer f.Close()
	for _, t := range f.Tensors() {
		if t.Name == "token_embd.weight" || t.Name == "output.weight" {
			if n, err := t.Shape.Elements(); err == nil {
				all -= n
			}
		}
	}
	return float64(all)
}
