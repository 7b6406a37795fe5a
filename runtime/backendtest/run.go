package backendtest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Budget says what a backend is held to.
type Budget struct {
	// Target is the table of what the backend claims: weight types, forms and
	// layouts come from its rows.
	Target *target.Target
	// Codecs are the cache types that the backend keeps K and V in. The first
	// runs in every case.
	Codecs []string
	// Rel bounds the distance of a result from runtime/reference, in units of
	// the largest magnitude of that output over the case. A float32 sum of one
	// slab of 256 channels stays below 256 · 2^-24 = 1.5e-5.
	Rel float64
	// Exact, when set, are settings of the backend whose results are equal bit
	// by bit: tiers, numbers of threads. The first defines the bits. Unset, there
	// is one variant and the tolerance is all.
	Exact []Variant
}

// Variant is the backend under one setting.
type Variant struct {
	Name    string
	Backend backend.Backend
	Threads int
}

// LongEnv names the environment variable that, when not empty, makes Run try
// every piece of every case (make conformance); without it each case tries some.
const LongEnv = "TESSERA_CONFORMANCE"

// maxReports bounds the failures that one op reports.
const maxReports = 8

// Run holds b to the budget.
func Run(t *testing.T, b backend.Backend, budget Budget) {
	t.Helper()
	for _, op := range ir.Ops() {
		t.Run(string(op.Name), func(t *testing.T) {
			t.Parallel()
			s, err := newSuite(b, budget)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			cases, err := casesOf(op, budget, s.long)
			if err != nil {
				t.Fatal(err)
			}
			failed := 0
			for _, c := range cases {
				if err := s.check(c); err != nil {
					if failed++; failed <= maxReports {
						t.Errorf("%s: %v", c.Name, err)
					}
				}
			}
			if failed > maxReports {
				t.Errorf("%d of %d cases failed", failed, len(cases))
			}
		})
	}
	for _, p := range protocol {
		t.Run(p.name, func(t *testing.T) {
			s, err := newSuite(b, budget)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			for i := range s.devices {
				if err := p.check(s, i); err != nil {
					t.Errorf("%s: %v", s.variants[i].Name, err)
				}
			}
		})
	}
}

// suite holds a device of every variant over one table of weights.
type suite struct {
	budget   Budget
	variants []Variant
	devices  []backend.Device
	weights  weightTable
	long     bool
}

func newSuite(b backend.Backend, budget Budget) (*suite, error) {
	s := &suite{budget: budget, variants: budget.Exact, weights: weightTable{}, long: os.Getenv(LongEnv) != ""}
	if len(s.variants) == 0 {
		s.variants = []Variant{{Name: b.Name(), Backend: b, Threads: 1}}
	}
	for _, v := range s.variants {
		d, err := v.Backend.Open(s.weights, backend.Options{Threads: v.Threads})
		if err != nil {
			s.close()
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		s.devices = append(s.devices, d)
	}
	return s, nil
}

func (s *suite) close() {
	for _, d := range s.devices {
		d.Close()
	}
}

func (s *suite) exact() bool { return len(s.budget.Exact) > 0 }

// check runs one case in every variant.
func (s *suite) check(c *Case) error {
	if err := ir.Verify(c.Graph); err != nil {
		return err
	}
	s.weights[c.Name] = c.Weights
	defer delete(s.weights, c.Name)
	codecs := c.KV
	if codecs == nil {
		codecs = []string{""}
	}
	for _, kv := range codecs {
		if err := s.checkKV(c, kv); err != nil {
			if kv != "" {
				err = fmt.Errorf("cache %s: %w", kv, err)
			}
			return err
		}
	}
	return nil
}

func (s *suite) checkKV(c *Case, kv string) error {
	judge, err := newJudge(c, kv, s.budget.Rel)
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	var first results // of the first variant, which defines the bits
	for i, v := range s.variants {
		if c.Costly && !s.long && i > 0 && (i+len(c.Name))%3 > 0 {
			continue
		}
		fused, err := s.open(i, c.Name, c.Graph, c, kv)
		if err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
		whole, err := fused.run(c.whole())
		if err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
		if first == nil {
			first = whole
			if err := judge.check(whole, c.whole()); err != nil {
				return fmt.Errorf("%s against the reference: %w", v.Name, err)
			}
		}
		compare := func(got results, sp Span) error { return judge.check(got, sp) }
		if s.exact() {
			compare = func(got results, sp Span) error { return sameBits(got, first, sp, c) }
		}
		if err := compare(whole, c.whole()); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
		if err := fused.pieces(compare); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
		if err := s.checkUnfused(i, c, kv, compare); err != nil {
			return fmt.Errorf("%s, expanded: %w", v.Name, err)
		}
	}
	return nil
}

// checkUnfused runs the definition of the case's fused ops.
func (s *suite) checkUnfused(i int, c *Case, kv string, compare func(results, Span) error) error {
	g := c.Graph.Clone()
	if err := ir.Expand(g, nil); err != nil {
		return err
	}
	if len(g.Nodes) == len(c.Graph.Nodes) {
		return nil // nothing was fused
	}
	name := c.Name + " expanded"
	s.weights[name] = c.Weights
	defer delete(s.weights, name)
	if err := s.weights.expand(name, c.Graph, g); err != nil {
		return err
	}
	r, err := s.open(i, name, g, c, kv)
	if err != nil {
		return err
	}
	whole, err := r.run(c.whole())
	if err != nil {
		return err
	}
	return compare(whole, c.whole())
}

// pieces runs the case's spans and compares each.
func (r *runner) pieces(compare func(results, Span) error) error {
	for _, sp := range r.c.Spans {
		if p, ok := r.state.(interface{ Poison() }); ok {
			if err := r.state.Truncate(sp.Start); err != nil {
				return err
			}
			p.Poison()
		}
		got, err := r.run(sp)
		if err == nil {
			err = compare(got, sp)
		}
		if err != nil {
			return fmt.Errorf("rows %d to %d: %w", sp.Start, sp.Start+sp.Len-1, err)
		}
	}
	return nil
}

// runner is a compiled case with its buffers and state.
type runner struct {
	c       *Case
	g       *ir.Graph
	exe     backend.Executable
	state   backend.State
	in, out []backend.Buffer
}

func (s *suite) open(i int, segment string, g *ir.Graph, c *Case, kv string) (*runner, error) {
	d := s.devices[i]
	r := &runner{c: c, g: g}
	var err error
	if r.exe, err = d.Compile(segment, g, backend.Size{Tokens: c.maxRows(), Rows: c.maxRows()}); err != nil {
		return nil, err
	}
	if kv != "" {
		if r.state, err = d.NewState(g.States, kv, c.Rows); err != nil {
			return nil, err
		}
	}
	if r.in, err = buffers(d, g, g.Inputs, c.maxRows()); err != nil {
		return nil, err
	}
	r.out, err = buffers(d, g, g.Outputs, c.maxRows())
	return r, err
}

func buffers(d backend.Device, g *ir.Graph, values []ir.ValueID, rows int) ([]backend.Buffer, error) {
	var all []backend.Buffer
	for _, v := range values {
		b, err := d.NewBuffer(g.Value(v).Type, rows)
		if err != nil {
			return nil, fmt.Errorf("buffer of %s: %w", g.Value(v).Name, err)
		}
		all = append(all, b)
	}
	return all, nil
}

// run makes one call and copies its outputs.
func (r *runner) run(sp Span) (results, error) {
	if err := r.c.fill(r.g, r.in, sp); err != nil {
		return nil, err
	}
	span := backend.Span{State: r.state, Rows: sp.Len}
	if r.c.want != nil {
		span.Want = r.c.want(sp)
	}
	if r.state != nil {
		if err := r.state.Truncate(sp.Start); err != nil {
			return nil, err
		}
	}
	if err := r.exe.Run(context.Background(), []backend.Span{span}, r.in, r.out); err != nil {
		return nil, err
	}
	if r.state != nil && r.state.Len() != sp.Start+sp.Len {
		return nil, fmt.Errorf("the state holds %d positions, want %d", r.state.Len(), sp.Start+sp.Len)
	}
	return collect(r.g, r.out)
}
