package quant_test

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

func ExampleSupported() {
	for _, s := range quant.Supported()[2:5] {
		fmt.Println(s.Type, s.Decode, s.Encode)
	}
	// Output:
	// bf16 true true
	// f64 true false
	// q4_0 true true
}

func ExampleEncode() {
	row := make([]float32, 32)
	for i := range row {
		row[i] = float32(i) - 16
	}
	block := make([]byte, tensor.Q5_0.BlockBytes())
	if err := quant.Encode(tensor.Q5_0, block, row); err != nil {
		fmt.Println(err)
	}
	back := make([]float32, 32)
	if err := quant.Decode(tensor.Q5_0, back, block); err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(block), "bytes:", back[0], back[1], back[31])
	// Output: 22 bytes: -16 -15 15
}

func ExampleCheckBlocks() {
	data := make([]byte, 3*tensor.Q8_0.BlockBytes())
	data[2*34+1] = 0x7c // an infinite scale
	fmt.Println(quant.CheckBlocks(tensor.Q8_0, data))
	// Output: q8_0 block 2 (elements 64 to 95) has a NaN or Inf scale
}

func ExampleRecipe_TypeFor() {
	recipe, err := quant.ParseRecipe("Q4_K_M")
	if err != nil {
		fmt.Println(err)
	}
	dense := quant.Options{Heads: 32, KVHeads: 8}
	for _, layer := range []int{0, 3, 4, 6} {
		fmt.Println(recipe.TypeFor(quant.RoleFFNDown, layer, 28, tensor.Shape{1024, 3072}, tensor.BF16, dense))
	}
	fmt.Println(recipe.TypeFor(quant.RoleAttnQ, 0, 28, tensor.Shape{896, 896}, tensor.BF16, dense))
	// Output:
	// q6_k ffn_down of a chosen layer
	// q4_k q4_k is the type of the mixture
	// q4_k q4_k is the type of the mixture
	// q4_k q4_k is the type of the mixture
	// q5_0 q4_k is the type of the mixture, but K = 896 does not fill q4_k blocks
}

func ExampleNewPlan() {
	plan, err := quant.NewPlan(quant.Q4_K_S, quant.Model{Arch: "llama", Layers: 1, Heads: 8, KVHeads: 8}, []quant.Item{
		{Name: "token_embd.weight", Shape: tensor.Shape{1000, 512}, Type: tensor.BF16},
		{Name: "blk.0.attn_norm.weight", Shape: tensor.Shape{512}, Type: tensor.BF16},
		{Name: "blk.0.attn_v.weight", Shape: tensor.Shape{512, 512}, Type: tensor.BF16},
	})
	if err != nil {
		fmt.Println(err)
	}
	for _, c := range plan.Choices {
		fmt.Printf("%s %s -> %s: %s\n", c.Name, c.Type, c.To, c.Reason)
	}
	// Output:
	// token_embd.weight bf16 -> q6_k: token embedding, also the output
	// blk.0.attn_norm.weight bf16 -> f32: norm
	// blk.0.attn_v.weight bf16 -> q5_k: first four attn_v
}
