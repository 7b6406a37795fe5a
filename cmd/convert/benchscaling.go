package main

import "fmt"

// scaling sets a speed beside others of the same model: what a batch or a
// thread is worth.
type scaling struct {
	OfFirstPrompt  float64 `json:"of_first_prompt,omitempty"`  // beside the first prompt length at the same depth, with the same threads
	OfFirstThreads float64 `json:"of_first_threads,omitempty"` // beside the first thread count in the same test
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

// times prints a ratio, nothing for one that is not known.
func times(x float64) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", x)
}
