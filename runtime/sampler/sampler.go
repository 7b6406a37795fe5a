// Package sampler picks the next token from logits: greedy, or at random with
// temperature, top-k, top-p, min-p, under a repetition penalty, from a seed.
//
// The order is that of transformers: repetition penalty, temperature, top-k,
// top-p, min-p, then one draw. A sampler never sorts a vocabulary: the highest logits, which
// topk hands out in order, decide nearly always (top.go); where they do not, the row is cut
// into buckets of logits and only the bucket in which a sum ends is looked into (row.go).
//
// The same seed and logits give the same token on every machine, in whichever of the two ways: a
// token's weight is an integer, so that the sum of the first n in order is one number, however it
// is found (weight.go; docs/numerics.md, Sampling). Tests hold both ways to a full sort.
package sampler

import (
	"fmt"
	"math/bits"
	"math/rand/v2"

	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// MinTemperature is the lowest temperature that is not 0: divided by less, logits that
// are nothing unusual leave float32.
const MinTemperature = 1e-30

// Config of a sampler. The zero value is greedy.
type Config struct {
	Temperature       float32 // 0: greedy
	TopK              int     // 0: off
	TopP              float32 // 0 or 1: off
	MinP              float32 // 0: off
	RepetitionPenalty float32 // 0 or 1: off
	Seed              uint64
}

// Check refuses values that mean nothing.
func (c Config) Check() error {
	bad := func(v float32, lo, hi float32) bool { return !(v >= lo && v <= hi) }
	switch {
	case bad(c.Temperature, 0, 1e6), c.Temperature > 0 && c.Temperature < MinTemperature:
		return fmt.Errorf("temperature %v: want 0 (greedy) or %v to 1e6", c.Temperature, float32(MinTemperature))
	case c.TopK < 0:
		return fmt.Errorf("top-k %d: want 0 (off) or more", c.TopK)
	case bad(c.TopP, 0, 1):
		return fmt.Errorf("top-p %v: want 0 to 1", c.TopP)
	case bad(c.MinP, 0, 1):
		return fmt.Errorf("min-p %v: want 0 to 1", c.MinP)
	case c.RepetitionPenalty != 0 && bad(c.RepetitionPenalty, 1e-3, 1e3):
		return fmt.Errorf("repetition penalty %v: want 0.001 to 1000", c.RepetitionPenalty)
	}
	return nil
}

// Greedy reports whether the highest logit always wins.
func (c Config) Greedy() bool { return c.Temperature == 0 || c.TopK == 1 }

// Penalises reports whether a repetition penalty is in force.
func (c Config) Penalises() bool { return c.RepetitionPenalty != 0 && c.RepetitionPenalty != 1 }

// NeedsRow reports whether the k highest logits may leave a token open, so that FromRow is
// called with the logits of the whole vocabulary.
func (c Config) NeedsRow(k int) bool { return !c.Greedy() && (c.TopK == 0 || c.TopK > k) }

func (c Config) topP() bool { return c.TopP > 0 && c.TopP < 1 }
func (c Config) minP() bool { return c.MinP > 0 }

// Sampler draws tokens, for one goroutine at a time.
type Sampler struct {
	cfg  Config
	tier kernel.Tier
	rng  *rand.Rand
	open bool     // FromTop left open what bits draws
	bits uint64   // of the draw
	id   int32    // where open: the first id in order, or -1,
	high float32  // and its logit
	sums []uint64 // of the weights of the highest logits
}

// New returns a sampler, or an error when the configuration means nothing.
func New(c Config) (*Sampler, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	tier, err := kernel.Best()
	if err != nil {
		return nil, err
	}
	return &Sampler{cfg: c, tier: tier, rng: rand.New(rand.NewPCG(c.Seed, 0x7e55e7a))}, nil
}

// NeedsRow is Config.NeedsRow.
func (s *Sampler) NeedsRow(k int) bool { return s.cfg.NeedsRow(k) }

// LogSumExp is the log-sum-exp of a row divided by a temperature, with the bits of topk:
// NaN where the row holds NaN or +Inf, or nothing but -Inf.
func (s *Sampler) LogSumExp(row []float32, temperature float32) float32 {
	return kernel.LogSumExp(s.tier, row, 1/temperature)
}

// draw returns 53 random bits, at the top of a word: those that FromTop has left open,
// or the next.
func (s *Sampler) draw() uint64 {
	if !s.open {
		s.bits = s.rng.Uint64() << 11
	}
	s.open = false
	return s.bits
}

// below is the draw as an integer below n, all of them equally likely to within 2^-53.
func below(n, draw uint64) uint64 {
	hi, _ := bits.Mul64(n, draw)
	return hi
}
