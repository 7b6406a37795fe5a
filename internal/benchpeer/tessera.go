package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// oursName is our engine's in logs and tables.
const oursName = "tessera"

// limits is what the machine could do during one of our turns.
type limits struct {
	Dot  float64 `json:"dot_gops"`
	FMA  float64 `json:"fma_gflops"`
	Read float64 `json:"read_gb_per_s"`
}

// tessera runs our bench over a group. The checkpoint is converted into the
// cache by the first call.
func (o *options) tessera(ctx context.Context, g *group) ([]float64, limits, error) {
	args := []string{o.ours, "bench", g.Model, "-p", lengths(g.tests, false), "-n", lengths(g.tests, true), "-d", strconv.Itoa(g.Depth),
		"-r", "1", "--threads", strconv.Itoa(o.threads), "--kv-type", g.KV, "--limits", "--format", "json"}
	out, err := o.output(ctx, args...)
	if err != nil {
		return nil, limits{}, err
	}
	return parseTessera(out, g.tests)
}

// warm converts a model before its first round and brings it into memory.
func (o *options) warm(ctx context.Context, model string) error {
	all := *o
	all.prefix = nil
	_, err := all.output(ctx, o.ours, "bench", model, "-p", "1", "-n", "0", "-r", "1", "--threads", strconv.Itoa(o.threads), "--format", "json")
	return err
}

// parseTessera reads tessera bench --format json.
func parseTessera(out []byte, tests []test) ([]float64, limits, error) {
	var rep struct {
		Limits limits
		Rows   []struct {
			Prompt int     `json:"n_prompt"`
			Gen    int     `json:"n_gen"`
			Depth  int     `json:"n_depth"`
			Speed  float64 `json:"tokens_per_second"`
			Error  string
		}
	}
	if err := json.Unmarshal(out, &rep); err != nil {
		return nil, limits{}, fmt.Errorf("its output: %w", err)
	}
	speeds := make([]float64, len(tests))
	for i, t := range tests {
		for _, r := range rep.Rows {
			if r.Prompt == t.prompt && r.Gen == t.gen && r.Depth == t.depth {
				if r.Error != "" {
					return nil, limits{}, fmt.Errorf("%s: %s", t, r.Error)
				}
				speeds[i] = r.Speed
			}
		}
		if speeds[i] <= 0 {
			return nil, limits{}, fmt.Errorf("%s: %w", t, errNotReported)
		}
	}
	return speeds, rep.Limits, nil
}

// lengths lists the prompt or generation lengths of tests: "128,512"; "0" for
// none.
func lengths(tests []test, gen bool) string {
	var all []string
	for _, t := range tests {
		n := t.prompt
		if gen {
			n = t.gen
		}
		if n > 0 {
			all = append(all, strconv.Itoa(n))
		}
	}
	if len(all) == 0 {
		return "0"
	}
	return strings.Join(all, ",")
}
