package runtime

import (
	"context"
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
	Progress  func(done, total int) // prefill progress; may make steps of other sessions
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
		k, err := s.m.topK()
		if err != nil {
			yield(Token{}, err)
			return
		}
		row := Row{Temperature: o.Sampler.Temperature}
		var full []float32 // the logits of the whole vocabulary, when top-k is not enough
		var see func(int, []float32, int) error
		if smp.NeedsRow(k) {
			see = func(_ int, logits []float32, _ int) error { full = append(full[:0], logits...); return nil }
		}
		next := prompt
		pen := newPenalties(o, s.ids)
		for n := 0; o.MaxTokens == 0 || n < o.MaxTokens; n++ {
			pen.add(next)
			row.Adjust = pen.a
			var progress func(int)
			if o.Progress != nil && n == 0 {
				progress = func(done int) { o.Progress(done, len(prompt)) }
			}
			top, err := s.prefill(ctx, next, row, see, progress)
			if err != nil {
				yield(Token{}, err)
				return
			}
			t := pick(smp, top, full, row.Adjust)
			t.Stop = slices.Contains(stop, t.ID)
			if !yield(t, nil) || t.Stop {
				return
			}
			next = append(next[:0:0], t.ID)
		}
	}
}

// topK is the number of candidates that topk returns.
func (m *Model) topK() (int, error) {
	b := m.buffers[topIDs]
	if b == nil {
		return 0, fmt.Errorf("the program has no topk segment")
	}
	return b.Cols(), nil
}

// pick chooses the next token behind a row: from its top, or from all logits
// when there are any.
func pick(smp *sampler.Sampler, top Top, full []float32, a Adjustments) Token {
	if full == nil {
		id := smp.FromTop(top.IDs, top.Logits)
		i := slices.Index(top.IDs, id)
		return Token{ID: id, LogProb: top.Logits[i] - top.LSE}
	}
	a.apply(full)
	id := smp.FromRow(full)
	return Token{ID: id, LogProb: full[id] - top.LSE}
}

// apply changes logits as topk does.
func (a *Adjustments) apply(row []float32) {
	for i, id := range a.IDs {
		l := row[id]
		if l > 0 {
			l /= a.Scale[i]
		} else {
			l = float32(l * a.Scale[i])
		}
		row[id] = l + a.Bias[i]
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
