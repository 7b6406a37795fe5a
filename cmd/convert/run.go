package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/sampler"
)

// samplingFs change how the next token is picked; unset ones take the model's
// generation_config.
var samplingFs = []cli.Flag{
	&cli.Float64Flag{Name: "temperature", Aliases: []string{"temp"}, Usage: "0 is greedy"},
	&cli.IntFlag{Name: "top-k", Usage: "keep the `K` likeliest tokens (0: off)"},
	&cli.Float64Flag{Name: "top-p", Usage: "keep the likeliest tokens of total probability `P`"},
	&cli.Float64Flag{Name: "min-p", Usage: "keep tokens at least `P` times as likely as the likeliest"},
	&cli.Float64Flag{Name: "repetition-penalty", Usage: "make tokens seen before less likely (1: off)"},
	&cli.Uint64Flag{Name: "seed", Usage: "seed of the random draws (default: from the clock, printed)"},
	&cli.BoolFlag{Name: "greedy", Usage: "always the likeliest token, whatever generation_config says"},
}

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "generate text",
		ArgsUsage: "BUNDLE|CHECKPOINT [-p PROMPT | --tokens 1,2,3]",
		Description: `  tessera run model.tess -p "It was a dark night" -n 100
  tessera run model.gguf --type q4_k_m -p "Hello" --temperature 0.7 --seed 1
  tessera run model.tess --tokens 1,2,3 --greedy --json
  echo "Once upon a time" | tessera run model.tess`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "p", Aliases: []string{"prompt"}, Usage: "the prompt `TEXT`"},
			&cli.StringFlag{Name: "f", Aliases: []string{"file"}, Usage: "read the prompt from `FILE`"},
			tokensFlag,
			&cli.IntFlag{Name: "n", Aliases: []string{"max-tokens"}, Value: 128, Usage: "stop after `N` tokens (0: at a stop token or a full context)"},
			&cli.BoolFlag{Name: "ignore-eos", Usage: "go on behind stop tokens"}, jsonFlag,
		}, samplingFs, engineFs, checkpointFs),
		Action: runAction,
	}
}

func runAction(c *cli.Context) error {
	path, err := oneArg(c, "a bundle or a checkpoint")
	if err != nil {
		return err
	}
	prompt, err := readPrompt(c)
	if err != nil {
		return err
	}
	o, err := open(c, path)
	if err != nil {
		return err
	}
	m, err := o.model(c)
	if err != nil {
		o.Close()
		return err
	}
	defer m.Close()
	ids, tok, err := promptIDs(o, prompt)
	if err != nil {
		return err
	}
	cfg, err := samplerConfig(c, m)
	if err != nil {
		return err
	}
	s, err := m.NewSession()
	if err != nil {
		return err
	}
	bar := progress.New(os.Stderr, "prompt", "tokens")
	out := newTokenPrinter(c, tok, prompt.text)
	start := time.Now()
	var first time.Time
	n := 0
	for t, err := range s.Generate(c.Context, ids, runtime.GenerateOptions{Sampler: cfg, MaxTokens: c.Int("n"), IgnoreEOS: c.Bool("ignore-eos"),
		Progress: func(done, total int) { bar.Set(int64(done), int64(total)) }}) {
		if n == 0 {
			bar.Done()
			first = time.Now()
		}
		if err != nil {
			out.end()
			return err
		}
		n++
		if err := out.token(t); err != nil {
			return err
		}
	}
	out.end()
	if !c.Bool("json") {
		printSpeed(os.Stderr, len(ids), n, first.Sub(start), time.Since(first))
	}
	return nil
}

func printSpeed(w io.Writer, prompt, n int, pre, gen time.Duration) {
	fmt.Fprintf(w, "prompt: %d tokens, %.1f tokens/s", prompt, float64(prompt)/pre.Seconds())
	if n > 1 {
		fmt.Fprintf(w, "; generation: %d tokens, %.1f tokens/s", n, float64(n-1)/gen.Seconds())
	}
	fmt.Fprintln(w)
}

// prompt is a text or ids.
type prompt struct {
	text string
	ids  []int32
}

func readPrompt(c *cli.Context) (prompt, error) {
	given := 0
	for _, f := range []string{"p", "f", "tokens"} {
		if c.IsSet(f) {
			given++
		}
	}
	switch {
	case given > 1:
		return prompt{}, usage(c, "more than one of -p, -f and --tokens")
	case c.IsSet("tokens"):
		ids, err := parseIDs(c.String("tokens"))
		if err != nil {
			return prompt{}, usage(c, "--tokens: %w", err)
		}
		return prompt{ids: ids}, nil
	case c.IsSet("p"):
		return prompt{text: c.String("p")}, nil
	case c.IsSet("f"):
		text, err := os.ReadFile(c.String("f"))
		return prompt{text: string(text)}, err
	}
	if st, err := os.Stdin.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
		return prompt{}, usage(c, "no prompt: say -p TEXT, -f FILE or --tokens 1,2,3, or pipe a text in")
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, 64<<20))
	return prompt{text: string(text)}, err
}

// promptIDs encodes a text prompt. The tokenizer is nil for ids of a model
// without one.
func promptIDs(o *opened, p prompt) ([]int32, *tokenizer.Tokenizer, error) {
	if p.ids != nil {
		tok, err := o.text()
		return p.ids, tok, err
	}
	tok, err := o.needTokenizer()
	if err != nil {
		return nil, nil, err
	}
	ids, err := tok.Encode(p.text, tokenizer.EncodeOptions{AddSpecial: true})
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("the prompt has no tokens")
	}
	return ids, tok, err
}

func samplerConfig(c *cli.Context, m *runtime.Model) (sampler.Config, error) {
	cfg := m.DefaultSampler()
	if c.Bool("greedy") {
		cfg = sampler.Config{}
	}
	if c.IsSet("temperature") {
		cfg.Temperature = float32(c.Float64("temperature"))
	}
	if c.IsSet("top-k") {
		cfg.TopK = c.Int("top-k")
	}
	if c.IsSet("top-p") {
		cfg.TopP = float32(c.Float64("top-p"))
	}
	if c.IsSet("min-p") {
		cfg.MinP = float32(c.Float64("min-p"))
	}
	if c.IsSet("repetition-penalty") {
		cfg.RepetitionPenalty = float32(c.Float64("repetition-penalty"))
	}
	cfg.Seed = c.Uint64("seed")
	if !c.IsSet("seed") && !cfg.Greedy() {
		cfg.Seed = uint64(time.Now().UnixNano()) % 1e6
		fmt.Fprintf(os.Stderr, "seed %d\n", cfg.Seed)
	}
	if err := cfg.Check(); err != nil {
		return cfg, usage(c, "%w", err)
	}
	return cfg, nil
}

// tokenPrinter streams tokens: text, ids for a model without tokenizer, or one
// JSON object per token.
type tokenPrinter struct {
	json *json.Encoder
	dec  *tokenizer.StreamDecoder
	n    int
}

func newTokenPrinter(c *cli.Context, tok *tokenizer.Tokenizer, text string) *tokenPrinter {
	p := &tokenPrinter{}
	if tok != nil {
		p.dec = tok.NewDecoder(tokenizer.DecodeOptions{SkipSpecial: true})
	}
	if c.Bool("json") {
		p.json = json.NewEncoder(os.Stdout)
	} else {
		fmt.Print(text)
	}
	return p
}

func (p *tokenPrinter) token(t runtime.Token) error {
	p.n++
	text := ""
	if p.dec != nil {
		text = p.dec.Push(t.ID)
	}
	switch {
	case p.json != nil:
		return p.json.Encode(map[string]any{"id": t.ID, "text": text, "logprob": t.LogProb, "stop": t.Stop})
	case p.dec == nil && p.n > 1:
		fmt.Printf(",%d", t.ID)
	case p.dec == nil:
		fmt.Print(t.ID)
	case !t.Stop:
		fmt.Print(text)
	}
	return nil
}

func (p *tokenPrinter) end() {
	if p.json != nil {
		return
	}
	if p.dec != nil {
		fmt.Print(p.dec.Flush())
	}
	fmt.Println()
}
