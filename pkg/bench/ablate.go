package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Variant is a program without one pass.
type Variant struct {
	Pass    string
	Also    []string // passes that need it and are gone too
	Note    string   // why there is nothing to measure; Program is nil then
	Program *runtime.Program
}

// AblateOptions of an ablation. The zero values of the lengths leave a test
// out.
type AblateOptions struct {
	Prompt, Gen, Depth int
	Threads            int
	Rounds             int
	Chunk              int
	KVType             string
	// Limit bounds one measurement: where a prompt or a generation would take
	// longer, a shorter one is measured.
	Limit    time.Duration
	Backend  backend.Backend
	Progress func(what string)
}

// Loss is what a pass is worth in one test. Speeds are medians over rounds;
// Lost is the median over rounds of 1 - without/full, both taken in the same
// round: 0.2 is a fifth of the speed, a negative number a gain.
type Loss struct {
	Test    string    `json:"test"`
	Full    float64   `json:"full_tokens_per_second"`
	Without float64   `json:"without_tokens_per_second"`
	Lost    float64   `json:"lost"`
	Fulls   []float64 `json:"full_samples"`
	Others  []float64 `json:"without_samples"`
	Length  int       `json:"without_length"` // tokens of a measurement without the pass
}

// Ablation is the outcome for one pass.
type Ablation struct {
	Pass   string   `json:"pass"`
	Also   []string `json:"also,omitempty"`
	Note   string   `json:"note,omitempty"`
	Extra  int64    `json:"extra_weight_bytes"` // of weights, without the pass
	Losses []Loss   `json:"losses,omitempty"`
}

// Ablate measures every variant beside the full program: in each round both run
// every test, and who goes first changes from round to round. The programs stay
// open.
func Ablate(ctx context.Context, full *runtime.Program, variants []Variant, o AblateOptions, row func(Ablation) error) error {
	tests := []test{}
	if o.Prompt > 0 {
		tests = append(tests, test{false, o.Prompt, 1})
	}
	if o.Gen > 0 {
		tests = append(tests, test{true, o.Gen, 1})
	}
	if len(tests) == 0 || o.Rounds < 1 || o.Depth < 0 {
		return fmt.Errorf("nothing to measure: no prompt and no generation length, or no rounds")
	}
	base, err := o.open(ctx, full)
	if err != nil {
		return err
	}
	defer base.m.Close()
	w, err := WeightsOf(full)
	if err != nil {
		return err
	}
	for _, v := range variants {
		a := Ablation{Pass: v.Pass, Also: v.Also, Note: v.Note}
		if v.Program != nil {
			other, err := WeightsOf(v.Program)
			if err != nil {
				return err
			}
			a.Extra = other.Bytes - w.Bytes
			if a.Losses, err = o.variant(ctx, base, &v, tests); err != nil {
				return fmt.Errorf("without %s: %w", v.Pass, err)
			}
		}
		if err := row(a); err != nil {
			return err
		}
	}
	return nil
}

// open compiles a program and fills its cache.
func (o *AblateOptions) open(ctx context.Context, p *runtime.Program) (*bench, error) {
	shared := *p
	shared.Close = nil
	need := o.Depth + max(o.Prompt, o.Gen)
	if n := p.Meta.ContextLength; n > 0 && need > n {
		return nil, fmt.Errorf("needs %d positions, the model was made for %d", need, n)
	}
	m, err := runtime.New(&shared, runtime.Options{Backend: o.Backend, Threads: o.Threads, MaxChunk: o.Chunk, Context: need, KVType: o.KVType})
	if err != nil {
		return nil, err
	}
	b := &bench{o: &Options{Progress: o.Progress}, m: m, ids: walk(need, p.Meta.Vocab)}
	if err := b.fill(ctx, o.Depth, 1); err != nil {
		m.Close()
		return nil, err
	}
	return b, nil
}

// variant measures one variant beside the full program.
func (o *AblateOptions) variant(ctx context.Context, base *bench, v *Variant, tests []test) ([]Loss, error) {
	b, err := o.open(ctx, v.Program)
	if err != nil {
		return nil, err
	}
	defer b.m.Close()
	var all []Loss
	for _, t := range tests {
		l := Loss{Test: t.name(o.Depth)}
		short, err := o.shorten(ctx, b, t)
		if err != nil {
			return nil, err
		}
		l.Length = short.n
		if _, err := base.once(ctx, test{t.gen, min(t.n, 8), 1}); err != nil {
			return nil, err
		}
		var lost []float64
		for i := range o.Rounds {
			b.progress("without %s, %s: round %d of %d", v.Pass, l.Test, i+1, o.Rounds)
			var speed [2]float64 // full, without
			for j := range 2 {
				who := (i + j) % 2
				one, test := base, t
				if who == 1 {
					one, test = b, short
				}
				took, err := one.once(ctx, test)
				if err != nil {
					return nil, err
				}
				speed[who] = float64(test.n) / took.Seconds()
			}
			l.Fulls, l.Others = append(l.Fulls, speed[0]), append(l.Others, speed[1])
			lost = append(lost, 1-speed[1]/speed[0])
		}
		l.Full, l.Without, l.Lost = median(l.Fulls), median(l.Others), median(lost)
		all = append(all, l)
	}
	return all, nil
}

// shorten warms up and returns t, or as much of it as fits the limit.
func (o *AblateOptions) shorten(ctx context.Context, b *bench, t test) (test, error) {
	b.progress("%s: warming up", t.name(o.Depth))
	for n := 1; ; n = min(8*n, t.n) {
		took, err := b.once(ctx, test{t.gen, n, 1})
		if err != nil {
			return t, err
		}
		// The first tokens also bring the weights in, so they prove nothing.
		if n == t.n || n > 1 && o.Limit > 0 && time.Duration(float64(took)*float64(t.n)/float64(n)) > 2*o.Limit {
			if fits := float64(o.Limit) / float64(took) * float64(n); o.Limit > 0 && fits < float64(t.n) {
				t.n = max(1, int(math.Floor(fits)))
			}
			return t, nil
		}
	}
}

// median of at least one number.
func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
