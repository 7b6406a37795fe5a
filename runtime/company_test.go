package runtime_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/synth"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
	"github.com/tessera-llm/tessera/runtime/sampler"
)

// companyEnv is the number of steps of TestCompany (make test-company).
const companyEnv = "TESSERA_COMPANY"

// companySynth is a checkpoint whose matrices have whole blocks of 256, small
// enough for the slowest tier.
func companySynth(t *testing.T) string {
	t.Helper()
	text, err := synth.Config("llama-1b", map[string]any{
		"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
		"head_dim": 64, "vocab_size": 512,
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := synth.WriteHF(t.Context(), dir, synth.Options{Model: "llama-1b", Config: text, Seed: 5}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestCompany: 17 sequences of different lengths, samplers, penalties and
// masks in every step, some at their prompts, some decoding, some drafting, joining,
// leaving, forking and going back at random, some refused: the logits of every row
// are those of the sequence alone, bit by bit, and at every tier and number of threads
// the same.
func TestCompany(t *testing.T) {
	steps, long := 24, false
	if v := os.Getenv(companyEnv); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("%s=%s: %v", companyEnv, v, err)
		}
		steps, long = n, true
	}
	tiers := kernel.Available()
	dir := companySynth(t)
	for i, typ := range []string{"f32", "q8_0", "q4_k_m"} {
		for j, kv := range []string{"f32", "f16", "q8_0"} {
			t.Run(typ+" "+kv, func(t *testing.T) {
				// The fastest tier runs beside the lonely; the others must give its digests.
				var want []uint64
				for n := len(tiers) - 1; n >= 0; n-- {
					for threads := 2; threads >= 1; threads-- {
						steps, alone := steps, want == nil || long && tiers[n] != kernel.Generic
						switch {
						case tiers[n] == kernel.Generic && long:
							steps = min(steps, max(steps/20, 5))
						case tiers[n] == kernel.Generic: // slow: one number of threads, a few steps
							if steps = 3; threads != 1+(i+j)%2 {
								continue
							}
						case want != nil && !long:
							steps /= 2
						}
						t.Setenv(kernel.TierEnv, tiers[n].String())
						c := newCompany(t, dir, typ, kv, threads, alone)
						got := c.run(t, steps)
						if want == nil {
							want = got
						}
						if at := firstDifference(got, want); at >= 0 {
							t.Fatalf("%s, %d threads: other logits in step %d", tiers[n], threads, at)
						}
						c.close()
					}
				}
			})
		}
	}
}

func firstDifference(a, b []uint64) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

const (
	companySize    = 17
	companyChunk   = 160 // tokens of a step
	companyContext = 300
)

// company is a crowd on one model and, unless everyone is only counted, the
// same sequences one by one on another.
type company struct {
	together, apart *runtime.Model
	vocab           int
	r               *rand.Rand // of what happens
	cut             *rand.Rand // of how the lonely are fed
	live            []*member
	joined          int
	refused         int
	digests         []uint64 // of all logits and tops, by step
	rows, drafts    int      // compared, accepted
}

// member is one sequence.
type member struct {
	s, alone *runtime.Session // alone is nil when nobody compares
	r        *rand.Rand
	smp      *sampler.Sampler
	cfg      sampler.Config
	allow    []uint32 // of the vocabulary; nil: all
	todo     []int32  // of the prompt
	next     int32    // to be decoded
}

func newCompany(t *testing.T, dir, typ, kv string, threads int, apart bool) *company {
	t.Helper()
	open := func(threads, rows int) *runtime.Model {
		recipe, err := quant.ParseRecipe(typ)
		if err != nil {
			t.Fatal(err)
		}
		ck, err := checkpoint.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ck.Close() })
		plan, err := convert.NewPlan(context.Background(), ck, convert.Options{Type: recipe, NoTokenizer: true})
		if err != nil {
			t.Fatal(err)
		}
		m, err := runtime.New(plan.Program(2), runtime.Options{Backend: cpu.Backend{}, Threads: threads, KVType: kv, MaxChunk: companyChunk, MaxRows: rows, Context: companyContext})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	c := &company{together: open(threads, 13), vocab: 512, r: rand.New(rand.NewPCG(8, 15)), cut: rand.New(rand.NewPCG(4, 2))}
	if apart {
		c.apart = open(3-threads, 0)
	}
	return c
}
