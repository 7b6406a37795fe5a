package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/npy"
	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/runtime"
)

func logitsCommand() *cli.Command {
	return &cli.Command{
		Name:      "logits",
		Usage:     "write the logits of given token ids",
		ArgsUsage: "BUNDLE|CHECKPOINT --tokens 1,2,3 -o OUT.npy",
		Description: `Teacher-forced: row i holds what the model expects behind tokens 0..i. The file
is float32 [tokens, vocabulary]. No token is added to the given ones.

  tessera logits model.tess --tokens 1,2,3 -o logits.npy
  tessera logits model/ --type q8_0 --kv-type f32 --tokens-file ids.txt -o logits.npy
  tessera tokenize model.tess -f book.txt | tessera logits model.tess --tokens-file - -o logits.npy
  tessera logits model/ --backend reference --tokens 1,2,3 -o logits.npy`,
		Flags: slices.Concat([]cli.Flag{
			tokensFlag,
			&cli.StringFlag{Name: "tokens-file", Usage: "read ids from `FILE` (- is standard input), separated by commas or white space"},
			outputFlag, jsonFlag,
		}, engineFs, checkpointFs),
		Action: logitsAction,
	}
}

func logitsAction(c *cli.Context) error {
	path, err := oneArg(c, "a bundle or a checkpoint")
	if err != nil {
		return err
	}
	out := c.String("o")
	if out == "" {
		return usage(c, "no output: say -o FILE.npy")
	}
	ids, err := givenIDs(c)
	if err != nil {
		return err
	}
	o, err := open(c, path)
	if err != nil {
		return err
	}
	m, err := o.modelFor(c, len(ids))
	if err != nil {
		o.Close()
		return err
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		return err
	}
	w, err := npy.Create(out, npy.F4, len(ids), m.Meta().Vocab)
	if err != nil {
		return err
	}
	defer w.Abort()
	bar := progress.New(os.Stderr, "logits", "tokens")
	defer bar.Done()
	start := time.Now()
	err = s.LogitBlocks(c.Context, ids, func(first int, logits []float32, vocab int) error {
		bar.Set(int64(first+len(logits)/vocab), int64(len(ids)))
		return w.Float32s(logits)
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	bar.Done()
	took := time.Since(start).Seconds()
	if c.Bool("json") {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"file": out, "shape": []int{len(ids), m.Meta().Vocab}, "kv_type": m.Options().KVType, "seconds": took})
	}
	fmt.Printf("%s: float32 [%d, %d], %.1f tokens/s\n", out, len(ids), m.Meta().Vocab, float64(len(ids))/took)
	return nil
}

// givenIDs reads --tokens or --tokens-file.
func givenIDs(c *cli.Context) ([]int32, error) {
	file := c.String("tokens-file")
	if c.IsSet("tokens") == c.IsSet("tokens-file") {
		return nil, usage(c, "want either --tokens 1,2,3 or --tokens-file FILE")
	}
	if c.IsSet("tokens") {
		ids, err := parseIDs(c.String("tokens"))
		if err != nil {
			return nil, usage(c, "--tokens: %w", err)
		}
		return ids, nil
	}
	in := os.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, 64<<20))
	if err != nil {
		return nil, err
	}
	words := strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	ids, err := parseIDs(strings.Join(words, ","))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return ids, nil
}

// modelFor is model with room for n tokens when --context does not say
// otherwise.
func (o *opened) modelFor(c *cli.Context, n int) (*runtime.Model, error) {
	b, err := pickBackend(c)
	if err != nil {
		return nil, err
	}
	if limit := o.Program.Meta.ContextLength; c.Int("context") == 0 && limit > 0 && n > limit {
		return nil, fmt.Errorf("%d tokens, the model was made for %d: give fewer, or say --context %d to go beyond", n, limit, n)
	}
	context := n
	if v := c.Int("context"); v > 0 {
		context = v
	}
	return runtime.New(o.Program, runtime.Options{Backend: b, Threads: c.Int("threads"), MaxChunk: min(c.Int("chunk"), n), Context: context, KVType: c.String("kv-type"), MaxMemory: maxMemory(c)})
}
