package sampler

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// ordered gives ids and logits of a row as topk does.
func ordered(row []float32, k int) (ids []int32, logits []float32) {
	for i := range row {
		ids = append(ids, int32(i))
	}
	slices.SortStableFunc(ids, func(a, b int32) int {
		if row[a] > row[b] {
			return -1
		} else if row[a] < row[b] {
			return 1
		}
		return 0
	})
	ids = ids[:k]
	for _, id := range ids {
		logits = append(logits, row[id])
	}
	return ids, logits
}

func TestCheck(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		c    Config
		want string // "" is fine
	}{
		{Config{}, ""}, {Config{Temperature: 0.7, TopK: 40, TopP: 0.9, MinP: 0.05, RepetitionPenalty: 1.1, Seed: 1}, ""},
		{Config{Temperature: -1}, "temperature"}, {Config{Temperature: nan}, "temperature"}, {Config{Temperature: float32(math.Inf(1))}, "temperature"},
		{Config{TopK: -1}, "top-k"}, {Config{TopP: 1.5}, "top-p"}, {Config{TopP: -0.1}, "top-p"}, {Config{TopP: nan}, "top-p"},
		{Config{MinP: 2}, "min-p"}, {Config{MinP: nan}, "min-p"}, {Config{RepetitionPenalty: -1}, "repetition"}, {Config{RepetitionPenalty: nan}, "repetition"},
	} {
		_, err := New(c.c)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.c, err, c.want)
		}
	}
}

// TestGreedy: the highest logit, the lowest id among equals, NaN last.
func TestGreedy(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		row  []float32
		want int32
	}{{[]float32{1, 3, 3, 2}, 1}, {[]float32{nan, -5, nan}, 1}, {[]float32{float32(math.Inf(-1)), -1e30}, 1}} {
		for _, cfg := range []Config{{}, {Temperature: 1, TopK: 1, Seed: 9}, {TopP: 0.1, MinP: 0.3}} {
			s, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.FromRow(c.row, s.LogSumExp(c.row, 1)); got != c.want {
				t.Errorf("%v with %+v: %d, want %d", c.row, cfg, got, c.want)
			}
		}
	}
}

// TestDistribution draws often and compares the frequencies with the
// probabilities after temperature and filters, computed here in another way.
func TestDistribution(t *testing.T) {
	row := []float32{0.3, 2.0, -1.0, 1.5, 1.5, 0.0, -4.0, 2.2}
	for _, cfg := range []Config{
		{Temperature: 1}, {Temperature: 0.5}, {Temperature: 2}, {Temperature: 1, TopK: 3}, {Temperature: 1, TopP: 0.6}, {Temperature: 1, MinP: 0.4},
		{Temperature: 1.5, TopK: 6, TopP: 0.9, MinP: 0.2}, {Temperature: 1, TopP: 1}, {Temperature: 1, TopK: 100}, {Temperature: 1, TopP: 1e-6},
	} {
		want := probabilities(row, cfg)
		cfg.Seed = 4
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		const n = 40000
		count := make([]float64, len(row))
		lse := s.LogSumExp(row, cfg.Temperature)
		for range n {
			count[s.FromRow(row, lse)]++
		}
		ids, ps := s.Distribution(row, lse, nil, nil)
		if !slices.IsSorted(ids) {
			t.Errorf("%+v: the ids of the distribution are %v", cfg, ids)
		}
		given := map[int32]float64{}
		for i, id := range ids {
			given[id] = ps[i]
		}
		for id, p := range want {
			if math.Abs(given[id]-p) > 1e-6 {
				t.Errorf("%+v: id %d has a probability of %v, want %v", cfg, id, given[id], p)
			}
			sd := math.Sqrt(n * p * (1 - p))
			if d := math.Abs(count[id] - n*p); d > 5*sd+1e-9 {
				t.Errorf("%+v: id %d drawn %v times of %d, want %.0f ± %.0f", cfg, id, count[id], n, n*p, sd)
			}
		}
	}
}

// probabilities are those of transformers' processors in their order:
// temperature, top-k, top-p (the smallest set that reaches p), min-p.
func probabilities(row []float32, c Config) map[int32]float64 {
	ids, logits := ordered(row, len(row))
	if c.TopK > 0 {
		n := min(c.TopK, len(ids))
		ids, logits = ids[:n], logits[:n]
	}
	p := make([]float64, len(ids))
	norm := func() {
		sum := 0.0
		for _, x := range p {
			sum += x
		}
		for i := range p {
			p[i] /= sum
		}
	}
	for i, l := range logits {
		p[i] = math.Exp(float64(l-logits[0]) / float64(c.Temperature))
	}
	norm()
	if c.TopP > 0 && c.TopP < 1 {
		acc := 0.0
		for i := range p {
			if acc >= float64(c.TopP) {
				p[i] = 0
				continue
			}
			acc += p[i]
		}
		norm()
	}
	if c.MinP > 0 {
		for i := range p {
			if p[i] < float64(c.MinP)*p[0] {
				p[i] = 0
			}
		}
		norm()
	}
	all := map[int32]float64{}
	for i, id := range ids {
		all[id] = p[i]
	}
	return all
}

// TestSeed: the same seed draws the same ids, from the top and from the whole
// row where top-k makes them equal; another seed does not.
func TestSeed(t *testing.T) {
	row := make([]float32, 500)
	for i := range row {
		row[i] = float32(i%37) / 10
	}
	cfg := Config{Temperature: 1, TopK: 40, TopP: 0.95, Seed: 11}
	draw := func(cfg Config, top bool) []int32 {
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ids, logits := ordered(row, 64)
		lse := s.LogSumExp(row, cfg.Temperature)
		var got []int32
		for range 50 {
			if s.NeedsRow(64) {
				t.Fatal("40 of 64 are enough")
			}
			if !top {
				got = append(got, s.FromRow(row, lse))
				continue
			}
			id, ok := s.FromTop(ids, logits, lse)
			if !ok {
				t.Fatal("40 of 64 are not enough")
			}
			got = append(got, id)
		}
		return got
	}
	a := draw(cfg, true)
	if b := draw(cfg, true); !slices.Equal(a, b) {
		t.Error("the same seed draws other ids")
	}
	if b := draw(cfg, false); !slices.Equal(a, b) {
		t.Error("top and row disagree")
	}
	cfg.Seed = 12
	if b := draw(cfg, true); slices.Equal(a, b) {
		t.Error("another seed draws the same ids")
	}
	for _, c := range []struct {
		c    Config
		want bool
	}{{Config{}, false}, {Config{Temperature: 1}, true}, {Config{Temperature: 1, TopK: 64}, false}, {Config{Temperature: 1, TopK: 65}, true}} {
		s, _ := New(c.c)
		if s.NeedsRow(64) != c.want {
			t.Errorf("%+v: NeedsRow is %v", c.c, !c.want)
		}
	}
}

// TestDistributionEnds: what is no distribution is one token, and one that was kept by the
// last bit is in it.
func TestDistributionEnds(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		cfg  Config
		row  []float32
		want []int32
	}{
		{Config{}, []float32{1, 2, 2}, []int32{1}}, {Config{Temperature: 1}, []float32{1, inf, inf}, []int32{1}}, {Config{Temperature: 1}, []float32{nan, -inf}, []int32{1}},
		{Config{Temperature: 1}, []float32{nan, 3, -inf, 3, nan}, []int32{1, 3}}, {Config{Temperature: 1}, []float32{0, -30, 0}, []int32{0, 2}},
		{Config{Temperature: 1, TopP: 0.4}, []float32{1, 1, 1, 1}, []int32{0, 1}}, {Config{Temperature: 1, TopK: 3}, []float32{1, 1, 2, 1}, []int32{0, 1, 2}},
		{Config{Temperature: 1, MinP: 1}, []float32{1, 1, 0.9, 1}, []int32{0, 1, 3}},
	} {
		s := newSampler(t, c.cfg, kernel.Generic)
		ids, p := s.Distribution(c.row, s.LogSumExp(c.row, 1), []int32{9}, []float64{9})
		sum := -9.0
		for _, x := range p {
			sum += x
		}
		if !slices.Equal(ids, append([]int32{9}, c.want...)) || len(p) != len(ids) || math.Abs(sum-1) > 1e-12 {
			t.Errorf("%+v of %v: %v with %v, want %v", c.cfg, c.row, ids, p, c.want)
		}
	}
}

func BenchmarkRow(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	tier, err := kernel.Best()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		width float32
		high  int
		cfg   Config
	}{
		{"flat top-p", 0.3, 0, Config{Temperature: 0.8, TopP: 0.95}}, {"flat", 1, 0, Config{Temperature: 0.8}}, {"flat min-p", 1, 0, Config{Temperature: 0.8, MinP: 0.05}},
		{"flat top-k 1000", 1, 0, Config{Temperature: 0.8, TopK: 1000}}, {"peaked top-p", 2.5, 50, Config{Temperature: 0.8, TopP: 0.95}},
	} {
		b.Run(c.name, func(b *testing.B) {
			row := make([]float32, 151936)
			for i := range row {
				row[i] = c.width * float32(r.NormFloat64())
			}
			for range c.high {
				row[r.IntN(len(row))] = 15 + 5*r.Float32()
			}
			s := newSampler(b, c.cfg, tier)
			lse := s.LogSumExp(row, c.cfg.Temperature)
			b.ReportAllocs()
			for b.Loop() {
				s.FromRow(row, lse)
			}
		})
	}
}
