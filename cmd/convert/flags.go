package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Flags that several commands share.
var (
	typeFlag     = &cli.StringFlag{Name: "type", Value: "keep", Usage: "weight `TYPE` or mixture when given a checkpoint: " + convert.RecipeNames()}
	requantFlag  = &cli.BoolFlag{Name: "requantise", Usage: "let --type change weights that are quantised already (loses more than quantising floats)"}
	ignoreFlag   = &cli.StringSliceFlag{Name: "ignore-key", Usage: "convert as if the checkpoint had no setting `NAME` (repeatable; errors name the settings that are not understood)"}
	disableFlag  = &cli.StringSliceFlag{Name: "disable", Usage: "leave out a `PASS` (repeatable; tessera passes lists them)"}
	stopFlag     = &cli.StringFlag{Name: "stop-after", Usage: "end the rewrites behind `PASS`"}
	targetFlag   = &cli.StringFlag{Name: "target", Value: target.CPU.Name, Usage: "convert for `TARGET`, or for several, comma-separated: weights are stored once, as the first wants them"}
	partsFlag    = &cli.IntFlag{Name: "decoder-parts", Value: 1, Usage: "cut the decoder into `N` segments"}
	threadsFlag  = &cli.IntFlag{Name: "threads", Aliases: []string{"t"}, Usage: "worker threads (0: physical cores)"}
	kvFlag       = &cli.StringFlag{Name: "kv-type", Usage: "cache `TYPE`: " + codec.PairNames() + " (default: the model's)", Action: checkKV}
	contextFlag  = &cli.IntFlag{Name: "context", Aliases: []string{"c"}, Usage: "positions of the session (0: the model's own, at most 8192)"}
	chunkFlag    = &cli.IntFlag{Name: "chunk", Value: 512, Usage: "prompt tokens per call; never changes a result"}
	memoryFlag   = &cli.StringFlag{Name: "max-memory", Usage: "refuse what would take more than `SIZE`, such as 800M or 16G, before anything is compiled", Action: checkMemory}
	backendFlag  = &cli.StringFlag{Name: "backend", Value: "cpu", Usage: backendNames(true)}
	noCacheFlag  = &cli.BoolFlag{Name: "no-cache", Usage: "given a checkpoint, convert in memory instead of into the cache"}
	jsonFlag     = &cli.BoolFlag{Name: "json", Usage: "machine-readable output"}
	tokensFlag   = &cli.StringFlag{Name: "tokens", Usage: "token ids, comma-separated: `1,2,3`"}
	outputFlag   = &cli.StringFlag{Name: "o", Aliases: []string{"output"}, Usage: "write to `PATH`"}
	conversionFs = []cli.Flag{typeFlag, requantFlag, ignoreFlag, disableFlag, stopFlag, partsFlag}
	checkpointFs = slices.Concat(conversionFs, []cli.Flag{noCacheFlag})
	engineFs     = []cli.Flag{threadsFlag, kvFlag, contextFlag, chunkFlag, memoryFlag, backendFlag}
)

// checkKV refuses a cache type before anything is opened; an empty one is not
// the model's.
func checkKV(c *cli.Context, s string) error {
	if _, err := codec.ParsePair(s); err != nil {
		return usage(c, "--kv-type: %w", err)
	}
	return nil
}

// parseType reads --type; offered are the names that the command's help lists.
func parseType(c *cli.Context, offered string) (quant.Recipe, error) {
	s := c.String("type")
	if t, err := quant.ParseRecipe(s); err == nil {
		return t, nil
	}
	if t, err := tensor.ParseType(s); err == nil && !pack.Supported(t) {
		return quant.Keep, usage(c, "--type %.40q: the type is known, but no kernel runs it: want one of %s", s, offered)
	}
	return quant.Keep, usage(c, "--type: unknown weight type %.40q, want one of %s", s, offered)
}

// convertOptions reads the flags of conversionFs.
func convertOptions(c *cli.Context) (convert.Options, error) {
	t, err := parseType(c, convert.RecipeNames())
	if err != nil {
		return convert.Options{}, err
	}
	for _, name := range append(c.StringSlice("disable"), c.String("stop-after")) {
		if name == "" {
			continue
		}
		if _, err := passes.PassNamed(name); err != nil {
			return convert.Options{}, usage(c, "%w", err)
		}
	}
	ts, err := targets(c)
	if err != nil {
		return convert.Options{}, err
	}
	return convert.Options{Type: t, Requantise: c.Bool("requantise"), Targets: ts, DecoderParts: c.Int("decoder-parts"), IgnoreKeys: c.StringSlice("ignore-key"),
		Disable: c.StringSlice("disable"), StopAfter: c.String("stop-after")}, nil
}

// noConversion refuses the flags of conversionFs, and others, that mean nothing
// where the path is a bundle.
func noConversion(c *cli.Context, path string, others ...string) error {
	for _, f := range conversionFs {
		if name := f.Names()[0]; c.IsSet(name) {
			return usage(c, "--%s changes a conversion, but %s is a bundle: give the checkpoint, or use tessera convert or tessera segment", name, path)
		}
	}
	for _, name := range others {
		if c.IsSet(name) {
			return usage(c, "--%s is for checkpoints, but %s is a bundle", name, path)
		}
	}
	return nil
}

// oneArg returns the only positional argument.
func oneArg(c *cli.Context, what string) (string, error) {
	if c.NArg() != 1 {
		return "", usage(c, "%d arguments, want one: %s", c.NArg(), what)
	}
	return c.Args().First(), nil
}

// parseIDs reads "1,2,3".
func parseIDs(s string) ([]int32, error) {
	var ids []int32
	for i, f := range strings.Split(s, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(f), 10, 32)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("token %d is %.20q, want a number ≥ 0", i, f)
		}
		ids = append(ids, int32(n))
	}
	return ids, nil
}
