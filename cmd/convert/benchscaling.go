package main

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// scaling sets a speed beside others of the same model: what a batch or a
// thread is worth.
type scaling struct {
	OfFirstPrompt  float64 `json:"of_first_prompt,omitempty"`  // beside the first prompt length at the same depth, with the same threads
	OfFirstThreads float64 `json:"of_first_threads,omitempty"` // beside the first thread count in the same test
	// LimitThreads is what the machine's limit for this test grew by: the peak of
	// dot products for a prompt, that of f32 FMA when the weights are floats, the
	// read rate for a generation.
	LimitThreads float64 `json:"limit_of_first_threads,omitempty"`
	// OfRoofline is the share of what reading the weights once and multiplying
	// every token with them leaves, whichever is slower; attention not counted,
	// so only without a depth.
	OfRoofline float64 `json:"of_roofline,omitempty"`
}

// scalingOf compares r with the rows before it; 0 where there is nothing to
// compare with.
func scalingOf(r *benchRow, before []benchRow) scaling {
	var s scaling
	if r.Speed == 0 {
		return s
	}
	for i := range before {
		b := &before[i]
		if b.Model != r.Model || b.Weights != r.Weights || b.Depth != r.Depth || b.Speed == 0 {
			continue
		}
		if s.OfFirstPrompt == 0 && r.Prompt > 0 && b.Prompt > 0 && b.Threads == r.Threads {
			s.OfFirstPrompt = r.Speed / b.Speed
		}
		if s.OfFirstThreads == 0 && b.Test == r.Test && b.Threads != r.Threads {
			s.OfFirstThreads = r.Speed / b.Speed
		}
	}
	return s
}

// measureLimits measures what the machine can do with each thread count.
func (b *benchReport) measureLimits(threads []int, data [][]byte) error {
	for _, n := range threads {
		l, err := cpu.MeasureLimits(n, data)
		if err != nil {
			return err
		}
		b.LimitsBy = append(b.LimitsBy, l)
		if b.Limits == nil || n > b.Limits.Threads {
			b.Limits = &l
		}
	}
	return nil
}

// roofline fills in r.OfRoofline where the limits were measured.
func (b *benchReport) roofline(r *benchRow) {
	i := slices.IndexFunc(b.LimitsBy, func(l cpu.Limits) bool { return l.Threads == r.Threads })
	if i < 0 || r.Depth > 0 {
		return
	}
	l := b.LimitsBy[i]
	peak := l.DotGOPS
	if t, err := tensor.ParseType(r.Weights.Type); err == nil && t.Float() {
		peak = l.FMAGF
	}
	if peak <= 0 || l.ReadGBs <= 0 {
		return
	}
	tokens := float64(max(r.Prompt, 1))
	seconds := max(float64(r.Weights.Read)/l.ReadGBs, 2*tokens*float64(r.Weights.PerToken)/peak) / 1e9
	r.OfRoofline = r.Speed * seconds / tokens
}

// limitThreads fills in r.LimitThreads where r was measured beside another
// thread count.
func (b *benchReport) limitThreads(r *benchRow) {
	if r.OfFirstThreads == 0 || len(b.LimitsBy) == 0 {
		return
	}
	i := slices.IndexFunc(b.LimitsBy, func(l cpu.Limits) bool { return l.Threads == r.Threads })
	if i < 0 {
		return
	}
	limit := func(l cpu.Limits) float64 {
		t, err := tensor.ParseType(r.Weights.Type)
		switch {
		case r.Gen > 0:
			return l.ReadGBs
		case err == nil && t.Float():
			return l.FMAGF
		}
		return l.DotGOPS
	}
	if first := limit(b.LimitsBy[0]); first > 0 {
		r.LimitThreads = limit(b.LimitsBy[i]) / first
	}
}

// threadsText is r.OfFirstThreads beside what the limit allows.
func (r *benchRow) threadsText() string {
	if r.LimitThreads == 0 {
		return times(r.OfFirstThreads)
	}
	return fmt.Sprintf("%s, limit %s", times(r.OfFirstThreads), times(r.LimitThreads))
}

// percent prints a share, nothing for one that is not known.
func percent(x float64) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}

// times prints a ratio, nothing for one that is not known.
func times(x float64) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", x)
}
