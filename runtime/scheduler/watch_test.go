package scheduler_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/scheduler"
)

// watch is a backend that notes the steps and the states that are alive, and finds calls
// that come at the same time.
type watch struct {
	backend.Backend
	// before, when set, is called within every step, with the tokens of its spans.
	before func(step []int)

	mu     sync.Mutex
	steps  [][]int           // tokens of the spans
	who    [][]*watchedState // of the spans
	states map[*watchedState]bool
	inside int // calls under way
	clash  bool
}

func newWatch() *watch { return &watch{Backend: cpu.Backend{}, states: map[*watchedState]bool{}} }

func (w *watch) Open(x backend.Weights, o backend.Options) (backend.Device, error) {
	d, err := w.Backend.Open(x, o)
	return &watchedDevice{Device: d, w: w}, err
}

// enter begins a call that must be alone, and returns its end.
func (w *watch) enter() func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside++
	w.clash = w.clash || w.inside > 1
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.inside--
	}
}

// made returns the steps so far.
func (w *watch) made() [][]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.steps)
}

// of is what every step appended to s.
func (w *watch) of(s *scheduler.Session) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	st, all := scheduler.Inner(s).State(), make([]int, len(w.steps))
	for i, who := range w.who {
		for j := range who {
			if who[j] == st {
				all[i] = w.steps[i][j]
			}
		}
	}
	return all
}

// count is the number of steps so far.
func (w *watch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.steps)
}

// held is the number of states and of bytes that they take.
func (w *watch) held() (states int, bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for st := range w.states {
		bytes += st.Memory().Fair
	}
	return len(w.states), bytes
}

type watchedDevice struct {
	backend.Device
	w        *watch
	compiled int
}

func (d *watchedDevice) Compile(segment string, g *ir.Graph, max backend.Size) (backend.Executable, error) {
	e, err := d.Device.Compile(segment, g, max)
	d.compiled++
	return &watchedExe{Executable: e, w: d.w, first: d.compiled == 1}, err
}

func (d *watchedDevice) NewState(states []*ir.State, kv codec.Pair, maxPos int) (backend.State, error) {
	defer d.w.enter()()
	st, err := d.Device.NewState(states, kv, maxPos)
	if err != nil {
		return nil, err
	}
	return d.w.state(st), nil
}

type watchedExe struct {
	backend.Executable
	w     *watch
	first bool
}

func (e *watchedExe) Run(ctx context.Context, batch []backend.Span, in, out []backend.Buffer) error {
	defer e.w.enter()()
	batch = slices.Clone(batch)
	var step []int
	var who []*watchedState
	for i := range batch {
		st := batch[i].State.(*watchedState)
		step, who = append(step, batch[i].Rows), append(who, st)
		batch[i].State = st.State
	}
	if e.first {
		e.w.mu.Lock()
		e.w.steps, e.w.who = append(e.w.steps, step), append(e.w.who, who)
		e.w.mu.Unlock()
		if e.w.before != nil {
			e.w.before(step)
		}
	}
	return e.Executable.Run(ctx, batch, in, out)
}

type watchedState struct {
	backend.State
	w *watch
}

func (w *watch) state(st backend.State) *watchedState {
	s := &watchedState{State: st, w: w}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states[s] = true
	return s
}

func (s *watchedState) Fork() (backend.State, error) {
	defer s.w.enter()()
	f, err := s.State.Fork()
	if err != nil {
		return nil, err
	}
	return s.w.state(f), nil
}

func (s *watchedState) Truncate(n int) error {
	defer s.w.enter()()
	return s.State.Truncate(n)
}

func (s *watchedState) Close() error {
	defer s.w.enter()()
	s.w.mu.Lock()
	delete(s.w.states, s)
	s.w.mu.Unlock()
	return s.State.Close()
}

// program is a committed checkpoint.
func program(t testing.TB, name string, o convert.Options) *runtime.Program {
	t.Helper()
	ck, err := checkpoint.Open(testutil.Model(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	plan, err := convert.NewPlan(context.Background(), ck, o)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Program(1)
}

// model opens p.
func model(t testing.TB, p *runtime.Program, o runtime.Options) *runtime.Model {
	t.Helper()
	if o.Backend == nil {
		o.Backend = cpu.Backend{}
	}
	m, err := runtime.New(p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// share puts a scheduler in front of a tiny model, on w where that is not nil.
func share(t testing.TB, w *watch, o runtime.Options, so scheduler.Options) *scheduler.Scheduler {
	t.Helper()
	if w != nil {
		o.Backend = w
	}
	o.Threads = max(o.Threads, 1)
	return shareModel(t, model(t, program(t, "qwen3-f32-tied", convert.Options{}), o), so)
}

func shareModel(t testing.TB, m *runtime.Model, so scheduler.Options) *scheduler.Scheduler {
	t.Helper()
	c, err := scheduler.New(m, so)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func session(t testing.TB, c *scheduler.Scheduler) *scheduler.Session {
	t.Helper()
	s, err := c.NewSession(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ids is n ids that depend on seed.
func ids(seed, n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32((131*seed + 7*i + i*i/3) % 256)
	}
	return all
}

// collect takes what a generation yields.
func collect(seq func(yield func(runtime.Token, error) bool)) (all []runtime.Token, err error) {
	for t, e := range seq {
		if e != nil {
			return all, e
		}
		all = append(all, t)
	}
	return all, nil
}
