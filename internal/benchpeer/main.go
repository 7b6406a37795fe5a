// Command benchpeer runs tessera bench beside other engines' llama-bench on
// the same GGUF files, alternating, and prints medians, ratios, and every
// figure as a fraction of what the machine could do in the same minutes.
//
//	go run ./internal/benchpeer -peer 'llama=/path/llama-bench' \
//	    -peer 'ik=/path/llama-bench' -sweep 'ik=/path/llama-sweep-bench' \
//	    -peer 'ik/rtr=/path/llama-bench -rtr 1' -sweep 'ik/rtr=/path/llama-sweep-bench -rtr' \
//	    -log /tmp/rounds.jsonl -dir /tmp/models
//
// A peer called NAME/MODE is one mode of NAME; the table also shows the best of
// all modes. A peer whose llama-bench has no -d (ik_llama.cpp) gets a -sweep
// program for the tests behind a depth. Models are GGUF files, or the synth
// models of -shapes × -types, made once in -dir.
//
// A round runs every engine once, in turn, on one model, cache type and depth,
// each beginning where the last round began plus one; the machine's limits are
// measured in our turn. Only medians over rounds are printed (table.go). -log
// keeps every finished round (log.go): after an interruption the same command
// goes on behind the last one. make bench calls this program.
//
// Start with main, then round.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const usage = `tessera bench beside other engines, alternating: medians, ratios, shares of the machine's limits.

  benchpeer -peer llama=/path/llama-bench model.gguf other.gguf
  benchpeer -peer 'ik/rtr=/path/llama-bench -rtr 1' -sweep 'ik/rtr=/path/llama-sweep-bench -rtr' \
            -peer ik=/path/llama-bench -sweep ik=/path/llama-sweep-bench \
            -dir /scratch -shapes llama-1b -tests pp512,tg32,tg32@d4096 -kv f16,q8_0 -log /scratch/rounds.jsonl

After an interruption the same command with the same -log goes on. Flags:
`

// options of a comparison.
type options struct {
	ours    string
	prefix  []string
	threads int
	rounds  int
	deep    int // rounds of tests behind a depth
	tests   []test
	kv      []string
	limit   time.Duration
	peers   peers
	log     string
	format  string

	dir           string
	shapes, types []string
	makeOnly      bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "benchpeer: interrupted")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "benchpeer:", err)
		os.Exit(1)
	}
}

// run is the program: it prints what rounds there are, even when it is
// interrupted.
func run(ctx context.Context, args []string) error {
	o, models, err := parse(args)
	if err != nil {
		return err
	}
	if o.dir != "" {
		made, err := o.synth(ctx)
		if err != nil {
			return err
		}
		if models = append(models, made...); o.makeOnly {
			return nil
		}
	}
	if len(models) == 0 {
		return fmt.Errorf("no models: give GGUF files, or -dir for synth models")
	}
	var r report
	if err := r.shapes(models); err != nil {
		return err
	}
	runErr := o.compare(ctx, models, &r)
	if err := r.print(os.Stdout, o.format); err != nil {
		return err
	}
	return runErr
}

func parse(args []string) (*options, []string, error) {
	o := &options{}
	f := flag.NewFlagSet("benchpeer", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprint(f.Output(), usage)
		f.PrintDefaults()
	}
	f.Var(&o.peers, "peer", "`NAME[/MODE]=PROGRAM [arguments]`, a llama-bench; repeatable")
	f.Var(sweeps{&o.peers}, "sweep", "`NAME[/MODE]=PROGRAM [arguments]`, the llama-sweep-bench of that peer, for tests behind a depth")
	f.StringVar(&o.ours, "tessera", "bin/tessera", "our `PROGRAM`")
	tests := f.String("tests", "pp512,tg32,pp512@d4096,tg32@d4096", "tests, `ppN|tgN[@dD],...`")
	kv := f.String("kv", "f16", "cache types of all engines, `TYPE,...`")
	f.IntVar(&o.threads, "threads", 2, "threads of all engines")
	f.IntVar(&o.rounds, "rounds", 5, "rounds of tests without a depth")
	f.IntVar(&o.deep, "deep-rounds", 3, "rounds of tests behind a depth")
	f.DurationVar(&o.limit, "limit", 5*time.Minute, "an engine that takes longer for its part of a round is stopped and left out of the rounds that follow")
	prefix := f.String("prefix", "", "`COMMAND` before every engine's, such as 'taskset -c 0,1'")
	f.StringVar(&o.log, "log", "", "keep finished rounds in `FILE`, and go on behind those it has")
	f.StringVar(&o.format, "format", "md", "md or json")
	f.StringVar(&o.dir, "dir", "", "measure synth models, made in `FOLDER` unless they are there; our bundles go there too")
	shapes := f.String("shapes", "llama-1b,qwen2-0.5b,qwen3-0.6b", "shapes of the synth models")
	types := f.String("types", "q8_0,q4_0,q4_k_m,f16", "weight types of the synth models")
	f.BoolVar(&o.makeOnly, "make-only", false, "make the synth models and stop")
	if err := f.Parse(args); err != nil {
		return nil, nil, err
	}
	o.prefix = strings.Fields(*prefix)
	o.kv, o.shapes, o.types = list(*kv), list(*shapes), list(*types)
	var err error
	if o.tests, err = parseTests(*tests); err != nil {
		return nil, nil, err
	}
	switch {
	case o.format != "md" && o.format != "json":
		return nil, nil, fmt.Errorf("-format %q: want md or json", o.format)
	case len(o.kv) == 0:
		return nil, nil, fmt.Errorf("-kv: no cache type")
	case o.threads < 1 || o.rounds < 1 || o.deep < 1:
		return nil, nil, fmt.Errorf("%d threads, %d rounds, %d rounds behind a depth: want at least 1", o.threads, o.rounds, o.deep)
	case o.makeOnly && o.dir == "":
		return nil, nil, fmt.Errorf("-make-only without -dir")
	}
	models := f.Args()
	for i, m := range models {
		// Engines run in a folder of their own.
		if models[i], err = filepath.Abs(m); err != nil {
			return nil, nil, err
		}
	}
	if strings.ContainsRune(o.ours, filepath.Separator) {
		if o.ours, err = filepath.Abs(o.ours); err != nil {
			return nil, nil, err
		}
	}
	return o, models, nil
}

// list splits a comma-separated text.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// test is a prompt or a generation behind a depth.
type test struct {
	prompt, gen, depth int
}

// String is "pp512" or "tg32 @ d4096", as llama-bench writes it.
func (t test) String() string {
	s := t.short()
	if t.depth > 0 {
		s += fmt.Sprintf(" @ d%d", t.depth)
	}
	return s
}

// short is the test without its depth.
func (t test) short() string {
	if t.gen > 0 {
		return fmt.Sprintf("tg%d", t.gen)
	}
	return fmt.Sprintf("pp%d", t.prompt)
}

func parseTests(s string) ([]test, error) {
	var all []test
	for _, f := range list(s) {
		what, depth, behind := strings.Cut(f, "@d")
		var t test
		var to *int
		switch {
		case strings.HasPrefix(what, "pp"):
			to = &t.prompt
		case strings.HasPrefix(what, "tg"):
			to = &t.gen
		}
		ok := to != nil
		if ok {
			n, err := strconv.Atoi(what[2:])
			*to, ok = n, err == nil && n > 0 && n < 1<<24
		}
		if ok && behind {
			n, err := strconv.Atoi(depth)
			t.depth, ok = n, err == nil && n >= 0 && n < 1<<24
		}
		if !ok {
			return nil, fmt.Errorf("-tests: %.30q, want pp512, tg32, pp512@d4096, ...", f)
		}
		all = append(all, t)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("-tests: no test")
	}
	return all, nil
}
