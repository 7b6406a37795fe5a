package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// llama-sweep-bench fills the cache in steps of one prompt and at each stride
// measures a generation, then a prompt, behind what is there. One run gives one
// prompt and one generation length; the depth must be a multiple of the prompt.

// sweepDefault is the step when no prompt is asked for.
const sweepDefault = 512

// sweep measures a group behind a depth.
func (p *peer) sweep(ctx context.Context, g *group, o *options) ([]float64, error) {
	speeds := make([]float64, len(g.tests))
	for _, pair := range sweepPairs(g.tests) {
		step := sweepDefault
		if pair.prompt >= 0 {
			step = g.tests[pair.prompt].prompt
		}
		gen := 1
		if pair.gen >= 0 {
			gen = g.tests[pair.gen].gen
		}
		if g.Depth%step != 0 || gen > step {
			return nil, fmt.Errorf("llama-sweep-bench goes in steps of one prompt: depth %d, prompt %d, generation %d", g.Depth, step, gen)
		}
		out, log, err := o.outputs(ctx, slices.Concat(p.Sweep, []string{"-m", g.Model, "-t", strconv.Itoa(o.threads), "-ctk", g.KV, "-ctv", g.KV,
			"-c", strconv.Itoa(g.Depth + step), "-b", strconv.Itoa(max(2048, step)), "-ub", strconv.Itoa(step), "-n", strconv.Itoa(gen),
			"--sweep-stride", strconv.Itoa(g.Depth / step), "--output-format", "jsonl"})...)
		if err != nil {
			return nil, err
		}
		prompt, generation, err := parseSweep(append(out, log...), step, gen, g.Depth)
		if err != nil {
			return nil, err
		}
		if pair.prompt >= 0 {
			speeds[pair.prompt] = prompt
		}
		if pair.gen >= 0 {
			speeds[pair.gen] = generation
		}
	}
	return speeds, nil
}

// pair is what one run measures: indices of tests, -1 for none.
type pair struct{ prompt, gen int }

// sweepPairs puts prompts and generations together.
func sweepPairs(tests []test) []pair {
	var prompts, gens []int
	for i, t := range tests {
		if t.gen > 0 {
			gens = append(gens, i)
		} else {
			prompts = append(prompts, i)
		}
	}
	var all []pair
	for i := range max(len(prompts), len(gens)) {
		p := pair{-1, -1}
		if i < len(prompts) {
			p.prompt = prompts[i]
		}
		if i < len(gens) {
			p.gen = gens[i]
		}
		all = append(all, p)
	}
	return all
}

// parseSweep finds the row of a depth in the output of llama-sweep-bench
// --output-format jsonl, which goes to standard error between messages; there may
// be a time stamp before the object.
func parseSweep(out []byte, prompt, gen, depth int) (promptSpeed, genSpeed float64, err error) {
	for line := range bytes.Lines(out) {
		i := bytes.IndexByte(line, '{')
		if i < 0 || !bytes.Contains(line, []byte(`"n_kv"`)) {
			continue
		}
		var r struct {
			PP  int     `json:"pp"`
			TG  int     `json:"tg"`
			KV  int     `json:"n_kv"`
			SPP float64 `json:"speed_pp"`
			STG float64 `json:"speed_tg"`
		}
		if err := json.Unmarshal(line[i:], &r); err != nil {
			return 0, 0, fmt.Errorf("its output: %w", err)
		}
		if r.PP == prompt && r.TG == gen && r.KV == depth && r.SPP > 0 && r.STG > 0 {
			return r.SPP, r.STG, nil
		}
	}
	return 0, 0, fmt.Errorf("depth %d: %w", depth, errNotReported)
}
