package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// FirstLogits is what a process reports as soon as it has its first logits.
type FirstLogits struct {
	Tokens int   `json:"tokens"` // of the prompt
	Anon   int64 `json:"anon_bytes"`
	KV     int64 `json:"kv_bytes"`
	// The parts in milliseconds: opening the bundle, compiling it, the tokenizer
	// and the prompt's ids as far as they come after that, the forward pass.
	Open    float64 `json:"open_ms"`
	Compile float64 `json:"compile_ms"`
	Text    float64 `json:"text_ms"`
	Prefill float64 `json:"prefill_ms"`
}

// StartRow is the outcome of one kind of start.
type StartRow struct {
	Test   string    `json:"test"` // "ids" or "text"
	Millis float64   `json:"ms"`   // median, from starting the process to its first logits
	All    []float64 `json:"samples_ms"`
	FirstLogits
}

// Startup runs the program named by args fresh, reps times after one more that
// warms the page cache, and measures the time until it prints a FirstLogits as
// one line of JSON. The parts and the memory are medians too.
func Startup(ctx context.Context, test string, args []string, reps int) (StartRow, error) {
	row := StartRow{Test: test}
	var runs []FirstLogits
	for i := range reps + 1 {
		ms, first, err := startOnce(ctx, args)
		if err != nil {
			return row, err
		}
		if i > 0 {
			row.All, runs = append(row.All, ms), append(runs, first)
		}
	}
	row.Millis = medianOf(row.All)
	of := func(get func(*FirstLogits) float64) float64 {
		var all []float64
		for i := range runs {
			all = append(all, get(&runs[i]))
		}
		return medianOf(all)
	}
	row.FirstLogits = FirstLogits{
		Tokens:  runs[0].Tokens,
		Anon:    int64(of(func(f *FirstLogits) float64 { return float64(f.Anon) })),
		KV:      runs[0].KV,
		Open:    of(func(f *FirstLogits) float64 { return f.Open }),
		Compile: of(func(f *FirstLogits) float64 { return f.Compile }),
		Text:    of(func(f *FirstLogits) float64 { return f.Text }),
		Prefill: of(func(f *FirstLogits) float64 { return f.Prefill }),
	}
	return row, nil
}

func medianOf(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

func startOnce(ctx context.Context, args []string) (ms float64, first FirstLogits, err error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, first, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, first, err
	}
	line, _ := bufio.NewReader(out).ReadBytes('\n')
	took := time.Since(begin)
	if err := cmd.Wait(); err != nil {
		return 0, first, fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&first); err != nil {
		return 0, first, fmt.Errorf("%s printed %.80q: %w", args[0], line, err)
	}
	return took.Seconds() * 1e3, first, nil
}
