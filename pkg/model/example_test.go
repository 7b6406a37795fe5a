package model_test

import (
	"fmt"
	"log"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/quant"
)

func ExampleBuild() {
	c, err := checkpoint.Open(testutil.Model("qwen3-f32-tied"))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	m, err := model.Build(c, model.Options{Type: quant.Q8_0})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Config.Arch, len(m.Config.Layers), "layers,", len(m.Graph.Nodes), "nodes")
	w := m.Weights[0]
	fmt.Println(w.Name, w.Sources, w.From, "→", w.To, "because:", w.Reason)
	// Output:
	// qwen3 2 layers, 45 nodes
	// token_embd.weight [model.embed_tokens.weight] f32 → q8_0 because: token embedding, also the output
}
