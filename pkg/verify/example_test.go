package verify_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/verify"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// The passes of a plan are proven: the graph runs before and after each of
// them, and no bit may differ behind an exact one.
func Example() {
	ctx := context.Background()
	c, err := checkpoint.Open(testutil.Model("llama-f32"))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	plan, err := convert.NewPlan(ctx, c, convert.Options{Type: quant.Q8_0})
	if err != nil {
		log.Fatal(err)
	}
	res, err := verify.Passes(ctx, plan.Model.Graph, weights.NewMemory(c.Source(), 1), verify.Options{
		Engine: verify.Engine{Backend: cpu.Backend{}},
		Passes: plan.PassOptions(),
		Calls:  verify.Calls([]int32{1, 2, 3, 5, 7, 11}, []int{4, 1}),
	})
	if err != nil {
		log.Fatal(err)
	}
	differ := 0
	for _, p := range res.Passes {
		if p.Exact {
			differ += p.Differ
		}
	}
	fmt.Println("proven:", res.OK, "- values that differ behind exact passes:", differ)
	// Output:
	// proven: true - values that differ behind exact passes: 0
}
