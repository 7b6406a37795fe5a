package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/pkg/bench"
	"github.com/tessera-llm/tessera/pkg/cache"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// ablateLimit bounds one measurement of a variant that is very slow.
const ablateLimit = 5 * time.Second

// ablateAction is bench --ablate.
func ablateAction(c *cli.Context, o bench.Options, form string) error {
	if c.NArg() != 1 {
		return usage(c, "--ablate takes one checkpoint")
	}
	path := c.Args().First()
	if format.IsBundle(path) {
		return usage(c, "--ablate: %s is a bundle, its passes have run: give the checkpoint", path)
	}
	for _, l := range []struct {
		flag string
		n    int
		most int
	}{{"p", len(o.Prompts), 1}, {"n", len(o.Gens), 1}, {"d", len(o.Depths), 1}, {"threads", len(o.Threads), 1}} {
		if l.n > l.most {
			return usage(c, "--ablate: %d values of %s, want one", l.n, flagName(l.flag))
		}
	}
	for _, f := range []string{"ops", "scaling", "limits", "sessions", "stop-after", "max-memory"} {
		if c.IsSet(f) {
			return usage(c, "--ablate and --%s do not go together", f)
		}
	}
	rep := &ablateReport{format: form, w: reportTo(form)}
	if rep.format == "csv" {
		return usage(c, "--ablate has no csv: use table, md or json")
	}
	var err error
	if rep.Machine, err = cpu.ThisMachine(); err != nil {
		return err
	}
	co, err := convertOptions(c)
	if err != nil {
		return err
	}
	ck, err := checkpoint.Open(path)
	if err != nil {
		return err
	}
	defer ck.Close()
	full, variants, err := ablatePlans(c, ck, co)
	if err != nil {
		return err
	}
	dir := ""
	if kept, err := cache.Default(); err == nil {
		dir = kept.Dir
	}
	store, err := weights.NewMapped(ck.Source(), workers(c), dir)
	if err != nil {
		return err
	}
	defer store.Close()
	line := newStatus()
	defer line.clear()
	program := func(p *convert.Plan) *runtime.Program {
		return &runtime.Program{Segments: p.Segments, Weights: store, Meta: p.Meta}
	}
	add := func(p *convert.Plan) error {
		line.show("making weights")
		for _, s := range p.Segments {
			if err := store.Add(c.Context, s.Graph.Weights); err != nil {
				return err
			}
		}
		return nil
	}
	if err := add(full); err != nil {
		return err
	}
	var list []bench.Variant
	for _, v := range variants {
		if v.plan != nil {
			if err := add(v.plan); err != nil {
				return err
			}
			v.Program = program(v.plan)
		}
		list = append(list, v.Variant)
	}
	ao := bench.AblateOptions{Depth: o.Depths[0], Threads: o.Threads[0], Rounds: o.Reps, Chunk: o.Chunk, KVType: o.KVType, Backend: o.Backend, Limit: ablateLimit, Progress: line.show}
	if len(o.Prompts) > 0 {
		ao.Prompt = o.Prompts[0]
	}
	if len(o.Gens) > 0 {
		ao.Gen = o.Gens[0]
	}
	rep.Model, rep.Threads, rep.Rounds, rep.Depth = full.Meta.Name, ao.Threads, ao.Rounds, ao.Depth
	if rep.Weights, err = bench.WeightsOf(program(full)); err != nil {
		return err
	}
	if t := co.Type.String(); t != "keep" {
		rep.Weights.Type = t
	}
	err = bench.Ablate(c.Context, program(full), list, ao, func(a bench.Ablation) error {
		line.clear()
		return rep.add(a)
	})
	line.clear()
	if e := rep.end(); err == nil {
		err = e
	}
	return err
}

// ablatePlan is a variant before it has weights.
type ablatePlan struct {
	bench.Variant
	plan *convert.Plan
}

// ablatePlans plans the checkpoint with all passes, and without each of them in
// turn.
func ablatePlans(c *cli.Context, ck *checkpoint.Checkpoint, o convert.Options) (*convert.Plan, []ablatePlan, error) {
	full, err := newPlan(c, ck, o)
	if err != nil {
		return nil, nil, err
	}
	changed := func(p *convert.Plan) []string {
		var names []string
		for _, r := range p.Reports {
			if r.Changed() {
				names = append(names, r.Pass)
			}
		}
		return names
	}
	all := changed(full)
	var list []ablatePlan
	for _, p := range passes.Table() {
		v := ablatePlan{Variant: bench.Variant{Pass: p.Name}}
		switch {
		case p.Always:
			v.Note = "required: segments are cut by it"
		case slices.Contains(o.Disable, p.Name):
			v.Note = "disabled in all"
		case !slices.Contains(all, p.Name):
			v.Note = "nothing to do in this model"
		default:
			without := o
			without.Disable = append(slices.Clone(o.Disable), p.Name)
			if v.plan, err = convert.NewPlan(c.Context, ck, without); err != nil {
				return nil, nil, fmt.Errorf("without %s: %w", p.Name, err)
			}
			left := changed(v.plan)
			for _, name := range all {
				if name != p.Name && !slices.Contains(left, name) {
					v.Also = append(v.Also, name)
				}
			}
		}
		list = append(list, v)
	}
	return full, list, nil
}
