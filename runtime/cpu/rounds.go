package cpu

import (
	"context"

	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// partials is the memory of a device for the partial results of attentions that
// are split over their caches. Attentions run one after the other, so all
// executables share it. It never has more than most floats: an attention that
// wants more runs in rounds.
type partials struct {
	most int
	mem  []float32
}

// reserve makes room for n floats, at most "most", and some more, so that it
// grows seldom.
func (p *partials) reserve(n int) {
	if n > len(p.mem) {
		p.mem = nil // not both at once
		p.mem = alignedF32(p.room(n))
	}
}

// room is what reserve makes where n floats are wanted.
func (p *partials) room(n int) int { return min(n+n/2, p.most) }

// stretch is tasks that follow each other. One with an attention runs its last
// tasks again for every further round.
type stretch struct {
	work   *work
	rounds *kernel.AttentionGroup // nil: one round
	again  *work                  // from rounds on
}

func newStretch(tasks []kernel.Task, rounds *kernel.AttentionGroup) stretch {
	s := stretch{work: newWork(tasks), rounds: rounds}
	for i, t := range tasks {
		if rounds != nil && t == kernel.Task(rounds) {
			s.again = newWork(tasks[i:])
		}
	}
	return s
}

// run executes all rounds.
func (s *stretch) run(ctx context.Context, p *pool) error {
	err := p.run(ctx, s.work)
	for i := 1; s.rounds != nil && err == nil && i < s.rounds.Rounds(); i++ {
		s.rounds.Next()
		err = p.run(ctx, s.again)
	}
	return err
}

// assemble joins the tasks of all steps: in one list, which is what runs where
// no attention takes more than one round, and in stretches with one attention
// each at most.
func (e *executable) assemble() {
	var all, some []kernel.Task
	flush := func() {
		if len(some) > 0 {
			e.stretches = append(e.stretches, newStretch(some, nil))
		}
		some = nil
	}
	for _, s := range e.steps {
		all = append(all, s.tasks...)
		if s.rounds == nil {
			some = append(some, s.tasks...)
			continue
		}
		flush()
		e.stretches = append(e.stretches, s.all)
	}
	flush()
	e.work = newWork(all)
}

func (e *executable) byStretches(ctx context.Context) error {
	for i := range e.stretches {
		if err := e.stretches[i].run(ctx, e.d.pool); err != nil {
			return err
		}
	}
	return nil
}

// rounds is the most rounds that an attention takes.
func (e *executable) rounds() int {
	n := 1
	for i := range e.steps {
		if a := e.steps[i].rounds; a != nil {
			n = max(n, a.Rounds())
		}
	}
	return n
}

// give hands the attentions their memory: one behind the other, they use the
// same.
func (e *executable) give() error {
	floats, stage := 0, 0
	for i := range e.steps {
		if a := e.steps[i].rounds; a != nil {
			floats, stage = max(floats, a.PartialFloats()), max(stage, a.StageFloats())
		}
	}
	e.d.partials.reserve(floats)
	if stage > len(e.stage) {
		e.stage = alignedF32(stage)
	}
	for i := range e.steps {
		if a := e.steps[i].rounds; a != nil {
			if err := a.Give(e.d.partials.mem, e.stage); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveBack ends that, so that the device's memory can be replaced.
func (e *executable) giveBack() {
	for i := range e.steps {
		if a := e.steps[i].rounds; a != nil {
			a.Return()
		}
	}
}
