package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/tessera-llm/tessera/pkg/bench"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure speed, with the tests of llama-bench",
		ArgsUsage: "BUNDLE|CHECKPOINT...",
		Description: `ppN appends a prompt of N tokens, tgN generates N tokens one by one; "@ dD" behind
a cache of D tokens, which is filled once. Mean and standard deviation of -r
repetitions, one more before them warms up. Lists are comma-separated.

  tessera bench model.tess
  tessera bench a.tess b.tess -p 512 -n 128 -d 0,4096,32768 -r 3 --format md
  tessera bench model/ --type q4_k_m --threads 1,2,4 --format csv > speed.csv
  tessera bench model.tess -p 0 -n 32 -d 128 --sessions 1,8,16          many sessions generate in the same steps
  tessera bench model.tess -n 0 --ops --limits      where the time goes, beside the machine's limits
  tessera bench model.tess -n 0 -p 1,2,4,8,16 --threads 1,2 --scaling   what a batch and a thread are worth

What every rewriting pass is worth: the checkpoint without it, beside all passes, in
turn over -r rounds. Passes that need it go with it. Weights that differ are written
once into a folder of the cache, mapped as a bundle's are, and removed at the end.

  tessera bench model.tess --startup -r 9           from the start of a process to its first logits
  tessera bench model.gguf --ablate -p 512 -n 32 -r 3 --format md

Exit code 1 when a test could not run, for example for want of context.`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "p", Value: "512", Usage: "prompt lengths `N,...` (0: none)"},
			&cli.StringFlag{Name: "n", Value: "128", Usage: "generation lengths `N,...` (0: none)"},
			&cli.StringFlag{Name: "d", Value: "0", Usage: "tokens in the cache before, `D,...`"},
			&cli.StringFlag{Name: "sessions", Value: "1", Usage: "generate in `N,...` sessions at once; the speed is that of all together"},
			&cli.IntFlag{Name: "r", Value: 5, Usage: "repetitions"},
			&cli.StringFlag{Name: "threads", Aliases: []string{"t"}, Value: "0", Usage: "worker threads `N,...` (0: physical cores)"},
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "table", Usage: "table, md, csv or json"},
			&cli.BoolFlag{Name: "json", Usage: "machine-readable output: --format json"},
			&cli.BoolFlag{Name: "ops", Usage: "also the time of every kind of op (nodes run one by one, which costs some speed)"},
			&cli.BoolFlag{Name: "scaling", Usage: "also every speed beside that of the first prompt length and of the first thread count"},
			&cli.BoolFlag{Name: "ablate", Usage: "instead: the speed without each rewriting pass, given a checkpoint"},
			&cli.BoolFlag{Name: "limits", Usage: "also what the machine can do at most, measured now"},
			&cli.BoolFlag{Name: "startup", Usage: "instead: the time from the start of a fresh process to its first logits"},
			&cli.StringFlag{Name: "first-ids", Hidden: true},
			&cli.StringFlag{Name: "first-text", Hidden: true},
			kvFlag, chunkFlag, memoryFlag, backendFlag,
		}, checkpointFs),
		Action: benchAction,
	}
}

func benchAction(c *cli.Context) error {
	if c.NArg() == 0 {
		return usage(c, "no model: give bundles or checkpoints")
	}
	if c.IsSet("first-ids") || c.IsSet("first-text") {
		return firstLogitsAction(c)
	}
	o, err := benchOptions(c)
	if err != nil {
		return err
	}
	form, err := benchFormat(c)
	if err != nil {
		return err
	}
	rep := &benchReport{format: form, scaling: c.Bool("scaling"), w: reportTo(form)}
	if c.Bool("startup") {
		if rep.format == "csv" {
			return usage(c, "--startup has no place in csv: use table, md or json")
		}
		return startupAction(c, o, rep.format)
	}
	if c.Bool("ablate") {
		return ablateAction(c, o, form)
	}
	for _, f := range []string{"ops", "scaling", "limits"} {
		if c.Bool(f) && rep.format == "csv" {
			return usage(c, "--%s has no place in csv: use table, md or json", f)
		}
	}
	if rep.Machine, err = cpu.ThisMachine(); err != nil {
		return err
	}
	line := newStatus()
	defer line.clear()
	o.Progress = line.show
	for _, path := range c.Args().Slice() {
		if err := benchModel(c, path, o, rep, line); err != nil {
			line.clear()
			rep.end()
			return err
		}
	}
	line.clear()
	return rep.end()
}

// benchModel measures one model.
func benchModel(c *cli.Context, path string, o bench.Options, rep *benchReport, line *status) error {
	m, err := open(c, path)
	if err != nil {
		return err
	}
	defer m.Close()
	w, err := bench.WeightsOf(m.Program)
	if err != nil {
		return err
	}
	if m.Type != "" && m.Type != "keep" {
		w.Type = m.Type
	}
	if c.Bool("limits") && rep.Limits == nil {
		line.show("measuring the machine's limits")
		if err := rep.measureLimits(o.Threads, allWeights(m.Program)); err != nil {
			return err
		}
	}
	return bench.Run(c.Context, m.Program, o, func(r bench.Row) error {
		line.clear()
		return rep.add(benchRow{Model: m.Program.Meta.Name, Arch: m.Program.Meta.Arch, Weights: w, Backend: o.Backend.Name(), Row: r})
	})
}

// benchFormat is --format, or json where --json says so.
func benchFormat(c *cli.Context) (string, error) {
	f := c.String("format")
	switch {
	case !slices.Contains(benchFormats, f):
		return "", usage(c, "--format %q: want one of %s", f, strings.Join(benchFormats, ", "))
	case !c.Bool("json"):
		return f, nil
	case c.IsSet("format") && f != "json":
		return "", usage(c, "--json and --format %s do not go together", f)
	}
	return "json", nil
}

func benchOptions(c *cli.Context) (bench.Options, error) {
	o := bench.Options{Reps: c.Int("r"), Chunk: c.Int("chunk"), KVType: c.String("kv-type"), Ops: c.Bool("ops"), MaxMemory: maxMemory(c)}
	for _, l := range []struct {
		flag string
		to   *[]int
		zero bool // 0 means none of this kind
	}{{"p", &o.Prompts, true}, {"n", &o.Gens, true}, {"d", &o.Depths, false}, {"threads", &o.Threads, false}, {"sessions", &o.Sessions, false}} {
		for _, f := range strings.Split(c.String(l.flag), ",") {
			n, err := strconv.Atoi(strings.TrimSpace(f))
			if err != nil || n < 0 {
				return o, usage(c, "%s: %.20q, want numbers ≥ 0", flagName(l.flag), f)
			}
			if n > 0 || !l.zero {
				*l.to = append(*l.to, n)
			}
		}
	}
	for i, n := range o.Threads {
		if n == 0 {
			o.Threads[i] = cpu.DefaultThreads()
		}
	}
	if err := o.Check(); err != nil {
		return o, usage(c, "%w", err)
	}
	var err error
	o.Backend, err = pickBackend(c)
	return o, err
}

// status is one line on a terminal that tells what is going on.
type status struct {
	on   bool
	last time.Time
	wide int
}

func newStatus() *status { return &status{on: term.IsTerminal(int(os.Stderr.Fd()))} }

func (s *status) show(what string) {
	if !s.on || time.Since(s.last) < 100*time.Millisecond {
		return
	}
	s.last = time.Now()
	fmt.Fprintf(os.Stderr, "\r%-*s", s.wide, what)
	s.wide = len(what)
}

func (s *status) clear() {
	if s.wide > 0 {
		fmt.Fprintf(os.Stderr, "\r%*s\r", s.wide, "")
		s.wide = 0
	}
}
