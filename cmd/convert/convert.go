package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/runtime"
)

func convertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "turn a checkpoint into a bundle",
		ArgsUsage: "CHECKPOINT -o BUNDLE",
		Description: `CHECKPOINT is a Hugging Face folder, a GGUF file, or the first file of a split GGUF.

  tessera convert Qwen3-0.6B/ -o qwen3.tess
  tessera convert model.gguf -o model.tess --type q8_0
  tessera convert model/ -o model.tess --type q4_k_m --decoder-parts 3
  tessera convert model/ --type q4_k_m --plan          what would be done, nothing written`,
		Flags: slices.Concat([]cli.Flag{outputFlag, typeFlag, requantFlag, ignoreFlag, targetFlag, partsFlag, disableFlag, stopFlag, threadsFlag, jsonFlag,
			&cli.BoolFlag{Name: "plan", Usage: "print what would be done and write nothing"},
			&cli.BoolFlag{Name: "force", Usage: "replace a bundle that stands at the output"},
			&cli.BoolFlag{Name: "no-tokenizer", Usage: "leave the tokenizer out"},
		}, passFs),
		Action: func(c *cli.Context) error {
			path, err := oneArg(c, "a checkpoint")
			if err != nil {
				return err
			}
			out := c.String("o")
			if out == "" && !c.Bool("plan") {
				return usage(c, "no output: say -o BUNDLE, or --plan to see what would be done")
			}
			o, err := convertOptions(c)
			if err != nil {
				return err
			}
			o.NoTokenizer = c.Bool("no-tokenizer")
			if o.After, err = dumper(c); err != nil {
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
			if c.Bool("time-passes") {
				printTimes(os.Stderr, plan.Reports)
			}
			if c.Bool("plan") {
				return printPlan(c, plan)
			}
			start := time.Now()
			bar := progress.New(os.Stderr, "convert", "B")
			err = plan.Write(c.Context, out, convert.WriteOptions{Force: c.Bool("force"), Workers: workers(c), Progress: bar.Set})
			bar.Done()
			if err != nil {
				return err
			}
			took := time.Since(start)
			if c.Bool("json") {
				return json.NewEncoder(os.Stdout).Encode(map[string]any{"bundle": out, "bytes": plan.Bytes(), "weights": len(plan.Weights), "segments": len(plan.Segments), "seconds": took.Seconds(), "passes": plan.Reports})
			}
			printPasses(screen{os.Stdout}, plan.Reports)
			printFallbacks(screen{os.Stdout}, plan)
			say("%s: %d segments, %d weights, %s in %.1f s (%s/s)\n", out, len(plan.Segments), len(plan.Weights), progress.Bytes(plan.Bytes()), took.Seconds(), progress.Bytes(int64(float64(plan.Bytes())/took.Seconds())))
			return nil
		},
	}
}

// newPlan is the plan of a checkpoint. What the checkpoint says and the plan
// leaves out is printed.
func newPlan(c *cli.Context, ck *checkpoint.Checkpoint, o convert.Options) (*convert.Plan, error) {
	plan, err := convert.NewPlan(c.Context, ck, o)
	if err != nil {
		return nil, err
	}
	warn(ck.Path(), plan.Model.Warnings)
	return plan, nil
}

// passFs look inside the rewriting.
var passFs = []cli.Flag{
	&cli.StringFlag{Name: "dump-after", Usage: "write the graph behind `PASS` (or all) as NN-PASS.ir"},
	&cli.StringFlag{Name: "dump-dir", Value: ".", Usage: "where --dump-after writes"},
	&cli.BoolFlag{Name: "time-passes", Usage: "print how long every pass took"},
}

// dumper is the callback behind --dump-after.
func dumper(c *cli.Context) (func(int, *passes.Pass, *ir.Graph, *passes.Report) error, error) {
	want := c.String("dump-after")
	if want == "" {
		return nil, nil
	}
	if want != "all" {
		if _, err := passes.PassNamed(want); err != nil {
			return nil, usage(c, "--dump-after: %w", err)
		}
	}
	return func(i int, p *passes.Pass, g *ir.Graph, _ *passes.Report) error {
		name := "plain"
		if p != nil {
			name = p.Name
		}
		if want != "all" && want != name {
			return nil
		}
		return os.WriteFile(filepath.Join(c.String("dump-dir"), fmt.Sprintf("%02d-%s.ir", i, name)), []byte(ir.Format(g)), 0o644)
	}, nil
}

func printPasses(w io.Writer, reports []*passes.Report) {
	for _, r := range reports {
		fmt.Fprintf(w, "%-22s %s\n", r.Pass, r)
	}
}

func printTimes(w io.Writer, reports []*passes.Report) {
	var sum time.Duration
	for _, r := range reports {
		fmt.Fprintf(w, "%-22s %8.2f ms  nodes %d → %d\n", r.Pass, r.Time.Seconds()*1e3, r.Nodes[0], r.Nodes[1])
		sum += r.Time
	}
	fmt.Fprintf(w, "%-22s %8.2f ms\n", "all passes", sum.Seconds()*1e3)
}

// printFallbacks lists weights whose type is not the one asked for.
func printFallbacks(w io.Writer, p *convert.Plan) {
	for _, wt := range p.Model.Weights {
		if wt.Reason != "" && wt.From != wt.To && len(wt.Shape) > 1 && wt.To != p.Options.Type.Base() {
			fmt.Fprintf(w, "  %s %v: %s → %s (%s)\n", wt.Name, wt.Shape, wt.From, wt.To, wt.Reason)
		}
	}
	for _, ig := range p.Model.Ignored {
		fmt.Fprintf(w, "  ignored %s: %s\n", ig.Name, ig.Reason)
	}
}

// printPlan prints every decision.
func printPlan(c *cli.Context, p *convert.Plan) error {
	if c.Bool("json") {
		type row struct {
			Segment string   `json:"segment"`
			Name    string   `json:"name"`
			Type    string   `json:"type"`
			Shape   []int64  `json:"shape"`
			Form    string   `json:"form"`
			Bytes   int64    `json:"bytes"`
			Sources []string `json:"sources"`
		}
		var rows []row
		for _, w := range p.Weights {
			rows = append(rows, row{w.Segment, w.Name, w.Type.String(), w.Shape, w.Form.String(), w.Bytes, w.Sources})
		}
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", " ")
		out := map[string]any{"config": p.Model.Config, "meta": p.Meta, "passes": p.Reports, "weights": rows, "bytes": p.Bytes(), "ignored": p.Model.Ignored,
			"ignored_keys": p.Options.IgnoreKeys, "warnings": p.Model.Warnings}
		if m := memoryForJSON(c, planned(p), p.Options.Targets[0].Name); m.Error == "" {
			out["memory"] = m.Memory
		} else {
			out["memory_error"] = m.Error
		}
		return e.Encode(out)
	}
	for _, line := range p.Model.Config.Lines() {
		say("%s\n", line)
	}
	for _, key := range p.Options.IgnoreKeys {
		say("ignored key  %s\n", key)
	}
	say("\n")
	printPasses(screen{os.Stdout}, p.Reports)
	say("\n")
	for _, w := range p.Weights {
		say("%-12s %-44s %-6s %-16s %-5s %10s  %v\n", w.Segment, w.Name, w.Type, w.Shape, w.Form, progress.Bytes(w.Bytes), w.Sources)
	}
	printFallbacks(screen{os.Stdout}, p)
	say("\n%d segments, %d weights, %s\n\n", len(p.Segments), len(p.Weights), progress.Bytes(p.Bytes()))
	sayMemory(c, planned(p), p.Options.Targets[0].Name)
	return nil
}

// planned is the program of a plan, of which memory is asked. A tokenizer that cannot be
// read takes none; writing the bundle says why.
func planned(p *convert.Plan) *runtime.Program {
	prog := p.Program(1)
	prog.TextBytes, _ = p.TextBytes()
	return prog
}
