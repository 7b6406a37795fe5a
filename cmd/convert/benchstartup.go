package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/pkg/bench"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// startText is the prompt of --startup given as text.
const startText = "Hello, my name is"

// startupAction measures the time from the start of a process to its first
// logits, given token ids and given text. It runs this program again for every
// sample.
func startupAction(c *cli.Context, o bench.Options, format string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	for _, f := range []string{"p", "n", "d", "sessions", "ops", "scaling", "limits", "ablate"} {
		if c.IsSet(f) {
			return usage(c, "--startup and %s do not go together", flagName(f))
		}
	}
	if len(o.Threads) > 1 {
		return usage(c, "--startup: %d values of --threads, want one", len(o.Threads))
	}
	var all []startModel
	for _, path := range c.Args().Slice() {
		m, err := open(c, path) // converts a checkpoint into the cache
		if err != nil {
			return err
		}
		if m.Path == "" {
			m.Close()
			return usage(c, "--startup starts from files: not with --no-cache")
		}
		one := startModel{Model: m.Program.Meta.Name, Backend: o.Backend.Name()}
		one.Machine, err = cpu.ThisMachine()
		if err != nil {
			m.Close()
			return err
		}
		tok, err := m.Tokenizer()
		m.Close()
		if err != nil {
			return err
		}
		args := startArgs(exe, m.Path, o)
		tests := [][2]string{{"ids", "1"}, {"ids", "1,2,3,4,5,6,7,8"}}
		if tok != nil {
			tests = append(tests, [2]string{"text", startText})
		}
		for _, t := range tests {
			row, err := bench.Startup(c.Context, t[0], append(slices.Clone(args), "--first-"+t[0], t[1]), o.Reps)
			if err != nil {
				return err
			}
			one.Rows = append(one.Rows, row)
		}
		all = append(all, one)
	}
	return printStartup(all, format)
}

// startArgs is the command of one start, but for its prompt.
func startArgs(exe, path string, o bench.Options) []string {
	args := []string{exe, "bench", path, "--threads", strconv.Itoa(o.Threads[0]), "--chunk", strconv.Itoa(o.Chunk), "--backend", o.Backend.Name()}
	if o.KVType != "" { // an empty type is an error
		args = append(args, "--kv-type", o.KVType)
	}
	if o.MaxMemory > 0 {
		args = append(args, "--max-memory", strconv.FormatInt(o.MaxMemory, 10))
	}
	return args
}

// startModel is what --startup reports of a model.
type startModel struct {
	Model   string           `json:"model"`
	Backend string           `json:"backend"`
	Machine cpu.Machine      `json:"machine"`
	Rows    []bench.StartRow `json:"rows"`
}

func printStartup(all []startModel, format string) error {
	if format == "json" {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", " ")
		return e.Encode(all)
	}
	head, row := "%-24s %-6s %6s %9s %6s %6s %8s %6s %8s %9s %9s\n", "%-24s %-6s %6d %9.1f %6.1f %6.1f %8.1f %6.1f %8.1f %9.1f %9.1f\n"
	if format == "md" {
		head = "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n"
		row = "| %s | %s | %d | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |\n"
	}
	say("%s, %d cores, tier %s, backend %s; from the start of the process to the first logits, medians in ms\n\n", all[0].Machine.Name, all[0].Machine.Cores, all[0].Machine.Tier, all[0].Backend)
	say(head, "model", "given", "tokens", "ms", "other", "open", "compile", "text", "prefill", "anon MiB", "KV MiB")
	if format == "md" {
		fmt.Println("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	}
	for _, m := range all {
		for _, r := range m.Rows {
			say(row, m.Model, r.Test, r.Tokens, r.Millis, r.Millis-r.Open-r.Compile-r.Text-r.Prefill, r.Open, r.Compile, r.Text, r.Prefill, float64(r.Anon)/(1<<20), float64(r.KV)/(1<<20))
		}
	}
	return nil
}

// firstLogitsAction is the process that startupAction starts: it prints one
// line as soon as it has logits.
func firstLogitsAction(c *cli.Context) error {
	var f bench.FirstLogits
	last := time.Now()
	lap := func(to *float64) {
		now := time.Now()
		*to = now.Sub(last).Seconds() * 1e3
		last = now
	}
	o, err := open(c, c.Args().First())
	if err != nil {
		return err
	}
	text := c.String("first-text")
	ready := func() ([]int32, error) { return parseIDs(c.String("first-ids")) }
	if text != "" {
		ready = o.encodeBeside(text)
	}
	lap(&f.Open)
	opt, err := benchOptions(c)
	if err != nil {
		o.Close()
		return err
	}
	m, err := runtime.New(o.Program, runtime.Options{Backend: opt.Backend, Threads: opt.Threads[0], MaxChunk: opt.Chunk, KVType: opt.KVType, MaxMemory: opt.MaxMemory})
	if err != nil {
		o.Close()
		return err
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		return err
	}
	lap(&f.Compile)
	ids, err := ready()
	if err != nil {
		return err
	}
	lap(&f.Text)
	if _, err := s.Prefill(c.Context, ids, nil); err != nil {
		return err
	}
	lap(&f.Prefill)
	f.Tokens, f.KV = len(ids), s.State().Memory().Fair
	if f.Anon, err = anonymousBytes(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(&f)
}

// anonymousBytes is the process's resident memory without mapped files, 0
// where the system does not tell. It grows only during a start, so that at its end it
// is the peak.
func anonymousBytes() (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, nil
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, nil
}
