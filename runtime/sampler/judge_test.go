package sampler

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// rowsEnv is the number of rows of TestFullSort (make test-sampler).
const rowsEnv = "TESSERA_SAMPLER"

// judge is the definition of docs/numerics.md over a row sorted whole, for one draw of
// 53 bits at the top of a word.
func judge(c Config, row []float32, draw uint64) int32 {
	ids := make([]int32, len(row))
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortStableFunc(ids, func(a, b int32) int {
		x, y := row[a], row[b]
		switch {
		case x > y || x == x && y != y:
			return -1
		case x < y || x != x && y == y:
			return 1
		}
		return 0
	})
	if c.Greedy() {
		return ids[0]
	}
	inv := 1 / c.Temperature
	m := float32(row[ids[0]] * inv)
	if math.IsNaN(float64(m)) || math.IsInf(float64(m), 0) {
		return ids[0]
	}
	lse := judgeLSE(row, inv)
	if c.TopK > 0 && c.TopK < len(ids) {
		ids = ids[:c.TopK]
	}
	sum, sums := uint64(0), make([]uint64, len(ids))
	for i, id := range ids {
		if e := f32.Exp(float32(row[id]*inv) - m); e == e {
			sum += uint64(math.Floor(float64(e) * (1 << 35)))
		}
		sums[i] = sum
	}
	mass := sum
	if c.TopK == 0 && lse == lse {
		mass = uint64(min(float64(f32.Exp(lse-m))*(1<<35), 1<<62))
	}
	kept := mass
	if c.TopP > 0 && c.TopP < 1 {
		want := uint64(math.Ceil(float64(c.TopP) * float64(mass)))
		kept = sum
		if i := slices.IndexFunc(sums, func(s uint64) bool { return s >= want }); i >= 0 {
			kept = sums[i]
		}
	}
	if c.MinP > 0 {
		far := slices.IndexFunc(ids, func(id int32) bool { return !(float32(row[id]*inv)-m >= f32.Log(c.MinP)) })
		if far > 0 {
			kept = min(kept, sums[far-1])
		} else {
			kept = min(kept, sum)
		}
	}
	x, _ := bits.Mul64(kept, draw)
	if i := slices.IndexFunc(sums, func(s uint64) bool { return s > x }); i >= 0 {
		return ids[i]
	}
	return ids[0]
}

// judgeLSE is topk's log-sum-exp, spelled out.
func judgeLSE(row []float32, inv float32) float32 {
	m := float32(math.Inf(-1))
	for _, l := range row {
		if l > m {
			m = l
		}
	}
	m = float32(m * inv)
	var lanes [16]float32
	for i, l := range row {
		lanes[i%16] += f32.Exp(float32(l*inv) - m)
	}
	return m + f32.Log(f32.Tree16(&lanes))
}

// topOf is what topk says of a row: its k highest logits and the log-sum-exp at the
// temperature, after adjustments, which it makes to row too.
func topOf(t testing.TB, tier kernel.Tier, row []float32, k int, temperature float32, ids []int32, scale, bias []float32) ([]int32, []float32, float32) {
	t.Helper()
	inv := float32(1)
	if temperature > 0 {
		inv = 1 / temperature
	}
	o := &kernel.TopK{Tier: tier, Logits: kernel.FromF32(slices.Clone(row), 1, len(row)), K: k, InvTemp: []float32{inv},
		AdjRow: make([]int32, len(ids)), AdjIDs: ids, AdjScale: scale, AdjBias: bias,
		IDs: make([]int32, k), Vals: make([]float32, k), LSE: make([]float32, 1), LSETemp: make([]float32, 1)}
	if err := o.Prepare(); err != nil {
		t.Fatal(err)
	}
	o.Run(0, 1, make([]byte, o.Scratch()))
	for i, id := range ids {
		l := row[id]
		if l > 0 {
			l /= scale[i]
		} else {
			l = float32(l * scale[i])
		}
		row[id] = l + bias[i]
	}
	return o.IDs, o.Vals, o.LSETemp[0]
}

// randomRow is a row of one of the kinds that samplers meet, or should survive.
func randomRow(r *rand.Rand, kind int) []float32 {
	n := 1 + r.IntN([]int{8, 70, 300, 300, 2000}[r.IntN(5)])
	row := make([]float32, n)
	for i := range row {
		row[i] = float32(r.NormFloat64())
	}
	some := func(share int, v float32) {
		for i := range row {
			if r.IntN(share) == 0 {
				row[i] = v
			}
		}
	}
	mul := func(x float32) {
		for i := range row {
			row[i] *= x
		}
	}
	inf := float32(math.Inf(1))
	switch kind {
	case 0: // flat
		mul(0.1)
	case 1: // nearly none higher than another
		mul(1e-6)
	case 2: // as of a language model
		mul(3)
		for range 5 {
			row[r.IntN(n)] += 10
		}
	case 3: // one token
		row[r.IntN(n)] += 60
	case 4: // ties
		for i := range row {
			row[i] = float32(math.Round(float64(row[i]) * 2))
		}
	case 5: // nothing but ties, or nearly
		mul(0)
		row[r.IntN(n)] = float32(r.IntN(3) - 1)
	case 6:
		some(3, -inf)
	case 7:
		some(1, -inf)
		row[r.IntN(n)] = float32(r.IntN(2))
		row[r.IntN(n)] = 1
	case 8:
		some(5, float32(math.NaN()))
	case 9:
		some(4, -inf)
		some(4, float32(math.NaN()))
		some(4, 0)
		some(4, float32(math.Copysign(0, -1)))
	case 10:
		some(1+r.IntN(3), []float32{inf, -inf, float32(math.NaN())}[r.IntN(3)])
	case 11: // where a unit of the last place is a large part of the distance
		mul(3e6)
	case 12:
		mul(1e-44)
	case 13: // a few high, the others far below
		some(20, 25)
	}
	return row
}

const kinds = 14

// TestFullSort: whatever the row and the filters, the highest logits with the row behind
// them, and the row alone, draw what a full sort does.
func TestFullSort(t *testing.T) {
	rows := 4000
	if v := os.Getenv(rowsEnv); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("%s=%s: %v", rowsEnv, v, err)
		}
		rows = n
	}
	tiers := kernel.Available()
	r := rand.New(rand.NewPCG(9, 1))
	decided, left := 0, 0
	for i := range rows {
		row := randomRow(r, i%kinds)
		cfg := randomConfig(r, len(row))
		k := min(len(row), []int{64, 64, 64, 5, 1}[r.IntN(5)])
		var ids []int32
		var scale, bias []float32
		if r.IntN(2) == 0 { // a repetition penalty and a bias
			for range 1 + r.IntN(20) {
				ids, scale, bias = append(ids, int32(r.IntN(len(row)))), append(scale, 0.5+2*r.Float32()), append(bias, float32(r.IntN(2))*r.Float32())
			}
		}
		tier := tiers[i%len(tiers)]
		topIDs, topLogits, lse := topOf(t, tier, row, k, cfg.Temperature, ids, scale, bias)
		s, alone := newSampler(t, cfg, tier), newSampler(t, cfg, tier)
		rng := rand.New(rand.NewPCG(cfg.Seed, 0x7e55e7a))
		for n := range 3 {
			var draw uint64
			if !cfg.Greedy() {
				draw = rng.Uint64() << 11
			}
			want := judge(cfg, row, draw)
			got, ok := s.FromTop(topIDs, topLogits, lse)
			if !cfg.Greedy() {
				decided++
			}
			if !ok {
				left++
				if !cfg.NeedsRow(k) {
					t.Fatalf("row %d, %+v: %d highest were said to be enough", i, cfg, k)
				}
				got = s.FromRow(row, lse)
			}
			if got != want {
				t.Fatalf("row %d of %d, %+v, draw %d, decided by the highest %v: %d, want %d", i, len(row), cfg, n, ok, got, want)
			}
			if got := alone.FromRow(row, alone.LogSumExp(row, max(cfg.Temperature, MinTemperature))); got != want {
				t.Fatalf("row %d of %d, %+v, draw %d: %d from the row, want %d", i, len(row), cfg, n, got, want)
			}
		}
	}
	t.Logf("%d rows: of %d draws that were not greedy %d needed the row", rows, decided, left)
	if left < decided/20 || left > decided*19/20 {
		t.Errorf("%d of %d draws needed the row: one of the two ways was not tried", left, decided)
	}
}

func newSampler(t testing.TB, c Config, tier kernel.Tier) *Sampler {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.tier = tier
	return s
}

func randomConfig(r *rand.Rand, vocab int) Config {
	pick := func(x ...float32) float32 { return x[r.IntN(len(x))] }
	return Config{
		Temperature: pick(0, 0.1, 0.1, 0.5, 0.8, 0.8, 1, 1, 1.3, 2, 0.1+1.9*r.Float32(), 1e-6, 1e6, MinTemperature),
		TopK:        []int{0, 0, 0, 0, 1, 40, 64, 100, vocab + 7}[r.IntN(9)],
		TopP:        pick(0, 0, 1, 0.5, 0.9, 0.95, 0.999, 1e-6, 1-0x1p-24, r.Float32()),
		MinP:        pick(0, 0, 0, 0.05, 0.5, 1, 1e-9, 1e-45, r.Float32()),
		Seed:        r.Uint64(),
	}
}

// TestBorders puts the draw on both sides of every border between two tokens.
func TestBorders(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for i := range 30 * kinds {
		row := randomRow(r, i%kinds)
		row = row[:min(len(row), 40)]
		cfg := randomConfig(r, len(row))
		cfg.TopP, cfg.MinP = float32(r.IntN(2))*cfg.TopP, float32(r.IntN(2))*cfg.MinP
		k := min(len(row), 1+r.IntN(30))
		ids, logits, lse := topOf(t, kernel.Generic, row, k, cfg.Temperature, nil, nil, nil)
		s := newSampler(t, cfg, kernel.Generic)
		if cfg.Greedy() || !(lse-lse == 0) {
			continue
		}
		b := new(buckets)
		sc := newScale(cfg.Temperature, logits[0])
		b.cut(s.tier, row, sc, logits[0], lse)
		kept := s.kept(b, lse)
		sum := uint64(0)
		all, _, _ := topOf(t, kernel.Generic, row, len(row), cfg.Temperature, nil, nil, nil)
		for _, id := range all {
			sum += sc.weight(row[id])
			for d := range uint64(3) {
				x := sum + d - 1 // the last of this token, the first of the next, one more
				if x >= kept {
					continue
				}
				hi, _ := bits.Div64(x, math.MaxUint64, kept) // the highest draw that gives at most x
				for _, draw := range []uint64{hi, hi + 1} {
					want := judge(cfg, row, draw)
					s.open, s.bits = true, draw
					got, ok := s.FromTop(ids, logits, lse)
					if !ok {
						got = s.FromRow(row, lse)
					}
					if got != want {
						t.Fatalf("row %d, %+v, draw %x of %d: %d, want %d", i, cfg, draw, kept, got, want)
					}
				}
			}
		}
	}
}

// TestKeys: keys have the order of logits.
func TestKeys(t *testing.T) {
	inf := float32(math.Inf(1))
	up := []float32{float32(math.NaN()), -inf, -math.MaxFloat32, -1, -1e-45, 0, 1e-45, 1, math.MaxFloat32, inf}
	for i := 1; i < len(up); i++ {
		if keyOf(up[i-1]) >= keyOf(up[i]) {
			t.Errorf("the key of %v is not below that of %v", up[i-1], up[i])
		}
		if got := logitOf(keyOf(up[i])); got != up[i] {
			t.Errorf("the logit of the key of %v is %v", up[i], got)
		}
	}
	if keyOf(float32(math.Copysign(0, -1))) != keyOf(0) {
		t.Error("two zeros have two keys")
	}
	if l := logitOf(keyOf(up[0])); l == l {
		t.Errorf("the logit of the key of NaN is %v", l)
	}
}

// TestShare: top-p asks for the whole of its share, to the last unit.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		p          float32
		mass, want uint64
	}{{0.5, 4, 2}, {0.5, 3, 2}, {0.25, 5, 2}, {1e-45, 1, 1}, {1 - 0x1p-24, 1 << 24, 1<<24 - 1}, {1 - 0x1p-24, 1<<24 + 1, 1 << 24}, {0.75, 1 << 62, 3 << 60}} {
		if got := share(c.p, c.mass); got != c.want {
			t.Errorf("%v of %d is %d, want %d", c.p, c.mass, got, c.want)
		}
	}
}
