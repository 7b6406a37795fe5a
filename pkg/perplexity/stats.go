package perplexity

import (
	"math"
	"slices"
)

// moments sums a quantity and its square.
type moments struct {
	n    int
	s, q float64
}

func (m *moments) add(x float64) {
	m.n++
	m.s += x
	m.q += x * x
}

func (m *moments) mean() float64 { return m.s / float64(m.n) }

// stderr is the standard error of the mean.
func (m *moments) stderr() float64 {
	if m.n < 2 {
		return 0
	}
	mean := m.mean()
	return math.Sqrt(max(m.q/float64(m.n)-mean*mean, 0) / float64(m.n-1))
}

// Divergence compares a model with the base, in nats per token. The file keeps
// no log-probability lower than 16 below the likeliest, which makes the base's
// perplexity, and so the ratio, differ a little from a direct measurement.
type Divergence struct {
	BasePerplexity float64 `json:"base_perplexity"`
	LogRatio       float64 `json:"ln_ratio"` // ln(PPL / PPL of the base)
	LogRatioErr    float64 `json:"ln_ratio_standard_error"`
	KL             float64 `json:"kl"` // mean KL(base ‖ model)
	KLErr          float64 `json:"kl_standard_error"`
	KLMedian       float64 `json:"kl_median"`
	KL99           float64 `json:"kl_99_percent"`
	KLMax          float64 `json:"kl_max"`
	SameTop        float64 `json:"same_top"` // part of tokens with the same likeliest one
	SameTopErr     float64 `json:"same_top_standard_error"`
}

// divergences sums rows.
type divergences struct {
	base, ratio, kl moments
	same            int
	all             []float64
}

func (d *divergences) add(r *row) {
	d.base.add(r.base)
	d.ratio.add(r.nll - r.base)
	d.kl.add(r.kl)
	d.all = append(d.all, r.kl)
	if r.same {
		d.same++
	}
}

func (d *divergences) result() *Divergence {
	n := float64(len(d.all))
	sorted := slices.Clone(d.all)
	slices.Sort(sorted)
	same := float64(d.same) / n
	return &Divergence{
		BasePerplexity: math.Exp(d.base.mean()),
		LogRatio:       d.ratio.mean(), LogRatioErr: d.ratio.stderr(),
		KL: d.kl.mean(), KLErr: d.kl.stderr(),
		KLMedian: sorted[len(sorted)/2], KL99: sorted[int(0.99*(n-1))], KLMax: sorted[len(sorted)-1],
		SameTop: same, SameTopErr: math.Sqrt(same * (1 - same) / max(n-1, 1)),
	}
}
