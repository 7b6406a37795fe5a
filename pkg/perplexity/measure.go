package perplexity

import (
	"context"
	"fmt"
	"math"
	"sync"
)

// Sequence is what is measured; a runtime.Session is one.
type Sequence interface {
	// Rewind forgets everything from position n on.
	Rewind(ctx context.Context, n int) error
	// Extend appends ids.
	Extend(ctx context.Context, ids []int32) error
	// LogitBlocks appends ids and hands out the logits of each, some at a
	// time.
	LogitBlocks(ctx context.Context, ids []int32, block func(first int, logits []float32, vocab int) error) error
}

// Options of a measurement.
type Options struct {
	Window     int   // tokens per window
	ScoreAll   bool  // score every token of a window but the first, not just its second half
	BOS        int32 // stands for the first token of each window when it is run; -1: none
	MaxWindows int   // 0: all
	Workers    int   // goroutines that score; less than 1 means 1
	Save       *BaseWriter
	Base       *Base
	// Progress sees the estimate behind each window.
	Progress func(r *Result, windows int)
}

// Result is the outcome so far. NLL is in nats per token.
type Result struct {
	Window     int         `json:"window"`
	Windows    int         `json:"windows"`
	Scored     int         `json:"tokens_scored"`
	Perplexity float64     `json:"perplexity"`
	StdErr     float64     `json:"perplexity_standard_error"`
	NLL        float64     `json:"nll"`
	WindowNLL  []float64   `json:"nll_per_window"`
	Divergence *Divergence `json:"divergence,omitempty"`
}

// first is the index in a window of the first token whose logits are scored.
func (o *Options) first() int {
	if o.ScoreAll {
		return 0
	}
	return o.Window / 2
}

// scored is the number of tokens scored per window.
func (o *Options) scored() int { return o.Window - 1 - o.first() }

// Windows is the number of windows that ids give.
func (o *Options) Windows(ids []int32) int {
	n := len(ids) / o.Window
	if o.MaxWindows > 0 {
		n = min(n, o.MaxWindows)
	}
	return n
}

// Measure runs ids through s. With o.Base, ids and window must be the base's.
func Measure(ctx context.Context, s Sequence, ids []int32, o Options) (*Result, error) {
	if o.Window < 2 || o.scored() < 1 {
		return nil, fmt.Errorf("windows of %d tokens leave nothing to score", o.Window)
	}
	windows := o.Windows(ids)
	if windows < 1 {
		return nil, fmt.Errorf("%d tokens, a window needs %d: give more text or a smaller window", len(ids), o.Window)
	}
	if (o.Base != nil || o.Save != nil) && o.ScoreAll {
		return nil, fmt.Errorf("base files hold the second half of each window: they do not go with scoring all of it")
	}
	m := &meter{o: o, rows: make([]row, o.scored()), r: Result{Window: o.Window}}
	for w := range windows {
		if err := m.window(ctx, s, w, ids[w*o.Window:(w+1)*o.Window]); err != nil {
			return nil, fmt.Errorf("window %d: %w", w, err)
		}
		if o.Progress != nil {
			o.Progress(&m.r, windows)
		}
	}
	return &m.r, nil
}

// row is what scoring one token gives.
type row struct {
	nll  float64
	base float64 // nll of the base
	kl   float64
	same bool // both find the same token likeliest
	err  error
}

type meter struct {
	o    Options
	rows []row
	nll  moments
	div  divergences
	r    Result
}

// window runs and scores one window.
func (m *meter) window(ctx context.Context, s Sequence, w int, ids []int32) error {
	if err := s.Rewind(ctx, 0); err != nil {
		return err
	}
	run := append([]int32(nil), ids...)
	if m.o.BOS >= 0 {
		run[0] = m.o.BOS
	}
	first := m.o.first()
	if first > 0 {
		if err := s.Extend(ctx, run[:first]); err != nil {
			return err
		}
	}
	if m.o.Base != nil {
		if err := m.o.Base.load(w); err != nil {
			return err
		}
	}
	err := s.LogitBlocks(ctx, run[first:len(ids)-1], func(at int, logits []float32, vocab int) error {
		if err := m.check(vocab); err != nil {
			return err
		}
		return m.block(at, logits, vocab, ids[first+1:])
	})
	if err != nil {
		return err
	}
	if m.o.Save != nil {
		if err := m.o.Save.flush(); err != nil {
			return err
		}
	}
	return m.add()
}

func (m *meter) check(vocab int) error {
	if m.o.Base != nil && m.o.Base.Vocab != vocab {
		return fmt.Errorf("the base file is of a vocabulary of %d, the model has %d: they cannot be compared", m.o.Base.Vocab, vocab)
	}
	if m.o.Save != nil && m.o.Save.vocab != vocab {
		return fmt.Errorf("a base file for a vocabulary of %d, the model gives %d logits", m.o.Save.vocab, vocab)
	}
	return nil
}

// block scores rows of logits; next[i] is the token that row i should
// predict.
func (m *meter) block(at int, logits []float32, vocab int, next []int32) error {
	n := len(logits) / vocab
	workers := min(max(m.o.Workers, 1), n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				m.rows[at+i] = m.score(at+i, logits[i*vocab:(i+1)*vocab], next[at+i])
			}
		})
	}
	wg.Wait()
	for i := range n {
		if err := m.rows[at+i].err; err != nil {
			return err
		}
	}
	return nil
}

func (m *meter) score(i int, logits []float32, next int32) row {
	if next < 0 || int(next) >= len(logits) {
		return row{err: fmt.Errorf("token id %d is outside the vocabulary of %d", next, len(logits))}
	}
	top, best := float32(math.Inf(-1)), 0
	for j, l := range logits {
		if l > top {
			top, best = l, j
		}
	}
	var sum float64
	for _, l := range logits {
		sum += math.Exp(float64(l) - float64(top))
	}
	lse := float64(top) + math.Log(sum)
	r := row{nll: lse - float64(logits[next])}
	if math.IsNaN(r.nll) || math.IsInf(lse, 0) {
		return row{err: fmt.Errorf("the logits of scored token %d hold NaN or Inf", i)}
	}
	if m.o.Save != nil {
		m.o.Save.encode(i, logits, top, lse)
	}
	if m.o.Base != nil {
		m.o.Base.compare(i, logits, lse, best, next, &r)
	}
	return r
}

// add sums the rows of a window, in order.
func (m *meter) add() error {
	var sum float64
	for i := range m.rows {
		r := &m.rows[i]
		m.nll.add(r.nll)
		sum += r.nll
		if m.o.Base != nil {
			m.div.add(r)
		}
	}
	m.r.Windows++
	m.r.WindowNLL = append(m.r.WindowNLL, sum/float64(len(m.rows)))
	m.r.Scored = m.nll.n
	m.r.NLL = m.nll.mean()
	m.r.Perplexity = math.Exp(m.r.NLL)
	m.r.StdErr = m.r.Perplexity * m.nll.stderr()
	if m.o.Base != nil {
		m.r.Divergence = m.div.result()
	}
	return nil
}
