package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// run measures a group with the program that can.
func (p *peer) run(ctx context.Context, g *group, o *options) ([]float64, error) {
	if g.Depth > 0 && len(p.Sweep) > 0 {
		return p.sweep(ctx, g, o)
	}
	args := slices.Concat(p.Bench, []string{"-m", g.Model, "-p", lengths(g.tests, false), "-n", lengths(g.tests, true), "-r", "1",
		"-t", strconv.Itoa(o.threads), "-ctk", g.KV, "-ctv", g.KV, "-o", "json"})
	if g.Depth > 0 {
		args = append(args, "-d", strconv.Itoa(g.Depth))
	}
	out, err := o.output(ctx, args...)
	if err != nil {
		return nil, err
	}
	return parseLlamaBench(out, g.tests)
}

// parseLlamaBench reads llama-bench -o json; some forks print a line before it
// and write no depth.
func parseLlamaBench(out []byte, tests []test) ([]float64, error) {
	if i := bytes.IndexByte(out, '['); i > 0 {
		out = out[i:]
	}
	var rows []struct {
		Speed  float64 `json:"avg_ts"`
		Prompt int     `json:"n_prompt"`
		Gen    int     `json:"n_gen"`
		Depth  int     `json:"n_depth"`
	}
	if err := json.Unmarshal(out, &rows); err != nil {
		return nil, fmt.Errorf("its output: %w", err)
	}
	speeds := make([]float64, len(tests))
	for i, t := range tests {
		for _, r := range rows {
			if r.Prompt == t.prompt && r.Gen == t.gen && r.Depth == t.depth {
				speeds[i] = r.Speed
			}
		}
		if speeds[i] <= 0 {
			return nil, fmt.Errorf("%s: %w", t, errNotReported)
		}
	}
	return speeds, nil
}
