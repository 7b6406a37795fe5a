package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/verify"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "prove that every rewrite kept the numbers",
		ArgsUsage: "CHECKPOINT|BUNDLE",
		Description: `Given a checkpoint, runs the graph as built and behind every pass, on the cpu, in
several calls, and compares every tensor by name: behind an exact pass no bit
may differ. Then runs the finished program with other threads, prompt chunks,
decoder parts and other sequences in company: again no bit may differ. Given a
bundle, checks its digests and compares it with its own definition, every fused
op expanded.

  tessera verify model/
  tessera verify model/ --type q4_k_m --json
  tessera verify model.gguf --tensors --reference
  tessera verify big/ --only group-projections --sizes 4
  tessera verify model.tess

Exit code 0: proven. 1: differences, listed.`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "sizes", Value: "1,4,64,65", Usage: "tokens of the calls that are run, one after the other"},
			tokensFlag,
			&cli.StringFlag{Name: "target", Usage: "the graphs for `TARGET` (default: cpu, or a bundle's first)"},
			&cli.StringSliceFlag{Name: "only", Usage: "run and judge only `PASS` (repeatable): quicker on a large model"},
			&cli.BoolFlag{Name: "reference", Usage: "also compare with the float64 interpreter (slow on large models)"},
			&cli.BoolFlag{Name: "tensors", Usage: "list every tensor that differs"},
			&cli.BoolFlag{Name: "no-variants", Usage: "leave out threads, chunks, company and decoder parts"},
			jsonFlag, threadsFlag, kvFlag, memoryFlag,
		}, conversionFs),
		Action: verifyAction,
	}
}

func verifyAction(c *cli.Context) error {
	path, err := oneArg(c, "a checkpoint or a bundle")
	if err != nil {
		return err
	}
	sizes, err := parseSizes(c.String("sizes"))
	if err != nil {
		return usage(c, "--sizes: %w", err)
	}
	if format.IsBundle(path) {
		if err := noConversion(c, path, "only", "reference", "tensors", "no-variants"); err != nil {
			return err
		}
		return verifyBundle(c, path, sizes)
	}
	o, err := convertOptions(c)
	if err != nil {
		return err
	}
	ck, err := checkpoint.Open(path)
	if err != nil {
		return err
	}
	defer ck.Close()
	plan, err := newPlan(c, ck, o)
	if err != nil {
		return err
	}
	ids, err := verifyIDs(c, plan.Meta.Vocab)
	if err != nil {
		return err
	}
	if len(o.Targets) > 1 {
		return usage(c, "--target %s: verify one target at a time", c.String("target"))
	}
	engine, err := engineOf(c, o.Targets[0].Name)
	if err != nil {
		return err
	}
	mem := weights.NewMemory(ck.Source(), workers(c))
	bar := progress.New(os.Stderr, "verify", "graphs")
	n := int64(0)
	res, err := verify.Passes(c.Context, plan.Model.Graph, mem, verify.Options{
		Engine: engine, Passes: plan.PassOptions(), Calls: verify.Calls(ids, sizes), Threads: c.Int("threads"), KVType: cmp.Or(c.String("kv-type"), plan.Meta.KVType), Reference: c.Bool("reference"), Only: c.StringSlice("only"), MaxMemory: maxMemory(c),
		Progress: func(what string) { n++; bar.Set(n, int64(len(plan.Reports)+1)) },
	})
	bar.Done()
	if err != nil {
		return err
	}
	var variants []verify.VariantResult
	if !c.Bool("no-variants") {
		if variants, err = checkpointVariants(c, engine, ck, plan, o, verify.Calls(ids, []int{65})[0]); err != nil {
			return err
		}
	}
	return printVerdict(c, res, variants)
}

func parseSizes(s string) ([]int, error) {
	var sizes []int
	for _, f := range strings.Split(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || n < 1 || n > 4096 {
			return nil, fmt.Errorf("%.20q, want numbers of tokens, 1 to 4096", f)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// verifyIDs are the given tokens, or a fixed pseudo-random walk through the
// vocabulary.
func verifyIDs(c *cli.Context, vocab int) ([]int32, error) {
	if s := c.String("tokens"); s != "" {
		ids, err := parseIDs(s)
		if err != nil {
			return nil, usage(c, "--tokens: %w", err)
		}
		return ids, nil
	}
	ids := make([]int32, 512)
	x := uint32(1)
	for i := range ids {
		x = x*1664525 + 1013904223
		ids[i] = int32(uint64(x) * uint64(vocab) >> 32)
	}
	return ids, nil
}

// checkpointVariants runs the finished program in ways that must not matter.
func checkpointVariants(c *cli.Context, e verify.Engine, ck *checkpoint.Checkpoint, plan *convert.Plan, o convert.Options, ids []int32) ([]verify.VariantResult, error) {
	mem := weights.NewMemory(ck.Source(), workers(c))
	program := func(p *convert.Plan) func() (*runtime.Program, error) {
		return func() (*runtime.Program, error) {
			return &runtime.Program{Segments: p.Segments, Weights: mem, Meta: p.Meta}, nil
		}
	}
	kv := c.String("kv-type")
	list := []verify.Variant{
		{Name: "1 thread, one call", Threads: 1, Chunk: len(ids), Program: program(plan)},
		{Name: "2 threads, one call", Threads: 2, Chunk: len(ids), Program: program(plan)},
		{Name: "3 threads, chunks of 7", Threads: 3, Chunk: 7, Program: program(plan)},
		{Name: "1 thread, chunks of 1", Threads: 1, Chunk: 1, Program: program(plan)},
		{Name: "cache beyond kv_len filled with NaN, chunks of 64", Threads: 2, Chunk: 64, Poison: true, Program: program(plan)},
		{Name: "in company of 5 others, chunks of 7", Threads: 2, Chunk: 7, Company: 5, Program: program(plan)},
	}
	if parts := min(3, plan.Meta.Layers); parts > 1 && o.DecoderParts <= 1 {
		o.DecoderParts = parts
		cut, err := convert.NewPlan(c.Context, ck, o)
		if err != nil {
			return nil, err
		}
		list = append(list, verify.Variant{Name: fmt.Sprintf("%d decoder parts", parts), Threads: 2, Chunk: len(ids), Program: program(cut)})
	}
	for i := range list {
		list[i].Backend, list[i].KVType, list[i].MaxMemory = e.Backend, kv, maxMemory(c)
	}
	return verify.Variants(c.Context, ids, e.Judge, list)
}

// verifyBundle compares a bundle with its own definition.
func verifyBundle(c *cli.Context, path string, sizes []int) error {
	name, err := oneTarget(c)
	if err != nil {
		return err
	}
	b, err := format.OpenFor(path, name)
	if err != nil {
		return err
	}
	defer b.Close()
	engine, err := engineOf(c, b.Target)
	if err != nil {
		return err
	}
	bar := progress.New(os.Stderr, "check digests", "B")
	var total, done int64
	for _, f := range b.Manifest.Files {
		total += f.Bytes
	}
	err = b.Check(func(n int64) { done += n; bar.Set(done, total) })
	bar.Done()
	if err != nil {
		return err
	}
	ids, err := verifyIDs(c, b.Manifest.Meta.Vocab)
	if err != nil {
		return err
	}
	results, err := verify.Bundle(c.Context, b, verify.Options{Engine: engine, Calls: verify.Calls(ids, sizes), Threads: c.Int("threads"), KVType: c.String("kv-type"), MaxMemory: maxMemory(c)})
	if err != nil {
		return err
	}
	return printVerdict(c, nil, results)
}

func printVerdict(c *cli.Context, res *verify.Result, variants []verify.VariantResult) error {
	ok := res == nil || res.OK
	for _, v := range variants {
		ok = ok && v.OK
	}
	if c.Bool("json") {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", " ")
		if err := e.Encode(map[string]any{"ok": ok, "passes": res, "variants": variants}); err != nil {
			return err
		}
	} else {
		printResult(c, res, variants, ok)
	}
	if !ok {
		return errFound
	}
	return nil
}

func printResult(c *cli.Context, res *verify.Result, variants []verify.VariantResult, ok bool) {
	if res != nil {
		say("%-22s %9s %7s %10s %10s  %s\n", "pass", "compared", "differ", "max |diff|", "verdict", "what it did")
		for _, p := range res.Passes {
			printPass(c, &p)
		}
		maxS := slices.Max(res.Tokens)
		say("relayout kernels per call: %d → %d; bytes moved at S = %d: %d → %d\n", res.Before.Kernels, res.After.Kernels, maxS, res.Before.Bytes*int64(maxS), res.After.Bytes*int64(maxS))
		for _, r := range res.Reference {
			say("reference, %s: logits NMSE %.3g (allowed %.3g) %s\n", r.What, r.Diff.NMSE, r.Bound, verdict(r.OK))
		}
	}
	for _, v := range variants {
		say("%-52s %d of %d logits differ  %s\n", v.Name, v.Diff.Bits, v.Diff.Elements, verdict(v.OK))
	}
	if ok {
		fmt.Println("proven")
	} else {
		fmt.Println("NOT proven: see above")
	}
}

func printPass(c *cli.Context, p *verify.PassResult) {
	worst := 0.0
	if p.Worst != nil {
		worst = p.Worst.MaxAbs
	}
	say("%-22s %9d %7d %10.3g %10s  %s\n", p.Pass, p.Compared, p.Differ, worst, verdict(p.OK), p.Report)
	if p.Bound > 0 && p.Logits != nil {
		say("%-22s logits NMSE %.3g, allowed %.3g\n", "", p.Logits.NMSE, p.Bound)
	}
	if p.Why != "" {
		say("%-22s %s\n", "", p.Why)
	}
	if c.Bool("tensors") {
		for _, d := range p.Tensors {
			say("    %-40s %d of %d differ, max |diff| %.3g, NMSE %.3g\n", d.Name, d.Bits, d.Elements, d.MaxAbs, d.NMSE)
		}
	}
}

func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "FAILED"
}
