package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "say what a checkpoint or a bundle holds",
		ArgsUsage: "CHECKPOINT|BUNDLE",
		Description: `Reads headers only.

  tessera inspect model.gguf
  tessera inspect model/ --tensors
  tessera inspect model.tess --graph decoder-0
  tessera inspect model.tess --target NAME        the segments of another target of the bundle
  tessera inspect model.tess --check              compare every file with its digest`,
		Flags: []cli.Flag{jsonFlag, ignoreFlag,
			&cli.BoolFlag{Name: "tensors", Usage: "list every tensor"},
			&cli.BoolFlag{Name: "metadata", Usage: "print all metadata of a GGUF or safetensors file"},
			&cli.StringFlag{Name: "graph", Usage: "print the graph of `SEGMENT` (a bundle), or the plain graph with \"model\" (a checkpoint)"},
			&cli.StringFlag{Name: "target", Usage: "the graphs of a bundle for `TARGET` (default: its first)"},
			&cli.BoolFlag{Name: "check", Usage: "read all of a bundle and compare digests"},
		},
		Action: func(c *cli.Context) error {
			path, err := oneArg(c, "a checkpoint or a bundle")
			if err != nil {
				return err
			}
			if format.IsBundle(path) {
				return inspectBundle(c, path)
			}
			if c.IsSet("target") {
				return usage(c, "--target chooses graphs of a bundle, but %s is a checkpoint", path)
			}
			return inspectCheckpoint(c, path)
		},
	}
}

func inspectBundle(c *cli.Context, path string) error {
	if err := noConversion(c, path); err != nil {
		return err
	}
	name, err := oneTarget(c)
	if err != nil {
		return err
	}
	b, err := format.OpenFor(path, name)
	if err != nil {
		return err
	}
	defer b.Close()
	if c.Bool("check") {
		bar := progress.New(os.Stderr, "check", "B")
		var total, done int64
		for _, f := range b.Manifest.Files {
			total += f.Bytes
		}
		err := b.Check(func(n int64) { done += n; bar.Set(done, total) })
		bar.Done()
		if err != nil {
			return err
		}
	}
	if name := c.String("graph"); name != "" {
		for _, s := range b.Segments {
			if s.Name == name {
				fmt.Fprint(screen{os.Stdout}, ir.Format(s.Graph))
				return nil
			}
		}
		return usage(c, "--graph %s: the bundle has segments %s", name, segmentNames(b.Segments))
	}
	if c.Bool("json") {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", " ")
		return e.Encode(struct {
			*format.Manifest
			memoryJSON
		}{b.Manifest, memoryForJSON(c, runtime.BundleProgram(b), b.Target)})
	}
	m := b.Manifest
	say("bundle      %s (format %d, target %s)\n", m.Meta.Name, m.Version, strings.Join(m.Targets(), ", "))
	say("model       %s, %d layers, hidden %d, vocabulary %d, context %d, cache %s\n", m.Meta.Arch, m.Meta.Layers, m.Meta.Hidden, m.Meta.Vocab, m.Meta.ContextLength, m.Meta.KVType)
	say("made from   %s, type %s\n", m.Source.Kind, m.Source.Type)
	for _, key := range m.Source.IgnoredKeys {
		say("ignored key %s\n", key)
	}
	say("\n")
	for i, e := range m.For(b.Target).Segments {
		g := b.Segments[i].Graph
		var size int64
		for _, w := range g.Weights {
			if data, err := b.Bytes(e.Name, w); err == nil {
				size += int64(len(data))
			}
		}
		say("%-12s %4d nodes %4d weights %10s   %s → %s\n", e.Name, len(g.Nodes), len(g.Weights), progress.Bytes(size), strings.Join(e.Inputs, ", "), strings.Join(e.Outputs, ", "))
	}
	say("\n")
	sayMemory(c, runtime.BundleProgram(b), b.Target)
	if c.Bool("tensors") {
		say("\n")
		for _, w := range m.Weights {
			say("%-14s %-44s %-6s %-5s %-16s %10s\n", w.File, w.Name, w.Type, w.Form, tensor.Shape(w.Shape), progress.Bytes(w.Bytes))
		}
	}
	return nil
}

func segmentNames(segs []ir.Segment) string {
	var names []string
	for _, s := range segs {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

func inspectCheckpoint(c *cli.Context, path string) error {
	ck, err := checkpoint.Open(path)
	if err != nil {
		return err
	}
	defer ck.Close()
	src := ck.Source()
	m, modelErr := model.Build(ck, model.Options{IgnoreKeys: c.StringSlice("ignore-key")})
	if c.IsSet("graph") {
		if modelErr != nil {
			return modelErr
		}
		fmt.Fprint(screen{os.Stdout}, ir.Format(m.Graph))
		return nil
	}
	infos := src.Tensors()
	var total int64
	byType := map[tensor.Type]int64{}
	for _, t := range infos {
		total += t.Bytes
		byType[t.Type] += t.Bytes
	}
	if c.Bool("json") {
		out := map[string]any{"path": path, "kind": ck.Kind().String(), "arch": ck.Arch(), "tensors": infos, "bytes": total, "metadata": src.Metadata()}
		if modelErr == nil {
			out["config"] = m.Config
		} else {
			out["not_convertible"] = modelErr.Error()
		}
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", " ")
		return e.Encode(out)
	}
	say("checkpoint  %s (%s), architecture %s\n", path, ck.Kind(), ck.Arch())
	say("tensors     %d, %s:", len(infos), progress.Bytes(total))
	for _, t := range tensor.Types() {
		if byType[t] > 0 {
			say("  %s %s", t, progress.Bytes(byType[t]))
		}
	}
	say("\n")
	if modelErr == nil {
		warn(path, m.Warnings)
		k, l := m.Config, m.Config.Layers[0]
		say("model       %s, %d layers, hidden %d, intermediate %d, %d heads of %d (%d KV), vocabulary %d, context %d, tied %v\n",
			k.Arch, len(k.Layers), k.Hidden, l.FFN.Width, l.Attn.Heads, l.Attn.HeadDim, l.Attn.KVHeads, k.Vocab, k.ContextLength, k.Tied)
	}
	if c.Bool("metadata") {
		for _, kv := range src.Metadata() {
			say("  %s = %.200s\n", kv.Key, kv.Value)
		}
	}
	if c.Bool("tensors") {
		for _, t := range infos {
			say("  %-60s %-6s %-20s %10s\n", t.Name, t.Type, t.Shape, progress.Bytes(t.Bytes))
		}
	}
	if modelErr != nil {
		return fmt.Errorf("cannot be converted: %w", modelErr)
	}
	return nil
}
