package main

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/tessera-llm/tessera/pkg/bench"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

func TestBenchScaling(t *testing.T) {
	var rep benchReport
	out := ok(t, "bench", bundle(t, "qwen3-f32-tied", "--type", "q8_0"), "-p", "2,8", "-n", "2", "-r", "1", "-d", "0,8", "--threads", "1,2", "--scaling", "--limits", "--format", "json")
	if err := json.Unmarshal([]byte(out), &rep); err != nil {
		t.Fatal(err)
	}
	if len(rep.LimitsBy) != 2 || rep.LimitsBy[0].Threads != 1 || rep.LimitsBy[1].Threads != 2 || *rep.Limits != rep.LimitsBy[1] {
		t.Fatalf("limits %+v and %+v", rep.LimitsBy, rep.Limits)
	}
	dots, reads := rep.LimitsBy[1].DotGOPS/rep.LimitsBy[0].DotGOPS, rep.LimitsBy[1].ReadGBs/rep.LimitsBy[0].ReadGBs
	speed := map[string]map[int]float64{}
	for _, r := range rep.Rows {
		if speed[r.Test] == nil {
			speed[r.Test] = map[int]float64{}
		}
		speed[r.Test][r.Threads] = r.Speed
	}
	for _, r := range rep.Rows {
		var want scaling
		switch r.Test {
		case "pp8":
			want.OfFirstPrompt = r.Speed / speed["pp2"][r.Threads]
		case "pp8 @ d8":
			want.OfFirstPrompt = r.Speed / speed["pp2 @ d8"][r.Threads]
		}
		if r.Threads == 2 {
			want.OfFirstThreads = r.Speed / speed[r.Test][1]
			if want.LimitThreads = dots; r.Gen > 0 {
				want.LimitThreads = reads
			}
		}
		if w := want.LimitThreads; w > 0 && math.Abs(r.LimitThreads-w) > 1e-9 { // a tier without a peak has NaN
			t.Errorf("%s with %d threads: the limit grew by %v, want %v", r.Test, r.Threads, r.LimitThreads, w)
		}
		if math.Abs(r.OfFirstPrompt-want.OfFirstPrompt) > 1e-9 || math.Abs(r.OfFirstThreads-want.OfFirstThreads) > 1e-9 {
			t.Errorf("%s with %d threads: %+v, want %+v", r.Test, r.Threads, r.scaling, want)
		}
	}
	b := &benchReport{LimitsBy: []cpu.Limits{{Threads: 2, DotGOPS: 2000, FMAGF: 400, ReadGBs: 20}}}
	for _, c := range []struct {
		prompt, threads, depth int
		typ                    string
		want                   float64
	}{
		{0, 2, 0, "q8_0", 0.5},    // one token: 1 GB at 20 GB/s is 50 ms
		{4, 2, 0, "q8_0", 0.125},  // still reading: 80 tokens per second
		{100, 2, 0, "q8_0", 0.01}, // 2e9 operations per token: 1000 per second
		{100, 2, 0, "f16", 0.05},  // 200 per second
		{100, 2, 64, "q8_0", 0},   // attention counts
		{100, 1, 0, "q8_0", 0},    // not measured
	} {
		r := &benchRow{Weights: bench.Weights{Type: c.typ, Read: 1e9, PerToken: 1e9}, Row: bench.Row{Prompt: c.prompt, Threads: c.threads, Depth: c.depth, Speed: 10}}
		if b.roofline(r); math.Abs(r.OfRoofline-c.want) > 1e-9 {
			t.Errorf("%+v: %v", c, r.OfRoofline)
		}
	}
	if percent(0) != "" || percent(0.126) != "13 %" || times(0) != "" || times(1.996) != "2.00" {
		t.Error(times(0), times(1.996))
	}
}
