// Package sampler picks the next token from logits: greedy, or at random with
// temperature, top-k, top-p, min-p, under a repetition penalty, from a seed.
//
// The order is that of transformers: repetition penalty, temperature, top-k,
// top-p, min-p, then one draw. The same seed and logits give the same token on
// every machine: exponentials are internal/f32's, sums are float64 in order.
package sampler

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/tessera-llm/tessera/internal/f32"
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

// Sampler draws tokens.
type Sampler struct {
	cfg  Config
	tier kernel.Tier
	rng  *rand.Rand
	cand []candidate
}

type candidate struct {
	id    int32
	logit float32
	p     float64
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

// LogSumExp is the log-sum-exp of a row divided by a temperature, with the bits of topk:
// NaN where the row holds NaN or +Inf, or nothing but -Inf.
func (s *Sampler) LogSumExp(row []float32, temperature float32) float32 {
	return kernel.LogSumExp(s.tier, row, 1/temperature)
}

// NeedsRow reports whether the k highest logits are not enough.
func (s *Sampler) NeedsRow(k int) bool {
	return !s.cfg.Greedy() && (s.cfg.TopK == 0 || s.cfg.TopK > k)
}

// FromTop picks from the highest logits, ordered by falling logit, then
// rising id.
func (s *Sampler) FromTop(ids []int32, logits []float32) int32 {
	if s.cfg.Greedy() {
		return ids[0]
	}
	n := len(ids)
	if s.cfg.TopK > 0 {
		n = min(n, s.cfg.TopK)
	}
	s.cand = s.cand[:0]
	for i, id := range ids[:n] {
		s.cand = append(s.cand, candidate{id: id, logit: logits[i]})
	}
	return s.draw()
}

// FromRow picks from the logits of the whole vocabulary.
func (s *Sampler) FromRow(row []float32) int32 {
	s.cand = s.cand[:0]
	for id, l := range row {
		s.cand = append(s.cand, candidate{id: int32(id), logit: l})
	}
	slices.SortFunc(s.cand, func(a, b candidate) int {
		switch {
		case a.logit > b.logit || b.logit != b.logit && a.logit == a.logit:
			return -1
		case a.logit < b.logit || a.logit != a.logit && b.logit == b.logit:
			return 1
		}
		return int(a.id) - int(b.id)
	})
	if s.cfg.Greedy() {
		return s.cand[0].id
	}
	if k := s.cfg.TopK; k > 0 && k < len(s.cand) {
		s.cand = s.cand[:k]
	}
	return s.draw()
}

// draw picks one of the candidates, which are in order.
func (s *Sampler) draw() int32 {
	sum := s.weigh()
	if p := float64(s.cfg.TopP); p > 0 && p < 1 {
		acc := 0.0
		for i := range s.cand {
			if acc += s.cand[i].p; acc >= p*sum {
				s.cand = s.cand[:i+1]
				sum = acc
				break
			}
		}
	}
	if p := float64(s.cfg.MinP); p > 0 {
		n := 1
		for kept := s.cand[0].p; n < len(s.cand) && s.cand[n].p >= p*s.cand[0].p; n++ {
			kept += s.cand[n].p
			sum = kept
		}
		if n == 1 {
			sum = s.cand[0].p
		}
		s.cand = s.cand[:n]
	}
	x := s.rng.Float64() * sum
	last := s.cand[0].id // that can be drawn, when rounding leaves something of x
	for _, c := range s.cand {
		if x -= c.p; x < 0 {
			return c.id
		}
		if c.p > 0 {
			last = c.id
		}
	}
	return last
}

// weigh sets every candidate's unnormalised probability and returns their
// sum. Candidates of NaN or -Inf weigh nothing.
func (s *Sampler) weigh() float64 {
	top := s.cand[0].logit
	sum := 0.0
	for i := range s.cand {
		c := &s.cand[i]
		c.p = float64(f32.Exp(float32((c.logit - top) / s.cfg.Temperature)))
		if math.IsNaN(c.p) {
			c.p = 0
		}
		sum += c.p
	}
	return sum
}
