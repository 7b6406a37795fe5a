package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// result of one run of ours.
type result struct {
	speed    float64 // tokens per second
	fraction float64 // of the dot-product peak (prompt) or of the read rate (generation); 0 unknown
}

// tessera runs our bench once. The checkpoint is converted into the cache at
// the first call.
func (s *settings) tessera(ctx context.Context, model string, t test) (result, error) {
	out, err := output(ctx, s.ours, "bench", model, "-p", strconv.Itoa(t.prompt), "-n", strconv.Itoa(t.gen), "-d", strconv.Itoa(t.depth),
		"-r", "1", "--threads", strconv.Itoa(s.threads), "--kv-type", s.kv, "--limits", "--format", "json")
	if err != nil {
		return result{}, err
	}
	var rep struct {
		Limits struct {
			DotGOPS float64 `json:"dot_gops"`
			ReadGBs float64 `json:"read_gb_per_s"`
		} `json:"limits"`
		Rows []struct {
			Weights struct {
				Bytes    int64 `json:"bytes"`
				Elements int64 `json:"elements"`
			} `json:"weights"`
			Speed float64 `json:"tokens_per_second"`
			Error string  `json:"error"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(out, &rep); err != nil {
		return result{}, fmt.Errorf("%s bench: %w", s.ours, err)
	}
	if len(rep.Rows) != 1 || rep.Rows[0].Error != "" {
		return result{}, fmt.Errorf("%s bench %s %s: %+v", s.ours, model, t, rep.Rows)
	}
	row := rep.Rows[0]
	r := result{speed: row.Speed}
	switch {
	case t.gen > 0 && rep.Limits.ReadGBs > 0:
		r.fraction = fileBytes(model) * row.Speed / 1e9 / rep.Limits.ReadGBs
	case t.prompt > 0 && rep.Limits.DotGOPS > 0:
		r.fraction = 2 * layerElements(model, row.Weights.Elements) * row.Speed / 1e9 / rep.Limits.DotGOPS
	}
	return r, nil
}

// peer is another engine's llama-bench.
type peer struct {
	name    string
	command []string
}

// bench runs the peer once.
func (p peer) bench(ctx context.Context, model string, t test, s *settings) (float64, error) {
	args := slices.Concat(p.command[1:], []string{"-m", model, "-p", strconv.Itoa(t.prompt), "-n", strconv.Itoa(t.gen), "-r", "1", "-t", strconv.Itoa(s.threads), "-ctk", s.kv, "-ctv", s.kv, "-o", "json"})
	if t.depth > 0 {
		args = append(args, "-d", strconv.Itoa(t.depth))
	}
	out, err := output(ctx, p.command[0], args...)
	if err != nil {
		return 0, err
	}
	if i := strings.IndexByte(string(out), '['); i > 0 {
		out = out[i:] // some print a line before the JSON
	}
	var rows []struct {
		Speed  float64 `json:"avg_ts"`
		Prompt int     `json:"n_prompt"`
		Gen    int     `json:"n_gen"`
	}
	if err := json.Unmarshal(out, &rows); err != nil {
		return 0, fmt.Errorf("its output: %w", err)
	}
	for _, r := range rows {
		if r.Prompt == t.prompt && r.Gen == t.gen {
			return r.Speed, nil
		}
	}
	return 0, errors.New("it did not report the test")
}

func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		text := strings.TrimSpace(errs.String())
		if i := strings.LastIndexByte(text, '\n'); i >= 0 {
			text = text[i+1:]
		}
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return out, nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}

// fileBytes is the size of the GGUF, which generation reads once per token
// when the embedding is tied.
func fileBytes(model string) float64 {
	st, err := os.Stat(model)
	if err != nil {
		return 0
	}
	return float64(st.Size())
}
