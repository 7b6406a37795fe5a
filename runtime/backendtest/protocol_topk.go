package backendtest

import (
	"context"
	"math"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

const topKText = `
graph topk
input %0 logits f32[R,40]
input %1 adj_row i32[A]
input %2 adj_ids i32[A]
input %3 adj_scale f32[A]
input %4 adj_bias f32[A]
input %5 inv_temp f32[R]
input %6 mask_row i32[M]
input %7 mask i32[M,2]
%8 ids i32[R,3], %9 top f32[R,3], %10 lse f32[R,1], %11 lse_temp f32[R,1] = topk(%0, %1, %2, %3, %4, %5, %6, %7) {k=3}
output %8
output %9
output %10
output %11
`

// topCall is a call of topKText for two rows.
type topCall struct {
	adjRow, adjIDs    []int32
	adjScale, adjBias []float32
	invTemp           []float32
	maskRow, mask     []int32
}

// checkTopK: what topk must refuse, and that it leaves the logits alone.
func checkTopK(s *suite, i int) error {
	g, err := ir.Parse(topKText)
	if err != nil {
		return err
	}
	d := s.devices[i]
	exe, err := d.Compile("topk", g, backend.Size{Tokens: tinyCall, Rows: tinyCall})
	if err != nil {
		return err
	}
	defer exe.Close()
	in, err := buffers(d, g, g.Inputs, tinyCall)
	if err != nil {
		return err
	}
	out, err := buffers(d, g, g.Outputs, tinyCall)
	if err != nil {
		return err
	}
	logits, ctx := random("topk", 2, 40, false), context.Background()
	run := func(edit func(c *topCall)) error {
		c := topCall{[]int32{0, 0, 1}, []int32{4, 3, 39}, []float32{2, 1, 0.5}, []float32{1, 0, -1}, []float32{1, 2}, []int32{1}, []int32{-1, 255}}
		if edit != nil {
			edit(&c)
		}
		err := first(in[0].SetFloat32(logits), in[1].SetInt32(c.adjRow), in[2].SetInt32(c.adjIDs), in[3].SetFloat32(c.adjScale), in[4].SetFloat32(c.adjBias),
			in[5].SetFloat32(c.invTemp), in[6].SetInt32(c.maskRow), in[7].SetInt32(c.mask))
		if err != nil {
			return err
		}
		if err := exe.Run(ctx, []backend.Span{{Rows: 2, Want: []int32{0, 1}}}, in, out); err != nil {
			return err
		}
		_, err = out[0].Int32(ctx)
		return err
	}
	nan := float32(math.NaN())
	if err := run(nil); err != nil {
		return err
	}
	after, err := in[0].Float32(ctx)
	if err != nil {
		return err
	}
	return first(
		same("topk changes the logits", after, logits),
		wantError("an adjusted id below 0", run(func(c *topCall) { c.adjIDs[1] = -1 }), "-1"),
		wantError("an adjusted id beyond the logits", run(func(c *topCall) { c.adjIDs[1] = 40 }), "40"),
		wantError("an adjustment of no row", run(func(c *topCall) { c.adjRow[2] = 2 })),
		wantError("an adjustment of a row below 0", run(func(c *topCall) { c.adjRow[0] = -1 })),
		wantError("adjustments whose rows do not ascend", run(func(c *topCall) { c.adjRow = []int32{1, 0, 1} })),
		wantError("a scale of 0", run(func(c *topCall) { c.adjScale[0] = 0 })),
		wantError("a negative scale", run(func(c *topCall) { c.adjScale[0] = -1 })),
		wantError("a scale without end", run(func(c *topCall) { c.adjScale[0] = infinity })),
		wantError("a bias that is no number", run(func(c *topCall) { c.adjBias[0] = nan })),
		wantError("three ids and two scales", run(func(c *topCall) { c.adjScale = c.adjScale[:2] })),
		wantError("an inverse temperature that is no number", run(func(c *topCall) { c.invTemp[0] = nan })),
		wantError("an infinite temperature", run(func(c *topCall) { c.invTemp[0] = 0 })),
		wantError("a temperature of 0", run(func(c *topCall) { c.invTemp[0] = infinity })),
		wantError("a temperature for one of two rows", run(func(c *topCall) { c.invTemp = c.invTemp[:1] })),
		wantError("a mask of no row", run(func(c *topCall) { c.maskRow[0] = 2 })),
		wantError("two masks of one row", run(func(c *topCall) { c.maskRow, c.mask = []int32{1, 1}, []int32{1, 1, 1, 1} })),
		wantError("masks whose rows do not ascend", run(func(c *topCall) { c.maskRow, c.mask = []int32{1, 0}, []int32{1, 1, 1, 1} })),
		wantError("a mask without its row", run(func(c *topCall) { c.maskRow = nil })),
		wantError("a row of a mask without its mask", run(func(c *topCall) { c.maskRow = []int32{0, 1} })),
	)
}
