package runtime

import (
	"context"
	"iter"
	"slices"

	"github.com/tessera-llm/tessera/runtime/sampler"
)

// Token is one step of Generate.
type Token struct {
	ID      int32
	LogProb float32 // of ID under the model, before sampling filters; after adjustments
	Stop    bool    // ID is one of the model's stop ids; the last token
}

// GenerateOptions of Generate.
type GenerateOptions struct {
	Sampler   sampler.Config
	MaxTokens int     // 0: until a stop token or the context is full
	Stop      []int32 // stop ids; nil: the model's own
	IgnoreEOS bool    // no stop ids at all
	Bias      map[int32]float32
	Progress  func(done, total int) // prefill progress; may make steps of other sessions
	// Logits, when set, is handed a copy of the logits of the whole vocabulary behind each
	// step, before Bias and repetition penalty, and may change it: the token is chosen from
	// what it leaves, under both, and LogProb is that of the changed row. It runs in the caller's
	// goroutine between two steps and may make steps of other sessions; the slice is
	// valid during the call. An error ends the generation with it, a row that leaves no
	// number to choose with ErrAdjusted.
	Logits func(logits []float32) error
}

// DefaultSampler turns the model's generation_config into a sampler
// configuration; greedy when it states none.
func (m *Model) DefaultSampler() sampler.Config {
	d := m.prog.Meta.Sampling
	if !d.DoSample {
		return sampler.Config{RepetitionPenalty: d.RepetitionPenalty}
	}
	c := sampler.Config{Temperature: d.Temperature, TopK: d.TopK, TopP: d.TopP, MinP: d.MinP, RepetitionPenalty: d.RepetitionPenalty}
	if c.Temperature == 0 {
		c.Temperature = 1
	}
	return c
}

// Generate appends prompt to the session and yields tokens until a stop
// token, MaxTokens, the end of the context or of ctx. Each yielded token but
// the last is part of the session when the loop continues. An error is
// yielded once, last.
func (s *Session) Generate(ctx context.Context, prompt []int32, o GenerateOptions) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		c, err := s.m.newChooser(o)
		if err != nil {
			yield(Token{}, err)
			return
		}
		stop := o.Stop
		if stop == nil {
			stop = s.m.prog.Meta.Stop
		}
		if o.IgnoreEOS {
			stop = nil
		}
		row := Row{Temperature: o.Sampler.Temperature}
		next, one := prompt, make([]int32, 1)
		pen := newPenalties(o, s.ids)
		for n := 0; o.MaxTokens == 0 || n < o.MaxTokens; n++ {
			pen.add(next)
			row.Adjust = pen.a
			var progress func(int)
			if o.Progress != nil && n == 0 {
				progress = func(done int) { o.Progress(done, len(prompt)) }
			}
			top, err := s.prefill(ctx, next, c.append(row), progress)
			var t Token
			if err == nil {
				t, err = c.choose(top, row.Adjust)
			}
			if err != nil {
				yield(Token{}, err)
				return
			}
			t.Stop = slices.Contains(stop, t.ID)
			if !yield(t, nil) || t.Stop {
				return
			}
			one[0] = t.ID
			next = one
		}
	}
}

// penalties collects logit adjustments: a bias per id given by the user and a
// repetition penalty for every id seen.
type penalties struct {
	penalty float32
	a       Adjustments
	at      map[int32]int // id → index into a
}

func newPenalties(o GenerateOptions, held []int32) *penalties {
	p := &penalties{penalty: o.Sampler.RepetitionPenalty, at: map[int32]int{}}
	if !o.Sampler.Penalises() {
		p.penalty = 1
	}
	ids := make([]int32, 0, len(o.Bias))
	for id := range o.Bias {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		p.slot(id)
		p.a.Bias[p.at[id]] = o.Bias[id]
	}
	p.add(held)
	return p
}

func (p *penalties) slot(id int32) int {
	i, ok := p.at[id]
	if !ok {
		i = len(p.a.IDs)
		p.at[id] = i
		p.a.IDs = append(p.a.IDs, id)
		p.a.Scale = append(p.a.Scale, 1)
		p.a.Bias = append(p.a.Bias, 0)
	}
	return i
}

func (p *penalties) add(ids []int32) {
	if p.penalty == 1 {
		return
	}
	for _, id := range ids {
		p.a.Scale[p.slot(id)] = p.penalty
	}
}
