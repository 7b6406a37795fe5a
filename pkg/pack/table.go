package pack

import "github.com/tessera-llm/tessera/pkg/tensor"

// lutIQ4 is what the values of iq4_nl index: spaced as weights are, none of them 0.
var lutIQ4 = LUT{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// The table. A row says what the bits mean; docs/format.md draws the records.
func init() {
	add(Format{Type: tensor.F32, Recipe: Recipe{Floats: &floats32}})    // f32 w[16]
	add(Format{Type: tensor.F16, Recipe: Recipe{Floats: &floats16}})    // fp16 w[2 channels][16]
	add(Format{Type: tensor.BF16, Recipe: Recipe{Floats: &floatsBF16}}) // bf16 w[16][2 channels]

	add(Format{Type: tensor.Q8_0, Recipe: Recipe{LowBits: 8, Zero: 128, Scale: ScaleHalf, Group: 32}})
	add(Format{Type: tensor.Q4_0, Recipe: Recipe{LowBits: 4, Zero: 8, Scale: ScaleHalf, Group: 32}})
	add(Format{Type: tensor.Q4_1, Recipe: Recipe{LowBits: 4, Scale: ScaleHalf, Group: 32, Plane: PlaneBSum}})
	add(Format{Type: tensor.Q5_0, Recipe: Recipe{LowBits: 4, HighBits: 1, Zero: 16, Scale: ScaleHalf, Group: 32}})
	add(Format{Type: tensor.Q5_1, Recipe: Recipe{LowBits: 4, HighBits: 1, Scale: ScaleHalf, Group: 32, Plane: PlaneBSum}})
	add(Format{Type: tensor.Q4_K, Recipe: Recipe{LowBits: 4, Scale: ScaleU6, Group: 32, Plane: PlaneMinPair, order: orderK}})
	add(Format{Type: tensor.Q5_K, Recipe: Recipe{LowBits: 4, HighBits: 1, Scale: ScaleU6, Group: 32, Plane: PlaneMinPair, order: orderK}})
	add(Format{Type: tensor.Q6_K, Recipe: Recipe{LowBits: 4, HighBits: 2, Zero: 32, Scale: ScaleI8, Group: 16, Plane: PlaneInit16, order: orderQ6K}})
	add(Format{Type: tensor.IQ4_NL, Recipe: Recipe{LowBits: 4, LUT: &lutIQ4, Scale: ScaleHalf, Group: 32}})
}
