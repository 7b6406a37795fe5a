package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/perplexity"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime"
)

func perplexityCommand() *cli.Command {
	return &cli.Command{
		Name:      "perplexity",
		Usage:     "measure how well a model predicts a text",
		ArgsUsage: "BUNDLE|CHECKPOINT -f TEXT",
		Description: `The text is cut into windows of -c tokens that do not overlap; each starts with
an empty cache. --score half scores the second half of each, as llama-perplexity
does; --score all scores all but the first token, as usual with transformers.
Where the tokenizer begins a text with bos, every window is run with bos in
place of its first token (--bos none: never; --bos ID: with that id).

  tessera perplexity model.tess -f wiki.test.txt
  tessera perplexity model/ --type q4_k_m -f book.txt -c 1024 --max-windows 20 --json
  tessera perplexity model/ --score all --bos none -f book.txt

How far a quantised model lies from the original (KL divergence, same likeliest
token); the file is that of llama-perplexity --kl-divergence-base:

  tessera perplexity model/ -f book.txt --kl-save base.kld
  tessera perplexity model/ --type q4_k_m --kl-base base.kld

The file keeps no log-probability lower than 16 below the likeliest, so the base's
perplexity is a little higher than the file says.`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "f", Aliases: []string{"file"}, Usage: "the text, in `FILE`"},
			&cli.IntFlag{Name: "context", Aliases: []string{"c"}, Value: 512, Usage: "tokens per window"},
			&cli.StringFlag{Name: "score", Value: "half", Usage: "half or all of each window"},
			&cli.StringFlag{Name: "bos", Value: "auto", Usage: "auto, none or an `ID`"},
			&cli.IntFlag{Name: "max-windows", Usage: "stop behind `N` windows (0: the whole text)"},
			&cli.StringFlag{Name: "kl-save", Usage: "write the predictions to `FILE`"},
			&cli.StringFlag{Name: "kl-base", Usage: "compare with the predictions in `FILE`, which also holds the tokens"},
			jsonFlag, threadsFlag, kvFlag, chunkFlag, memoryFlag, backendFlag,
		}, checkpointFs),
		Action: perplexityAction,
	}
}

func perplexityAction(c *cli.Context) (err error) {
	path, err := oneArg(c, "a bundle or a checkpoint")
	if err != nil {
		return err
	}
	opt, err := perplexityOptions(c)
	if err != nil {
		return err
	}
	if f := c.String("kl-base"); f != "" {
		if opt.Base, err = perplexity.OpenBase(f); err != nil {
			return err
		}
		defer opt.Base.Close()
		opt.Window = opt.Base.Window
	}
	o, err := open(c, path)
	if err != nil {
		return err
	}
	ids, err := perplexityIDs(c, o, &opt)
	if err != nil {
		o.Close()
		return err
	}
	m, err := o.windowModel(c, opt.Window)
	if err != nil {
		o.Close()
		return err
	}
	defer m.Close()
	if f := c.String("kl-save"); f != "" {
		if opt.Save, err = perplexity.CreateBase(f, ids, m.Meta().Vocab, opt); err != nil {
			return err
		}
		defer opt.Save.Abort()
	}
	s, err := m.NewSession()
	if err != nil {
		return err
	}
	bar := progress.New(os.Stderr, "perplexity", "windows")
	opt.Workers = workers(c)
	opt.Progress = func(r *perplexity.Result, windows int) {
		bar.Label(fmt.Sprintf("perplexity %.4f ± %.4f", r.Perplexity, r.StdErr))
		bar.Set(int64(r.Windows), int64(windows))
	}
	start := time.Now()
	r, err := perplexity.Measure(c.Context, s, ids, opt)
	bar.Done()
	if err != nil {
		return err
	}
	if opt.Save != nil {
		if err := opt.Save.Close(); err != nil {
			return err
		}
	}
	return printPerplexity(c, r, &opt, m, time.Since(start))
}

// perplexityOptions reads the flags that need no model.
func perplexityOptions(c *cli.Context) (perplexity.Options, error) {
	o := perplexity.Options{Window: c.Int("context"), MaxWindows: c.Int("max-windows"), BOS: -1}
	switch s := c.String("score"); s {
	case "all":
		o.ScoreAll = true
	case "half":
	default:
		return o, usage(c, "--score %q: want half or all", s)
	}
	if o.Window < 4 || o.MaxWindows < 0 {
		return o, usage(c, "-c %d, --max-windows %d: want at least 4 tokens per window and 0 or more windows", o.Window, o.MaxWindows)
	}
	base := c.String("kl-base") != ""
	switch {
	case base && (c.IsSet("f") || c.IsSet("context") || c.IsSet("kl-save")):
		return o, usage(c, "--kl-base holds text and window: leave out -f, -c and --kl-save")
	case !base && !c.IsSet("f"):
		return o, usage(c, "no text: say -f FILE")
	case o.ScoreAll && (base || c.IsSet("kl-save")):
		return o, usage(c, "--kl-save and --kl-base hold the second half of each window: they do not go with --score all")
	}
	return o, nil
}

// perplexityIDs encodes the text, or takes the base's tokens, and decides
// about bos.
func perplexityIDs(c *cli.Context, o *opened, opt *perplexity.Options) ([]int32, error) {
	tok, err := o.Tokenizer()
	if err != nil {
		return nil, err
	}
	switch s := c.String("bos"); s {
	case "none":
	case "auto":
		if tok != nil && tok.AddBOS() {
			if id, ok := tok.BOS(); ok {
				opt.BOS = id
			}
		}
	default:
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || n < 0 || int(n) >= o.Program.Meta.Vocab {
			return nil, usage(c, "--bos %q: want auto, none or an id below %d", s, o.Program.Meta.Vocab)
		}
		opt.BOS = int32(n)
	}
	if opt.Base != nil {
		return opt.Base.IDs, nil
	}
	if tok, err = o.needTokenizer(); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(c.String("f"))
	if err != nil {
		return nil, err
	}
	ids, err := tok.Encode(string(text), tokenizer.EncodeOptions{})
	if err != nil {
		return nil, err
	}
	if opt.BOS >= 0 {
		ids = slices.Insert(ids, 0, opt.BOS)
	}
	return ids, nil
}

// windowModel has room for one window.
func (o *opened) windowModel(c *cli.Context, window int) (*runtime.Model, error) {
	b, err := pickBackend(c)
	if err != nil {
		return nil, err
	}
	if limit := o.Program.Meta.ContextLength; limit > 0 && window > limit {
		return nil, fmt.Errorf("windows of %d tokens, the model was made for %d: use a smaller -c", window, limit)
	}
	return runtime.New(o.Program, runtime.Options{Backend: b, Threads: c.Int("threads"), MaxChunk: min(c.Int("chunk"), window), Context: window, KVType: c.String("kv-type"), MaxMemory: maxMemory(c)})
}

func printPerplexity(c *cli.Context, r *perplexity.Result, o *perplexity.Options, m *runtime.Model, took time.Duration) error {
	speed := float64(r.Windows*r.Window) / took.Seconds()
	if c.Bool("json") {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", " ")
		return e.Encode(struct {
			Model  string `json:"model"`
			KVType string `json:"kv_type"`
			Score  string `json:"score"`
			BOS    int32  `json:"bos"` // -1: none
			*perplexity.Result
			Speed float64 `json:"tokens_per_second"`
		}{m.Meta().Name, m.Options().KVType, c.String("score"), o.BOS, r, speed})
	}
	bos := "no bos"
	if o.BOS >= 0 {
		bos = fmt.Sprintf("bos %d begins each", o.BOS)
	}
	fmt.Printf("perplexity %.4f ± %.4f (%d tokens scored in %d windows of %d, %s; cache %s; %.0f tokens/s)\n",
		r.Perplexity, r.StdErr, r.Scored, r.Windows, r.Window, bos, m.Options().KVType, speed)
	if d := r.Divergence; d != nil {
		fmt.Printf("base perplexity, by the file, %.4f; ln(ratio) %.5f ± %.5f\n", d.BasePerplexity, d.LogRatio, d.LogRatioErr)
		fmt.Printf("KL divergence %.6f ± %.6f (median %.6f, 99 %% %.6f, max %.6f)\n", d.KL, d.KLErr, d.KLMedian, d.KL99, d.KLMax)
		fmt.Printf("same likeliest token %.3f ± %.3f %%\n", 100*d.SameTop, 100*d.SameTopErr)
	}
	return nil
}
