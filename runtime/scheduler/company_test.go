package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/sampler"
	"github.com/tessera-llm/tessera/runtime/scheduler"
)

// sequence is what a session of a model and one of a scheduler have in common.
type sequence interface {
	IDs() []int32
	Len() int
	Prefill(ctx context.Context, ids []int32, progress func(int)) (runtime.Top, error)
	Extend(ctx context.Context, ids []int32) error
	Generate(ctx context.Context, prompt []int32, o runtime.GenerateOptions) iter.Seq2[runtime.Token, error]
	Rewind(ctx context.Context, n int) error
	Snapshot() error
	Close() error
}

// player does the same things to a session on every call of play with the same seed.
type player struct {
	r    *rand.Rand
	s    sequence
	fork func(sequence) (sequence, error)
	// disturb makes a context end at some time; nil where nobody is disturbed.
	disturb func(ctx context.Context) (context.Context, context.CancelFunc)
	said    []uint32 // bits of everything that was said
}

func (p *player) note(f ...float32) {
	for _, x := range f {
		p.said = append(p.said, math.Float32bits(x))
	}
}

func (p *player) noteIDs(ids []int32) {
	for _, id := range ids {
		p.said = append(p.said, uint32(id))
	}
}

const playContext = 300

// play makes n moves.
func (p *player) play(n int) error {
	ctx := context.Background()
	for move := range n {
		if err := p.move(ctx); err != nil {
			return fmt.Errorf("move %d, %d tokens held: %w", move, p.s.Len(), err)
		}
		p.noteIDs(p.s.IDs())
	}
	return nil
}

func (p *player) move(ctx context.Context) error {
	held := p.s.Len()
	switch kind := p.r.IntN(12); {
	case held > playContext-130 || kind == 0 && held > 0: // back, sometimes far
		n := p.r.IntN(held)
		if kind%2 == 0 {
			n = max(0, held-p.r.IntN(20))
		}
		return p.s.Rewind(ctx, n)
	case kind == 1:
		return p.s.Snapshot()
	case kind == 2 && p.r.IntN(2) == 0:
		f, err := p.fork(p.s)
		if err != nil {
			return err
		}
		old := p.s
		if p.r.IntN(2) == 0 {
			old = f
		} else {
			p.s = f
		}
		return old.Close()
	case kind == 3:
		top, err := p.s.Prefill(ctx, p.ids(1+p.r.IntN(60)), nil)
		if err != nil {
			return err
		}
		p.noteIDs(top.IDs)
		p.note(top.Logits...)
		p.note(top.LSE, top.LSETemp)
		return nil
	case kind == 4: // something that ends at some time
		prompt := p.ids(1 + p.r.IntN(80))
		if p.disturb == nil {
			return nil
		}
		ended, cancel := p.disturb(ctx)
		defer cancel()
		_, err := collect(p.s.Generate(ended, prompt, runtime.GenerateOptions{MaxTokens: 20, IgnoreEOS: true}))
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return p.s.Rewind(ctx, held)
	case kind == 5: // something that must fail, in a step or before
		err := p.s.Extend(ctx, append(p.ids(p.r.IntN(4)), 256))
		if err == nil {
			return errors.New("an id that there is not was appended")
		}
		return p.s.Rewind(ctx, held) // to before what steps may have appended in front of it
	}
	o := runtime.GenerateOptions{MaxTokens: 1 + p.r.IntN(25), IgnoreEOS: true}
	o.Sampler = sampler.Config{Seed: p.r.Uint64()}
	if p.r.IntN(3) > 0 {
		o.Sampler.Temperature = 0.3 + p.r.Float32()
		o.Sampler.TopK = []int{0, 5, 40, 100}[p.r.IntN(4)]
		o.Sampler.TopP = 0.5 + p.r.Float32()/2
	}
	if p.r.IntN(2) == 0 {
		o.Sampler.RepetitionPenalty = 1 + p.r.Float32()
	}
	if p.r.IntN(3) == 0 {
		o.Bias = map[int32]float32{7: 2, 9: -3}
	}
	for t, err := range p.s.Generate(ctx, p.ids(1+p.r.IntN(90)), o) {
		if err != nil {
			return err
		}
		p.said = append(p.said, uint32(t.ID))
		p.note(t.LogProb)
	}
	return nil
}

func (p *player) ids(n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(p.r.IntN(256))
	}
	return all
}

// TestCompany: sessions of many goroutines that join, leave, fork, go back, fail and are
// cancelled at any time say what each says alone, bit by bit, and at the end all memory is
// back.
func TestCompany(t *testing.T) {
	const players = 9
	moves := 16
	if testing.Short() {
		moves = 6
	}
	for _, c := range []struct {
		model string
		c     convert.Options
		o     runtime.Options
		so    scheduler.Options
	}{
		{"qwen3-f32-tied", convert.Options{DecoderParts: 2}, runtime.Options{Threads: 2, MaxChunk: 48, MaxRows: 5}, scheduler.Options{PrefillTokens: 7}},
		{"mistral-window-f32", convert.Options{}, runtime.Options{Threads: 1, MaxChunk: 32}, scheduler.Options{}},
		{"qwen2-f32", convert.Options{Type: quant.Q8_0}, runtime.Options{Threads: 2, MaxChunk: 512, KVType: "f16"}, scheduler.Options{PrefillTokens: 16}},
		{"llama-f32", convert.Options{}, runtime.Options{Threads: 1, MaxChunk: 5}, scheduler.Options{PrefillTokens: 100}},
	} {
		t.Run(c.model, func(t *testing.T) {
			c.o.Context = playContext
			w := newWatch()
			p := program(t, c.model, c.c)
			shared := *p
			shared.Close = nil
			alone := model(t, &shared, runtime.Options{Threads: 1, Context: playContext, KVType: c.o.KVType})
			c.o.Backend = w
			sch := shareModel(t, model(t, &shared, c.o), c.so)
			var all [players]*player
			var group sync.WaitGroup
			for i := range all {
				all[i] = &player{r: rand.New(rand.NewPCG(uint64(i), 9))}
				chance := rand.New(rand.NewPCG(uint64(i), 10))
				all[i].disturb = func(ctx context.Context) (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancel(ctx)
					steps := w.count() + chance.IntN(8)
					group.Go(func() {
						for ctx.Err() == nil && w.count() < steps {
							time.Sleep(20 * time.Microsecond)
						}
						cancel()
					})
					return ctx, cancel
				}
				all[i].fork = func(s sequence) (sequence, error) { return s.(*scheduler.Session).Fork() }
				all[i].s = session(t, sch)
				group.Go(func() {
					if err := all[i].play(moves); err != nil {
						t.Errorf("player %d: %v", i, err)
					}
				})
			}
			group.Wait()
			for i, p := range all {
				want := &player{r: rand.New(rand.NewPCG(uint64(i), 9)), fork: func(s sequence) (sequence, error) { return s.(*runtime.Session).Fork() }}
				s, err := alone.NewSession()
				if err != nil {
					t.Fatal(err)
				}
				want.s = s
				if err := want.play(moves); err != nil {
					t.Fatalf("player %d alone: %v", i, err)
				}
				if !slices.Equal(p.said, want.said) || len(want.said) < moves {
					t.Errorf("player %d: something else than alone", i)
				}
				if err := errors.Join(p.s.Close(), want.s.Close()); err != nil {
					t.Error(err)
				}
			}
			if n, _ := w.held(); n != 0 {
				t.Errorf("%d states are left", n)
			}
			if w.clash {
				t.Error("two goroutines used the device at once")
			}
			together := 0
			for _, step := range w.made() {
				together = max(together, len(step))
			}
			if together < 2 {
				t.Error("no two sessions were ever in one step")
			}
		})
	}
}
