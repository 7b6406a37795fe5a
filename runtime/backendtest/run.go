package backendtest

import (
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
	// Codecs are the cache types that the backend keeps K and V in, as
	// codec.ParsePair reads them. The first
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
	// PartialBytes is backend.Options.PartialBytes.
	PartialBytes int64
}

// LongEnv names the environment variable that, when not empty, makes Run try
// every piece of every case (make conformance); without it each case tries some.
const LongEnv = "TESSERA_CONFORMANCE"

// shortStep: under -short, which is how another machine is emulated, one in so
// many cases runs; it is odd, so that both halves of what alternates do.
const shortStep = 7

// shortDevices: under -short the protocol of states is asked of one device in so many, which
// is the second of the three thread counts of a tier of runtime/cpu.
const shortDevices = 3

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
			for i, c := range cases {
				if testing.Short() && i%shortStep != 0 {
					continue
				}
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
				if testing.Short() && i%shortDevices != 1%len(s.devices) {
					continue
				}
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
		d, err := v.Backend.Open(s.weights, backend.Options{Threads: v.Threads, PartialBytes: v.PartialBytes})
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
	compare := judge.check
	for i, v := range s.variants {
		if c.Costly && !s.long && i > 0 && (i+len(c.Name))%3 > 0 {
			continue
		}
		defines := i == 0 && s.exact()
		if err := s.checkVariant(i, c, kv, &compare, defines); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	return nil
}

// checkVariant runs a case in one variant. The variant that defines the bits
// is judged by compare once and then is what all others are compared with.
func (s *suite) checkVariant(i int, c *Case, kv string, compare *func(results) error, defines bool) error {
	r, err := s.open(i, c.Name, c.Graph, c, kv)
	if err != nil {
		return err
	}
	defer r.close()
	whole, err := r.alone(c.whole())
	if err != nil {
		return err
	}
	if err := (*compare)(whole); err != nil {
		return err
	}
	if defines {
		*compare = func(got results) error { return sameBits(got, whole) }
	}
	// Pieces alone and in company by turns, so that every tier sees both.
	if turn := (i + len(c.Name)) % 2; turn == 0 || s.long {
		if err := r.pieces(*compare); err != nil {
			return err
		}
	}
	if turn := (i + len(c.Name)) % 2; turn == 1 || s.long {
		if err := r.batches(*compare, s.long); err != nil {
			return fmt.Errorf("in company: %w", err)
		}
	}
	if err := s.checkUnfused(i, c, kv, *compare); err != nil {
		return fmt.Errorf("expanded: %w", err)
	}
	return nil
}

// checkUnfused runs the definition of the case's fused ops.
func (s *suite) checkUnfused(i int, c *Case, kv string, compare func(results) error) error {
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
	defer r.close()
	whole, err := r.alone(c.whole())
	if err != nil {
		return err
	}
	return compare(whole)
}
