package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// group is what an engine measures in one turn: the tests behind one depth.
type group struct {
	Model string // path
	KV    string
	Depth int
	tests []test
}

// name is the model's file without folder and ending.
func (g *group) name() string { return modelName(g.Model) }

func modelName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".gguf") }

// round is every engine's turn on a group.
type round struct {
	Model   string   `json:"model"`
	KV      string   `json:"kv_type"`
	Depth   int      `json:"n_depth"`
	Round   int      `json:"round"`
	Tests   []string `json:"tests"`
	Limits  limits   `json:"limits"`
	Engines []turn   `json:"engines"` // ours, then peers as given
}

// turn is what one engine reached in a round, test by test.
type turn struct {
	Engine string    `json:"engine"`
	Speeds []float64 `json:"tokens_per_second,omitempty"`
	Error  string    `json:"error,omitempty"`
}

// groups lists the turns of a model: by depth in the order of the tests, then
// by cache type.
func (o *options) groups(model string) []group {
	var all []group
	for i, t := range o.tests {
		first := true
		for _, b := range o.tests[:i] {
			first = first && b.depth != t.depth
		}
		if !first {
			continue
		}
		for _, kv := range o.kv {
			g := group{Model: model, KV: kv, Depth: t.depth}
			for _, x := range o.tests[i:] {
				if x.depth == t.depth {
					g.tests = append(g.tests, x)
				}
			}
			all = append(all, g)
		}
	}
	return all
}

func (o *options) roundsOf(g *group) int {
	if g.Depth > 0 {
		return o.deep
	}
	return o.rounds
}

// compare runs what the log does not have yet.
func (o *options) compare(ctx context.Context, models []string, r *report) error {
	var groups []group
	total := 0
	for _, m := range models {
		for _, g := range o.groups(m) {
			groups = append(groups, g)
			total += o.roundsOf(&g)
		}
	}
	log, done, err := openLog(o)
	if err != nil {
		return err
	}
	defer log.close()
	n, warmed := 0, ""
	for i := range groups {
		g := &groups[i]
		failed := map[string]string{}
		for at := range o.roundsOf(g) {
			n++
			if old := findRound(done, g, at); old != nil {
				r.add(g, old)
				continue
			}
			if warmed != g.Model {
				warmed = g.Model
				if err := o.warm(ctx, g.Model); err != nil {
					return fmt.Errorf("%s: %w", g.name(), err)
				}
			}
			now, err := o.round(ctx, g, at, failed, fmt.Sprintf("%d/%d", n, total))
			if err != nil {
				return err
			}
			if err := log.write(now); err != nil {
				return err
			}
			r.add(g, now)
		}
	}
	return nil
}

// round gives every engine its turn. failed holds the engines that could not
// run the group, and why.
func (o *options) round(ctx context.Context, g *group, at int, failed map[string]string, where string) (*round, error) {
	r := &round{Model: g.name(), KV: g.KV, Depth: g.Depth, Round: at, Engines: make([]turn, 1+len(o.peers))}
	for _, t := range g.tests {
		r.Tests = append(r.Tests, t.String())
	}
	for i := range r.Engines {
		e := (i + at) % len(r.Engines)
		t := &r.Engines[e]
		t.Engine = oursName
		if e > 0 {
			t.Engine = o.peers[e-1].Name
		}
		if t.Error = failed[t.Engine]; t.Error != "" {
			continue
		}
		start := time.Now()
		var err error
		if e == 0 {
			t.Speeds, r.Limits, err = o.tessera(ctx, g)
		} else {
			t.Speeds, err = o.peers[e-1].run(ctx, g, o)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		said := ""
		if err != nil {
			t.Error = err.Error()
			failed[t.Engine], said = t.Error, " "+t.Error
		}
		for j, s := range t.Speeds {
			said += fmt.Sprintf(" %s %.2f", g.tests[j].short(), s)
		}
		fmt.Fprintf(os.Stderr, "%s %s %s d%d round %d: %s%s (%.0f s)\n", where, g.name(), g.KV, g.Depth, at+1, t.Engine, said, time.Since(start).Seconds())
	}
	return r, nil
}
