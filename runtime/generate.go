package runtime

import (
	"context"
	"errors"
	"fmt"
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
	Progress  func(done, total int) // prefill progress
}

// ErrNaN ends a generation when logits are not numbers. The runtime does not
// search weights for NaN, which would cost a read of all of them.
var ErrNaN = errors.New("the logits are NaN: the weights hold values that are not numbers, or the model overflows; tessera inspect --check searches the weights")

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
		smp, err := sampler.New(o.Sampler)
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
		next := prompt
		pen := newPenalties(o, s.ids)
		for n := 0; o.MaxTokens == 0 || n < o.MaxTokens; n++ {
			pen.add(next)
			if err := s.SetAdjustments(pen.adjustments()); err != nil {
				yield(Token{}, err)
				return
			}
			var progress func(int)
			if o.Progress != nil && n == 0 {
				progress = func(done int) { o.Progress(done, len(prompt)) }
			}
			top, err := s.Prefill(ctx, next, progress)
			if err != nil {
				yield(Token{}, err)
				return
			}
			if top.LSE != top.LSE || top.Logits[0] != top.Logits[0] {
				yield(Token{}, ErrNaN)
				return
			}
			t, err := s.pick(smp, top)
			if err != nil {
				yield(Token{}, err)
				return
			}
			t.Stop = slices.Contains(stop, t.ID)
			if !yield(t, nil) || t.Stop {
				return
			}
			next = append(next[:0:0], t.ID)
		}
	}
}

// pick chooses the next token of the last call.
func (s *Session) pick(smp *sampler.Sampler, top Top) (Token, error) {
	if !smp.NeedsRow(len(top.IDs)) {
		id := smp.FromTop(top.IDs, top.Logits)
		i := slices.Index(top.IDs, id)
		return Token{ID: id, LogProb: top.Logits[i] - top.LSE}, nil
	}
	b := s.m.buffers["logits"]
	if b == nil {
		return Token{}, fmt.Errorf("sampling without top-k needs the logits of the whole vocabulary, which this program does not return")
	}
	row := s.adjusted(b.Float32()[:b.Cols()])
	id := smp.FromRow(row)
	return Token{ID: id, LogProb: row[id] - top.LSE}, nil
}

// adjusted applies the session's adjustments to a copy of row, as topk does.
func (s *Session) adjusted(row []float32) []float32 {
	if len(s.adjust.IDs) == 0 {
		return row
	}
	row = slices.Clone(row)
	for i, id := range s.adjust.IDs {
		l := row[id]
		if l > 0 {
			l /= s.adjust.Scale[i]
		} else {
			l *= s.adjust.Scale[i]
		}
		row[id] = l + s.adjust.Bias[i]
	}
	return row
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

func (p *penalties) adjustments() Adjustments { return p.a }
