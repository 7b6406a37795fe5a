package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/disk"
	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/synth"
)

func synthCommand() *cli.Command {
	return &cli.Command{
		Name:      "synth",
		Usage:     "write a checkpoint with the shapes of a known model and random weights",
		ArgsUsage: "MODEL -o PATH",
		Description: `For measuring speed and memory without a download. The same model, seed and type
give the same bytes everywhere. Text comes out as nonsense.

  tessera synth --list
  tessera synth llama-1b -o llama-1b.gguf --type q4_k_m
  tessera synth qwen3-0.6b -o qwen3-0.6b/ --type bf16
  tessera synth llama-8b -o llama-8b.gguf --type q8_0 --shards 4G`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "list", Usage: "list the models"},
			outputFlag,
			&cli.StringFlag{Name: "type", Value: "bf16", Usage: "weight `TYPE` or mixture: " + convert.TypeNames() + " (hf: f32, f16, bf16)"},
			&cli.StringFlag{Name: "format", Usage: "gguf or hf (default: gguf when PATH ends in .gguf, else hf)"},
			&cli.Uint64Flag{Name: "seed", Usage: "seed of the weights"},
			&cli.StringFlag{Name: "shards", Usage: "split into files of at most `SIZE` bytes of tensors, such as 500M or 4G"},
			threadsFlag, jsonFlag,
		},
		Action: synthAction,
	}
}

func synthAction(c *cli.Context) error {
	if c.Bool("list") {
		return listSynth(c)
	}
	name, err := oneArg(c, "a model (--list names them)")
	if err != nil {
		return err
	}
	out := c.String("o")
	if out == "" {
		return usage(c, "no output: say -o FILE.gguf or -o FOLDER")
	}
	if _, err := synth.Find(name); err != nil {
		return usage(c, "%w", err)
	}
	o := synth.Options{Model: name, Seed: c.Uint64("seed"), Workers: workers(c)}
	if o.Type, err = parseType(c, convert.TypeNames()); err != nil {
		return err
	}
	if o.Type == quant.Keep {
		return usage(c, "--type %s: there is no checkpoint whose types to keep, want one of %s", o.Type, convert.TypeNames())
	}
	if o.MaxShard, err = parseSize(c.String("shards")); err != nil {
		return usage(c, "--shards: %w", err)
	}
	form := c.String("format")
	isGGUF := strings.HasSuffix(out, ".gguf")
	switch {
	case form == "" && isGGUF:
		form = "gguf"
	case form == "":
		form = "hf"
	case form != "gguf" && form != "hf":
		return usage(c, "--format %q: want gguf or hf", form)
	case (form == "gguf") != isGGUF:
		return usage(c, "--format %s, but the output is %s: a gguf ends in .gguf, an hf checkpoint is a folder", form, out)
	}
	return writeSynth(c, o, out, form)
}

func writeSynth(c *cli.Context, o synth.Options, out, form string) error {
	size, err := synth.Bytes(o)
	if err != nil {
		return err
	}
	if have, err := disk.Free(filepath.Dir(out)); err == nil && have < size+1<<20 {
		return fmt.Errorf("the checkpoint needs %s, the disk at %s has %s free: free some space or choose another output", progress.Bytes(size), out, progress.Bytes(have))
	}
	bar := progress.New(os.Stderr, "synth", "B")
	o.Progress = bar.Set
	start := time.Now()
	var files []string
	if form == "gguf" {
		files, err = synth.WriteGGUF(c.Context, out, o)
	} else {
		files, err = synth.WriteHF(c.Context, out, o)
	}
	bar.Done()
	if err != nil {
		return err
	}
	took := time.Since(start).Seconds()
	if c.Bool("json") {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"model": o.Model, "type": o.Type.String(), "seed": o.Seed, "files": files, "bytes": size, "seconds": took})
	}
	for _, f := range files {
		fmt.Println(f)
	}
	fmt.Printf("%s, %s of %s weights in %.1f s (%s/s)\n", o.Model, progress.Bytes(size), o.Type, took, progress.Bytes(int64(float64(size)/took)))
	return nil
}

func listSynth(c *cli.Context) error {
	if c.NArg() != 0 {
		return usage(c, "--list takes no argument")
	}
	type row struct {
		Name         string `json:"name"`
		About        string `json:"about"`
		Arch         string `json:"arch"`
		Layers       int64  `json:"layers"`
		Hidden       int64  `json:"hidden"`
		Intermediate int64  `json:"intermediate"`
		Vocab        int64  `json:"vocab"`
		Heads        int64  `json:"heads"`
		KVHeads      int64  `json:"kv_heads"`
		HeadDim      int64  `json:"head_dim"`
	}
	var rows []row
	for _, name := range synth.Names() {
		k, err := synth.Find(name)
		if err != nil {
			return err
		}
		a, f := k.Layers[0].Attn, k.Layers[0].FFN
		rows = append(rows, row{name, synth.Describe(name), k.Arch, int64(len(k.Layers)), k.Hidden, f.Width, k.Vocab, a.Heads, a.KVHeads, a.HeadDim})
	}
	if c.Bool("json") {
		return json.NewEncoder(os.Stdout).Encode(rows)
	}
	for _, r := range rows {
		fmt.Printf("%-16s %-22s %-8s %2d layers, hidden %d, intermediate %d, %d heads of %d (%d KV), vocabulary %d\n",
			r.Name, r.About, r.Arch, r.Layers, r.Hidden, r.Intermediate, r.Heads, r.HeadDim, r.KVHeads, r.Vocab)
	}
	return nil
}
