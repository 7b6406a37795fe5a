package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/codec"
)

// within compares with a float64 model, error in units of 2^-24 of scale.
func within(t *testing.T, what string, got float32, want, scale, units float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > units*0x1p-24*math.Max(scale, 0x1p-100) {
		t.Fatalf("%s = %v, want %v", what, got, want)
	}
}

func TestRMSNorm(t *testing.T) {
	for _, c := range [][2]int{{64, 64}, {256, 64}, {300, 300}, {96, 24}, {2048, 2048}} {
		for _, s := range []int{1, 3, 4, 5, 65} {
			r := rng(uint64(c[0] + s))
			x, w := plainAct(t, r, s, c[0]), gauss(r, c[1])
			want := newAct(t, F32, Plain, s, c[0])
			run(t, &RMSNorm{X: x, Out: want, Weight: w, Dim: c[1], Eps: 1e-6})
			for tok := range s {
				for k := 0; k < c[0]; k += c[1] {
					ss := 0.0
					for i := range c[1] {
						ss += float64(x.At(tok, k+i)) * float64(x.At(tok, k+i))
					}
					rr := 1 / math.Sqrt(ss/float64(c[1])+1e-6)
					for i := range c[1] {
						v := float64(x.At(tok, k+i)) * rr * float64(w[i])
						// the chain of c/16 roundings of ss enters by half, then six more
						within(t, "rms_norm", want.At(tok, k+i), v, math.Abs(v), float64(c[1])/32+12)
					}
				}
			}
			b := plainAct(t, r, s, c[0])
			sum := newAct(t, F32, Plain, s, c[0])
			run(t, &Add{A: x, B: b, Out: sum})
			wantAdd := newAct(t, F32, Plain, s, c[0])
			run(t, &RMSNorm{X: sum, Out: wantAdd, Weight: w, Dim: c[1], Eps: 1e-6})
			for _, tier := range Available() {
				for _, l := range []Layout{Plain, C4} {
					out := newAct(t, F32, l, s, c[0])
					run(t, &RMSNorm{Tier: tier, X: x, Out: out, Weight: w, Dim: c[1], Eps: 1e-6})
					sameBits(t, fmt.Sprintf("rms_norm %v S=%d %s %s", c, s, tier, l), &out, &want)
					outAdd, outSum := newAct(t, F32, l, s, c[0]), newAct(t, F32, Plain, s, c[0])
					run(t, &AddRMSNorm{Tier: tier, A: x, B: b, Sum: outSum, Out: outAdd, Weight: w, Dim: c[1], Eps: 1e-6})
					sameBits(t, "add_rms_norm", &outAdd, &wantAdd)
					sameBits(t, "add_rms_norm sum", &outSum, &sum)
				}
			}
		}
	}
}

// TestElementwise compares every tier with float64 and with the generic bits.
func TestElementwise(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 4096, 5000} {
		r := rng(uint64(n))
		a, b := plainAct(t, r, 3, n), plainAct(t, r, 3, n)
		for i, v := range []float32{0, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), -100, 100, 88.5, -87.31, 1e-40} {
			if i < len(a.F) {
				a.F[len(a.F)-1-i] = v
			}
		}
		bias := gauss(r, n)
		sig := func(x float64) float64 { return x / (1 + math.Exp(-x)) }
		gel := func(x float64) float64 {
			return 0.5 * x * (1 + math.Tanh(0.7978845608028654*(x+0.044715*x*x*x)))
		}
		cases := []struct {
			name string
			task func(Tier, Act) Task
			f    func(x, y, bias float64) float64
			ulp  float64
		}{
			{"add", func(ti Tier, o Act) Task { return &Add{Tier: ti, A: a, B: b, Out: o} }, func(x, y, _ float64) float64 { return x + y }, 1},
			{"mul", func(ti Tier, o Act) Task { return &Mul{Tier: ti, A: a, B: b, Out: o} }, func(x, y, _ float64) float64 { return x * y }, 1},
			{"silu", func(ti Tier, o Act) Task { return &Unary{Tier: ti, F: Silu, X: a, Out: o} }, func(x, _, _ float64) float64 { return sig(x) }, 6},
			{"gelu", func(ti Tier, o Act) Task { return &Unary{Tier: ti, F: GeluTanh, X: a, Out: o} }, func(x, _, _ float64) float64 { return gel(x) }, 0},
			{"bias", func(ti Tier, o Act) Task { return &AddBias{Tier: ti, X: a, Bias: bias, Out: o} }, func(x, _, b float64) float64 { return x + b }, 1},
			{"gated silu", func(ti Tier, o Act) Task { return &GatedAct{Tier: ti, F: Silu, Gate: a, Up: b, Out: o} }, func(x, y, _ float64) float64 { return sig(x) * y }, 7},
			{"gated gelu", func(ti Tier, o Act) Task { return &GatedAct{Tier: ti, F: GeluTanh, Gate: a, Up: b, Out: o} }, func(x, y, _ float64) float64 { return gel(x) * y }, 0},
		}
		for _, c := range cases {
			want := newAct(t, F32, Plain, 3, n)
			run(t, c.task(Generic, want))
			for i := range want.F {
				x, y := float64(a.F[i]), float64(b.F[i])
				w := c.f(x, y, float64(bias[i%n]))
				if w != w || math.Abs(w) > 1e38 || math.Abs(x) > 80 {
					continue
				}
				scale, units := math.Abs(w), c.ulp
				if units == 0 { // gelu: 1+tanh cancels for negative x, the error is relative to |x| (and the factor)
					scale, units = math.Abs(x)*max(1, math.Abs(y)), 8
				}
				within(t, fmt.Sprintf("%s(%v, %v)", c.name, x, y), want.F[i], w, scale, units)
			}
			for _, tier := range Available() {
				for _, l := range []Layout{Plain, C4} {
					if l == C4 && c.name[0] != 'g' || c.name == "gelu" && l == C4 {
						continue
					}
					out := newAct(t, F32, l, 3, n)
					run(t, c.task(tier, out))
					sameBits(t, fmt.Sprintf("%s n=%d %s %s", c.name, n, tier, l), &out, &want)
				}
			}
		}
	}
}

func TestRope(t *testing.T) {
	for _, c := range []struct{ heads, d, dim int }{{3, 64, 64}, {2, 128, 128}, {2, 64, 32}, {4, 20, 10}} {
		r := rng(uint64(c.d))
		inv := make([]float32, c.dim/2)
		for i := range inv {
			inv[i] = float32(math.Pow(10000, -2*float64(i)/float64(c.dim)))
		}
		for _, start := range []int{0, 5, 40000} {
			s := 5
			tab := RopeTable{make([]float32, s*len(inv)), make([]float32, s*len(inv)), len(inv)}
			BuildRope(tab.Cos, tab.Sin, start, s, inv, 1)
			x, k := plainAct(t, r, s, c.heads*c.d), plainAct(t, r, s, c.d)
			want, wantK := newAct(t, F32, Plain, s, c.heads*c.d), newAct(t, F32, Plain, s, c.d)
			run(t, &Rope{X: x, Out: want, HeadDim: c.d, Dim: c.dim, Table: tab})
			run(t, &Rope{X: k, Out: wantK, HeadDim: c.d, Dim: c.dim, Table: tab})
			for tok := range s {
				for i := range c.heads * c.d {
					h, j := i/c.d*c.d, i%c.d
					v := float64(x.At(tok, i))
					sc := math.Abs(v)
					if j < c.dim {
						half := c.dim / 2
						ang := float64(float32(start+tok) * inv[j%half])
						lo, hi := float64(x.At(tok, h+j%half)), float64(x.At(tok, h+j%half+half))
						v = lo*math.Cos(ang) - hi*math.Sin(ang)
						if j >= half {
							v = hi*math.Cos(ang) + lo*math.Sin(ang)
						}
						sc = math.Abs(lo) + math.Abs(hi)
					}
					within(t, "rope", want.At(tok, i), v, sc, 3)
				}
			}
			qn, kn := gauss(r, c.d), gauss(r, c.d)
			normQ, normK := newAct(t, F32, Plain, s, c.heads*c.d), newAct(t, F32, Plain, s, c.d)
			run(t, &RMSNorm{X: x, Out: normQ, Weight: qn, Dim: c.d, Eps: 1e-6})
			run(t, &RMSNorm{X: k, Out: normK, Weight: kn, Dim: c.d, Eps: 1e-6})
			run(t, &Rope{X: normQ, Out: normQ, HeadDim: c.d, Dim: c.dim, Table: tab})
			run(t, &Rope{X: normK, Out: normK, HeadDim: c.d, Dim: c.dim, Table: tab})
			for _, tier := range Available() {
				out := newAct(t, F32, Plain, s, c.heads*c.d)
				outK := newAct(t, F32, Plain, s, c.d)
				run(t, &RopeQK{Tier: tier, Q: x, K: k, QOut: out, KOut: outK, HeadDim: c.d, Dim: c.dim, Table: tab})
				sameBits(t, "rope_qk q", &out, &want)
				sameBits(t, "rope_qk k", &outK, &wantK)
				run(t, &RopeQK{Tier: tier, Q: x, K: k, QOut: out, KOut: outK, HeadDim: c.d, Dim: c.dim, Table: tab, QNorm: qn, KNorm: kn, Eps: 1e-6})
				sameBits(t, "rope_qk normed q", &out, &normQ)
				sameBits(t, "rope_qk normed k", &outK, &normK)
			}
		}
	}
}

func TestSelectRows(t *testing.T) {
	x := plainAct(t, rng(1), 7, 30)
	out := newAct(t, F32, Plain, 3, 30)
	run(t, &SelectRows{X: x, Out: out, Rows: []int32{6, 0, 6}})
	for i, r := range []int{6, 0, 6} {
		w := FromF32(x.F[r*30:(r+1)*30], 1, 30)
		g := FromF32(out.F[i*30:(i+1)*30], 1, 30)
		sameBits(t, "select_rows", &g, &w)
	}
	if (&SelectRows{X: x, Out: out, Rows: []int32{0, 7, 1}}).Prepare() == nil {
		t.Error("row beyond the input accepted")
	}
}

// topkCase is a TopK over random rows with many ties, adjustments for some
// rows, temperatures, and masks for some rows.
func topkCase(r *rand.Rand, tier Tier, logits Act, k int, masks bool) *TopK {
	o := &TopK{Tier: tier, Logits: logits, K: k, IDs: make([]int32, logits.S*k), Vals: make([]float32, logits.S*k),
		LSE: make([]float32, logits.S), LSETemp: make([]float32, logits.S)}
	v := logits.C
	for row := range logits.S {
		o.InvTemp = append(o.InvTemp, []float32{1, 0.7, 2.5}[row%3])
		if row != 1 {
			for range row + 1 { // an id may come twice
				o.AdjRow, o.AdjIDs = append(o.AdjRow, int32(row)), append(o.AdjIDs, int32(r.IntN(min(v, 3))))
				o.AdjScale, o.AdjBias = append(o.AdjScale, 0.5+r.Float32()), append(o.AdjBias, r.Float32()-0.5)
			}
		}
		if masks && row > 0 {
			o.MaskRow = append(o.MaskRow, int32(row))
			for range ceil(v, 32) {
				o.Mask = append(o.Mask, int32(r.Uint32()|1))
			}
		}
	}
	return o
}

// wanted is row of o's logits as adjusted and masked by its definition.
func (o *TopK) wanted(saved []float32, row int) []float32 {
	v := o.Logits.C
	l := append([]float32(nil), saved[row*v:(row+1)*v]...)
	for i, id := range o.AdjIDs {
		if int(o.AdjRow[i]) != row {
			continue
		}
		if l[id] > 0 {
			l[id] /= o.AdjScale[i]
		} else {
			l[id] *= o.AdjScale[i]
		}
		l[id] += o.AdjBias[i]
	}
	for m, r := range o.MaskRow {
		for id := range l {
			if int(r) == row && uint32(o.Mask[m*ceil(v, 32)+id/32])>>(id%32)&1 == 0 {
				l[id] = float32(math.Inf(-1))
			}
		}
	}
	return l
}

func TestTopK(t *testing.T) {
	r := rng(3)
	nan := float32(math.NaN())
	for _, v := range []int{1, 16, 37, 5000, 70001} {
		logits := FromF32(make([]float32, 4*v), 4, v)
		for i := range logits.F {
			logits.F[i] = float32(r.IntN(50)) / 4 // many ties
		}
		if v > 1 {
			logits.F[v+v/2], logits.F[v+1] = nan, nan
		}
		saved := append([]float32(nil), logits.F...)
		for _, k := range []int{1, min(v, 5), min(v, 5000)} {
			for _, masks := range []bool{false, true} {
				var first *TopK
				for _, tier := range Available() {
					o := topkCase(rng(uint64(v)), tier, logits, k, masks)
					run(t, o)
					o.checkRows(t, saved)
					if first == nil {
						first = o
					}
					for i := range o.LSE {
						if math.Float32bits(o.LSE[i]) != math.Float32bits(first.LSE[i]) || math.Float32bits(o.LSETemp[i]) != math.Float32bits(first.LSETemp[i]) {
							t.Fatalf("%s: sums %v, %v of row %d, want %v, %v", tier, o.LSE[i], o.LSETemp[i], i, first.LSE[i], first.LSETemp[i])
						}
					}
				}
			}
		}
		for i := range saved {
			if math.Float32bits(saved[i]) != math.Float32bits(logits.F[i]) {
				t.Fatal("logits were not restored")
			}
		}
	}
}

// checkRows compares every row with a sort and sums in float64.
func (o *TopK) checkRows(t *testing.T, saved []float32) {
	t.Helper()
	v, k := o.Logits.C, o.K
	for row := range o.Logits.S {
		l := o.wanted(saved, row)
		order := make([]int, v)
		sum, sumTemp := 0.0, 0.0
		for i, x := range l {
			order[i] = i
			sum += math.Exp(float64(x))
			sumTemp += math.Exp(float64(x) * float64(o.InvTemp[row]))
		}
		sort.SliceStable(order, func(i, j int) bool {
			a, b := l[order[i]], l[order[j]]
			return a > b || a == a && b != b
		})
		for i := range k {
			g := o.Vals[row*k+i]
			if int(o.IDs[row*k+i]) != order[i] || g != l[order[i]] && g == g {
				t.Fatalf("V=%d k=%d row %d place %d: id %d (%v), want %d (%v)", v, k, row, i, o.IDs[row*k+i], g, order[i], l[order[i]])
			}
		}
		for _, c := range []struct {
			what string
			got  float32
			sum  float64
		}{{"lse", o.LSE[row], sum}, {"lse at the temperature", o.LSETemp[row], sumTemp}} {
			if want := math.Log(c.sum); want == want {
				within(t, c.what, c.got, want, math.Abs(want)+1, float64(v)/32+40)
			} else if c.got == c.got {
				t.Fatalf("%s of a row with NaN is %v", c.what, c.got)
			}
		}
	}
}

// TestTopKRefuses: what Prepare does not take.
func TestTopKRefuses(t *testing.T) {
	logits := FromF32(make([]float32, 4*37), 4, 37)
	for what, edit := range map[string]func(o *TopK){
		"rows that fall":          func(o *TopK) { o.AdjRow[0] = 3 },
		"row beyond":              func(o *TopK) { o.AdjRow[len(o.AdjRow)-1] = 4 },
		"negative row":            func(o *TopK) { o.AdjRow[0] = -1 },
		"id beyond":               func(o *TopK) { o.AdjIDs[0] = 37 },
		"negative id":             func(o *TopK) { o.AdjIDs[0] = -1 },
		"scale 0":                 func(o *TopK) { o.AdjScale[0] = 0 },
		"infinite scale":          func(o *TopK) { o.AdjScale[0] = float32(math.Inf(1)) },
		"NaN bias":                func(o *TopK) { o.AdjBias[0] = float32(math.NaN()) },
		"fewer scales":            func(o *TopK) { o.AdjScale = o.AdjScale[1:] },
		"temperature 0":           func(o *TopK) { o.InvTemp[0] = 0 },
		"NaN temperature":         func(o *TopK) { o.InvTemp[0] = float32(math.NaN()) },
		"fewer temperatures":      func(o *TopK) { o.InvTemp = o.InvTemp[1:] },
		"masked row twice":        func(o *TopK) { o.MaskRow[1] = 1 },
		"masked row beyond":       func(o *TopK) { o.MaskRow[2] = 4 },
		"fewer words":             func(o *TopK) { o.Mask = o.Mask[1:] },
		"fewer sums":              func(o *TopK) { o.LSETemp = o.LSETemp[1:] },
		"k beyond the vocabulary": func(o *TopK) { o.K = 38 },
	} {
		o := topkCase(rng(1), Generic, logits, 5, true)
		if err := o.Prepare(); err != nil {
			t.Fatal(err)
		}
		if edit(o); o.Prepare() == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// TestNoAllocation: Prepare and Run allocate nothing.
func TestNoAllocation(t *testing.T) {
	r := rng(8)
	x := plainAct(t, r, 5, 256)
	q := quantised(t, x, C4)
	w := forms(t, WeightTypes[3], []int64{48}, 256, randomWeight(r, WeightTypes[3], 48, 256))[P16]
	out := outputs(t, &w, 5)
	tab := RopeTable{make([]float32, 5*32), make([]float32, 5*32), 32}
	half := forms(t, WeightTypes[1], []int64{48}, 256, randomWeight(r, WeightTypes[1], 48, 256))[P16]
	one, oneOut := relayout(t, plainAct(t, r, 1, 256), C4), outputs(t, &w, 1)
	c := attentionCase{codec.F16, 1, 4, 64, 600, 1, 0}
	cache := filled(t, c, 620)
	for _, tier := range Available() {
		decode := &Attention{Tier: tier, Cache: cache, Q: one, Out: newAct(t, F32, C4, 1, 256), Heads: 4, Start: 600, Scale: 1,
			Partials: make([]float32, maxPartialFloats(4, 64, 2048))}
		decode.Q.Layout = Plain
		tasks := []Task{
			&Matmul{Tier: tier, W: &half, X: one, Out: oneOut},
			&Matmul{Tier: tier, W: &half, X: relayout(t, x, C4), Out: out},
			&Matmul{Tier: tier, W: &w, X: quantised(t, one, C4), Out: oneOut},
			decode, &AttentionMerge{decode},
			&Attention{Tier: tier, Cache: cache, Q: x, Out: newAct(t, F32, C4, 5, 256), Heads: 4, Start: 600, Scale: 1},
			&Attention{Tier: tier, Cache: cache, Q: x, Out: newAct(t, I8, C4, 5, 256), Heads: 4, Start: 600, Scale: 1},
			&KVAppend{Cache: cache, Start: 610, K: FromF32(x.F[:320], 5, 64), V: FromF32(x.F[:320], 5, 64)},
			&Matmul{Tier: tier, W: &w, X: q, Out: out},
			&QuantizeAct{Tier: tier, X: x, Out: q},
			&RMSNorm{Tier: tier, X: x, Out: newAct(t, F32, C4, 5, 256), Weight: gauss(r, 256), Dim: 256, Eps: 1},
			&Rope{Tier: tier, X: x, Out: x, HeadDim: 64, Dim: 64, Table: tab},
			&GatedAct{Tier: tier, F: Silu, Gate: x, Up: x, Out: newAct(t, F32, C4, 5, 256)},
			topkCase(rng(2), tier, x, 5, true),
			topkCase(rng(2), tier, x, 5, false),
		}
		for _, task := range tasks {
			if err := task.Prepare(); err != nil {
				t.Fatal(err)
			}
			scratch := AlignedBytes(task.Scratch())
			if n := testing.AllocsPerRun(5, func() {
				if task.Prepare() == nil {
					task.Run(0, task.Items(), scratch)
				}
			}); n != 0 {
				t.Errorf("%T %s allocates %v times", task, tier, n)
			}
		}
	}
	if f32.RNE(0.5) != 0 {
		t.Error("RNE(0.5)")
	}
}
