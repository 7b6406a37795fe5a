package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime"
)

func runSegmentCommand() *cli.Command {
	return &cli.Command{
		Name:      "run-segment",
		Usage:     "run one segment of a bundle alone, arrays in and out",
		ArgsUsage: "BUNDLE SEGMENT --in NAME=FILE ... -o DIR",
		Description: `Arrays are .npy (float32, int32, int64) or .safetensors files. Inputs left out:
no logits are adjusted or masked. The tokens continue the state.
Decoding by hand, with the bits of tessera run and tessera logits:

  tessera run-segment m.tess embed --tokens 1,2,3 -o a
  tessera run-segment m.tess decoder-0 --in hidden.embed=a/hidden.embed.npy -o a --state-out a/state
  tessera run-segment m.tess logit --in layer.27=a/layer.27.npy -o a
  tessera run-segment m.tess topk --in logits=a/logits.npy -o a
  tessera run-segment m.tess embed --tokens 42 -o b
  tessera run-segment m.tess decoder-0 --in hidden.embed=b/hidden.embed.npy -o b --state-in a/state --state-out b/state

tessera inspect BUNDLE lists segments with their inputs and outputs.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "in", Usage: "an input, `NAME=FILE`, or a .safetensors file with several (repeatable)"},
			&cli.StringSliceFlag{Name: "out", Usage: "write one output, `NAME=FILE` (repeatable)"},
			&cli.StringFlag{Name: "o", Aliases: []string{"output"}, Usage: "write all outputs to `PATH`: a folder of .npy files, or one file that ends in .safetensors"},
			&cli.StringFlag{Name: "state-in", Usage: "continue the state in `FILE`"},
			&cli.StringFlag{Name: "state-out", Usage: "write the state behind the run to `FILE`"},
			tokensFlag,
			&cli.StringFlag{Name: "rows", Usage: "tokens that get logits: all, or `INDICES` such as 0,2 (default: the last)"},
			threadsFlag, kvFlag,
			&cli.IntFlag{Name: "context", Aliases: []string{"c"}, Usage: "positions of the state (0: the model's own, at least 8192)"},
			memoryFlag, backendFlag, jsonFlag,
		},
		Action: runSegmentAction,
	}
}

func runSegmentAction(c *cli.Context) error {
	if c.NArg() != 2 {
		return usage(c, "%d arguments, want two: a bundle and the name of a segment", c.NArg())
	}
	path, name := c.Args().Get(0), c.Args().Get(1)
	if c.String("o") == "" && len(c.StringSlice("out")) == 0 && c.String("state-out") == "" {
		return usage(c, "no output: say -o DIR, --out NAME=FILE or --state-out FILE")
	}
	if !format.IsBundle(path) {
		return fmt.Errorf("%s is not a bundle: make one with tessera convert %s -o BUNDLE", path, path)
	}
	engine, err := pickBackend(c)
	if err != nil {
		return err
	}
	b, err := format.OpenSegment(path, engine.Target(), name)
	if err != nil {
		return err
	}
	o := tessera.SegmentOptions{Backend: engine, Threads: c.Int("threads"), Context: c.Int("context"), KVType: c.String("kv-type"), MaxMemory: maxMemory(c), State: c.String("state-in")}
	g := b.Segments[0].Graph
	in, want, err := segmentInputs(c, g)
	if err == nil && len(g.States) == 0 && (o.State != "" || c.String("state-out") != "") {
		err = usage(c, "segment %s has no state: leave out --state-in and --state-out", name)
	}
	if err != nil {
		b.Close()
		return err
	}
	o.MaxTokens = max(1, callSize(g, in), len(want))
	s, err := tessera.NewSegment(b, name, o)
	if err != nil {
		return err
	}
	defer s.Close()
	out, err := s.Run(c.Context, in, want)
	if err != nil {
		return err
	}
	files, err := writeArrays(out, c.String("o"), c.StringSlice("out"))
	if err != nil {
		return err
	}
	held := s.Len()
	if f := c.String("state-out"); f != "" {
		if err := s.SaveState(c.Context, f); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"segment": name, "outputs": files, "state": c.String("state-out"), "positions": held})
	}
	for _, f := range files {
		say("%-16s %s%v  %s\n", f.Name, f.Type, f.Shape, f.File)
	}
	if f := c.String("state-out"); f != "" {
		say("%-16s %d positions of %s  %s\n", "state", held, s.KVType(), f)
	}
	return nil
}

// segmentInputs reads the arrays of --in and --tokens, and the wanted tokens of
// --rows; nil is the last.
func segmentInputs(c *cli.Context, g *ir.Graph) (in map[string]runtime.Array, want []int32, err error) {
	if in, err = readArrays(c.StringSlice("in")); err != nil {
		return nil, nil, err
	}
	if text := c.String("tokens"); text != "" {
		if _, dup := in[ir.ExtTokens]; dup {
			return nil, nil, usage(c, "input %s is given by --in and by --tokens", ir.ExtTokens)
		}
		ids, err := parseIDs(text)
		if err != nil {
			return nil, nil, usage(c, "--tokens: %w", err)
		}
		in[ir.ExtTokens] = runtime.Array{Shape: []int{len(ids)}, I32: ids}
	}
	switch text := c.String("rows"); text {
	case "":
	case "all":
		for i := range callSize(g, in) {
			want = append(want, int32(i))
		}
	default:
		if want, err = parseIDs(text); err != nil {
			return nil, nil, usage(c, "--rows: %w", err)
		}
	}
	return in, want, nil
}

// callSize is the largest first dimension of the inputs of a segment that has one row per
// token or per selected token.
func callSize(g *ir.Graph, in map[string]runtime.Array) int {
	n := 0
	for _, id := range g.Inputs {
		v := g.Value(id)
		if a, ok := in[v.Name]; ok && len(a.Shape) > 0 && (v.Type.Shape[0] == ir.S || v.Type.Shape[0] == ir.R) {
			n = max(n, a.Shape[0])
		}
	}
	return n
}
