package main

import (
	"encoding/json"
	"math"
	"testing"
)

func TestBenchScaling(t *testing.T) {
	var rep benchReport
	out := ok(t, "bench", bundle(t, "qwen3-f32-tied", "--type", "q8_0"), "-p", "2,8", "-n", "2", "-r", "1", "-d", "0,8", "--threads", "1,2", "--scaling", "--format", "json")
	if err := json.Unmarshal([]byte(out), &rep); err != nil {
		t.Fatal(err)
	}
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
		}
		if math.Abs(r.OfFirstPrompt-want.OfFirstPrompt) > 1e-9 || math.Abs(r.OfFirstThreads-want.OfFirstThreads) > 1e-9 {
			t.Errorf("%s with %d threads: %+v, want %+v", r.Test, r.Threads, r.scaling, want)
		}
	}
	if times(0) != "" || times(1.996) != "2.00" {
		t.Error(times(0), times(1.996))
	}
}
