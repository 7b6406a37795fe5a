// Command benchpeer runs tessera bench beside other engines' llama-bench on
// the same GGUF files, alternating, and prints medians and ratios.
//
//	go run ./internal/benchpeer -peer 'llama=/path/llama-bench' -peer 'ik=/path/llama-bench -rtr 1' model.gguf...
//
// Machines drift by the minute, so every round runs each engine once, in turn,
// and measures the machine's limits too; only medians over the rounds are
// printed. A peer that cannot run a test gets "-". make bench calls it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
)

type peers []peer

func (p *peers) String() string { return fmt.Sprint(*p) }

func (p *peers) Set(s string) error {
	name, command, ok := strings.Cut(s, "=")
	words := strings.Fields(command)
	if !ok || len(words) == 0 {
		return fmt.Errorf("want name=/path/llama-bench [arguments]")
	}
	*p = append(*p, peer{name, words})
	return nil
}

func main() {
	var s settings
	flag.Var(&s.peers, "peer", "name=/path/llama-bench [arguments]; repeatable")
	flag.StringVar(&s.ours, "tessera", "bin/tessera", "our program")
	prompts := flag.String("p", "512", "prompt lengths")
	gens := flag.String("n", "64", "generation lengths")
	depths := flag.String("d", "0", "depths")
	flag.StringVar(&s.kv, "kv-type", "f16", "cache type of all engines")
	flag.IntVar(&s.threads, "threads", 2, "threads of all engines")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds")
	flag.Parse()
	var err error
	for _, l := range []struct {
		text string
		to   *[]int
	}{{*prompts, &s.prompts}, {*gens, &s.gens}, {*depths, &s.depths}} {
		if *l.to, err = numbers(l.text); err != nil {
			fail(err)
		}
	}
	if flag.NArg() == 0 {
		fail(fmt.Errorf("no models: give GGUF files"))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.run(ctx, flag.Args()); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "benchpeer:", err)
	os.Exit(1)
}

func numbers(s string) ([]int, error) {
	var all []int
	for _, f := range strings.Split(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q: want numbers ≥ 0", f)
		}
		all = append(all, n)
	}
	return all, nil
}

// settings of a comparison.
type settings struct {
	peers                 peers
	ours, kv              string
	threads, rounds       int
	prompts, gens, depths []int
}

// run measures every model and test and prints a markdown table.
func (s *settings) run(ctx context.Context, models []string) error {
	fmt.Printf("| model | test | tessera t/s |")
	for _, p := range s.peers {
		fmt.Printf(" %s t/s | ratio |", p.name)
	}
	fmt.Printf(" of the limit |\n|---|---|---|%s---|\n", strings.Repeat("---|---|", len(s.peers)))
	for _, m := range models {
		for _, d := range s.depths {
			for _, t := range s.tests(d) {
				if err := s.compare(ctx, m, t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// test is a prompt or a generation behind a depth.
type test struct {
	prompt, gen, depth int
}

func (t test) String() string {
	s := fmt.Sprintf("pp%d", t.prompt)
	if t.gen > 0 {
		s = fmt.Sprintf("tg%d", t.gen)
	}
	if t.depth > 0 {
		s += fmt.Sprintf(" @ d%d", t.depth)
	}
	return s
}

func (s *settings) tests(depth int) []test {
	var all []test
	for _, n := range s.prompts {
		if n > 0 {
			all = append(all, test{prompt: n, depth: depth})
		}
	}
	for _, n := range s.gens {
		if n > 0 {
			all = append(all, test{gen: n, depth: depth})
		}
	}
	return all
}

// compare alternates the engines for some rounds.
func (s *settings) compare(ctx context.Context, model string, t test) error {
	var ours, limit []float64
	theirs := make([][]float64, len(s.peers))
	for range s.rounds {
		r, err := s.tessera(ctx, model, t)
		if err != nil {
			return err
		}
		ours, limit = append(ours, r.speed), append(limit, r.fraction)
		for i, p := range s.peers {
			v, err := p.bench(ctx, model, t, s)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s, %s, %s: %v\n", p.name, filepath.Base(model), t, err)
				continue
			}
			theirs[i] = append(theirs[i], v)
		}
	}
	us := median(ours)
	fmt.Printf("| %s | %s | %.1f |", strings.TrimSuffix(filepath.Base(model), ".gguf"), t, us)
	for _, v := range theirs {
		if len(v) == 0 {
			fmt.Printf(" - | - |")
			continue
		}
		fmt.Printf(" %.1f | %.2f |", median(v), us/median(v))
	}
	fmt.Printf(" %s |\n", s.limitText(t, median(limit)))
	return nil
}

func (s *settings) limitText(t test, f float64) string {
	switch {
	case f == 0:
		return "-"
	case t.gen > 0:
		return fmt.Sprintf("%.0f %% of reading", 100*f)
	}
	return fmt.Sprintf("%.0f %% of dot products", 100*f)
}
