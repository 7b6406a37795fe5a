package convert_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/quant"
)

// A checkpoint is opened, planned and written as a bundle; the same bundle is
// then cut elsewhere.
func Example() {
	ctx := context.Background()
	c, err := checkpoint.Open(testutil.Model("qwen3-f32-tied"))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	plan, err := convert.NewPlan(ctx, c, convert.Options{Type: quant.Q8_0})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range plan.Reports[4:6] {
		fmt.Printf("%s: %s\n", r.Pass, r)
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	bundle := filepath.Join(dir, "model.tess")
	if err := plan.Write(ctx, bundle, convert.WriteOptions{Workers: 2}); err != nil {
		log.Fatal(err)
	}
	cut, err := convert.Recut(ctx, bundle, filepath.Join(dir, "cut.tess"), 2, false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(plan.Segments), "segments, then", cut.Segments)
	// Output:
	// group-projections: 2 q+k+v; 2 gate+up
	// fuse-rope: 2 norm and rope of q, k
	// 4 segments, then 5
}
