package main

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/dialog"
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
	&cli.StringSliceFlag{Name: "logit-bias", Usage: "add to the logit of a token, `ID=BIAS` (repeatable; -inf forbids it)"},
}

// completionTokens is -n of a completion when it is not set: nothing else
// would end it.
const completionTokens = 128

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "chat with a model, or let it go on with a text",
		ArgsUsage: "BUNDLE|CHECKPOINT [-p PROMPT | -f FILE | --tokens 1,2,3]",
		Description: `Without a prompt, on a terminal: an interactive chat (/help lists its commands,
Ctrl-C stops an answer, Ctrl-D leaves). With -p, -f or a pipe: one answer.

A model with a chat template takes the prompt as the message of a user; one
without, or with --no-template, goes on with the text. --tokens are always taken
as they are. In a chat, special tokens in messages are mere text.

  tessera run model.tess
  tessera run model.tess -p "Why is the sky blue?" --system "Answer in one line."
  tessera run model.tess -p "It was a dark night" --no-template -n 100
  tessera run model.gguf --type q4_k_m -p "Hello" --temperature 0.7 --seed 1
  tessera run model.tess --tokens 1,2,3 --greedy --json
  echo "Once upon a time" | tessera run model.tess`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "p", Aliases: []string{"prompt"}, Usage: "the prompt `TEXT`"},
			&cli.StringFlag{Name: "f", Aliases: []string{"file"}, Usage: "read the prompt from `FILE`"},
			tokensFlag,
			&cli.IntFlag{Name: "n", Aliases: []string{"max-tokens"}, Usage: "stop after `N` tokens (0: at a stop token or a full context)", DefaultText: "128; 0 in a chat"},
			&cli.StringSliceFlag{Name: "stop", KeepSpace: true, Usage: "end the answer before `TEXT` (repeatable)"},
			&cli.BoolFlag{Name: "ignore-eos", Usage: "go on behind stop tokens"},
			&cli.BoolFlag{Name: "json", Usage: "one JSON object per token, one at the end"},
		}, templateFs, samplingFs, engineFs, checkpointFs),
		Action: runAction,
	}
}

func runAction(c *cli.Context) error {
	path, err := oneArg(c, "a bundle or a checkpoint")
	if err != nil {
		return err
	}
	in, err := readPrompt(c)
	if err != nil {
		return err
	}
	o, err := open(c, path)
	if err != nil {
		return err
	}
	if o.Path != "" {
		go o.Texts() // beside the compilation; newTalk waits for them
	}
	m, err := o.model(c)
	if err != nil {
		o.Close()
		return err
	}
	defer m.Close()
	t, err := newTalk(c, o, m, in)
	if err != nil {
		return err
	}
	if in.terminal {
		return chatOnTerminal(c.Context, t)
	}
	err = t.once(c, in)
	if closedPipe(err) {
		return nil
	}
	return err
}

// talk is a conversation with a model, as the flags want it.
type talk struct {
	*dialog.Conversation
	m    *runtime.Model
	s    *runtime.Session
	lang *dialog.Language
	set  settings
}

// settings change how an answer is made.
type settings struct {
	dialog.Options
	sampler sampler.Config
}

// options are the settings in force.
func (t *talk) options() dialog.Options {
	o, cfg := t.set.Options, t.set.sampler
	o.Sampler = &cfg
	return o
}

// newTalk reads the flags.
func newTalk(c *cli.Context, o *opened, m *runtime.Model, in prompt) (*talk, error) {
	texts, err := o.Texts()
	if err != nil {
		return nil, err
	}
	if texts.Tokenizer == nil && in.ids == nil {
		return nil, fmt.Errorf("the model has no tokenizer: give token ids with --tokens 1,2,3")
	}
	t := &talk{m: m}
	if in.ids == nil {
		err = t.useTemplate(c, texts)
	} else if err = refuseChatFlags(c, "--tokens"); err == nil {
		t.lang, err = dialog.NewLanguage(texts, nil, m.DefaultSampler())
	}
	if err != nil {
		return nil, err
	}
	if err := t.readSettings(c); err != nil {
		return nil, err
	}
	return t, t.begin(c.String("system"))
}

// begin starts the conversation.
func (t *talk) begin(system string) (err error) {
	if t.s, err = t.m.NewSession(); err == nil {
		t.Conversation = dialog.NewConversation(t.lang, t.s, t.m.Options().Context)
		t.System = system
	}
	return err
}

func (t *talk) readSettings(c *cli.Context) (err error) {
	if t.set.sampler, err = samplerConfig(c, t.m); err != nil {
		return err
	}
	if t.set.Bias, err = parseBias(c.StringSlice("logit-bias"), t.m.Meta().Vocab); err != nil {
		return usage(c, "--logit-bias: %w", err)
	}
	t.set.Stop = c.StringSlice("stop")
	if len(t.set.Stop) > 0 && t.lang.Tokenizer() == nil {
		return usage(c, "--stop with a model that has no tokenizer")
	}
	if err := dialog.CheckStop(t.set.Stop, t.lang); err != nil {
		return usage(c, "--stop: %w", err)
	}
	t.set.IgnoreEOS = c.Bool("ignore-eos")
	if t.set.MaxTokens = c.Int("n"); t.set.MaxTokens < 0 {
		return usage(c, "-n %d: want 0 (no limit) or more", t.set.MaxTokens)
	}
	if !c.IsSet("n") && !t.lang.Chats() {
		t.set.MaxTokens = completionTokens
	}
	return nil
}

// once answers one prompt.
func (t *talk) once(c *cli.Context, in prompt) error {
	bar := progress.New(os.Stderr, "prompt", "tokens")
	var out printer = newTextPrinter(os.Stdout, t.lang.Tokenizer() == nil)
	if c.Bool("json") {
		out = newJSONPrinter(os.Stdout)
	}
	o := t.options()
	o.Tokens = true
	o.Progress = func(done, total int) {
		bar.Set(int64(done), int64(total))
		if done == total {
			bar.Done()
		}
	}
	var events iter.Seq2[dialog.Event, error]
	if t.lang.Chats() {
		events = t.Say(c.Context, in.message(), o)
	} else {
		ids := in.ids
		if ids == nil {
			var err error
			if ids, err = t.lang.Encode(in.text); err != nil {
				return err
			}
			if err := out.prompt(in.text); err != nil {
				return err
			}
		}
		events = t.Continue(c.Context, ids, o)
	}
	a, err := collect(events, out.event)
	bar.Done()
	if e := out.end(&a, err); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if !c.Bool("json") {
		newDisplay(os.Stderr, isTerminal(os.Stderr)).note(speed(&a))
	}
	return c.Context.Err() // what there is has been printed
}

// collect runs an answer to its end. That somebody has stopped it is no error.
func collect(events iter.Seq2[dialog.Event, error], see func(dialog.Event) error) (dialog.Answer, error) {
	a, err := dialog.Collect(events, see)
	if a.End == dialog.Interrupted {
		err = nil
	}
	return a, err
}

// speed tells how long it took.
func speed(a *dialog.Answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "prompt: %d tokens", a.Prompt)
	if a.Reused > 0 {
		fmt.Fprintf(&b, " (%d known)", a.Reused)
	}
	if n := a.Prompt - a.Reused; a.Prefill > 0 && a.Tokens > 0 {
		fmt.Fprintf(&b, ", %.1f tokens/s", float64(n)/a.Prefill.Seconds())
	}
	if a.Tokens > 1 && a.Generate > 0 {
		fmt.Fprintf(&b, "; generation: %d tokens, %.1f tokens/s", a.Tokens, float64(a.Tokens-1)/a.Generate.Seconds())
	}
	switch a.End {
	case dialog.Interrupted:
		b.WriteString("; stopped")
	case dialog.AtFullContext:
		b.WriteString("; the context is full")
	}
	return b.String()
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

// parseBias reads ID=BIAS.
func parseBias(list []string, vocab int) (map[int32]float32, error) {
	if len(list) == 0 {
		return nil, nil
	}
	bias := map[int32]float32{}
	for _, s := range list {
		id, value, ok := strings.Cut(s, "=")
		n, err := strconv.ParseInt(strings.TrimSpace(id), 10, 32)
		v, verr := strconv.ParseFloat(strings.TrimSpace(value), 32)
		if !ok || err != nil || verr != nil {
			return nil, fmt.Errorf("%q: want ID=BIAS with an id of 0 to %d and a number", s, vocab-1)
		}
		if err := dialog.CheckBias(int32(n), float32(v), vocab); err != nil {
			return nil, fmt.Errorf("%q: want ID=BIAS: %w", s, err)
		}
		if _, dup := bias[int32(n)]; dup {
			return nil, fmt.Errorf("token %d stands there twice", n)
		}
		bias[int32(n)] = float32(v)
	}
	return bias, nil
}
